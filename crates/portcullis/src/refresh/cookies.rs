//! The cookies that carry tokens: their names, where they go, the lines that set and delete them.

use std::{fmt, time::Duration};

use http::HeaderValue;
use portcullis_core::cookie::{CookieError, CookieSpec, SameSite};

/// How cookies are named and where browsers send them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CookieProfile {
    /// `access_token`, `refresh_token`, `csrftoken`, as a Django site has them: the access token on
    /// `/`, the refresh token on `/api/`.
    Django,
    /// `__Host-access_token`, `__Host-refresh_token`, `__Host-csrftoken`: `Path=/`, `Secure`, no
    /// `Domain`, so that no sibling host can plant one.
    #[default]
    Host,
}

/// The names and attributes of the token cookies and of the device cookie.
///
/// # Example
///
/// ```
/// use portcullis::refresh::{CookieProfile, TokenCookies};
///
/// let cookies = TokenCookies::new(CookieProfile::Django).with_refresh_path("/api/auth/")?;
/// assert_eq!(cookies.access_name(), "access_token");
///
/// // The prefix of the other profile forbids what this one may choose.
/// let host = TokenCookies::new(CookieProfile::Host);
/// assert!(host.with_refresh_path("/api/auth/").is_err());
/// # Ok::<_, portcullis::core::cookie::CookieError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenCookies {
    profile: CookieProfile,
    access: CookieSpec,
    refresh: CookieSpec,
    device: CookieSpec,
    csrf: CookieSpec,
}

impl TokenCookies {
    /// The cookies of `profile`.
    pub fn new(profile: CookieProfile) -> Self {
        let spec = |name: &str| CookieSpec::new(name).expect("a constant name that is valid");
        let (prefix, refresh_path) = match profile {
            CookieProfile::Django => ("", "/api/"),
            CookieProfile::Host => ("__Host-", "/"),
        };
        let token = |name: &str, path: &str| {
            spec(&format!("{prefix}{name}"))
                .http_only()
                .with_path(path)
                .expect("a constant path that fits the prefix")
        };
        Self {
            profile,
            access: token("access_token", "/"),
            refresh: token("refresh_token", refresh_path),
            device: token("device", refresh_path),
            csrf: spec(&format!("{prefix}csrftoken")),
        }
    }

    /// The profile these were made from.
    pub const fn profile(&self) -> CookieProfile {
        self.profile
    }

    /// Sends the refresh and device cookies below `path` only; in the Django profile.
    ///
    /// # Errors
    ///
    /// [`CookieError`] for a path that is none, and in the `Host` profile, whose prefix wants `/`.
    pub fn with_refresh_path(self, path: &str) -> Result<Self, CookieError> {
        let refresh = self.refresh.clone().with_path(path)?;
        Ok(Self {
            refresh,
            device: self.device.clone().with_path(path)?,
            ..self
        })
    }

    /// Gives every cookie to the hosts below `domain` too; in the Django profile.
    ///
    /// # Errors
    ///
    /// [`CookieError`] for a domain that is none, and in the `Host` profile.
    ///
    /// # Security
    ///
    /// Every host below `domain` can then read and plant these cookies.
    pub fn with_domain(self, domain: &str) -> Result<Self, CookieError> {
        self.try_map(|spec| spec.with_domain(domain))
    }

    /// Sets `SameSite` of every cookie instead of `Lax`.
    ///
    /// # Errors
    ///
    /// [`CookieError`] for `None` on cookies without `Secure`.
    pub fn with_same_site(self, same_site: SameSite) -> Result<Self, CookieError> {
        self.try_map(|spec| spec.with_same_site(same_site))
    }

    /// Leaves `Secure` out, for development over plain http on a loopback address.
    ///
    /// # Errors
    ///
    /// [`CookieError`] in the `Host` profile, whose prefix wants `Secure`.
    ///
    /// # Security
    ///
    /// Tokens then travel in the clear. The builder of the service accepts such cookies only
    /// through its own `insecure_development`.
    pub fn insecure_development(self) -> Result<Self, CookieError> {
        self.try_map(CookieSpec::insecure_without_secure)
    }

    fn try_map(
        self,
        change: impl Fn(CookieSpec) -> Result<CookieSpec, CookieError>,
    ) -> Result<Self, CookieError> {
        Ok(Self {
            profile: self.profile,
            access: change(self.access)?,
            refresh: change(self.refresh)?,
            device: change(self.device)?,
            csrf: change(self.csrf)?,
        })
    }

    /// The name of the access cookie.
    pub fn access_name(&self) -> &str {
        self.access.name()
    }

    /// The name of the refresh cookie.
    pub fn refresh_name(&self) -> &str {
        self.refresh.name()
    }

    /// The name of the cookie by which a login recognises a device.
    pub fn device_name(&self) -> &str {
        self.device.name()
    }

    /// The CSRF cookie that goes with these: same profile, readable by script.
    pub const fn csrf(&self) -> &CookieSpec {
        &self.csrf
    }

    /// Whether the cookies travel over https only.
    pub const fn are_secure(&self) -> bool {
        self.access.is_secure()
    }

    pub(super) fn set_access(&self, token: &str, age: Duration) -> Result<HeaderValue, SetError> {
        Ok(self.access.set(token, Some(age))?)
    }

    pub(super) fn set_refresh(&self, token: &str, age: Duration) -> Result<HeaderValue, SetError> {
        Ok(self.refresh.set(token, Some(age))?)
    }

    pub(super) fn set_device(&self, value: &str, age: Duration) -> Result<HeaderValue, SetError> {
        Ok(self.device.set(value, Some(age))?)
    }

    /// The lines that delete the token cookies. The device cookie stays: it opens nothing, it only
    /// spares its owner the lock that others put on the account.
    pub(super) fn delete_tokens(&self) -> Result<[HeaderValue; 2], SetError> {
        Ok([self.access.delete()?, self.refresh.delete()?])
    }
}

/// A cookie line that cannot be written: a token past 4 KiB, from claims of that size.
#[derive(Debug)]
pub(super) struct SetError(CookieError);

impl From<CookieError> for SetError {
    fn from(error: CookieError) -> Self {
        Self(error)
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
