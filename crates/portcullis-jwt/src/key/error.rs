//! Says which key cannot be used and what is wanted instead.

use std::fmt;

use crate::algorithm::Algorithm;

/// A key, or a set of keys, that cannot be used.
///
/// Names what was found and what is wanted; never a byte of key material.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyError(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(
    not(any(feature = "aws-lc-rs", feature = "rust-crypto")),
    allow(dead_code) // some kinds are mistakes with public keys
)]
pub(crate) enum Kind {
    Algorithm {
        found: Algorithm,
        want: &'static str,
    },
    DuplicateKid {
        kid: Option<String>,
    },
    Kid {
        found: String,
    },
    Jwks {
        what: &'static str,
    },
    Label {
        found: Option<String>,
        want: String,
    },
    Looks {
        like: &'static str,
    },
    RsaBits {
        found: usize,
    },
    Short {
        found: usize,
        want: usize,
        algorithm: Algorithm,
    },
    TooMany {
        most: usize,
    },
    Unusable {
        algorithm: Algorithm,
    },
}

impl KeyError {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self(kind)
    }

    pub(crate) const fn algorithm(found: Algorithm, want: &'static str) -> Self {
        Self(Kind::Algorithm { found, want })
    }

    pub(crate) fn kid(found: &str) -> Self {
        Self(Kind::Kid {
            found: found.chars().take(super::MAX_KID).collect(),
        })
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Algorithm { found, want } => write!(f, "{found} is not usable here, want {want}"),
            Kind::DuplicateKid { kid: Some(kid) } => {
                write!(f, "two keys are called {kid:?}: give each a kid of its own")
            }
            Kind::DuplicateKid { kid: None } => {
                f.write_str("two keys serve tokens without a kid: name all but one with with_kid")
            }
            Kind::Kid { found } => write!(
                f,
                "{found:?} is no kid: it wants 1 to {} characters of A-Za-z0-9._~=-",
                super::MAX_KID
            ),
            Kind::Looks { like } => write!(
                f,
                "the HMAC secret is {like}: others may know it, or it belongs to another \
                 algorithm; make one with `head -c 64 /dev/urandom`"
            ),
            Kind::Short {
                found,
                want,
                algorithm,
            } => write!(
                f,
                "the {algorithm} secret has {found} bytes, but needs at least {want}; a Django \
                 key that cannot be changed goes through insecure_short_secret"
            ),
            Kind::Jwks { what } => write!(f, "the JWKS document cannot be used: {what}"),
            Kind::Label { found, want } => write!(
                f,
                "the PEM starts with {found:?}, want one block {want:?}; `openssl pkcs8 -topk8 \
                 -nocrypt` and `openssl pkey -pubout` make such"
            ),
            Kind::RsaBits { found } => {
                write!(f, "the RSA key has {found} bits, want 2048 to 8192")
            }
            Kind::Unusable { algorithm } => write!(f, "the key is not one for {algorithm}"),
            Kind::TooMany { most } => write!(f, "more than {most} keys in one set"),
        }
    }
}

impl std::error::Error for KeyError {}
