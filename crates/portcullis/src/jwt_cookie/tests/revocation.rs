//! What the store says is asked on every request, at once or later.

use super::*;

fn asking(store: &Store) -> JwtCookieAuthLayer {
    let store = Arc::new(store.clone());
    layer().with_revocation(Revocation::Remote(store)).unwrap()
}

#[test]
fn a_revoked_token_is_refused_from_the_next_request_on() {
    for store in [Store::default(), Store::later()] {
        let token = access("42");
        let cookie = format!("access_token={token}");
        let bearer = format!("Bearer {token}");
        let layer = asking(&store);
        passes(&layer, &[("cookie", &cookie)], "42", Source::Cookie);
        store.revoke("jti-42");
        refuses(&layer, &[("cookie", &cookie)], "revoked");
        let told = refuses(&layer, &[("authorization", &bearer)], "revoked");
        let challenge = told.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("invalid_token"));
    }
}

#[test]
fn a_store_that_cannot_say_is_503() {
    for store in [Store::default().failing(), Store::later().failing()] {
        let cookie = format!("access_token={}", access("42"));
        let response = refuses(&asking(&store), &[("cookie", &cookie)], "unavailable");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        refuses(
            &asking(&store),
            &[("cookie", "access_token=x")],
            "token_segments",
        );
        let nobody = asking(&store).with_mode(Mode::Optional);
        assert!(run(&nobody, &[]).is_ok(), "nothing to ask about");
    }
}

#[test]
fn a_stream_guard_needs_a_store_that_watches() {
    let guarded = |revocation| {
        let layer = layer().with_revocation(revocation).unwrap();
        layer.with_stream_guard(StreamGuard::new())
    };
    assert!(guarded(Revocation::None).is_err());
    assert!(guarded(Revocation::Remote(Arc::new(Store::default()))).is_err());
    assert!(
        guarded(Revocation::Local(Arc::new(Store::later()))).is_err(),
        "cannot watch"
    );
    let local = guarded(Revocation::Local(Arc::new(Store::default()))).unwrap();
    assert!(
        local.with_revocation(Revocation::None).is_err(),
        "not taken away behind its back"
    );
}
