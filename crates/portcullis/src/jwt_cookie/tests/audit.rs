//! Refusals are told to whoever watches, without a byte of the token.

use portcullis_core::audit::{AuditEvent, AuditKind, IdHash, MemoryAudit};

use super::*;

/// The one event of a request that `layer` refuses.
#[track_caller]
fn told(layer: JwtCookieAuthLayer, headers: &[(&str, &str)]) -> AuditEvent {
    let audit = Arc::new(MemoryAudit::default());
    let response = run(&layer.with_audit(audit.clone()), headers).expect_err("it passed");
    let rejection = *response.extensions().get::<Rejection>().unwrap();
    let [event] = &audit.events()[..] else {
        panic!("one event for one refusal: {:?}", audit.events());
    };
    assert_eq!((event.kind, event.at), (AuditKind::Refused, NOW));
    assert_eq!(event.reason.as_deref(), Some(rejection.reason()));
    event.clone()
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let event = told(layer(), &[]);
    assert_eq!(event.reason.as_deref(), Some("missing"));
    let cookie = format!("access_token={}x", access("42"));
    let event = told(layer(), &[("cookie", &cookie)]);
    assert_eq!(
        event.subject, None,
        "whoever forges a token chooses its user"
    );
    let event = told(layer(), &[("cookie", "access_token=a; access_token=b")]);
    assert_eq!(event.reason.as_deref(), Some("ambiguous"));
}

#[test]
fn of_a_revoked_token_the_user_and_the_session_are_told() {
    for store in [Store::default(), Store::later()] {
        store.revoke("jti-42");
        let remote = Revocation::Remote(Arc::new(store));
        let cookie = format!("access_token={}", access("42"));
        let event = told(
            layer().with_revocation(remote).unwrap(),
            &[("cookie", &cookie)],
        );
        assert_eq!(event.reason.as_deref(), Some("revoked"));
        assert_eq!(event.subject.as_deref(), Some("42"));
        assert_eq!(event.session, Some(IdHash::of("the-session")));
    }
}

#[test]
fn a_request_that_passes_is_told_nobody() {
    let audit = Arc::new(MemoryAudit::default());
    let cookie = format!("access_token={}", access("42"));
    let layer = layer().with_audit(audit.clone());
    passes(&layer, &[("cookie", &cookie)], "42", Source::Cookie);
    assert_eq!(audit.events(), []);
}
