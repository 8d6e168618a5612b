//! Whose token it is, and who has to have one: what the table cannot say.

use super::*;

#[test]
fn no_user_is_called_like_a_session() {
    let policy = policy();
    let user = policy.issue(SessionRef::User("sid-1")).unwrap();
    assert!(!policy.is_signed(&user, &[SessionRef::Session("sid-1")]));
}

#[test]
fn refresh_and_logout_are_checked_whatever_authenticated_them() {
    let case = Case::parse("POST https as:bearer");
    let view = RequestView::of(&case.request);
    let client = ClientPolicy::direct()
        .with_direct_scheme(Scheme::Https)
        .client(&view);
    let sessions = [SessionRef::Session("sid-1")];
    assert_eq!(
        case.policy.check_always(&view, &client, &sessions),
        Err(CsrfRejection::RefererMissing)
    );
}

#[test]
fn a_login_takes_the_presented_session_or_none() {
    let sessions = [SessionRef::Session("sid-1"), SessionRef::Anonymous];
    for (letter, want) in [
        ("S", Ok(CsrfPass::Signed)),
        ("A", Ok(CsrfPass::Signed)),
        ("F", Err(CsrfRejection::SignatureIncorrect)),
    ] {
        let line = "POST https mode:strict as:none o:https://app.test c:{X} t:{X}";
        let case = Case::parse(&line.replace('X', letter));
        let view = RequestView::of(&case.request);
        let client = ClientPolicy::direct()
            .with_direct_scheme(Scheme::Https)
            .client(&view);
        let verdict = case.policy.check_login(&view, &client, &sessions);
        assert_eq!(verdict, want, "{letter}");
    }
}

#[test]
fn the_previous_key_still_verifies_and_no_longer_signs() {
    let session = [SessionRef::Session("sid-1")];
    let old = CsrfPolicy::new(key(1));
    let new = CsrfPolicy::new(key(2)).with_previous_key(key(1));
    assert!(new.is_signed(&old.issue(session[0]).unwrap(), &session));
    assert!(!old.is_signed(&new.issue(session[0]).unwrap(), &session));
}

#[test]
fn a_token_is_kept_while_it_is_good() {
    let mut headers = http::HeaderMap::new();
    let policy = policy();
    let session = SessionRef::Session("sid-1");
    let first = policy.keep_or_issue(&headers, session).unwrap();
    let line = format!("csrftoken={}", first.as_str());
    headers.insert("cookie", HeaderValue::from_str(&line).unwrap());
    assert_eq!(policy.keep_or_issue(&headers, session).unwrap(), first);
    let other = policy.keep_or_issue(&headers, SessionRef::Session("sid-2"));
    assert_ne!(other.unwrap(), first, "a new session gets a new token");
    let django = policy.with_binding(CsrfBinding::Django);
    let other = django.keep_or_issue(&headers, SessionRef::Session("sid-2"));
    assert_eq!(
        other.unwrap(),
        first,
        "Django keeps whatever is well-formed"
    );
}

#[test]
fn cookies_are_djangos_but_for_secure() {
    let policy = policy();
    let token = CsrfToken::parse(b"abcdefghijklmnopqrstuvwxyzABCDEF").unwrap();
    assert_eq!(
        policy.set_cookie(&token),
        "csrftoken=abcdefghijklmnopqrstuvwxyzABCDEF; SameSite=Lax; Secure; Path=/; \
         Max-Age=31449600"
    );
    assert_eq!(
        policy.delete_cookie(),
        "csrftoken=; SameSite=Lax; Secure; Path=/; Max-Age=0; \
         Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
}
