//! Reads a cookie by name without allocating, and writes `Set-Cookie` lines that browsers accept.
//!
//! Reading follows RFC 6265bis as a server: every `Cookie` line is scanned (HTTP/2 splits them,
//! RFC 9113 §8.2.3), pairs are split at `;` and trimmed of space and tab, names are exact, and
//! nothing is unquoted or percent-decoded. A name that occurs twice is reported, never resolved:
//! the order says nothing about who planted which (RFC 6265bis §4.2.2).

use std::{fmt, time::Duration};

use http::HeaderValue;

mod read;
mod scan;
#[cfg(test)]
mod tests;

pub use read::{Found, MAX_COOKIE_BYTES, Marked, Places, all, find, strip};

/// The most bytes of a cookie's name and value together (RFC 6265bis §5.6).
pub const MAX_PAIR_BYTES: usize = 4096;

/// The longest `Max-Age` that browsers keep: 400 days (RFC 6265bis §5.5).
pub const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SameSite {
    /// Sent on top-level navigations from other sites too; Django's default and ours.
    #[default]
    Lax,
    /// Sent from other sites; wants `Secure`.
    None,
    /// Never sent on a request that another site started.
    Strict,
}

/// The name and attributes of one cookie, checked once; values are written with it afterwards.
///
/// `Secure` is on unless [`insecure_without_secure`](Self::insecure_without_secure) turned it off,
/// so a cookie cannot travel in the clear by omission.
///
/// # Example
///
/// ```
/// use portcullis_core::cookie::{CookieSpec, SameSite};
/// use std::time::Duration;
///
/// let spec = CookieSpec::new("__Host-access_token")?.http_only();
/// let line = spec.set("abc", Some(Duration::from_secs(300)))?;
/// assert_eq!(
///     line,
///     "__Host-access_token=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=300",
/// );
/// assert!(spec.set("a b", None).is_err(), "not cookie-octets");
///
/// // A prefix is a promise that the browser checks, so it is checked here first.
/// assert!(CookieSpec::new("__Host-csrftoken")?.with_path("/api/").is_err());
/// # Ok::<_, portcullis_core::cookie::CookieError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct CookieSpec {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    http_only: bool,
    secure: bool,
}

impl CookieSpec {
    /// A cookie called `name`: `Path=/`, no `Domain`, `Secure`, `SameSite=Lax`, readable by script.
    ///
    /// # Errors
    ///
    /// [`CookieError`] when `name` is not a token (RFC 9110 §5.6.2) of at most 256 bytes.
    pub fn new(name: impl Into<String>) -> Result<Self, CookieError> {
        let name = name.into();
        if name.is_empty() || name.len() > 256 || !name.bytes().all(is_token) {
            return Err(CookieError::new(
                "cookie name",
                &name,
                "1 to 256 token characters",
            ));
        }
        Ok(Self {
            name,
            path: "/".into(),
            domain: None,
            same_site: SameSite::Lax,
            http_only: false,
            secure: true,
        })
    }

    /// Hides the cookie from scripts.
    pub fn http_only(self) -> Self {
        Self {
            http_only: true,
            ..self
        }
    }

    /// Sets `Path` instead of `/`.
    ///
    /// # Errors
    ///
    /// [`CookieError`] when `path` is no absolute path of visible characters without `;`, or when
    /// the name has the prefix `__Host-`, which wants `/`.
    pub fn with_path(self, path: impl Into<String>) -> Result<Self, CookieError> {
        let path = path.into();
        let valid = path.starts_with('/') && path.len() <= 1024 && path.bytes().all(is_attribute);
        if !valid {
            return Err(CookieError::new(
                "cookie path",
                &path,
                "an absolute path like `/api/`",
            ));
        }
        Self { path, ..self }.checked()
    }

    /// Sets `Domain`, which gives the cookie to every host below it.
    ///
    /// # Errors
    ///
    /// [`CookieError`] when `domain` is no domain name, or when the name has the prefix `__Host-`,
    /// which wants none.
    pub fn with_domain(self, domain: impl Into<String>) -> Result<Self, CookieError> {
        let domain = domain.into();
        let bare = domain.strip_prefix('.').unwrap_or(&domain);
        let valid = !bare.is_empty()
            && bare.len() <= 253
            && bare
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        if !valid {
            return Err(CookieError::new(
                "cookie domain",
                &domain,
                "a domain like `example.com`",
            ));
        }
        Self {
            domain: Some(domain),
            ..self
        }
        .checked()
    }

    /// Sets `SameSite` instead of `Lax`.
    ///
    /// # Errors
    ///
    /// [`CookieError`] for `None` without `Secure`, which browsers drop.
    pub fn with_same_site(self, same_site: SameSite) -> Result<Self, CookieError> {
        Self { same_site, ..self }.checked()
    }

    /// Leaves `Secure` out, for plain http on a loopback address.
    ///
    /// # Errors
    ///
    /// [`CookieError`] when the name's prefix or `SameSite=None` wants `Secure`.
    ///
    /// # Security
    ///
    /// Anyone on the path can then read and set the cookie.
    pub fn insecure_without_secure(self) -> Result<Self, CookieError> {
        Self {
            secure: false,
            ..self
        }
        .checked()
    }

    fn checked(self) -> Result<Self, CookieError> {
        let host = self
            .name
            .get(..7)
            .is_some_and(|p| p.eq_ignore_ascii_case("__host-"));
        let secure = self
            .name
            .get(..9)
            .is_some_and(|p| p.eq_ignore_ascii_case("__secure-"));
        let want = if (host || secure) && !self.secure {
            "the attribute Secure, which its prefix demands"
        } else if host && (self.path != "/" || self.domain.is_some()) {
            "Path=/ and no Domain, which its prefix demands"
        } else if self.same_site == SameSite::None && !self.secure {
            "the attribute Secure beside SameSite=None"
        } else {
            return Ok(self);
        };
        Err(CookieError::new("cookie", &self.name, want))
    }

    /// The name, with its prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the cookie travels over https only.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The line that sets `value`, for the session or for `max_age` (whole seconds, capped at
    /// [`MAX_AGE`]).
    ///
    /// # Errors
    ///
    /// [`CookieError`] when `value` holds anything but cookie-octets (RFC 6265bis §4.1.1), or name
    /// and value exceed [`MAX_PAIR_BYTES`]. The value itself is not in the message.
    ///
    /// # Security
    ///
    /// The line is marked as sensitive: `Debug` does not show it, and HTTP/2 does not index it.
    pub fn set(&self, value: &str, max_age: Option<Duration>) -> Result<HeaderValue, CookieError> {
        if !value.bytes().all(is_cookie_octet) {
            return Err(CookieError::new(
                "value of cookie",
                &self.name,
                "cookie-octets only",
            ));
        }
        if self.name.len() + value.len() > MAX_PAIR_BYTES {
            let want = "at most 4,096 bytes with its name";
            return Err(CookieError::new("value of cookie", &self.name, want));
        }
        let mut cookie = self.build(value);
        if let Some(age) = max_age {
            let secs = age.min(MAX_AGE).as_secs();
            cookie.set_max_age(cookie::time::Duration::seconds(secs.cast_signed()));
        }
        self.line(&cookie)
    }

    /// The line that deletes the cookie: the same attributes, no value, a past expiry.
    ///
    /// A browser finds the cookie by name, domain and path, and ignores a `__Host-` line without
    /// `Secure`, so the attributes are those of [`set`](Self::set) to the letter.
    ///
    /// # Errors
    ///
    /// None that [`set`](Self::set) of an empty value has not.
    pub fn delete(&self) -> Result<HeaderValue, CookieError> {
        let mut cookie = self.build("");
        cookie.set_max_age(cookie::time::Duration::ZERO);
        cookie.set_expires(cookie::time::OffsetDateTime::UNIX_EPOCH);
        self.line(&cookie)
    }

    fn build<'a>(&'a self, value: &'a str) -> cookie::Cookie<'a> {
        let mut cookie = cookie::Cookie::new(self.name.as_str(), value);
        cookie.set_path(self.path.as_str());
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.as_str());
        }
        cookie.set_same_site(match self.same_site {
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::None => cookie::SameSite::None,
            SameSite::Strict => cookie::SameSite::Strict,
        });
        if self.http_only {
            cookie.set_http_only(true);
        }
        if self.secure {
            cookie.set_secure(true);
        }
        cookie
    }

    fn line(&self, cookie: &cookie::Cookie<'_>) -> Result<HeaderValue, CookieError> {
        let mut line = HeaderValue::try_from(cookie.to_string())
            .map_err(|_| CookieError::new("cookie", &self.name, "visible ASCII"))?;
        line.set_sensitive(true);
        Ok(line)
    }
}

/// A cookie that a browser would refuse.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieError {
    what: &'static str,
    name: String,
    want: &'static str,
}

impl CookieError {
    fn new(what: &'static str, name: &str, want: &'static str) -> Self {
        Self {
            what,
            name: name.chars().take(256).collect(),
            want,
        }
    }
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?} is not usable: it wants {}",
            self.what, self.name, self.want
        )
    }
}

impl std::error::Error for CookieError {}

/// RFC 9110 §5.6.2.
pub(crate) const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// RFC 6265bis §4.1.1.
const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x5B | 0x5D..=0x7E)
}

const fn is_attribute(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E) && byte != b';'
}
