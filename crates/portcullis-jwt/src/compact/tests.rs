//! The decoder accepts what another library's strict one accepts, and reads the same in it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as STRICT};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(part: &[u8]) {
    let want = STRICT.decode(part).map_err(|_| TokenRejection::Base64);
    assert_eq!(decode(part), want, "{}", part.escape_ascii());
    let mut buffer = EMPTY;
    let found = decode_into(part, &mut buffer).map(<[u8]>::to_vec);
    assert_eq!(found, want, "{}", part.escape_ascii());
}

#[test]
fn every_ending_is_judged_alike() {
    for last in u16::MIN..=u16::MAX {
        check(&last.to_be_bytes());
    }
    for last in u8::MIN..=u8::MAX {
        check(&[last]);
        check(&[b'A', b'A', last]);
        check(&[b'A', last, b'A', b'A']);
    }
}

#[test]
fn every_byte_is_judged_alike_wherever_it_stands() {
    for at in 0..100 {
        for byte in u8::MIN..=u8::MAX {
            let mut part = [b'A'; 100];
            part[at] = byte;
            check(&part);
        }
    }
}

#[test]
fn padding_and_whitespace_are_refused() {
    for part in [
        "QQ==", "QUI=", "QQ=", "Q=", "=", " QQ", "QQ ", "Q Q", "QQ\n", "QUJD\n", "Q+/Q",
    ] {
        assert_eq!(
            decode(part.as_bytes()),
            Err(TokenRejection::Base64),
            "{part}"
        );
        check(part.as_bytes());
    }
}

proptest! {
    #[test]
    fn whatever_is_decoded_is_what_was_encoded(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let part = encode(&bytes);
        prop_assert_eq!(&part, &STRICT.encode(&bytes));
        prop_assert_eq!(decode(part.as_bytes()), Ok(bytes));
    }

    #[test]
    fn parts_of_any_length_are_judged_alike(
        part in "[A-Za-z0-9_-]{0,300}",
        other in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut part = part.into_bytes();
        if let Some((at, byte)) = other.filter(|_| !part.is_empty()) {
            let at = at.index(part.len());
            part[at] = byte;
        }
        check(&part);
    }
}
