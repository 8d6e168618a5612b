use super::*;
use crate::rejection::{AuthReason, BodyReason, HostReason};

fn every_rejection() -> Vec<Rejection> {
    let auth = |reason, bearer| Rejection::Authentication { reason, bearer };
    vec![
        auth(AuthReason::Ambiguous, false),
        auth(AuthReason::Invalid("expired"), true),
        auth(AuthReason::Missing, false),
        auth(AuthReason::Revoked, false),
        auth(AuthReason::SubjectMismatch, true),
        Rejection::Body(BodyReason::Duplicate),
        Rejection::Body(BodyReason::Malformed),
        Rejection::Body(BodyReason::MissingField),
        Rejection::Body(BodyReason::TooLarge),
        Rejection::Body(BodyReason::UnsupportedType),
        Rejection::Forbidden,
        Rejection::Host(HostReason::Ambiguous),
        Rejection::HttpsRequired,
        Rejection::LoginFailed,
        Rejection::RateLimited {
            retry_after_secs: 0,
        },
        Rejection::Unavailable {
            retry_after_secs: 5,
        },
    ]
}

fn refuse(rejection: Rejection, name: &str, value: &str) -> Response<Bytes> {
    let request = Request::builder().header(name, value).body(()).unwrap();
    SharedRespond::default().refuse(rejection, &RequestView::of(&request))
}

#[test]
fn every_refusal_is_uncacheable_and_carries_its_rejection() {
    for rejection in every_rejection() {
        let response = refuse(rejection, "x", "y");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.extensions().get::<Rejection>(), Some(&rejection));
        assert_eq!(response.status(), rejection.status());
    }
}

#[test]
fn the_body_kept_ready_is_the_one_that_would_be_made() {
    for secs in [1, 9, 10, 86_400] {
        let rejection = Rejection::RateLimited {
            retry_after_secs: secs,
        };
        let response = refuse(rejection, "x", "y");
        let (detail, code) = (rejection.detail(), rejection.code());
        let made = format!(r#"{{"detail": "{detail}", "code": "{code}"}}"#);
        assert_eq!(response.body().as_ref(), made.as_bytes());
        assert_eq!(response.headers()["retry-after"], secs.to_string().as_str());
    }
}

#[test]
fn a_flood_is_refused_as_anybody_else_and_gets_nothing_of_its_request_back() {
    let closure = |rejection: &Rejection, _: &RequestView<'_>| {
        let mut response = Response::new(Bytes::from(rejection.code()));
        response.headers_mut().insert("x-own", NO_STORE);
        response
    };
    for respond in [SharedRespond::default(), SharedRespond::new(closure)] {
        for (name, value) in [
            ("accept", "application/json"),
            ("accept", "text/html, application/problem+json;q=0.9"),
            ("content-type", "application/grpc+proto"),
            ("retry-after", "5"),
        ] {
            for secs in (0..=1_010).chain([86_400, u32::MAX]) {
                let request = Request::builder()
                    .header(name, value)
                    .header("cookie", "a=b");
                let request = request.extension("the peer").body(()).unwrap();
                let rejection = Rejection::RateLimited {
                    retry_after_secs: secs,
                };
                let usual = respond.refuse(rejection, &RequestView::of(&request));
                let response = respond.refuse_throttled(secs, request);
                assert_eq!(response.status(), usual.status());
                assert_eq!(response.headers(), usual.headers(), "{name}: {value}");
                assert_eq!(response.body(), usual.body());
                assert_eq!(response.extensions().get::<Rejection>(), Some(&rejection));
                assert_eq!(response.extensions().len(), 1);
                let wait = secs.max(1).to_string();
                assert_eq!(response.headers()["retry-after"], wait.as_str());
            }
        }
    }
}

#[test]
fn every_authentication_failure_has_the_same_body() {
    let bodies: std::collections::HashSet<_> = every_rejection()
        .into_iter()
        .filter(|rejection| matches!(rejection, Rejection::Authentication { .. }))
        .map(|rejection| refuse(rejection, "x", "y").into_body())
        .collect();
    assert_eq!(bodies.len(), 1);
}

#[test]
fn every_401_names_a_scheme_and_only_a_bearer_is_told_of_its_token() {
    for rejection in every_rejection() {
        let challenge = refuse(rejection, "x", "y")
            .headers()
            .get("www-authenticate")
            .cloned();
        let want = match rejection {
            Rejection::Authentication { bearer: true, .. } => {
                Some(r#"Bearer realm="api", error="invalid_token""#)
            }
            _ if rejection.status() == 401 => Some(r#"Bearer realm="api""#),
            _ => None,
        };
        assert_eq!(
            challenge.as_ref().map(|value| value.to_str().unwrap()),
            want
        );
    }
}

#[test]
fn a_wait_is_never_shorter_than_a_second() {
    let response = refuse(
        Rejection::RateLimited {
            retry_after_secs: 0,
        },
        "x",
        "y",
    );
    assert_eq!(response.headers()["retry-after"], "1");
    let response = refuse(
        Rejection::Unavailable {
            retry_after_secs: 5,
        },
        "x",
        "y",
    );
    assert_eq!(response.headers()["retry-after"], "5");
}

#[test]
fn the_form_follows_the_request() {
    let form = |name: &str, value: &str| {
        let response = refuse(Rejection::Forbidden, name, value);
        (
            response.status().as_u16(),
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .to_owned(),
        )
    };
    let json = (403, "application/json".to_owned());
    let problem = (403, "application/problem+json".to_owned());
    let grpc = (200, "application/grpc".to_owned());
    assert_eq!(form("accept", "*/*"), json);
    assert_eq!(
        form("accept", "text/html, application/problem+json;q=0.9"),
        problem
    );
    assert_eq!(form("accept", "Application/Problem+JSON"), problem);
    assert_eq!(form("accept", "application/problem+jsonx"), json);
    assert_eq!(form("content-type", "application/grpc"), grpc);
    assert_eq!(form("content-type", "application/grpc+proto"), grpc);
    assert_eq!(form("content-type", "application/json"), json);
}

#[test]
fn grpc_statuses_are_those_of_the_contract() {
    for rejection in every_rejection() {
        let response = refuse(rejection, "content-type", "application/grpc");
        let want = match rejection.status().as_u16() {
            401 => "16",
            403 => "7",
            429 => "8",
            503 => "14",
            _ => "3",
        };
        assert_eq!(response.headers()["grpc-status"], want, "{rejection:?}");
        assert!(response.body().is_empty());
    }
}

#[test]
fn no_text_needs_escaping_in_json_or_in_grpc_messages() {
    for rejection in every_rejection() {
        for text in [rejection.detail(), rejection.code(), rejection.reason()] {
            let plain = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\%".contains(&byte);
            assert!(text.bytes().all(plain), "{text}");
        }
    }
}

#[test]
fn a_closure_makes_the_response_and_cannot_forget_the_rest() {
    let shared = SharedRespond::new(|_: &Rejection, _: &RequestView<'_>| {
        Response::new(Bytes::from_static(b"mine"))
    });
    let request = Request::new(());
    let response = shared.refuse(Rejection::Forbidden, &RequestView::of(&request));
    assert_eq!(response.body().as_ref(), b"mine");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.extensions().get::<Rejection>().is_some());
}
