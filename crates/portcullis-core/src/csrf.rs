//! Decides whether an unsafe request may pass: Django's rules, Fetch Metadata, a session signature.

/// Why a request was refused. The first fifteen are Django's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CsrfRejection {
    /// `Origin` is neither ours nor trusted.
    OriginUntrusted,
    /// No cookie.
    CookieMissing,
}

impl CsrfRejection {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OriginUntrusted => "csrf_origin_untrusted",
            Self::CookieMissing => "csrf_cookie_missing",
        }
    }

    /// The sentence for the client.
    pub const fn detail(self) -> &'static str {
        "CSRF Failed."
    }
}
