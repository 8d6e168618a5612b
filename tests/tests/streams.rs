//! Streams on real connections end with the session of whoever opened them.

use std::{sync::Arc, time::Duration};

use hyper::body::Incoming;
use portcullis::{
    Secret,
    core::{
        clock::{Clock, SystemClock, Timestamp},
        memory::MemorySessions,
        rotation::{NewFamily, RevokeReason, RotationPolicy, SessionId},
        store::FamilyStore,
    },
    jwt::{
        KeyRing, Minter, TokenReader,
        mint::{AccessParams, SessionParams},
    },
    jwt_cookie::{JwtCookieAuthLayer, Revocation, StreamGuard},
};
use portcullis_testkit::ManualClock;
use tower::{Layer, service_fn};

use crate::support::{
    events::{events, last_words, open},
    loopback::over_hyper,
};

/// A logged-in user with an open stream.
struct Watching {
    store: Arc<MemorySessions>,
    sid: SessionId,
    ends: Timestamp,
    stream: Incoming,
}

async fn watch(clock: Arc<dyn Clock>) -> Watching {
    let store = Arc::new(MemorySessions::new(clock.clone()));
    let sid = SessionId::random().unwrap();
    let family = NewFamily {
        subject: "42",
        sid: &sid,
        key_version: 1,
        label: None,
    };
    let opened = store.open(&family, &RotationPolicy::default());
    let opened = opened.into_now().unwrap().unwrap();

    let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    let params = AccessParams {
        subject: "42",
        jti: "j",
        issued_at: clock.now(),
        expires: clock.now() + Duration::from_secs(300),
        session: Some(SessionParams {
            sid: sid.as_str(),
            started: opened.created,
            ends: opened.absolute_end,
        }),
        extra: None,
    };
    let token = Minter::new(keys.clone()).mint_access(&params).unwrap();
    let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys))
        .with_clock(clock)
        .with_revocation(Revocation::Local(store.clone()))
        .and_then(|layer| layer.with_stream_guard(StreamGuard::new()))
        .unwrap();
    let address = over_hyper(layer.layer(service_fn(events))).await;
    let stream = open(address, &token).await;
    Watching {
        store,
        sid,
        ends: opened.absolute_end,
        stream,
    }
}

#[tokio::test]
async fn an_open_stream_is_over_within_a_second_of_the_logout() {
    let Watching {
        store, sid, stream, ..
    } = watch(Arc::new(SystemClock)).await;
    let policy = RotationPolicy::default();
    let revoked = store.revoke("42", sid.as_str(), RevokeReason::Logout, &policy);
    let _ = revoked.into_now().unwrap().unwrap();
    let last = last_words(stream).await;
    assert!(last.contains("event: session-ended\n"), "{last}");
}

#[tokio::test]
async fn an_open_stream_is_over_at_the_end_of_its_session() {
    let clock = ManualClock::default();
    let watching = watch(Arc::new(clock.clone())).await;
    clock.set(watching.ends);
    let last = last_words(watching.stream).await;
    assert!(last.contains("event: session-ended\n"), "{last}");
}
