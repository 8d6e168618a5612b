//! `Clear-Site-Data`, for the response to a logout.

use http::HeaderValue;

/// What a browser is to forget about us.
///
/// It never holds `"cache"`: Chromium then blocks the tab for seconds, and cookies that are
/// expired by name and path are the logout that counts.
///
/// # Example
///
/// ```
/// use portcullis_core::headers::ClearSiteData;
///
/// let forget = ClearSiteData::new().with_storage().with_execution_contexts();
/// assert_eq!(forget.to_header_value().unwrap(), r#""storage", "executionContexts""#);
/// assert_eq!(ClearSiteData::new().to_header_value(), None, "nothing to forget");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct ClearSiteData {
    cookies: bool,
    storage: bool,
    contexts: bool,
}

impl ClearSiteData {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every cookie of the registrable domain: those of sibling hosts too, so a user is also
    /// signed out of a Django admin beside us.
    pub fn with_cookies(self) -> Self {
        Self {
            cookies: true,
            ..self
        }
    }

    /// Adds local and session storage, databases and service workers, drafts and themes included.
    pub fn with_storage(self) -> Self {
        Self {
            storage: true,
            ..self
        }
    }

    /// Adds other open tabs, which are loaded anew.
    pub fn with_execution_contexts(self) -> Self {
        Self {
            contexts: true,
            ..self
        }
    }

    /// The value of the header; `None` when there is nothing to forget.
    pub fn to_header_value(self) -> Option<HeaderValue> {
        let parts = [
            (self.cookies, r#""cookies""#),
            (self.storage, r#""storage""#),
            (self.contexts, r#""executionContexts""#),
        ];
        let wanted = parts.iter().filter(|(wanted, _)| *wanted);
        let names: Vec<&str> = wanted.map(|(_, name)| *name).collect();
        HeaderValue::try_from(names.join(", "))
            .ok()
            .filter(|value| !value.is_empty())
    }
}
