//! Tower layers that give any hyper, axum or tonic service the web authentication of a carefully
//! run Django site: JWTs in HttpOnly cookies, CSRF tokens, security headers, rate limits and
//! one-use refresh tokens.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod allowed_hosts;
pub mod csp_report;
pub mod csrf;
pub mod csrf_form;
#[cfg(all(feature = "axum", feature = "jwt"))]
#[cfg_attr(docsrs, doc(cfg(all(feature = "axum", feature = "jwt"))))]
pub mod extract;
mod gate;
mod guarded;
pub mod https_redirect;
#[cfg(feature = "jwt")]
pub mod jwt_cookie;
#[cfg(feature = "metrics")]
pub mod metrics_audit;
pub mod rate_limit;
#[cfg(feature = "jwt")]
pub mod refresh;
#[cfg(feature = "jwt")]
pub mod require;
pub mod security_headers;
#[cfg(feature = "jwt")]
pub mod stack;
#[cfg(feature = "tokio")]
pub mod tokio_clock;
#[cfg(feature = "tracing")]
pub mod tracing_audit;

pub use guarded::Guarded;
pub use portcullis_core as core;
pub use portcullis_core::{Rejection, Secret, respond};
#[cfg(feature = "jwt")]
pub use portcullis_jwt as jwt;
#[cfg(feature = "jwt")]
pub use stack::Portcullis;
