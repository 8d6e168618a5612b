//! Builds a reader, and refuses a configuration that would make it lax by accident.

use std::{fmt, sync::Arc, time::Duration};

use super::{Rules, TokenReader};
use crate::ring::KeyRing;

/// The most that clocks may differ.
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// The longest an access token may live, whatever is configured.
const MAX_ACCESS_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The most bytes of a token, whatever is configured.
const MAX_TOKEN_BYTES: usize = 8192;

/// The most claims that can be required, and audiences that can be accepted.
pub(super) const MAX_LIST: usize = 32;

impl TokenReader {
    /// A reader with Django's rules: no leeway, no issuer, no audience.
    pub fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            rules: Arc::new(Rules {
                leeway: Duration::ZERO,
                max_access_lifetime: Duration::from_secs(2 * 3600),
                max_token_bytes: 4096,
                issuer: None,
                audiences: Vec::new(),
                required: Vec::new(),
                subject_claim: "user_id".to_owned(),
                types: Vec::new(),
            }),
        }
    }

    /// Tolerates clocks that differ by `leeway`: `exp` counts later, `nbf` and `iat` earlier.
    /// Django's `LEEWAY`; default 0.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] above 60 s.
    pub fn with_leeway(self, leeway: Duration) -> Result<Self, ReaderConfigError> {
        if leeway > MAX_LEEWAY {
            return Err(ReaderConfigError::new("leeway", leeway, "at most 60 s"));
        }
        Ok(self.change(|rules| rules.leeway = leeway))
    }

    /// Refuses access tokens whose `exp` is further ahead than `lifetime`; default 2 h.
    ///
    /// Denied tokens and sessions are remembered that long, so a longer one would outlive its
    /// revocation.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for zero, and above 24 h.
    pub fn with_max_access_lifetime(self, lifetime: Duration) -> Result<Self, ReaderConfigError> {
        if lifetime.is_zero() || lifetime > MAX_ACCESS_LIFETIME {
            return Err(ReaderConfigError::new(
                "longest access lifetime",
                lifetime,
                "more than zero and at most 24 h",
            ));
        }
        Ok(self.change(|rules| rules.max_access_lifetime = lifetime))
    }

    /// Refuses longer tokens before anything of them is decoded; default 4096 bytes.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] below 256 and above 8192.
    pub fn with_max_token_bytes(self, bytes: usize) -> Result<Self, ReaderConfigError> {
        if !(256..=MAX_TOKEN_BYTES).contains(&bytes) {
            return Err(ReaderConfigError::new(
                "longest token",
                bytes,
                "256 to 8192 bytes",
            ));
        }
        Ok(self.change(|rules| rules.max_token_bytes = bytes))
    }

    /// Requires `iss` to be exactly `issuer`. Django's `ISSUER`.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for an empty one.
    pub fn with_issuer(self, issuer: impl Into<String>) -> Result<Self, ReaderConfigError> {
        let issuer = not_empty("issuer", issuer.into())?;
        Ok(self.change(|rules| rules.issuer = Some(issuer)))
    }

    /// Requires `aud` to name `audience`, or one of those given before. Django's `AUDIENCE`.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for an empty one, and for more than 32.
    pub fn with_audience(self, audience: impl Into<String>) -> Result<Self, ReaderConfigError> {
        let audience = not_empty("audience", audience.into())?;
        room("audiences", &self.rules.audiences)?;
        Ok(self.change(|rules| rules.audiences.push(audience)))
    }

    /// Refuses tokens in which the member `claim` is absent or null.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for an empty name, and for more than 32.
    pub fn add_required_claim(self, claim: impl Into<String>) -> Result<Self, ReaderConfigError> {
        let claim = not_empty("required claim", claim.into())?;
        room("required claims", &self.rules.required)?;
        Ok(self.change(|rules| rules.required.push(claim)))
    }

    /// Reads the user id from the member `claim`. Django's `USER_ID_CLAIM`; default `user_id`.
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for an empty name, and for that of a claim with another meaning.
    pub fn with_subject_claim(self, claim: impl Into<String>) -> Result<Self, ReaderConfigError> {
        let claim = subject_claim(claim.into())?;
        Ok(self.change(|rules| rules.subject_claim = claim))
    }

    /// Also accepts tokens whose header says `typ`, such as `at+jwt` (RFC 9068 §2.1).
    ///
    /// # Errors
    ///
    /// [`ReaderConfigError`] for an empty one, and for more than 32.
    pub fn add_accepted_typ(self, typ: impl Into<String>) -> Result<Self, ReaderConfigError> {
        let typ = not_empty("typ", typ.into())?;
        room("types", &self.rules.types)?;
        Ok(self.change(|rules| rules.types.push(typ)))
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }
}

/// The name under which the user id is written and read.
pub(crate) fn subject_claim(claim: String) -> Result<String, ReaderConfigError> {
    let claim = not_empty("user id claim", claim)?;
    let free =
        claim == "user_id" || claim == "sub" || !crate::claims::RESERVED.contains(&claim.as_str());
    if free {
        Ok(claim)
    } else {
        Err(ReaderConfigError::new(
            "user id claim",
            claim,
            "a name that no other claim has",
        ))
    }
}

fn not_empty(what: &'static str, text: String) -> Result<String, ReaderConfigError> {
    if text.is_empty() || text.contains('\0') {
        return Err(ReaderConfigError::new(
            what,
            text,
            "at least one character, none of them NUL",
        ));
    }
    Ok(text)
}

fn room(what: &'static str, list: &[String]) -> Result<(), ReaderConfigError> {
    if list.len() == MAX_LIST {
        return Err(ReaderConfigError::new(what, list.len() + 1, "at most 32"));
    }
    Ok(())
}

/// A setting of a [`TokenReader`] or [`Minter`](crate::Minter) that is out of its bounds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReaderConfigError {
    what: &'static str,
    found: String,
    want: &'static str,
}

impl ReaderConfigError {
    pub(crate) fn new(what: &'static str, found: impl fmt::Debug, want: &'static str) -> Self {
        Self {
            what,
            found: format!("{found:?}").chars().take(256).collect(),
            want,
        }
    }
}

impl fmt::Display for ReaderConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} {} is not usable: want {}",
            self.what, self.found, self.want
        )
    }
}

impl std::error::Error for ReaderConfigError {}
