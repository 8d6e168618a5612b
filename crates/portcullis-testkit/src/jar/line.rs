//! One `Set-Cookie` line (RFC 6265bis §5.6).

use std::time::Duration;

use portcullis_core::{
    clock::Timestamp,
    cookie::{MAX_AGE, MAX_PAIR_BYTES, SameSite},
};

use super::{
    Ignored, StoredCookie,
    place::{Place, domain_covers},
};

/// A longer attribute is skipped, as if it were not there.
const MAX_ATTRIBUTE_BYTES: usize = 1_024;

/// What a line says, before it is held against where it came from.
pub(super) struct Line {
    name: String,
    value: String,
    domain: Option<String>,
    path: Option<String>,
    is_secure: bool,
    is_http_only: bool,
    same_site: Option<SameSite>,
    max_age: Option<Timestamp>,
    expires: Option<Timestamp>,
}

impl Line {
    pub(super) fn parse(line: &str, now: Timestamp) -> Result<Self, Ignored> {
        if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return Err(Ignored::ControlCharacter);
        }
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').ok_or(Ignored::Nameless)?;
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() {
            return Err(Ignored::Nameless);
        }
        if name.len() + value.len() > MAX_PAIR_BYTES {
            return Err(Ignored::TooLong);
        }
        let mut read = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: None,
            path: None,
            is_secure: false,
            is_http_only: false,
            same_site: None,
            max_age: None,
            expires: None,
        };
        for attribute in parts {
            read.attribute(attribute, now);
        }
        Ok(read)
    }

    /// Takes in one attribute; the last of a kind counts, an unknown one does not.
    fn attribute(&mut self, attribute: &str, now: Timestamp) {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = trim(value);
        if value.len() > MAX_ATTRIBUTE_BYTES {
            return;
        }
        match trim(name).to_ascii_lowercase().as_str() {
            "domain" => {
                let domain = value
                    .strip_prefix('.')
                    .unwrap_or(value)
                    .to_ascii_lowercase();
                self.domain = (!domain.is_empty()).then_some(domain);
            }
            "path" => self.path = value.starts_with('/').then(|| value.to_owned()),
            "secure" => self.is_secure = true,
            "httponly" => self.is_http_only = true,
            "samesite" => self.same_site = same_site(value),
            "max-age" => self.max_age = max_age(value, now).or(self.max_age),
            "expires" => self.expires = expires(value, now).or(self.expires),
            _ => {}
        }
    }

    pub(super) fn into_cookie(self, place: &Place) -> Result<StoredCookie, Ignored> {
        self.check_safety(place)?;
        if let Some(domain) = &self.domain {
            let is_wide = !domain.contains('.') && *domain != place.host;
            if is_wide || !domain_covers(domain, &place.host) {
                return Err(Ignored::DomainMismatch);
            }
        }
        Ok(StoredCookie {
            name: self.name,
            value: self.value,
            is_host_only: self.domain.is_none(),
            domain: self.domain.unwrap_or_else(|| place.host.clone()),
            path: self.path.unwrap_or_else(|| place.default_path().to_owned()),
            is_secure: self.is_secure,
            is_http_only: self.is_http_only,
            same_site: self.same_site,
            // `Max-Age` goes before `Expires`, wherever it stands.
            expires: self.max_age.or(self.expires),
        })
    }

    fn check_safety(&self, place: &Place) -> Result<(), Ignored> {
        let is_safe = place.is_https && self.is_secure;
        let is_bound = self.domain.is_none() && self.path.as_deref() == Some("/");
        // Browsers compare the prefixes without regard to case, to spare lenient servers.
        let name = self.name.to_ascii_lowercase();
        if (name.starts_with("__secure-") && !is_safe)
            || (name.starts_with("__host-") && !(is_safe && is_bound))
        {
            return Err(Ignored::PrefixUnmet);
        }
        if self.is_secure && !place.is_secure {
            return Err(Ignored::Secure);
        }
        if self.same_site == Some(SameSite::None) && !self.is_secure {
            return Err(Ignored::SameSiteNoneInsecure);
        }
        Ok(())
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn same_site(value: &str) -> Option<SameSite> {
    match value.to_ascii_lowercase().as_str() {
        "lax" => Some(SameSite::Lax),
        "none" => Some(SameSite::None),
        "strict" => Some(SameSite::Strict),
        _ => None,
    }
}

/// When `Max-Age=value` expires; a negative one at once.
fn max_age(value: &str, now: Timestamp) -> Option<Timestamp> {
    let (digits, is_negative) = match value.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (value, false),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let secs = if is_negative {
        0
    } else {
        digits.parse().unwrap_or(u64::MAX)
    };
    Some(now + Duration::from_secs(secs).min(MAX_AGE))
}

/// When `Expires=value` expires, by the dates that browsers read.
fn expires(value: &str, now: Timestamp) -> Option<Timestamp> {
    let line = format!("x=; Expires={value}");
    let at = cookie::Cookie::parse(line).ok()?.expires_datetime()?;
    let secs = u64::try_from(at.unix_timestamp()).unwrap_or(0);
    Some(Timestamp::from_secs(secs).min(now + MAX_AGE))
}
