//! A content security policy as it is kept: finished but for the nonce.

use http::HeaderValue;

use super::{Csp, Nonce};
use crate::origin::Scheme;

/// A policy cut at its nonces, for either scheme.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    http: Variant,
    https: Variant,
}

#[derive(Clone, Debug)]
struct Variant {
    plain: HeaderValue,
    /// Empty when the policy has no place for a nonce.
    pieces: Vec<String>,
}

impl Rendered {
    pub(super) fn new(csp: &Csp) -> Self {
        Self {
            http: Variant::new(csp, ""),
            https: Variant::new(
                csp,
                if csp.upgrades() {
                    "upgrade-insecure-requests"
                } else {
                    ""
                },
            ),
        }
    }

    pub(super) const fn wants_nonce(&self) -> bool {
        !self.http.pieces.is_empty()
    }

    /// The value of the header; `None` when it would say nothing.
    pub(super) fn value(&self, scheme: Scheme, nonce: Option<&Nonce>) -> Option<HeaderValue> {
        let variant = match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        let written = nonce
            .filter(|_| self.wants_nonce())
            .and_then(|nonce| HeaderValue::try_from(variant.pieces.join(nonce.as_str())).ok());
        written
            .or_else(|| Some(variant.plain.clone()))
            .filter(|value| !value.is_empty())
    }
}

impl Variant {
    fn new(csp: &Csp, end: &str) -> Self {
        let finish = |mut pieces: Vec<String>| {
            let empty = pieces.concat().is_empty();
            let last = pieces.last_mut().expect("never empty");
            last.push_str(if empty || end.is_empty() { "" } else { "; " });
            last.push_str(end);
            pieces
        };
        let plain = finish(csp.without_nonce().pieces()).concat();
        let pieces = finish(csp.pieces());
        Self {
            plain: HeaderValue::try_from(plain).expect("every part was checked to be visible"),
            pieces: if pieces.len() > 1 { pieces } else { Vec::new() },
        }
    }
}
