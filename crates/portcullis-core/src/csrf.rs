//! Decides whether an unsafe request may pass: Django's rules on the wire, Fetch Metadata in front,
//! a session signature inside.
//!
//! | request | outcome |
//! |---|---|
//! | authenticated by Bearer | passes: no other site can make a browser send that header |
//! | `GET`, `HEAD`, `OPTIONS`, `TRACE` in exactly these letters | passes |
//! | WebSocket upgrade, `CONNECT` | passes when its origin is ours or trusted; no token is asked |
//! | any other method | three proofs: origin, cookie equal to header or form field, signature |
//!
//! Each proof stops an attack that another lets through. The origin (`Sec-Fetch-Site`, else
//! `Origin`, else over https the `Referer`) stops other sites; the pair of cookie and header stops
//! clients that send none of these; the signature, bound to the session, stops a sibling host that
//! plants a cookie of its own.
//!
//! On the wire nothing differs from Django's `CsrfViewMiddleware`: a cookie of 32 letters and
//! digits, a header `X-CSRFToken` of 32 or of 64 masked ones. Of our 32, 11 are random and 21 are
//! an HMAC over the session, which Django and an unchanged frontend read as an ordinary secret.
//!
//! # Example
//!
//! ```
//! use http::{Method, Request};
//! use portcullis_core::{
//!     Secret,
//!     client::ClientPolicy,
//!     csrf::{CsrfPass, CsrfPolicy, CsrfRejection, SessionRef},
//!     keys::{DerivedKey, Purpose},
//!     respond::RequestView,
//! };
//!
//! let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::new([7; 32]))?;
//! let policy = CsrfPolicy::new(key).add_own_origin("https://chat.example".parse()?);
//! let token = policy.issue(SessionRef::Anonymous)?;
//!
//! let mut request = Request::new(());
//! *request.method_mut() = Method::POST;
//! let headers = request.headers_mut();
//! headers.insert("origin", "https://chat.example".parse()?);
//! headers.insert("cookie", format!("__Host-csrftoken={}", token.as_str()).parse()?);
//! headers.insert("x-csrftoken", token.masked()?.parse()?);
//!
//! let view = RequestView::of(&request);
//! let client = ClientPolicy::direct().client(&view);
//! assert_eq!(policy.check(&view, &client), Ok(CsrfPass::Pair));
//!
//! request.headers_mut().insert("origin", "https://evil.example".parse()?);
//! let view = RequestView::of(&request);
//! let client = ClientPolicy::direct().client(&view);
//! assert_eq!(policy.check(&view, &client), Err(CsrfRejection::OriginUntrusted));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod check;
mod evidence;
mod explanation;
mod field;
mod form;
mod policy;
mod proof;
mod rejection;
#[cfg(test)]
mod tests;
mod token;
mod trusted;

pub use check::CsrfPass;
pub use explanation::CsrfExplanation;
pub use field::CsrfFormField;
pub use form::CsrfFormType;
pub use policy::{CsrfBinding, CsrfPolicy, SessionRef};
pub use rejection::CsrfRejection;
pub use token::CsrfToken;
pub use trusted::CsrfConfigError;
