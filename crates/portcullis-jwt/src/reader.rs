//! Reads a token strictly: what is accepted here, jsonwebtoken and PyJWT accept too, never more.
//!
//! The order is: size, three parts, header, key, signature; only then is the payload decoded.
//! Whatever a peer sends, the answer is `Ok` or a [`TokenRejection`]; nothing panics, and the work
//! is bounded by the 4 KiB that a token may have.
//!
//! | checked | rule |
//! |---|---|
//! | header | `alg` is the key's; no `crit`, `b64`, `zip`, `enc`, `cty`, `jwk`, `jku`, `x5*` |
//! | `exp` | an integer; refused when now ≥ `exp` + leeway, or more than 2 h ahead (access) |
//! | `nbf`, `iat` | integers where present; refused when later than now + leeway |
//! | `token_type` | `access` or `refresh`, as the call wants |
//! | `jti`, `user_id` | present; strings of 1 to 255 bytes, `user_id` also an integer |
//! | `iss`, `aud` | required once configured |
//! | `sid` | with `sat`, `sexp`, and on refresh tokens `gen`; refused past `sexp` |

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::clock::Timestamp;
use serde::de::DeserializeOwned;

use crate::{
    claims::{AccessClaims, RefreshClaims},
    compact::{self, Compact},
    header,
    rejection::TokenRejection,
    ring::{Epoch, KeyRing},
};

mod config;
mod extras;
mod payload;

#[cfg(test)]
mod tests;

pub use config::ReaderConfigError;
pub(crate) use config::subject_claim;
pub(crate) use payload::is_id;
use payload::{Kind, Payload};

/// Verifies tokens and reads their claims. Cloning is a counter.
///
/// # Example
///
/// ```
/// use portcullis_core::{Secret, clock::Timestamp};
/// use portcullis_jwt::{KeyRing, TokenReader, TokenRejection};
/// use std::time::Duration;
///
/// let reader = TokenReader::new(KeyRing::hs256(Secret::new([7; 32]))?)
///     .with_leeway(Duration::from_secs(5))?
///     .with_audience("chat")?;
///
/// let now = Timestamp::from_secs(1_700_000_000);
/// let refused = reader.read_access::<()>(b"no token", now).unwrap_err();
/// assert_eq!(refused, TokenRejection::Segments);
///
/// let minutes = TokenReader::new(KeyRing::hs256(Secret::new([7; 32]))?)
///     .with_leeway(Duration::from_secs(120));
/// assert!(minutes.is_err(), "at most 60 s");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct TokenReader {
    keys: KeyRing,
    rules: Arc<Rules>,
}

/// What a token has to satisfy besides its signature.
#[derive(Clone, Debug)]
struct Rules {
    leeway: Duration,
    max_access_lifetime: Duration,
    max_token_bytes: usize,
    issuer: Option<String>,
    audiences: Vec<String>,
    required: Vec<String>,
    subject_claim: String,
    types: Vec<String>,
}

/// Which of the time checks count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expiry {
    Checked,
    Ignored,
}

impl TokenReader {
    /// Reads an access token, with the application's claims as `C`; `()` for none.
    ///
    /// `C` sees every member that is not in [`RESERVED`](crate::claims::RESERVED).
    ///
    /// # Errors
    ///
    /// [`TokenRejection`], the first that applies.
    pub fn read_access<C: DeserializeOwned>(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<AccessClaims<C>, TokenRejection> {
        self.read_access_with(&self.keys.load(), token, now)
    }

    pub(crate) fn read_access_with<C: DeserializeOwned>(
        &self,
        epoch: &Epoch,
        token: &[u8],
        now: Timestamp,
    ) -> Result<AccessClaims<C>, TokenRejection> {
        self.with_verified_payload(epoch, token, |bytes| {
            let mut payload = Payload::default();
            payload.read(bytes, &self.rules)?;
            let has_extras = payload.has_extras();
            let (base, _) = payload.check(&self.rules, Kind::Access, Expiry::Checked, now)?;
            let custom = extras::read(has_extras.then_some(bytes))?;
            Ok(AccessClaims { base, custom })
        })
    }

    /// Reads a refresh token.
    ///
    /// # Errors
    ///
    /// [`TokenRejection`], the first that applies.
    pub fn read_refresh(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<RefreshClaims, TokenRejection> {
        self.read_refresh_as(token, now, Expiry::Checked)
    }

    /// Reads a refresh token that may be expired, or of a session past its end.
    ///
    /// For a logout, and for the session id inside a CSRF token: both have to work with a token
    /// that buys nothing any more. Everything but `exp` and `sexp` is checked.
    ///
    /// # Errors
    ///
    /// [`TokenRejection`], the first that applies.
    pub fn read_refresh_ignoring_expiry(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<RefreshClaims, TokenRejection> {
        self.read_refresh_as(token, now, Expiry::Ignored)
    }

    fn read_refresh_as(
        &self,
        token: &[u8],
        now: Timestamp,
        expiry: Expiry,
    ) -> Result<RefreshClaims, TokenRejection> {
        self.with_verified_payload(&self.keys.load(), token, |bytes| {
            let mut payload = Payload::default();
            payload.read(bytes, &self.rules)?;
            let (base, generation) = payload.check(&self.rules, Kind::Refresh, expiry, now)?;
            Ok(RefreshClaims { base, generation })
        })
    }

    /// Calls `read` with the decoded payload, once the signature is known to be right.
    fn with_verified_payload<T>(
        &self,
        epoch: &Epoch,
        token: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, TokenRejection>,
    ) -> Result<T, TokenRejection> {
        let compact = Compact::split(token, self.rules.max_token_bytes)?;
        let key = if let Some(key) = epoch.keys.by_header(compact.header) {
            key
        } else {
            let bytes = compact::decode(compact.header)?;
            let header = header::read(&bytes, &self.rules.types)?;
            let key = self.keys.find(epoch, header.kid.as_deref())?;
            if key.algorithm() != header.algorithm {
                return Err(TokenRejection::AlgorithmMismatch);
            }
            key
        };
        let mut buffer = compact::EMPTY;
        let signature = compact::decode_into(compact.signature, &mut buffer)?;
        if !key.verify(compact.message, signature) {
            return Err(TokenRejection::Signature);
        }
        if compact::fits(compact.payload) {
            read(compact::decode_into(compact.payload, &mut buffer)?)
        } else {
            read(&compact::decode(compact.payload)?)
        }
    }

    pub(crate) const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// How much longer than `exp` says a token is accepted, and so has to stay denied.
    ///
    /// ```
    /// # use portcullis_jwt::{KeyRing, TokenReader};
    /// # let keys = KeyRing::hs256(portcullis_core::Secret::new([7; 32])).unwrap();
    /// assert!(TokenReader::new(keys).leeway().is_zero());
    /// ```
    pub fn leeway(&self) -> Duration {
        self.rules.leeway
    }
}

impl fmt::Debug for TokenReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReader")
            .field("keys", &self.keys)
            .field("rules", &self.rules)
            .finish()
    }
}
