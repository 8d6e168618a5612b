//! `Strict-Transport-Security` (RFC 6797).

use std::time::Duration;

use super::HeaderConfigError;

/// The least age that the preload list of browsers takes: one year.
const PRELOAD_AGE: Duration = Duration::from_secs(31_536_000);

/// Tells browsers to use https only, for two years and for every subdomain unless said otherwise.
///
/// # Example
///
/// ```
/// use portcullis_core::headers::Hsts;
/// use std::time::Duration;
///
/// assert_eq!(Hsts::default().to_string(), "max-age=63072000; includeSubDomains");
///
/// let careful = Hsts::new(Duration::from_secs(300)).without_subdomains();
/// assert_eq!(careful.to_string(), "max-age=300");
/// assert!(careful.with_preload().is_err(), "the list wants a year, and subdomains");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct Hsts {
    max_age: Duration,
    subdomains: bool,
    preload: bool,
}

impl Hsts {
    /// For `max_age`, in whole seconds; zero takes an earlier policy back.
    pub const fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            subdomains: true,
            preload: false,
        }
    }

    /// Leaves subdomains alone, and with them the preload list.
    pub const fn without_subdomains(self) -> Self {
        Self {
            subdomains: false,
            preload: false,
            ..self
        }
    }

    /// Asks to be built into browsers, from which it takes months to get out.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] for less than a year, or without subdomains: the list refuses both.
    pub fn with_preload(self) -> Result<Self, HeaderConfigError> {
        if self.max_age < PRELOAD_AGE || !self.subdomains {
            let want = "at least 31536000 seconds and includeSubDomains, which preload demands";
            return Err(HeaderConfigError::new(&self.to_string(), want));
        }
        Ok(Self {
            preload: true,
            ..self
        })
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self::new(2 * PRELOAD_AGE)
    }
}

impl std::fmt::Display for Hsts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "max-age={}", self.max_age.as_secs())?;
        if self.subdomains {
            f.write_str("; includeSubDomains")?;
        }
        if self.preload {
            f.write_str("; preload")?;
        }
        Ok(())
    }
}
