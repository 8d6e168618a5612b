//! Reads and mints JSON Web Tokens that Django's simplejwt and ninja-jwt read and mint too.
//!
//! | module | does |
//! |---|---|
//! | [`key`] | one key, one algorithm: from a secret, PEM or JWK |
//! | [`ring`] | the keys in use, swapped atomically |
//! | [`reader`] | accepts a strict subset of what jsonwebtoken and PyJWT accept |
//! | [`claims`] | what a verified token says |
//! | [`mint`] | issues tokens, byte-identical for identical input |
//! | [`cache`] | remembers verified tokens |
//! | `jwks` | fetches the keys that another server publishes (feature `jwks`) |
//! | [`rejection`] | why a token was refused |
//!
//! # Example
//!
//! ```
//! use portcullis_core::{Secret, clock::Timestamp};
//! use portcullis_jwt::{KeyRing, Minter, TokenReader, TokenRejection, mint::AccessParams};
//!
//! let keys = KeyRing::hs256(Secret::new([7; 32]))?;
//! let now = Timestamp::from_secs(1_700_000_000);
//! let token = Minter::new(keys.clone()).mint_access(&AccessParams {
//!     subject: "42",
//!     jti: "0123456789abcdef0123456789abcdef",
//!     issued_at: now,
//!     expires: Timestamp::from_secs(1_700_000_300),
//!     session: None,
//!     extra: None,
//! })?;
//!
//! let reader = TokenReader::new(keys);
//! let claims = reader.read_access::<()>(token.as_bytes(), now)?;
//! assert_eq!(claims.base().subject(), "42");
//!
//! let later = Timestamp::from_secs(1_700_000_300);
//! let refused = reader.read_access::<()>(token.as_bytes(), later).unwrap_err();
//! assert_eq!(refused, TokenRejection::Expired, "now >= exp, as in Django");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
pub mod cache;
pub mod claims;
mod compact;
mod header;
mod hmac_key;
mod json;
#[cfg(feature = "jwks")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwks")))]
pub mod jwks;
pub mod key;
pub mod mint;
pub mod reader;
pub mod rejection;
pub mod ring;

pub use algorithm::Algorithm;
pub use cache::CachedReader;
pub use claims::{AccessClaims, Claims, RefreshClaims};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use mint::{ExtraClaims, Minter, random_jti};
pub use reader::TokenReader;
pub use rejection::TokenRejection;
pub use ring::{KeyRing, KeySet};
