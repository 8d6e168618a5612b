//! What a directive of a content security policy may allow.

use std::borrow::Cow;

use super::HeaderConfigError;

/// One source of a directive: a keyword, a scheme, a host, a hash, or the nonce of the response.
///
/// # Example
///
/// ```
/// use portcullis_core::headers::Source;
///
/// assert!(Source::host("https://*.cdn.example").is_ok());
/// assert!(Source::host("'unsafe-inline'").is_err(), "no keyword by the back door");
/// assert!(Source::scheme("data").is_ok());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source(pub(super) Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Only fetch directives know these.
    Keyword(&'static str),
    /// Alone, it allows nothing.
    None,
    /// In place of the nonce.
    Nonce,
    /// Hosts, schemes and `'self'`.
    Place(Cow<'static, str>),
    /// A hash of a script or style.
    Hash(String),
}

impl Source {
    /// Nothing at all.
    pub const NONE: Self = Self(Kind::None);
    /// Our own origin.
    pub const SELF: Self = Self(Kind::Place(Cow::Borrowed("'self'")));
    /// Scripts or styles that carry the nonce of this response.
    pub const NONCE: Self = Self(Kind::Nonce);
    /// Scripts that an allowed script loads. It lets resource hints reach any host in Chromium.
    pub const STRICT_DYNAMIC: Self = Self(Kind::Keyword("'strict-dynamic'"));
    /// Compiling WebAssembly.
    pub const WASM_UNSAFE_EVAL: Self = Self(Kind::Keyword("'wasm-unsafe-eval'"));
    /// A sample of the code in the report of a violation.
    pub const REPORT_SAMPLE: Self = Self(Kind::Keyword("'report-sample'"));
    /// Scripts or styles in the page itself: what an injection writes.
    pub const INSECURE_UNSAFE_INLINE: Self = Self(Kind::Keyword("'unsafe-inline'"));
    /// Code made from text.
    pub const INSECURE_UNSAFE_EVAL: Self = Self(Kind::Keyword("'unsafe-eval'"));

    /// A host, with scheme, port and path where wanted: `https://cdn.example/lib/`,
    /// `*.example.com`, `localhost:5173`.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] for a bare word without dot or port (a keyword that lost its quotes),
    /// for `*`, and for bytes outside of a host source (CSP3 §2.3.1).
    pub fn host(text: &str) -> Result<Self, HeaderConfigError> {
        let want = "a host like `https://cdn.example`, `*.example.com` or `localhost:5173`";
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%:/*[]@!$&+=".contains(&b);
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        let named = host.contains('.') || host == "localhost" || rest.starts_with('[');
        let starred = host.trim_start_matches("*.").contains('*');
        if text.len() > 1024 || !text.bytes().all(plain) || !named || starred {
            return Err(HeaderConfigError::new(text, want));
        }
        Ok(Self(Kind::Place(Cow::Owned(text.to_owned()))))
    }

    /// Every host under a scheme: `data`, `blob`, `https`.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] unless `name` is the name of a scheme (RFC 3986 §3.1), without colon.
    pub fn scheme(name: &str) -> Result<Self, HeaderConfigError> {
        let starts = name.starts_with(|first: char| first.is_ascii_alphabetic());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        if !starts || name.len() > 32 || !name.bytes().all(plain) {
            let want = "the name of a scheme like `data`, without its colon";
            return Err(HeaderConfigError::new(name, want));
        }
        Ok(Self(Kind::Place(Cow::Owned(format!("{name}:")))))
    }

    /// The script or style whose SHA-256, SHA-384 or SHA-512 is `text`: `sha256-…`, in base64.
    ///
    /// # Errors
    ///
    /// [`HeaderConfigError`] for another algorithm, length or alphabet.
    pub fn hash(text: &str) -> Result<Self, HeaderConfigError> {
        let digits = [("sha256-", 44), ("sha384-", 64), ("sha512-", 88)]
            .iter()
            .find_map(|(name, len)| text.strip_prefix(name).filter(|rest| rest.len() == *len));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
        match digits {
            Some(digits) if digits.trim_end_matches('=').bytes().all(plain) => {
                Ok(Self(Kind::Hash(format!("'{text}'"))))
            }
            _ => Err(HeaderConfigError::new(
                text,
                "a digest in base64, like `sha256-` and 44 characters, without quotes",
            )),
        }
    }
}
