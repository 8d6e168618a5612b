//! Mints the tokens of a session and puts them into a reply.

use std::time::Duration;

use http::{StatusCode, header::VARY};
use portcullis_core::{
    audit::AuditKind,
    clock::Timestamp,
    csrf::SessionRef,
    keys::Purpose,
    random::RandomError,
    rejection::Rejection,
    rotation::{SessionId, refresh_jti},
};
use portcullis_jwt::mint::{AccessParams, MintError, RefreshParams, SessionParams, random_jti};

use super::{
    Delivery, User,
    call::{Call, UNAVAILABLE},
    cookies::SetError,
    reply::{Reply, add_cookie, json},
};

/// How far `iat` of a refresh token is set back. It counts on the store's clock, as every replica
/// has to mint the same token, and must not lie in the future of a node whose clock is behind.
const REFRESH_BACKDATE: Duration = Duration::from_secs(60);

/// The session that tokens are minted for.
pub(super) struct Minting<'a> {
    pub(super) user: &'a User,
    pub(super) sid: &'a SessionId,
    pub(super) created: Timestamp,
    pub(super) absolute_end: Timestamp,
    /// The store's present.
    pub(super) now: Timestamp,
    /// The refresh token to hand out, unless this grant has none.
    pub(super) refresh: Option<RefreshMinting>,
    /// Set where the CSRF token is renewed: login and adoption.
    pub(super) renew_csrf: bool,
}

/// The refresh token to hand out: always the same for the same values.
#[derive(Clone, Copy)]
pub(super) struct RefreshMinting {
    pub(super) generation: u64,
    pub(super) issued_at: Timestamp,
    pub(super) key_version: u32,
}

/// A reply under construction: cookie lines and the members of its JSON object.
#[derive(Default)]
pub(super) struct Draft {
    lines: Vec<http::HeaderValue>,
    members: Vec<(&'static str, String)>,
}

impl Draft {
    /// Adds a member; `value` is JSON already.
    pub(super) fn member(&mut self, name: &'static str, value: impl Into<String>) {
        self.members.push((name, value.into()));
    }

    pub(super) fn cookie(&mut self, line: http::HeaderValue) {
        self.lines.push(line);
    }

    pub(super) fn into_reply(self) -> Reply {
        let members: Vec<_> = self
            .members
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        let mut reply = json(StatusCode::OK, format!("{{{}}}", members.join(", ")));
        for line in self.lines {
            add_cookie(&mut reply, line);
        }
        reply
            .headers_mut()
            .append(VARY, http::HeaderValue::from_static("Cookie"));
        reply
    }
}

impl Call<'_> {
    /// Mints what `minting` asks for into `draft`.
    pub(super) fn mint(&self, minting: &Minting<'_>, draft: &mut Draft) -> Result<(), Rejection> {
        self.try_mint(minting, draft)
            .map_err(|error| self.mint_failed(&error))
    }

    fn try_mint(&self, minting: &Minting<'_>, draft: &mut Draft) -> Result<(), Failed> {
        self.mint_access(minting, draft)?;
        if let Some(refresh) = minting.refresh {
            self.mint_refresh(minting, refresh, draft)?;
        }
        if minting.renew_csrf {
            self.renew_csrf(SessionRef::Session(minting.sid.as_str()), draft)?;
        }
        Ok(())
    }

    fn mint_access(&self, minting: &Minting<'_>, draft: &mut Draft) -> Result<(), Failed> {
        // The earlier of the two clocks: by the store's, a late mint cannot outlive the denial; by
        // ours, a store that is ahead makes no tokens of the future, which we would refuse.
        let now = minting.now.min(self.shared.clock.now());
        let expires = (now + self.shared.access_ttl()).min(minting.absolute_end);
        let token = self.shared.minter.mint_access(&AccessParams {
            subject: minting.user.subject(),
            jti: &random_jti()?,
            issued_at: now,
            expires,
            session: Some(minting.session()),
            extra: minting.user.claims(),
        })?;
        let age = Duration::from_secs(expires.as_secs().saturating_sub(now.as_secs()));
        match self.shared.delivery {
            Delivery::Cookies => draft.cookie(self.shared.cookies.set_access(&token, age)?),
            // A compact JWS has no character that JSON escapes.
            Delivery::AccessInBody => draft.member("access", format!("\"{token}\"")),
        }
        draft.member("expires_in", age.as_secs().to_string());
        Ok(())
    }

    fn mint_refresh(
        &self,
        minting: &Minting<'_>,
        refresh: RefreshMinting,
        draft: &mut Draft,
    ) -> Result<(), Failed> {
        let key = self
            .shared
            .keys
            .version(refresh.key_version)
            .ok_or(Failed::KeyVersion)?;
        let sid = minting.sid.as_str();
        let expires = (refresh.issued_at + self.shared.policy.idle).min(minting.absolute_end);
        let token = self.shared.minter.mint_refresh(&RefreshParams {
            subject: minting.user.subject(),
            jti: &refresh_jti(&key.derive(Purpose::Successor), sid, refresh.generation),
            issued_at: refresh.issued_at.minus(REFRESH_BACKDATE),
            expires,
            session: minting.session(),
            generation: refresh.generation,
        })?;
        let age = expires.since(minting.now);
        draft.cookie(self.shared.cookies.set_refresh(&token, age)?);
        Ok(())
    }

    /// Sets a new CSRF token for `session`, and says so in the body.
    pub(super) fn renew_csrf(
        &self,
        session: SessionRef<'_>,
        draft: &mut Draft,
    ) -> Result<(), Failed> {
        let token = self.shared.csrf.issue(session)?;
        draft.cookie(self.shared.csrf.set_cookie(&token));
        draft.member("csrfToken", format!("\"{}\"", token.masked()?));
        Ok(())
    }

    /// Reports that no token could be made, and refuses: nothing of ours is at the peer's mercy.
    pub(super) fn mint_failed(&self, failed: &Failed) -> Rejection {
        self.audit(AuditKind::StoreFailed, |event| {
            event.with_reason(failed.to_string())
        });
        UNAVAILABLE
    }
}

impl Minting<'_> {
    fn session(&self) -> SessionParams<'_> {
        SessionParams {
            sid: self.sid.as_str(),
            started: self.created,
            ends: self.absolute_end,
        }
    }
}

/// Why no token could be made.
#[derive(Debug)]
pub(super) enum Failed {
    Cookie(SetError),
    /// The family was opened under a rotation key that is not configured any more.
    KeyVersion,
    Mint(MintError),
    Random(RandomError),
}

impl From<SetError> for Failed {
    fn from(error: SetError) -> Self {
        Self::Cookie(error)
    }
}

impl From<MintError> for Failed {
    fn from(error: MintError) -> Self {
        Self::Mint(error)
    }
}

impl From<RandomError> for Failed {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cookie(error) => write!(f, "a cookie could not be written: {error}"),
            Self::KeyVersion => f.write_str("the family's rotation key is not configured"),
            Self::Mint(error) => write!(f, "a token could not be minted: {error}"),
            Self::Random(error) => error.fmt(f),
        }
    }
}
