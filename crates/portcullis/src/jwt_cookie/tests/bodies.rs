//! What a refused client sees: the same, whatever the reason.

use http_body_util::BodyExt as _;

use super::*;

type Roles = std::collections::BTreeMap<String, String>;

#[tokio::test]
async fn every_401_has_the_same_body_and_headers() {
    let expired = {
        let params = AccessParams {
            subject: "42",
            jti: "j",
            issued_at: NOW,
            expires: NOW,
            session: None,
            extra: None,
        };
        Minter::new(keys()).mint_access(&params).unwrap()
    };
    let foreign = {
        let keys = KeyRing::hs256(Secret::new([8; 32])).unwrap();
        let params = AccessParams {
            subject: "42",
            jti: "j",
            issued_at: NOW,
            expires: END,
            session: None,
            extra: None,
        };
        Minter::new(keys).mint_access(&params).unwrap()
    };
    let store = Store::default();
    store.revoke("jti-42");
    let revoking = layer()
        .with_revocation(Revocation::Local(Arc::new(store)))
        .unwrap();
    let (good, refresh) = (access("42"), refresh());
    let mut seen = Vec::new();
    for (reason, token) in [
        ("missing", None),
        ("token_expired", Some(&expired)),
        ("token_signature", Some(&foreign)),
        ("token_type", Some(&refresh)),
        ("token_segments", Some(&"x".to_owned())),
        ("revoked", Some(&good)),
    ] {
        let cookie = token.map_or("a=1".to_owned(), |token| format!("access_token={token}"));
        let response = refuses(&revoking, &[("cookie", &cookie)], reason);
        let (parts, body) = response.into_parts();
        seen.push((
            parts.status,
            parts.headers,
            body.collect().await.unwrap().to_bytes(),
        ));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    assert_eq!(seen[0].0, 401);
    assert_eq!(seen[0].1["www-authenticate"], r#"Bearer realm="api""#);
}

#[test]
fn only_who_presented_a_bearer_token_is_told_that_it_is_invalid() {
    let challenge = |headers: &[(&str, &str)], reason| {
        let response = refuses(&layer(), headers, reason);
        response.headers()["www-authenticate"].clone()
    };
    let told = r#"Bearer realm="api", error="invalid_token""#;
    assert_eq!(
        challenge(&[("authorization", "Bearer x")], "token_segments"),
        told
    );
    let plain = r#"Bearer realm="api""#;
    assert_eq!(
        challenge(&[("cookie", "access_token=x")], "token_segments"),
        plain
    );
    assert_eq!(challenge(&[], "missing"), plain);
}

#[test]
fn a_responder_of_ones_own_answers() {
    let teapot = layer().with_respond(|_: &Rejection, _: &RequestView<'_>| {
        let mut response = Response::new(Bytes::from_static(b"no"));
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response
    });
    let response = run(&teapot, &[]).unwrap_err();
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let grpc = run(&layer(), &[("content-type", "application/grpc+proto")]).unwrap_err();
    assert_eq!(
        (grpc.status().as_u16(), &grpc.headers()["grpc-status"]),
        (200, &"16".parse().unwrap())
    );
}

#[test]
fn debug_output_has_no_token() {
    let token = access("42");
    let line = format!("Bearer {token}");
    let seen = run(&layer(), &[("authorization", &line)]).unwrap();
    let shown = format!(
        "{:?} {:?}",
        seen,
        Authenticated::<()>::of(seen.extensions())
    );
    assert!(!shown.contains(&token[40..]), "{shown}");
    assert!(format!("{:?}", layer()).contains("access_token"));
}

#[test]
fn custom_claims_reach_the_handler() {
    let extra = ExtraClaims::new(&std::collections::BTreeMap::from([("role", "staff")])).unwrap();
    let token = mint("42", None, Some(&extra));
    let layer = JwtCookieAuthLayer::<Roles>::new(TokenReader::new(keys()))
        .with_clock(Arc::new(ManualClock::at(NOW)));
    let (mut service, mut handle) = mock::spawn_layer::<_, Response<Full<Bytes>>, _>(layer);
    assert_ready!(service.poll_ready()).unwrap();
    let line = format!("__Host-access_token={token}");
    let mut response = task::spawn(service.call(request(&[("cookie", &line)])));
    assert_pending!(response.poll());
    let (seen, _) = assert_ready!(handle.poll_request()).unwrap();
    let user = Authenticated::<Roles>::of(seen.extensions()).unwrap();
    assert_eq!(user.custom()["role"], "staff");
}
