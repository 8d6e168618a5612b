//! `me/`, `sessions/`, `csrf/` and `token/verify/`: what a client asks about itself.

use http::StatusCode;
use http_body::Body;
use portcullis_core::{
    audit::{AuditEvent, AuditKind},
    csrf::SessionRef,
    identity::Source,
    rejection::{AuthReason, BodyReason, Rejection},
    rotation::{RevokeReason, Session, SessionId},
};

use super::{
    access::session_of_access,
    call::{Call, Outcome, fields, session_of, unauthenticated},
    mint::{Draft, Failed},
    reply::{json, problem},
};
use crate::jwt_cookie::Authenticated;

impl Call<'_> {
    /// Who the caller is, as the application knows it now.
    pub(super) async fn me(&self) -> Outcome {
        let access = self.authenticate().await?;
        let subject = access.subject();
        let user = self.shared.authenticator.active_user(subject).await;
        let user = user.map_err(|error| self.authenticator_failed(&error))?;
        let user = user.ok_or(unauthenticated(AuthReason::Revoked))?;
        let mut draft = Draft::default();
        draft.member("user", user.profile());
        self.renew_unfit_csrf(&access, &mut draft)
            .map_err(|error| self.mint_failed(&error))?;
        Ok(draft.into_reply())
    }

    /// Sets a CSRF token of the session where the browser has none that is signed for it.
    fn renew_unfit_csrf(&self, access: &Authenticated, draft: &mut Draft) -> Result<(), Failed> {
        if access.source() != Source::Cookie {
            return Ok(());
        }
        let session = session_of_access(access);
        let csrf = &self.shared.csrf;
        let kept = csrf.keep_or_issue(self.view.headers, session)?;
        if csrf.presented(self.view.headers).as_ref() == Some(&kept) {
            return Ok(());
        }
        draft.cookie(csrf.set_cookie(&kept));
        draft.member("csrfToken", format!("\"{}\"", kept.masked()?));
        Ok(())
    }

    /// The caller's sessions, newest first.
    pub(super) async fn sessions(&self) -> Outcome {
        let access = self.authenticate().await?;
        let listed = self.shared.stores.families.list(access.subject()).await;
        let listed = listed.map_err(|error| self.store_failed(&error))?;
        let lines: Vec<_> = listed
            .iter()
            .map(|line| describe(line, access.sid()))
            .collect();
        let body = serde_json::json!({ "sessions": lines }).to_string();
        Ok(json(StatusCode::OK, body))
    }

    /// Ends one of the caller's sessions; someone else's does not exist. One that has ended
    /// already is ended again, for the first answer may have been an error.
    pub(super) async fn end_session(&self, sid: &str) -> Outcome {
        let access = self.authenticate().await?;
        self.check_access_csrf(&access)?;
        let not_found = || problem(StatusCode::NOT_FOUND, "Not found.", "not_found");
        if SessionId::parse(sid).is_none() {
            return Ok(not_found());
        }
        let (families, subject) = (&self.shared.stores.families, access.subject());
        let revoked = families
            .revoke_known(subject, sid, RevokeReason::Logout, &self.shared.policy)
            .await;
        let Some(confirmation) = revoked.map_err(|error| self.store_failed(&error))? else {
            return Ok(not_found());
        };
        let named = |event: AuditEvent| event.with_subject(subject).with_session(sid);
        let confirmed = self.confirmed(confirmation, named);
        self.audit(AuditKind::Logout, named);
        let mut draft = Draft::default();
        draft.member("confirmed", confirmed.to_string());
        Ok(draft.into_reply())
    }

    /// Sets the CSRF cookie, the same again where it fits the session, and gives its masked form.
    pub(super) fn csrf(&self) -> Outcome {
        let known = self.known_refresh_tokens();
        let session = match known.as_slice() {
            [only] => session_of(only),
            _ => SessionRef::Anonymous,
        };
        self.csrf_reply(session)
            .map_err(|error| self.mint_failed(&error))
    }

    fn csrf_reply(&self, session: SessionRef<'_>) -> Result<super::reply::Reply, Failed> {
        let csrf = &self.shared.csrf;
        let token = csrf.keep_or_issue(self.view.headers, session)?;
        let mut draft = Draft::default();
        draft.cookie(csrf.set_cookie(&token));
        draft.member("csrfToken", format!("\"{}\"", token.masked()?));
        Ok(draft.into_reply())
    }

    /// Whether a token, sent in the body by a program, is an access token that still counts.
    pub(super) async fn verify<B: Body>(&self, body: B) -> Outcome {
        let address = self.address()?;
        let limits = &self.shared.limits;
        limits
            .address(address)
            .await
            .map_err(|blocked| self.blocked(blocked))?;
        let fields = fields(self, body).await?;
        let token = fields.get("token").filter(|token| !token.is_empty());
        let token = token.ok_or(Rejection::Body(BodyReason::MissingField))?;
        let claims = self
            .shared
            .reader
            .read_access::<()>(token.as_bytes(), self.now);
        let claims =
            claims.map_err(|rejection| unauthenticated(AuthReason::Invalid(rejection.code())))?;
        let revoked = self
            .shared
            .stores
            .revocations
            .is_revoked(&claims.base().facts())
            .await;
        if revoked.map_err(|error| self.store_failed(&error))? {
            return Err(unauthenticated(AuthReason::Revoked));
        }
        Ok(json(StatusCode::OK, "{}"))
    }
}

fn describe(session: &Session, current: Option<&str>) -> serde_json::Value {
    serde_json::json!({
        "sid": session.sid.as_str(),
        "created": session.created.as_secs(),
        "last_used": session.last_used.as_secs(),
        "label": session.label,
        "current": current == Some(session.sid.as_str()),
    })
}
