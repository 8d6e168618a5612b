//! A cookie jar as strict as the strictest browser.
//!
//! A cookie that a lenient jar would keep hides a defect until the first user of Safari; this one
//! keeps what every current browser keeps, and says why it ignored the rest.
//!
//! | rule | source |
//! |---|---|
//! | `__Host-` wants https, `Secure`, `Path=/` and no `Domain` | RFC 6265bis §4.1.3.2 |
//! | `__Secure-` wants https and `Secure` | RFC 6265bis §4.1.3.1 |
//! | `Secure` is taken from and sent to https alone, unless loopback is trusted | §5.8.3 |
//! | `SameSite=None` wants `Secure`; otherwise `SameSite` is recorded, not enforced | §5.7 |
//! | plain http never replaces or shadows a `Secure` cookie | §5.7 |
//! | `Domain` must cover the host, and have two labels unless it is the host | §5.7 |
//! | replaced and deleted only by the same name, domain and path | §5.7 |
//! | name and value have 4,096 bytes at most, a cookie lives 400 days at most | §5.6, §5.5 |
//!
//! No public suffix list is kept: `Domain=co.uk` would pass.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, Uri, header};
use portcullis_core::{
    clock::{Clock, Timestamp},
    cookie::SameSite,
};

mod line;
mod place;

#[cfg(test)]
mod tests;

use line::Line;
use place::Place;

/// The most cookies a jar keeps; a test that needs more has lost one.
const MAX_COOKIES: usize = 1_000;

/// Keeps the cookies of responses and gives them back to requests, as a strict browser would.
///
/// See the [module docs](self) for the rules.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, Uri};
/// use portcullis_testkit::{CookieJar, ManualClock, jar::Ignored};
///
/// let clock = ManualClock::default();
/// let mut jar = CookieJar::new(clock);
/// let page = Uri::from_static("https://app.example/api/auth/login/");
///
/// jar.set(&page, "refresh_token=abc; Path=/api/; Secure; HttpOnly; Max-Age=60")?;
/// assert_eq!(jar.header_for(&page).unwrap(), "refresh_token=abc");
/// assert!(jar.header_for(&Uri::from_static("https://app.example/")).is_none());
/// assert!(jar.script_view(&page).is_empty(), "a script sees no HttpOnly cookie");
///
/// let refused = jar.set(&page, "__Host-access=abc; Path=/api/; Secure");
/// assert_eq!(refused, Err(Ignored::PrefixUnmet));
/// # Ok::<_, Ignored>(())
/// ```
#[derive(Clone, Debug)]
pub struct CookieJar {
    clock: Arc<dyn Clock>,
    cookies: Vec<StoredCookie>,
    trusts_loopback: bool,
}

/// A cookie in the jar.
#[derive(Clone, Eq, PartialEq)]
pub struct StoredCookie {
    name: String,
    value: String,
    domain: String,
    is_host_only: bool,
    path: String,
    is_secure: bool,
    is_http_only: bool,
    same_site: Option<SameSite>,
    expires: Option<Timestamp>,
}

/// Why a `Set-Cookie` line was ignored.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Ignored {
    /// A control character, or bytes that are not UTF-8.
    ControlCharacter,
    /// `Domain` does not cover the host, or is a single label.
    DomainMismatch,
    /// The jar has 1,000 cookies.
    Full,
    /// No name before `=`; browsers differ, and ours always have one.
    Nameless,
    /// The response's URI has no host.
    NoHost,
    /// A `__Host-` or `__Secure-` name without what the prefix promises.
    PrefixUnmet,
    /// `SameSite=None` without `Secure`.
    SameSiteNoneInsecure,
    /// `Secure` from plain http, or plain http against a `Secure` cookie of that name.
    Secure,
    /// Name and value have more than 4,096 bytes.
    TooLong,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlCharacter => "the line has a control character",
            Self::DomainMismatch => "the Domain does not cover the host",
            Self::Full => "the jar is full",
            Self::Nameless => "the cookie has no name",
            Self::NoHost => "the URI of the response has no host",
            Self::PrefixUnmet => "the name's prefix promises what the attributes do not keep",
            Self::SameSiteNoneInsecure => "SameSite=None without Secure",
            Self::Secure => "plain http may not set or shadow a Secure cookie",
            Self::TooLong => "name and value have more than 4,096 bytes",
        })
    }
}

impl std::error::Error for Ignored {}

impl CookieJar {
    /// An empty jar that tells age by `clock`.
    pub fn new(clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            cookies: Vec::new(),
            trusts_loopback: false,
        }
    }

    /// Takes plain http on loopback for secure, as Chrome and Firefox do and Safari does not.
    ///
    /// Loopback is `localhost`, `*.localhost`, 127.0.0.0/8 and `[::1]`. The prefixes still want
    /// https.
    #[must_use]
    pub fn with_loopback_trusted(mut self) -> Self {
        self.trusts_loopback = true;
        self
    }

    /// Stores every `Set-Cookie` line of a response from `from`.
    ///
    /// # Errors
    ///
    /// [`Ignored`] of the first line that a browser would ignore; the others are stored.
    pub fn store(&mut self, from: &Uri, headers: &HeaderMap) -> Result<(), Ignored> {
        let mut first = Ok(());
        for line in headers.get_all(header::SET_COOKIE) {
            let text = std::str::from_utf8(line.as_bytes());
            let stored = text
                .map_err(|_| Ignored::ControlCharacter)
                .and_then(|text| self.set(from, text));
            first = first.and(stored);
        }
        first
    }

    /// Stores one `Set-Cookie` line of a response from `from`, or deletes what it expires.
    ///
    /// # Errors
    ///
    /// [`Ignored`] when a browser would ignore it.
    pub fn set(&mut self, from: &Uri, line: &str) -> Result<(), Ignored> {
        let place = Place::of(from, self.trusts_loopback).ok_or(Ignored::NoHost)?;
        let now = self.clock.now();
        let cookie = Line::parse(line, now)?.into_cookie(&place)?;
        if !place.is_secure && self.cookies.iter().any(|old| cookie.shadows_secure(old)) {
            return Err(Ignored::Secure);
        }
        self.cookies.retain(|old| !old.has_expired(now));
        let old = self.cookies.iter().position(|old| old.is_same(&cookie));
        match (old, cookie.has_expired(now)) {
            (Some(index), true) => {
                self.cookies.remove(index);
            }
            // In its place: among equal paths, the older cookie is sent first.
            (Some(index), false) => self.cookies[index] = cookie,
            (None, true) => {}
            (None, false) if self.cookies.len() >= MAX_COOKIES => return Err(Ignored::Full),
            (None, false) => self.cookies.push(cookie),
        }
        Ok(())
    }

    /// The `Cookie` line of a request to `to`; `None` when no cookie goes there.
    pub fn header_for(&self, to: &Uri) -> Option<HeaderValue> {
        let pairs: Vec<String> = self
            .cookies_for(to)
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        // Control characters were refused on the way in.
        (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok())?
    }

    /// The cookies that a request to `to` carries, longest path first, then oldest first.
    pub fn cookies_for(&self, to: &Uri) -> Vec<&StoredCookie> {
        let Some(place) = Place::of(to, self.trusts_loopback) else {
            return Vec::new();
        };
        let now = self.clock.now();
        let mut sent: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| !cookie.has_expired(now) && cookie.goes_to(&place))
            .collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        sent
    }

    /// What `document.cookie` shows a script on the page `at`: all that is not `HttpOnly`.
    pub fn script_view(&self, at: &Uri) -> Vec<&StoredCookie> {
        let mut seen = self.cookies_for(at);
        seen.retain(|cookie| !cookie.is_http_only);
        seen
    }

    /// The cookie `name` of a request to `to`: the one that is sent first.
    pub fn get(&self, to: &Uri, name: &str) -> Option<&StoredCookie> {
        self.cookies_for(to)
            .into_iter()
            .find(|cookie| cookie.name == name)
    }

    /// Every cookie that has not expired, in the order of their arrival.
    pub fn iter(&self) -> impl Iterator<Item = &StoredCookie> {
        let now = self.clock.now();
        self.cookies
            .iter()
            .filter(move |cookie| !cookie.has_expired(now))
    }
}

impl StoredCookie {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, as received.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The host that set it, or the domain that it was set for.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether it goes to the host that set it alone, not to the hosts below.
    pub const fn is_host_only(&self) -> bool {
        self.is_host_only
    }

    /// The path that it goes to, and below.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is `Secure`.
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether it is hidden from scripts.
    pub const fn is_http_only(&self) -> bool {
        self.is_http_only
    }

    /// Its `SameSite`; `None` when the line had none that is known.
    pub const fn same_site(&self) -> Option<SameSite> {
        self.same_site
    }

    /// When it expires; `None` with the browser.
    pub const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.is_host_only == other.is_host_only
            && self.path == other.path
    }

    fn goes_to(&self, place: &Place) -> bool {
        let host_fits = if self.is_host_only {
            self.domain == place.host
        } else {
            place::domain_covers(&self.domain, &place.host)
        };
        host_fits
            && place::path_covers(&self.path, &place.path)
            && (place.is_secure || !self.is_secure)
    }

    /// Whether this cookie, from plain http, would be sent before or instead of `old`.
    fn shadows_secure(&self, old: &Self) -> bool {
        old.is_secure
            && self.name == old.name
            && (place::domain_covers(&self.domain, &old.domain)
                || place::domain_covers(&old.domain, &self.domain))
            && place::path_covers(&old.path, &self.path)
    }
}

impl fmt::Debug for StoredCookie {
    /// Without the value: it may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
