//! Issues tokens that simplejwt, ninja-jwt and PyJWT verify: identical input, identical bytes.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{
    audit::IdHash,
    clock::Timestamp,
    random::{self, RandomError},
};

use crate::{
    compact,
    json::MAX_INTEGER,
    reader::{ReaderConfigError, is_id, subject_claim},
    ring::KeyRing,
};

mod extra;

#[cfg(test)]
mod tests;

pub use extra::{ExtraClaims, ExtraClaimsError};

/// The longest token that is minted: what a cookie holds beside its name.
pub const MAX_MINTED_BYTES: usize = 4000;

/// The most that `iat` is set back.
const MAX_BACKDATE: Duration = Duration::from_secs(5);

/// A new `jti`: 32 lower-case hex digits, 128 bits from the operating system's generator.
///
/// # Errors
///
/// [`RandomError`] when the system has no entropy to give.
///
/// # Example
///
/// ```
/// let jti = portcullis_jwt::random_jti()?;
/// assert_eq!(jti.len(), 32);
/// assert_ne!(jti, portcullis_jwt::random_jti()?);
/// # Ok::<_, portcullis_core::random::RandomError>(())
/// ```
pub fn random_jti() -> Result<String, RandomError> {
    let mut hex = [0; 32];
    random::fill_from(b"0123456789abcdef", &mut hex)?;
    Ok(hex.iter().map(|&digit| char::from(digit)).collect())
}

/// The session that a token is minted for. `Debug` hashes its id.
#[derive(Clone, Copy)]
pub struct SessionParams<'a> {
    /// The refresh family: `sid`.
    pub sid: &'a str,
    /// When it began, on the store's clock: `sat`, in whole milliseconds.
    pub started: Timestamp,
    /// When it ends at the latest: `sexp`, in whole seconds.
    pub ends: Timestamp,
}

/// What an access token is to say. Times are cut to whole seconds. `Debug` hashes its id.
#[derive(Clone, Copy)]
pub struct AccessParams<'a> {
    /// The user id, 1 to 255 bytes without control characters; written as a string.
    pub subject: &'a str,
    /// The token's own id; see [`random_jti`].
    pub jti: &'a str,
    /// `iat`, before any [`with_iat_backdate`](Minter::with_iat_backdate).
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires: Timestamp,
    /// The session, if the token belongs to one.
    pub session: Option<SessionParams<'a>>,
    /// The application's own claims.
    pub extra: Option<&'a ExtraClaims>,
}

/// What a refresh token is to say. Times are cut to whole seconds. `Debug` hashes its id.
#[derive(Clone, Copy)]
pub struct RefreshParams<'a> {
    /// The user id, 1 to 255 bytes without control characters; written as a string.
    pub subject: &'a str,
    /// The token's own id.
    pub jti: &'a str,
    /// `iat`, before any [`with_iat_backdate`](Minter::with_iat_backdate).
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires: Timestamp,
    /// The session.
    pub session: SessionParams<'a>,
    /// The generation within it: `gen`.
    pub generation: u64,
}

impl fmt::Debug for SessionParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionParams")
            .field("sid", &IdHash::of(self.sid))
            .field("started", &self.started)
            .field("ends", &self.ends)
            .finish()
    }
}

impl fmt::Debug for AccessParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessParams")
            .field("subject", &self.subject)
            .field("jti", &IdHash::of(self.jti))
            .field("issued_at", &self.issued_at)
            .field("expires", &self.expires)
            .field("session", &self.session)
            .field("extra", &self.extra)
            .finish()
    }
}

impl fmt::Debug for RefreshParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshParams")
            .field("subject", &self.subject)
            .field("jti", &IdHash::of(self.jti))
            .field("issued_at", &self.issued_at)
            .field("expires", &self.expires)
            .field("session", &self.session)
            .field("generation", &self.generation)
            .finish()
    }
}

/// Signs tokens with the signing key of a ring. Cloning is a counter.
///
/// Claims are written in Django's order, ours behind them: `token_type`, `exp`, `iat`, `jti`, the
/// user id, `sid`, `gen`, `sat`, `sexp`, the application's, `aud`, `iss`.
///
/// # Example
///
/// ```
/// use portcullis_core::{Secret, clock::Timestamp};
/// use portcullis_jwt::{KeyRing, Minter, mint::AccessParams};
///
/// let minter = Minter::new(KeyRing::hs256(Secret::new([7; 32]))?);
/// let mut params = AccessParams {
///     subject: "42",
///     jti: "0123456789abcdef0123456789abcdef",
///     issued_at: Timestamp::from_secs(1_700_000_000),
///     expires: Timestamp::from_secs(1_700_000_300),
///     session: None,
///     extra: None,
/// };
/// assert_eq!(minter.mint_access(&params)?, minter.mint_access(&params)?);
///
/// params.subject = "";
/// assert!(minter.mint_access(&params).is_err(), "a token without a user");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Minter {
    keys: KeyRing,
    rules: Arc<Rules>,
}

#[derive(Clone, Debug)]
struct Rules {
    iat_backdate: Duration,
    issuer: Option<String>,
    audiences: Vec<String>,
    subject_claim: String,
}

impl Minter {
    /// A minter that signs with the signing key of `keys`.
    pub fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            rules: Arc::new(Rules {
                iat_backdate: Duration::ZERO,
                issuer: None,
                audiences: Vec::new(),
                subject_claim: "user_id".to_owned(),
            }),
        }
    }

    /// Sets `iat` back by `span`, for Django hosts whose clock is behind ours; default 0.
    ///
    /// PyJWT refuses an `iat` in the future, and simplejwt's `LEEWAY` is 0.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] above 5 s.
    pub fn with_iat_backdate(self, span: Duration) -> Result<Self, ReaderConfigError> {
        if span > MAX_BACKDATE {
            return Err(ReaderConfigError::new("iat backdate", span, "at most 5 s"));
        }
        Ok(self.change(|rules| rules.iat_backdate = span))
    }

    /// Writes `iss`. Django's `ISSUER`.
    pub fn with_issuer(self, issuer: impl Into<String>) -> Self {
        self.change(|rules| rules.issuer = Some(issuer.into()))
    }

    /// Writes `aud`: a string, or an array when called more than once. Django's `AUDIENCE`.
    pub fn with_audience(self, audience: impl Into<String>) -> Self {
        self.change(|rules| rules.audiences.push(audience.into()))
    }

    /// Writes the user id under `claim`. Django's `USER_ID_CLAIM`; default `user_id`.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for an empty name, and for that of a claim with another meaning.
    pub fn with_subject_claim(self, claim: impl Into<String>) -> Result<Self, ReaderConfigError> {
        let claim = subject_claim(claim.into())?;
        Ok(self.change(|rules| rules.subject_claim = claim))
    }

    /// Mints an access token.
    ///
    /// # Errors
    ///
    /// [`MintError`] when the ring has no signing key, an id is not writable, the token would be
    /// too long, or the signature provider fails.
    pub fn mint_access(&self, params: &AccessParams<'_>) -> Result<String, MintError> {
        let mut claims = self.common(
            "access",
            params.subject,
            params.jti,
            params.issued_at,
            params.expires,
        )?;
        if let Some(session) = &params.session {
            claims.session(session, None)?;
        }
        if let Some(extra) = params.extra {
            claims.0.push_str(extra.members());
        }
        self.sign(claims)
    }

    /// Mints a refresh token. It has no claims of the application, so that any replica can mint
    /// the same successor.
    ///
    /// # Errors
    ///
    /// As [`mint_access`](Self::mint_access).
    pub fn mint_refresh(&self, params: &RefreshParams<'_>) -> Result<String, MintError> {
        let mut claims = self.common(
            "refresh",
            params.subject,
            params.jti,
            params.issued_at,
            params.expires,
        )?;
        claims.session(&params.session, Some(params.generation))?;
        self.sign(claims)
    }

    fn common(
        &self,
        token_type: &str,
        subject: &str,
        jti: &str,
        issued_at: Timestamp,
        expires: Timestamp,
    ) -> Result<ClaimsText, MintError> {
        let issued_at = issued_at.minus(self.rules.iat_backdate);
        let mut claims = ClaimsText(String::with_capacity(320));
        claims.0.push('{');
        claims.text("token_type", token_type);
        claims.integer("exp", expires.as_secs())?;
        claims.integer("iat", issued_at.as_secs())?;
        claims.id("jti", jti)?;
        claims.id(&self.rules.subject_claim, subject)?;
        Ok(claims)
    }

    fn sign(&self, mut claims: ClaimsText) -> Result<String, MintError> {
        match self.rules.audiences.as_slice() {
            [] => {}
            [one] => claims.text("aud", one),
            many => claims.member("aud", &quoted_list(many)),
        }
        if let Some(issuer) = &self.rules.issuer {
            claims.text("iss", issuer);
        }
        claims.0.push('}');

        let epoch = self.keys.load();
        let key = epoch.keys.signing().ok_or(MintError::NoSigningKey)?;
        let mut token = [key.public.header(), &compact::encode(claims.0.as_bytes())].join(".");
        let signature = key.sign(token.as_bytes()).ok_or(MintError::Provider)?;
        token.push('.');
        token.push_str(&compact::encode(&signature));
        if token.len() > MAX_MINTED_BYTES {
            return Err(MintError::TooLong);
        }
        Ok(token)
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }
}

/// The claims as JSON text, so that their order is ours and never a map's.
struct ClaimsText(String);

impl ClaimsText {
    fn member(&mut self, name: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(json);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.member(name, &quoted(text));
    }

    fn id(&mut self, name: &str, id: &str) -> Result<(), MintError> {
        if !is_id(id) {
            return Err(MintError::Id);
        }
        self.text(name, id);
        Ok(())
    }

    fn integer(&mut self, name: &str, number: u64) -> Result<(), MintError> {
        if number > MAX_INTEGER {
            return Err(MintError::Time);
        }
        self.member(name, &number.to_string());
        Ok(())
    }

    fn session(
        &mut self,
        session: &SessionParams<'_>,
        generation: Option<u64>,
    ) -> Result<(), MintError> {
        self.id("sid", session.sid)?;
        if let Some(generation) = generation {
            self.integer("gen", generation)?;
        }
        self.integer("sat", session.started.as_millis())?;
        self.integer("sexp", session.ends.as_secs())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted_list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// A token that cannot be minted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MintError {
    /// A user id, `jti` or `sid` is empty, longer than 255 bytes, or has control characters.
    Id,
    /// The ring only verifies.
    NoSigningKey,
    /// The signature provider failed.
    Provider,
    /// A time or generation above 2^53 − 1.
    Time,
    /// More than [`MAX_MINTED_BYTES`]: too much for a cookie. Fewer custom claims help.
    TooLong,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "an id is empty, longer than 255 bytes, or has control characters",
            Self::NoSigningKey => "the key ring has no signing key",
            Self::Provider => "the signature provider failed",
            Self::Time => "a time or generation is above 2^53 - 1",
            Self::TooLong => "the token would be longer than 4000 bytes: use fewer custom claims",
        })
    }
}

impl std::error::Error for MintError {}
