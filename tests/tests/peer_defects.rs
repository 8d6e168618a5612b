//! What other crates got wrong, one test for each, by the number of the defect.
//!
//! Those of tokens and rotation are tested where their code is; these cross layers.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use http::{Request, Response, request::Builder};
use portcullis::{
    Rejection, Secret,
    core::keys::{DerivedKey, Purpose},
    csrf::{
        CsrfLayer,
        policy::{CsrfPolicy, SessionRef},
    },
};
use tower::{Layer, Service, ServiceExt as _, service_fn, util::BoxCloneService};

use crate::layers::{HOST, OWN};

mod cookies;
mod csrf;
mod headers;
mod limits;
mod origins;

/// A body that must not be read: it is neither a body nor anything else.
#[derive(Debug)]
struct Unread;

type Boxed = BoxCloneService<Request<Unread>, Response<String>, Infallible>;

/// A handler that counts its calls.
#[derive(Clone, Debug, Default)]
struct Handler {
    calls: Arc<AtomicU32>,
}

impl Handler {
    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Sends `request` through `layer` to this handler.
    fn ask<L, B>(&self, layer: &L, request: Builder) -> Response<B>
    where
        L: Layer<Boxed>,
        L::Service: Service<Request<Unread>, Response = Response<B>, Error = Infallible>,
    {
        let calls = self.calls.clone();
        let handler = service_fn(move |_: Request<Unread>| {
            calls.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(Response::new(String::new())))
        });
        let service = layer.layer(BoxCloneService::new(handler));
        tokio_test::block_on(service.oneshot(request.body(Unread).unwrap())).unwrap()
    }
}

fn policy_of(key: u8) -> CsrfPolicy {
    CsrfPolicy::new(DerivedKey::from_secret(Purpose::Csrf, &Secret::new([key; 32])).unwrap())
}

/// The policy of a site that knows its own origin.
fn policy() -> CsrfPolicy {
    policy_of(7).add_own_origin(OWN.parse().unwrap())
}

/// Sends `request` through the CSRF layer alone; the code of its refusal, if it is refused.
///
/// Fails if a refused request reaches the handler, or one that passes does not.
#[track_caller]
fn sent(policy: &CsrfPolicy, request: Builder) -> Option<&'static str> {
    let handler = Handler::default();
    let response = handler.ask(&CsrfLayer::new(policy.clone()), request);
    let rejection = response.extensions().get::<Rejection>();
    assert_eq!(handler.calls(), u32::from(rejection.is_none()));
    assert_eq!(
        response.status(),
        if rejection.is_some() { 403 } else { 200 }
    );
    rejection.map(Rejection::code)
}

/// A request to our host with the cookie and the header of one token.
fn with_pair(policy: &CsrfPolicy, method: &str) -> Builder {
    let token = policy.issue(SessionRef::Anonymous).unwrap();
    let cookie = format!("{}={}", policy.cookie().name(), token.as_str());
    Request::builder()
        .method(method)
        .header("host", HOST)
        .header("cookie", cookie)
        .header("x-csrftoken", token.as_str())
}
