//! Recognises a device that has logged in to an account before, by a signed cookie.
//!
//! The cookie opens nothing. It only says: failures that others caused do not count against this
//! one, so an attacker can lock an account for himself but not for its owner.

use std::time::Duration;

use portcullis_core::{
    clock::Timestamp,
    cookie::MAX_AGE,
    keys::{DerivedKey, Purpose, RotationKeys},
};
use subtle::ConstantTimeEq as _;

/// How long a device is remembered: as long as a browser keeps a cookie.
pub(super) const REMEMBERED: Duration = MAX_AGE;

/// Signs and checks device cookies.
#[derive(Clone, Debug)]
pub(super) struct Devices {
    /// The current key first.
    keys: Vec<DerivedKey>,
}

impl Devices {
    pub(super) fn new(keys: &RotationKeys) -> Self {
        Self {
            keys: keys.all().map(|key| key.derive(Purpose::Device)).collect(),
        }
    }

    /// The cookie for a device that logged in to `account` at `now`.
    pub(super) fn remember(&self, account: &str, now: Timestamp) -> String {
        let issued = now.as_secs();
        format!("{issued}.{}", tag(&self.keys[0], account, issued))
    }

    /// Whether `cookie` was made for `account` and is not too old.
    pub(super) fn recognises(&self, cookie: &[u8], account: &str, now: Timestamp) -> bool {
        let Some((issued, sent)) = std::str::from_utf8(cookie)
            .ok()
            .and_then(|text| text.split_once('.'))
        else {
            return false;
        };
        let digits = (1..=12).contains(&issued.len()) && issued.bytes().all(|b| b.is_ascii_digit());
        let Ok(secs) = issued.parse::<u64>() else {
            return false;
        };
        let fresh = now.since(Timestamp::from_secs(secs)) < REMEMBERED;
        digits
            && fresh
            && self
                .keys
                .iter()
                .any(|key| bool::from(tag(key, account, secs).as_bytes().ct_eq(sent.as_bytes())))
    }
}

fn tag(key: &DerivedKey, account: &str, issued: u64) -> String {
    super::hex(&key.mac(&[b"device", account.as_bytes(), &issued.to_be_bytes()])[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_core::Secret;

    fn devices(version: u32, byte: u8) -> RotationKeys {
        RotationKeys::new(version, &Secret::new([byte; 32])).unwrap()
    }

    #[test]
    fn a_device_is_recognised_for_its_own_account_until_it_is_too_old() {
        let devices = Devices::new(&devices(1, 1));
        let login = Timestamp::from_secs(1_700_000_000);
        let cookie = devices.remember("ada", login);
        assert!(devices.recognises(cookie.as_bytes(), "ada", login));
        assert!(!devices.recognises(cookie.as_bytes(), "eve", login));
        let last = login + REMEMBERED;
        assert!(devices.recognises(
            cookie.as_bytes(),
            "ada",
            last.minus(Duration::from_micros(1))
        ));
        assert!(!devices.recognises(cookie.as_bytes(), "ada", last));
    }

    #[test]
    fn a_forged_or_broken_cookie_is_not_recognised() {
        let devices = Devices::new(&devices(1, 1));
        let now = Timestamp::from_secs(1_700_000_000);
        let cookie = devices.remember("ada", now);
        let later = format!("1700000001{}", &cookie[10..]);
        for wrong in [
            "",
            ".",
            "1700000000",
            "1700000000.",
            "+1700000000.00",
            &later,
            "x.y",
        ] {
            assert!(!devices.recognises(wrong.as_bytes(), "ada", now), "{wrong}");
        }
        assert!(!devices.recognises(b"\xff.\xff", "ada", now));
    }

    #[test]
    fn a_cookie_survives_one_rotation_of_the_key() {
        let now = Timestamp::from_secs(1_700_000_000);
        let cookie = Devices::new(&devices(1, 1)).remember("ada", now);
        let both = devices(2, 2)
            .with_previous(1, &Secret::new([1; 32]))
            .unwrap();
        assert!(Devices::new(&both).recognises(cookie.as_bytes(), "ada", now));
        assert!(!Devices::new(&devices(2, 2)).recognises(cookie.as_bytes(), "ada", now));
    }
}
