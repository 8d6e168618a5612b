//! All the layers in the one right order, as one layer, and the login service beside them.
//!
//! | what | layers, from outside |
//! |---|---|
//! | [`Stack::layer`] | security headers, allowed hosts, redirect to https, rate limit by address, authentication, CSRF, rate limit by user |
//! | [`Stack::optional_layer`] | the same, but a request without a credential passes without identity |
//! | [`Stack::public_layer`] | the first four: pages that anybody may see |
//! | [`Stack::auth_service`] | the first four round the [`RefreshRotationService`] |
//!
//! Apply each as one `.layer(…)`: a router boxes once for every call.
//!
//! # Example
//!
//! ```
//! # use portcullis::{core::Answer, refresh::*};
//! # struct Users;
//! # impl Authenticator for Users {
//! #     fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
//! #         Answer::now(Ok(LoginOutcome::Refused { subject: None }))
//! #     }
//! #     fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
//! #         Answer::now(Ok(None))
//! #     }
//! # }
//! use portcullis::{Portcullis, Secret, core::keys::RotationKeys, jwt::KeyRing, refresh::Stores};
//! use std::sync::Arc;
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let signing = KeyRing::hs256(Secret::random(32)?)?;
//! let rotation = RotationKeys::new(1, &Secret::random(32)?)?;
//! let stores = Stores::memory(Arc::new(portcullis::core::clock::SystemClock));
//! let stack = Portcullis::builder(signing, rotation, stores, Users)
//!     .add_own_origin("https://chat.example".parse()?)
//!     .build()?;
//!
//! let app = service_fn(|_| async { Ok::<_, std::convert::Infallible>(http::Response::new(())) });
//! let protected = stack.layer().layer(app);
//! # tokio_test::block_on(async {
//! let elsewhere = http::Request::get("/").header("host", "evil.example").body(())?;
//! assert_eq!(protected.clone().oneshot(elsewhere).await?.status(), 400);
//! let plain = http::Request::get("/").header("host", "chat.example").body(())?;
//! assert_eq!(protected.oneshot(plain).await?.status(), 308, "to https");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })
//! # }
//! ```

use tower_layer::Layer;

use crate::{
    allowed_hosts::{AllowedHostsLayer, CheckHost},
    csrf::{Csrf, CsrfLayer},
    https_redirect::{HttpsRedirect, HttpsRedirectLayer},
    jwt_cookie::{JwtCookie, JwtCookieAuthLayer, Mode},
    rate_limit::{RateLimit, RateLimitLayer},
    refresh::RefreshRotationService,
    security_headers::{SecurityHeaders, SecurityHeadersLayer},
};

mod builder;
mod service;
#[cfg(test)]
mod tests;

pub use builder::{StackBuilder, StackConfigError};
pub use service::{Portcullis, Public, PublicFuture, ResponseFuture};

/// What every response goes through.
type Outer<S> = SecurityHeaders<CheckHost<HttpsRedirect<RateLimit<S>>>>;

/// What stands between the outer layers and a protected service.
type Inner<S, C> = JwtCookie<Csrf<RateLimit<S>>, C>;

/// The layers and the login service of one configuration. Cloning is a handful of counters.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct Stack<C = ()> {
    outer: PublicLayer,
    authentication: JwtCookieAuthLayer<C>,
    csrf: CsrfLayer,
    by_subject: RateLimitLayer,
    service: RefreshRotationService,
}

impl<C> Stack<C> {
    /// Requires a valid access token.
    pub fn layer(&self) -> PortcullisLayer<C> {
        self.layer_with(Mode::Required)
    }

    /// Lets requests without a credential pass without identity; an invalid one is refused.
    pub fn optional_layer(&self) -> PortcullisLayer<C> {
        self.layer_with(Mode::Optional)
    }

    /// For what anybody may see: headers, hosts, https and the limit by address.
    pub fn public_layer(&self) -> PublicLayer {
        self.outer.clone()
    }

    /// The login service behind the outer layers. CSRF it checks itself.
    pub fn auth_service(&self) -> Public<RefreshRotationService> {
        self.outer.layer(self.service.clone())
    }

    fn layer_with(&self, mode: Mode) -> PortcullisLayer<C> {
        PortcullisLayer {
            outer: self.outer.clone(),
            authentication: self.authentication.clone().with_mode(mode),
            csrf: self.csrf.clone(),
            by_subject: self.by_subject.clone(),
        }
    }
}

/// Layer that applies [`Portcullis`].
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct PortcullisLayer<C = ()> {
    outer: PublicLayer,
    authentication: JwtCookieAuthLayer<C>,
    csrf: CsrfLayer,
    by_subject: RateLimitLayer,
}

impl<S, C> Layer<S> for PortcullisLayer<C> {
    type Service = Portcullis<S, C>;

    fn layer(&self, inner: S) -> Portcullis<S, C> {
        let inner = self.csrf.layer(self.by_subject.layer(inner));
        Portcullis::new(self.outer.surround(self.authentication.layer(inner)))
    }
}

/// Layer that applies [`Public`].
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct PublicLayer {
    headers: SecurityHeadersLayer,
    hosts: AllowedHostsLayer,
    redirect: HttpsRedirectLayer,
    by_address: RateLimitLayer,
}

impl PublicLayer {
    fn surround<S>(&self, inner: S) -> Outer<S> {
        let limited = self.by_address.layer(inner);
        self.headers
            .layer(self.hosts.layer(self.redirect.layer(limited)))
    }
}

impl<S> Layer<S> for PublicLayer {
    type Service = Public<S>;

    fn layer(&self, inner: S) -> Public<S> {
        Public::new(self.surround(inner))
    }
}
