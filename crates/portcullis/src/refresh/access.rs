//! Authenticates the endpoints that want an access token: `me`, `sessions`, `logout-all`.

use http_body::Body;
use portcullis_core::{
    Secret,
    audit::AuditKind,
    csrf::SessionRef,
    identity::Source,
    rejection::{AuthReason, BodyReason, Rejection},
};

use super::{
    call::{Call, fields, unauthenticated},
    limits::LoginKeys,
};
use crate::jwt_cookie::{
    Authenticated,
    credentials::{Presented, Search},
    policy::revocation_verdict,
};

/// The session for which a CSRF token beside this access token is signed.
pub(super) fn session_of_access(access: &Authenticated) -> SessionRef<'_> {
    access
        .sid()
        .map_or(SessionRef::User(access.subject()), SessionRef::Session)
}

impl Call<'_> {
    /// The sender of the request, by the rules of the authentication layer.
    pub(super) async fn authenticate(&self) -> Result<Authenticated, Rejection> {
        let policy = &self.shared.access;
        let found = policy.authenticate(&self.shared.access_reader, self.view.headers)?;
        // The policy is the one that requires a credential: there is one, or it has refused.
        let access = found.user.ok_or(unauthenticated(AuthReason::Missing))?;
        let revoked = policy.check_revoked(Some(&access)).await;
        if let Err(error) = &revoked {
            self.store_failed(error);
        }
        revocation_verdict(&revoked, Some(&access))?;
        Ok(access)
    }

    /// The access tokens presented, in whatever place, unverified.
    pub(super) fn access_tokens(&self) -> impl Iterator<Item = &[u8]> {
        let names = [self.shared.cookies.access_name()];
        let search = Search::through(self.view.headers, &names);
        [search.cookies.found.into(), search.bearer()]
            .into_iter()
            .filter_map(|place| match place {
                Presented::Token(token) => Some(token),
                _ => None,
            })
    }

    /// Checks CSRF where the browser sent the token by itself.
    pub(super) fn check_access_csrf(&self, access: &Authenticated) -> Result<(), Rejection> {
        match access.source() {
            Source::Bearer => Ok(()),
            _ => self.check_csrf(&[session_of_access(access)]),
        }
    }

    /// Asks for the password once more, where the service is built so.
    pub(super) async fn reauthenticate<B: Body>(
        &self,
        subject: &str,
        body: B,
    ) -> Result<(), Rejection> {
        let Some(check) = &self.shared.reauthentication else {
            return Ok(());
        };
        let fields = fields(self, body).await?;
        let password = fields
            .get("password")
            .filter(|password| !password.is_empty());
        let password = password.ok_or(Rejection::Body(BodyReason::MissingField))?;
        // The same charges as a login: a stolen session must not become a password oracle.
        let keys = LoginKeys {
            address: self.address()?,
            account: subject,
            device: None,
        };
        let limits = &self.shared.limits;
        let reservation = limits
            .login(&keys)
            .await
            .map_err(|blocked| self.blocked(blocked))?;
        let right = check(subject, &Secret::new(password)).await;
        if !right.map_err(|error| self.authenticator_failed(&error))? {
            self.audit(AuditKind::LoginFailed, |event| {
                event.with_subject(subject).with_reason("reauthentication")
            });
            return Err(Rejection::LoginFailed);
        }
        if let Err(error) = limits.refund(reservation).await {
            self.store_failed(&error);
        }
        Ok(())
    }
}
