//! The small languages of the flags: times, networks, hosts, days, users.

use std::time::Duration;

use portcullis_core::{
    Secret,
    client::Cidr,
    clock::Timestamp,
    origin::{Authority, Origin},
};

use super::ConfigError;

const DAY: u64 = 24 * 3600;

/// Reads a time like `300s`, `15m`, `12h` or `7d`; at least 1 s, at most 400 days.
///
/// # Errors
///
/// A sentence that names the form wanted; a bare number is refused, since its unit is a guess.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a whole number and a unit: 300s, 15m, 12h or 7d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => DAY,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let secs = digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(scale));
    match secs {
        Some(secs @ 1..) if secs <= 400 * DAY => Ok(Duration::from_secs(secs)),
        _ => Err("a time is at least 1s and at most 400d".into()),
    }
}

/// The network `text`, like `10.0.0.0/8`, or one address.
///
/// # Errors
///
/// [`ConfigError`] for what is no network, and for one that holds every address: any client could
/// then name its own address.
pub(super) fn network(text: &str) -> Result<Cidr, ConfigError> {
    text.parse()
        .map_err(|error| ConfigError::new(format!("--trusted-proxy: {error}")))
}

/// The host `text` of `flag`: a name, an address, or `.example.com` for a domain with all below.
///
/// # Errors
///
/// [`ConfigError`] for anything else, `*` and a port among it.
pub(super) fn host(text: &str) -> Result<String, ConfigError> {
    let bare = text.strip_prefix('.').unwrap_or(text);
    match Authority::parse(bare) {
        Some(authority) if authority.port().is_none() => Ok(text.to_ascii_lowercase()),
        _ => Err(ConfigError::new(format!(
            "--allowed-host {text:?} is no host: write a name like chat.example, or .chat.example \
             for all below it, without a port"
        ))),
    }
}

/// The origin `text` of `flag`.
///
/// # Errors
///
/// [`ConfigError`] with what an origin looks like.
pub(super) fn origin(flag: &str, text: &str) -> Result<Origin, ConfigError> {
    text.parse()
        .map_err(|error| ConfigError::new(format!("{flag}: {error}")))
}

/// The origin `text` of `--trusted-origin`, or `https://*.example.com`, in canonical form.
///
/// # Errors
///
/// [`ConfigError`] with what an origin looks like.
pub(super) fn trusted_origin(text: &str) -> Result<String, ConfigError> {
    let flag = "--trusted-origin";
    match text.split_once("://*.") {
        Some((scheme, domain)) => {
            let origin = origin(flag, &format!("{scheme}://{domain}"))?;
            let (scheme, domain) = origin
                .as_str()
                .split_once("://")
                .expect("an origin has a scheme");
            Ok(format!("{scheme}://*.{domain}"))
        }
        None => Ok(origin(flag, text)?.to_string()),
    }
}

/// The end of the day `text` (`2027-01-31`) in UTC.
///
/// # Errors
///
/// [`ConfigError`] for what is no day from 1970 to 9999.
pub(super) fn end_of_day(text: &str) -> Result<Timestamp, ConfigError> {
    parse_day(text).map(|day| Timestamp::from_secs((day + 1) * DAY)).ok_or_else(|| {
        ConfigError::new(format!(
            "--adopt-django-tokens {text:?} is no day: write the last day on which Django's tokens \
             are taken, like 2027-01-31"
        ))
    })
}

/// Days from 1970-01-01 to `text`.
fn parse_day(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        return None;
    }
    let year: u64 = text[..4].parse().ok()?;
    let month: usize = text[5..7].parse().ok()?;
    let day: u64 = text[8..].parse().ok()?;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(month.checked_sub(1)?)?;
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let months: u64 = lengths[..month - 1].iter().sum();
    Some(years + months + day - 1)
}

/// A `--user`.
#[derive(Clone, Debug)]
pub struct UserSpec {
    /// The name, 1 to 150 characters as in Django.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// The user `spec`.
///
/// # Errors
///
/// [`ConfigError`] for what is not `NAME:PASSWORD`; the password is not in the message.
pub(super) fn user(spec: &Secret) -> Result<UserSpec, ConfigError> {
    let text = std::str::from_utf8(spec.expose())
        .map_err(|_| ConfigError::new("--user wants NAME:PASSWORD in UTF-8"))?;
    let (name, password) = text.split_once(':').ok_or_else(|| {
        ConfigError::new("--user wants NAME:PASSWORD, with a colon between the two")
    })?;
    let valid = !name.is_empty()
        && name.chars().count() <= 150
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "@.+-_".contains(c));
    if !valid {
        return Err(ConfigError::new(
            "--user wants NAME:PASSWORD with a name of 1 to 150 letters, digits and @ . + - _",
        ));
    }
    if password.is_empty() || password.len() > crate::passwords::MAX_BYTES {
        return Err(ConfigError::new(format!(
            "--user {name}: the password has to have 1 to 1024 bytes"
        )));
    }
    Ok(UserSpec {
        name: name.into(),
        password: Secret::new(password),
    })
}
