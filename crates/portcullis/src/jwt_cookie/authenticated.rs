//! Holds what a handler learns of the sender.

use std::{any::Any, fmt, sync::Arc};

use http::Extensions;
use portcullis_core::{
    audit::IdHash,
    clock::Timestamp,
    identity::{Identity, Source},
};
use portcullis_jwt::{AccessClaims, claims::SessionClaims};

/// The verified sender of a request. Cloning is a counter.
///
/// [`of`](Self::of) takes it from the extensions of a request that passed the layer; with the
/// feature `axum` it is an extractor too. See the [module docs](super) for an example.
pub struct Authenticated<C = ()> {
    claims: Arc<AccessClaims<C>>,
    source: Source,
}

impl<C: Send + Sync + 'static> Authenticated<C> {
    /// The sender of the request with these `extensions`, if the innermost layer that authenticated
    /// it reads custom claims of the type `C`.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let identity = extensions.get::<Identity>()?;
        let token: Arc<dyn Any + Send + Sync> = identity.token()?.clone();
        let claims = token.downcast().ok()?;
        Some(Self::new(claims, identity.source()))
    }

    /// The same, for layers that know nothing of this token's claims.
    pub(super) fn identity(self) -> Identity {
        Identity::of_token(self.claims, self.source)
    }
}

impl<C> Authenticated<C> {
    pub(super) const fn new(claims: Arc<AccessClaims<C>>, source: Source) -> Self {
        Self { claims, source }
    }

    /// Everything that the token says.
    pub fn claims(&self) -> &AccessClaims<C> {
        &self.claims
    }

    /// The application's own claims.
    pub fn custom(&self) -> &C {
        self.claims.custom()
    }

    /// The user id.
    pub fn subject(&self) -> &str {
        self.claims.base().subject()
    }

    /// The session id, absent on tokens that Django issued.
    pub fn sid(&self) -> Option<&str> {
        self.claims.base().session().map(SessionClaims::sid)
    }

    /// When the token expires.
    pub fn expires_at(&self) -> Timestamp {
        self.claims.base().expires_at()
    }

    /// Where the token came from.
    pub const fn source(&self) -> Source {
        self.source
    }
}

impl<C> Clone for Authenticated<C> {
    fn clone(&self) -> Self {
        Self {
            claims: self.claims.clone(),
            source: self.source,
        }
    }
}

impl<C> fmt::Debug for Authenticated<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("subject", &self.subject())
            .field("sid", &self.sid().map(IdHash::of))
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
