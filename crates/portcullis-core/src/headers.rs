//! Renders a validated security-header policy once, into header pairs.
//!
//! A header is set where the handler set none; HSTS and `upgrade-insecure-requests` go out on https
//! alone (RFC 6797 §7.2); retired headers (`X-XSS-Protection`, `Expect-CT`, `Feature-Policy`) have
//! no builder. Every text that enters a value is checked where it is given, so that none can end
//! its directive and begin another.
//!
//! # Example
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use portcullis_core::{headers::{Csp, HeaderPolicy, Source}, origin::Scheme};
//!
//! let policy = HeaderPolicy::api();
//! let mut headers = HeaderMap::new();
//! headers.insert("x-frame-options", "SAMEORIGIN".parse()?);
//! policy.apply(&mut headers, StatusCode::OK, Scheme::Http, None);
//! assert_eq!(headers["x-content-type-options"], "nosniff");
//! assert_eq!(headers["x-frame-options"], "SAMEORIGIN", "the handler's own");
//! assert!(!headers.contains_key("strict-transport-security"), "not over plain http");
//!
//! assert!(Source::host("cdn.example; script-src *").is_err());
//! assert!(Source::host("self").is_err(), "a keyword without its quotes");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod clear_site_data;
mod csp;
mod directive;
mod error;
mod hsts;
mod keywords;
mod nonce;
mod permissions;
mod policy;
mod prepared;
mod rendered;
mod source;
#[cfg(test)]
mod tests;

pub use clear_site_data::ClearSiteData;
pub use csp::Csp;
pub use directive::{Directive, Sandbox};
pub use error::HeaderConfigError;
pub use hsts::Hsts;
pub use keywords::{EmbedderPolicy, FrameOptions, OpenerPolicy, ReferrerPolicy, ResourcePolicy};
pub use nonce::Nonce;
pub use permissions::PermissionsPolicy;
pub use policy::HeaderPolicy;
pub use prepared::PreparedHeaders;
pub use source::Source;
