//! Where a token may be, and what must not be taken for one.

use super::*;

fn cookie(token: &str) -> String {
    format!("access_token={token}")
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn a_cookie_or_a_bearer_token_is_enough() {
    let token = access("42");
    let (cookie, bearer) = (cookie(&token), bearer(&token));
    passes(&layer(), &[("cookie", &cookie)], "42", Source::Cookie);
    passes(
        &layer(),
        &[("authorization", &bearer)],
        "42",
        Source::Bearer,
    );
    let split = format!("a=1; {cookie}; b=2");
    passes(
        &layer(),
        &[("cookie", "x=y"), ("cookie", &split)],
        "42",
        Source::Cookie,
    );
}

#[test]
fn the_scheme_is_bearer_in_any_case_and_nothing_else() {
    let token = access("42");
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR   "] {
        let line = format!("{scheme}{token}");
        passes(&layer(), &[("authorization", &line)], "42", Source::Bearer);
    }
    for line in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "bearer    ".to_owned(),
        format!("Bearer\t{token}"),
        format!("Bearer \t{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token} x"),
    ] {
        refuses(&layer(), &[("authorization", &line)], "bearer_malformed");
    }
    for line in [
        format!("Bearer{token}"),
        format!("Bearer: {token}"),
        format!("Token {token}"),
        format!("JWT {token}"),
        "Basic YTpi".to_owned(),
        token.clone(),
        String::new(),
    ] {
        refuses(&layer(), &[("authorization", &line)], "missing");
    }
    for line in [
        format!("Bearer {token},"),
        format!("Bearer \"{token}\""),
        format!("Bearer {token}="),
        "Bearer x".to_owned(),
    ] {
        let response = run(&layer(), &[("authorization", &line)]).unwrap_err();
        assert_eq!(response.status(), 401, "{line}");
    }
}

#[test]
fn no_token_is_found_where_none_belongs() {
    let token = access("42");
    for (name, value) in [
        ("x-authorization", bearer(&token)),
        ("proxy-authorization", bearer(&token)),
        ("x-access-token", token.clone()),
        ("cookie", format!("Access_Token={token}")),
        ("cookie", format!("__Host-access_token={token}")),
        ("cookie", format!("refresh_token={token}")),
        ("cookie", token.clone()),
        ("cookie", format!("access_token2={token}")),
        ("cookie", format!("a=\"; access%5Ftoken={token}")),
        ("cookie2", cookie(&token)),
    ] {
        refuses(&layer(), &[(name, &value)], "missing");
    }
    let mut query = request(&[]);
    *query.uri_mut() = format!("/?access_token={token}&token={token}")
        .parse()
        .unwrap();
    let (mut service, mut handle) = mock::spawn_layer::<_, Response<Full<Bytes>>, _>(layer());
    assert_ready!(service.poll_ready()).unwrap();
    let refused = assert_ready!(task::spawn(service.call(query)).poll()).unwrap();
    assert_eq!(refused.status(), 401);
    assert_pending!(handle.poll_request());
}

#[test]
fn a_cookie_value_is_taken_as_it_is() {
    let token = access("42");
    for value in [
        format!("\"{token}\""),
        format!("{token}%20"),
        format!("{}%2E{}", &token[..36], &token[37..]),
        format!("s:{token}"),
        String::new(),
        "null".into(),
    ] {
        let line = cookie(&value);
        let response = run(&layer(), &[("cookie", &line)]).unwrap_err();
        assert_eq!(response.status(), 401, "{value}");
    }
}

#[test]
fn two_of_a_kind_are_refused_even_when_they_agree() {
    let token = access("42");
    let (cookie, bearer) = (cookie(&token), bearer(&token));
    let twice = format!("{cookie}; {cookie}");
    let planted = format!("access_token=planted; {cookie}");
    let last = format!("{cookie}; access_token=");
    for headers in [
        vec![("cookie", twice.as_str())],
        vec![("cookie", &planted)],
        vec![("cookie", &last)],
        vec![("cookie", &cookie), ("cookie", &cookie)],
        vec![("cookie", &twice), ("authorization", &bearer)],
        vec![("authorization", &bearer), ("authorization", &bearer)],
        vec![("authorization", "Basic YTpi"), ("authorization", &bearer)],
        vec![("authorization", &bearer), ("authorization", "Basic YTpi")],
    ] {
        refuses(&layer(), &headers, "ambiguous");
        let lenient = layer().with_invalid_cookie(InvalidCookie::TryHeader);
        refuses(&lenient, &headers, "ambiguous");
        let optional = layer().with_mode(Mode::Optional);
        refuses(&optional, &headers, "ambiguous");
    }
}

fn both<'a>(cookie: &'a str, authorization: &'a str) -> [(&'static str, &'a str); 2] {
    [("cookie", cookie), ("authorization", authorization)]
}

#[test]
fn both_present_must_agree() {
    let (ours, theirs) = (access("42"), access("7"));
    let ours_again = mint("42", None, None);
    let (cookie, bad_cookie) = (cookie(&ours), cookie("bad"));
    let bearer_of = |token: &str| bearer(token);
    let (same, other, bad) = (bearer_of(&ours_again), bearer_of(&theirs), bearer_of("bad"));

    passes(&layer(), &both(&cookie, &same), "42", Source::Cookie);
    refuses(&layer(), &both(&cookie, &other), "subject_mismatch");
    refuses(&layer(), &both(&cookie, &bad), "token_segments");
    refuses(&layer(), &both(&bad_cookie, &same), "token_segments");
    passes(&layer(), &both(&cookie, "Basic YTpi"), "42", Source::Cookie);

    let lenient = layer().with_invalid_cookie(InvalidCookie::TryHeader);
    passes(&lenient, &both(&bad_cookie, &same), "42", Source::Bearer);
    refuses(&lenient, &both(&bad_cookie, &bad), "token_segments");
    refuses(&lenient, &both(&cookie, &bad), "token_segments");
    refuses(&lenient, &both(&cookie, &other), "subject_mismatch");
    refuses(&lenient, &[("cookie", &bad_cookie)], "token_segments");

    let header_first = layer().with_sources(Sources::BearerThenCookie);
    passes(&header_first, &both(&cookie, &same), "42", Source::Bearer);
    passes(&header_first, &[("cookie", &cookie)], "42", Source::Cookie);
    refuses(&header_first, &both(&cookie, &other), "subject_mismatch");
    refuses(&header_first, &both(&bad_cookie, &same), "token_segments");
}

#[test]
fn a_source_that_is_off_is_not_looked_at() {
    let token = access("42");
    let (cookie, bearer) = (cookie(&token), bearer(&token));
    let only_header = layer().with_sources(Sources::BearerOnly);
    refuses(&only_header, &[("cookie", &cookie)], "missing");
    let both = [
        ("cookie", "access_token=bad"),
        ("authorization", bearer.as_str()),
    ];
    passes(&only_header, &both, "42", Source::Bearer);

    let only_cookie = layer().with_sources(Sources::CookieOnly);
    refuses(&only_cookie, &[("authorization", &bearer)], "missing");
    let both = [("cookie", cookie.as_str()), ("authorization", "Bearer bad")];
    passes(&only_cookie, &both, "42", Source::Cookie);
    let seen = run(&only_cookie, &both).unwrap();
    assert_eq!(
        seen.headers()["authorization"],
        "Bearer bad",
        "not ours to take"
    );
}

#[test]
fn optional_lets_nobody_pass_and_nothing_invalid() {
    let optional = layer().with_mode(Mode::Optional);
    for headers in [
        vec![],
        vec![("cookie", "theme=dark")],
        vec![("authorization", "Basic YTpi")],
    ] {
        let seen = run(&optional, &headers).unwrap();
        assert!(seen.extensions().get::<Identity>().is_none());
        assert!(Authenticated::<()>::of(seen.extensions()).is_none());
    }
    refuses(
        &optional,
        &[("cookie", "access_token=bad")],
        "token_segments",
    );
    refuses(
        &optional,
        &[("authorization", "Bearer bad")],
        "token_segments",
    );
    let refresh = cookie(&refresh());
    refuses(&optional, &[("cookie", &refresh)], "token_type");
}

#[test]
fn tokens_go_no_further() {
    let (token, refresh) = (access("42"), refresh());
    let line = format!("a=1; access_token={token}; refresh_token={refresh}; b=2");
    let bearer = bearer(&token);
    let headers = [
        ("cookie", line.as_str()),
        ("authorization", bearer.as_str()),
    ];
    let seen = run(&layer(), &headers).unwrap();
    assert_eq!(seen.headers()["cookie"], "a=1; b=2");
    assert!(!seen.headers().contains_key("authorization"));

    let forwarding = layer().insecure_forward_tokens();
    let seen = run(&forwarding, &headers).unwrap();
    assert_eq!(seen.headers()["cookie"], line.as_str());
    assert_eq!(seen.headers()["authorization"], bearer.as_str());

    let optional = layer().with_mode(Mode::Optional);
    let alone = format!("refresh_token={refresh}");
    let headers = [("cookie", alone.as_str()), ("authorization", "Basic YTpi")];
    let seen = run(&optional, &headers).unwrap();
    assert!(
        !seen.headers().contains_key("cookie"),
        "not even of a request without identity"
    );
    assert_eq!(
        seen.headers()["authorization"],
        "Basic YTpi",
        "not ours to take"
    );
}

#[test]
fn names_that_no_browser_keeps_are_configuration_errors() {
    for (access, refresh) in [("", "r"), ("a b", "r"), ("a", "r;"), ("a", "a"), ("a", "")] {
        assert!(
            layer().with_cookie_names(access, refresh).is_err(),
            "{access:?} {refresh:?}"
        );
    }
}
