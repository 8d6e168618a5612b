//! `Permissions-Policy`, a dictionary of structured fields (RFC 9651).

use std::fmt;

use super::HeaderConfigError;
use crate::origin::Origin;

/// Which features of the browser the document may use, and which frames in it.
///
/// # Example
///
/// ```
/// use portcullis_core::headers::PermissionsPolicy;
///
/// let policy = PermissionsPolicy::new()
///     .deny("camera")?
///     .allow("geolocation", &["https://maps.example".parse()?])?;
/// assert_eq!(policy.to_string(), r#"camera=(), geolocation=(self "https://maps.example")"#);
///
/// assert!(PermissionsPolicy::new().deny("camera=*, microphone").is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct PermissionsPolicy {
    features: Vec<(String, String)>,
}

impl PermissionsPolicy {
    /// What a page hardly ever needs, and browsers know: off.
    const RARE: [&'static str; 8] = [
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "microphone",
        "payment",
        "serial",
        "usb",
    ];

    /// Says nothing of any feature.
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns off what a page hardly ever needs: camera, microphone, location, payment, devices.
    pub fn restrictive() -> Self {
        let features = Self::RARE.map(|name| (name.to_owned(), "()".to_owned()));
        Self {
            features: features.into(),
        }
    }

    /// Turns `feature` off, for the document and every frame.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] unless `feature` is a name like `display-capture`.
    pub fn deny(self, feature: &str) -> Result<Self, HeaderConfigError> {
        self.set(feature, "()".to_owned())
    }

    /// Allows `feature` to our own origin and to frames of `origins`.
    ///
    /// # Errors
    ///
    /// As [`deny`](Self::deny).
    pub fn allow(self, feature: &str, origins: &[Origin]) -> Result<Self, HeaderConfigError> {
        let own = std::iter::once("self".to_owned());
        let others = origins.iter().map(|origin| format!("\"{origin}\""));
        let all: Vec<String> = own.chain(others).collect();
        self.set(feature, format!("({})", all.join(" ")))
    }

    fn set(mut self, feature: &str, value: String) -> Result<Self, HeaderConfigError> {
        let starts = feature.starts_with(|first: char| first.is_ascii_lowercase());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !starts || feature.len() > 64 || !feature.bytes().all(plain) {
            let want = "the name of a feature in lower case, like `display-capture`";
            return Err(HeaderConfigError::new(feature, want));
        }
        self.features.retain(|(name, _)| name != feature);
        self.features.push((feature.to_owned(), value));
        Ok(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.features.is_empty()
    }
}

impl fmt::Display for PermissionsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.features.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}
