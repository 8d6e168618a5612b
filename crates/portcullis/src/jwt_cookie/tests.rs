use std::{
    collections::HashSet,
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use portcullis_core::{
    Answer, Secret,
    answer::BoxFuture,
    clock::Timestamp,
    identity::{Identity, Source},
    store::{Confirmation, Revocations, StoreError, TokenFacts},
};
use portcullis_jwt::{
    ExtraClaims, KeyRing, Minter,
    mint::{AccessParams, RefreshParams, SessionParams},
};
use portcullis_testkit::ManualClock;
use tokio_test::{assert_pending, assert_ready, task};
use tower_test::mock::{self, Mock};

use super::*;

mod audit;
mod bodies;
mod carriers;
mod permits;
mod remembered;
mod revocation;
mod streams;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const END: Timestamp = Timestamp::from_secs(1_700_001_000);

type Inner = Mock<Request<()>, Response<Full<Bytes>>>;

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new([7; 32])).unwrap()
}

fn layer() -> JwtCookieAuthLayer {
    layer_at(&ManualClock::at(NOW))
}

fn layer_at(clock: &ManualClock) -> JwtCookieAuthLayer {
    JwtCookieAuthLayer::new(TokenReader::new(keys()))
        .with_clock(Arc::new(clock.clone()))
        .with_cookie_names("access_token", "refresh_token")
        .unwrap()
}

fn mint(subject: &str, session: Option<&str>, extra: Option<&ExtraClaims>) -> String {
    let params = AccessParams {
        subject,
        jti: &format!("jti-{subject}"),
        issued_at: NOW,
        expires: NOW + Duration::from_secs(300),
        session: session.map(|sid| SessionParams {
            sid,
            started: NOW,
            ends: END,
        }),
        extra,
    };
    Minter::new(keys()).mint_access(&params).unwrap()
}

fn access(subject: &str) -> String {
    mint(subject, Some("the-session"), None)
}

fn refresh() -> String {
    let params = RefreshParams {
        subject: "42",
        jti: "r",
        issued_at: NOW,
        expires: END,
        session: SessionParams {
            sid: "the-session",
            started: NOW,
            ends: END,
        },
        generation: 0,
    };
    Minter::new(keys()).mint_refresh(&params).unwrap()
}

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// What the inner service saw, or the refusal; a refusal that touched it is a failure already.
#[track_caller]
#[allow(clippy::result_large_err)] // the refusal is what most tests look at
fn run(
    layer: &JwtCookieAuthLayer,
    headers: &[(&str, &str)],
) -> Result<Request<()>, Response<Guarded<Full<Bytes>>>> {
    let (mut service, mut handle) = mock::spawn_layer::<_, Response<Full<Bytes>>, _>(layer.clone());
    assert_ready!(service.poll_ready()).unwrap();
    let mut response = task::spawn(service.call(request(headers)));
    match response.poll() {
        Poll::Ready(response) => {
            assert_pending!(handle.poll_request(), "the inner service was called");
            Err(response.unwrap())
        }
        Poll::Pending => {
            let (seen, answer) = assert_ready!(handle.poll_request()).unwrap();
            answer.send_response(Response::new(Full::default()));
            let response = assert_ready!(response.poll()).unwrap();
            assert_eq!(response.status(), 200);
            Ok(seen)
        }
    }
}

#[track_caller]
fn passes(layer: &JwtCookieAuthLayer, headers: &[(&str, &str)], subject: &str, source: Source) {
    let seen = run(layer, headers).unwrap_or_else(|response| panic!("refused: {response:?}"));
    let user = Authenticated::<()>::of(seen.extensions()).unwrap();
    assert_eq!((user.subject(), user.source()), (subject, source));
    let identity = seen.extensions().get::<Identity>().unwrap();
    assert_eq!((identity.subject(), identity.source()), (subject, source));
    assert_eq!(identity.session(), user.sid());
}

/// The refusal, its rejection's reason compared.
#[track_caller]
fn refuses(
    layer: &JwtCookieAuthLayer,
    headers: &[(&str, &str)],
    reason: &str,
) -> Response<Guarded<Full<Bytes>>> {
    let response = run(layer, headers).expect_err("it passed");
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.reason(), reason);
    assert_eq!(response.status(), rejection.status());
    assert_eq!(response.headers()["cache-control"], "no-store");
    response
}

/// A store whose answers a test decides.
#[derive(Clone, Debug, Default)]
struct Store(Arc<Mutex<Answers>>);

#[derive(Debug, Default)]
struct Answers {
    revoked: HashSet<String>,
    /// Answers only once polled, as a store behind a network does.
    later: bool,
    fails: bool,
    watchers: Vec<Waker>,
}

impl Store {
    fn state(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later() -> Self {
        let store = Self::default();
        store.state().later = true;
        store
    }

    fn failing(self) -> Self {
        self.state().fails = true;
        self
    }

    fn revoke(&self, jti: &str) {
        let watchers = {
            let mut state = self.state();
            state.revoked.insert(jti.to_owned());
            mem::take(&mut state.watchers)
        };
        watchers.into_iter().for_each(Waker::wake);
    }
}

impl Revocations for Store {
    fn is_revoked(&self, token: &TokenFacts<'_>) -> Answer<Result<bool, StoreError>> {
        let state = self.state();
        let answer = if state.fails {
            Err(StoreError::plain("is_revoked"))
        } else {
            Ok(state.revoked.contains(token.jti))
        };
        if state.later {
            Answer::later(async move { answer })
        } else {
            Answer::now(answer)
        }
    }

    fn deny(&self, _: &str, jti: &str, _: Timestamp) -> Answer<Result<Confirmation, StoreError>> {
        self.revoke(jti);
        Answer::now(Ok(Confirmation::Confirmed))
    }

    fn watch(&self, token: &TokenFacts<'_>) -> Option<BoxFuture<()>> {
        let (store, jti) = (self.clone(), token.jti.to_owned());
        if self.state().later {
            return None;
        }
        Some(Box::pin(poll_fn(move |cx| {
            let mut state = store.state();
            if state.revoked.contains(&jti) {
                return Poll::Ready(());
            }
            state.watchers.push(cx.waker().clone());
            Poll::Pending
        })))
    }
}
