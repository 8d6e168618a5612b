//! `POST logout/` and `POST logout-all/`: end sessions everywhere, at once.

use http_body::Body;
use portcullis_core::{
    audit::{AuditEvent, AuditKind},
    csrf::SessionRef,
    rejection::Rejection,
    rotation::RevokeReason,
};
use portcullis_jwt::Claims;

use super::{
    call::{Call, Outcome, session_of},
    mint::{Draft, Failed},
};

impl Call<'_> {
    /// Ends the session of each refresh token presented, alive or expired, and denies the access
    /// token beside it. Whatever was sent, the answer is the same and the cookies are gone.
    pub(super) async fn logout(&self) -> Outcome {
        let known = self.known_refresh_tokens();
        let mut sessions: Vec<_> = known.iter().map(session_of).collect();
        sessions.push(SessionRef::Anonymous);
        self.check_csrf(&sessions)?;
        let mut confirmed = true;
        for token in &known {
            let base = token.base();
            let sid = id(base);
            let reason = RevokeReason::Logout;
            let families = &self.shared.stores.families;
            let revoked = families
                .revoke(base.subject(), sid, reason, &self.shared.policy)
                .await;
            let confirmation = revoked.map_err(|error| self.store_failed(&error))?;
            confirmed &= self.confirmed(confirmation, |event| named(event, base));
            if base.session().is_none() {
                confirmed &= self.blacklist(base).await?;
            }
            self.audit(AuditKind::Logout, |event| named(event, base));
        }
        let ended: Vec<_> = known
            .iter()
            .filter_map(|token| session(token.base()))
            .collect();
        let is_over = |access: &Claims| session(access).is_some_and(|own| ended.contains(&own));
        confirmed &= self.deny_access_token(is_over).await?;
        self.signed_out(confirmed)
    }

    /// Lists a token of Django's as used up, for us and for Django.
    async fn blacklist(&self, base: &Claims) -> Result<bool, Rejection> {
        let blacklist = &self.shared.stores.blacklist;
        let (subject, jti, expires) = (base.subject(), base.jti(), base.expires_at());
        let listed = blacklist.add(subject, jti, expires).await;
        let confirmation = listed.map_err(|error| self.store_failed(&error))?;
        if let Some(adoption) = &self.shared.adoption {
            let told = adoption.django.blacklist(jti, subject, expires).await;
            told.map_err(|error| self.authenticator_failed(&error))?;
        }
        Ok(self.confirmed(confirmation, |event| named(event, base)))
    }

    /// Denies the access token that came along, if it is still good for anything: one whose session
    /// is over by what has just been written is not.
    async fn deny_access_token(
        &self,
        is_over: impl Fn(&Claims) -> bool,
    ) -> Result<bool, Rejection> {
        let mut confirmed = true;
        for token in self.access_tokens() {
            let Ok(claims) = self.shared.reader.read_access::<()>(token, self.now) else {
                continue;
            };
            let base = claims.base();
            if is_over(base) {
                continue;
            }
            let revocations = &self.shared.stores.revocations;
            // As long as some reader accepts it.
            let until = base.expires_at() + self.shared.reader.leeway();
            let denied = revocations.deny(base.subject(), base.jti(), until).await;
            let confirmation = denied.map_err(|error| self.store_failed(&error))?;
            confirmed &= self.confirmed(confirmation, |event| named(event, base));
        }
        Ok(confirmed)
    }

    /// Ends every session of the caller's user, the caller's own among them.
    pub(super) async fn logout_all<B: Body>(&self, body: B) -> Outcome {
        let access = self.authenticate().await?;
        self.check_access_csrf(&access)?;
        let subject = access.subject();
        self.reauthenticate(subject, body).await?;
        let revoked = self
            .shared
            .stores
            .families
            .revoke_all(subject, &self.shared.policy)
            .await;
        let confirmation = revoked.map_err(|error| self.store_failed(&error))?;
        let is_over = |access: &Claims| access.subject() == subject && access.session().is_some();
        let confirmed = self.confirmed(confirmation, |event| event.with_subject(subject));
        let confirmed = confirmed & self.deny_access_token(is_over).await?;
        self.audit(AuditKind::LogoutAll, |event| event.with_subject(subject));
        self.signed_out(confirmed)
    }

    fn signed_out(&self, confirmed: bool) -> Outcome {
        let mut draft = Draft::default();
        let deleted = self.shared.cookies.delete_tokens();
        for line in deleted.map_err(|error| self.mint_failed(&Failed::Cookie(error)))? {
            draft.cookie(line);
        }
        draft.member("confirmed", confirmed.to_string());
        self.renew_csrf(SessionRef::Anonymous, &mut draft)
            .map_err(|error| self.mint_failed(&error))?;
        Ok(draft.into_reply())
    }
}

/// The session of a token, or its own id: that of the session which Django's would open.
fn id(token: &Claims) -> &str {
    token.session().map_or(token.jti(), |session| session.sid())
}

/// `event`, of the user and the session of `token`.
fn named(event: AuditEvent, token: &Claims) -> AuditEvent {
    event.with_subject(token.subject()).with_session(id(token))
}

/// The user and the session of a token that has one.
fn session(token: &Claims) -> Option<(&str, &str)> {
    let session = token.session()?;
    Some((token.subject(), session.sid()))
}
