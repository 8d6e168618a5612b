//! Defects of other implementations, by the row of the list where each is described.

use super::*;

#[track_caller]
fn refused(line: &str, code: &str) {
    assert_eq!(
        Case::parse(line).verdict().map_err(CsrfRejection::code),
        Err(code),
        "{line}"
    );
}

#[test]
fn s8_an_attackers_authorization_header_does_not_switch_csrf_off() {
    refused(
        "POST https authorization:Bearer_junk o:https://app.test c:{S}",
        "csrf_token_missing",
    );
}

#[test]
fn s11_s12_no_list_of_unsafe_methods_is_kept() {
    for method in [
        "PROPPATCH",
        "MKCOL",
        "LINK",
        "QUERY",
        "M-SEARCH",
        "Post",
        "X",
    ] {
        refused(&format!("{method} http"), "csrf_cookie_missing");
    }
}

#[test]
fn s14_neither_origin_nor_metadata_is_no_pass_and_schemes_differ() {
    refused("POST https c:{S} t:{S}", "csrf_referer_missing");
    refused(
        "POST https r:https://evil.test/ c:{S} t:{S}",
        "csrf_referer_untrusted",
    );
    refused(
        "POST https o:http://app.test c:{S} t:{S}",
        "csrf_origin_untrusted",
    );
    refused(
        "POST https o:https://app.test o:https://evil.test c:{S} t:{S}",
        "csrf_origin_malformed",
    );
}

#[test]
fn s15_an_empty_configuration_is_the_strictest() {
    let mut case = Case::parse("POST https o:https://trusted.example.org c:{S} t:{S}");
    case.policy = CsrfPolicy::new(key(7)).with_cookie(CookieSpec::new("csrftoken").unwrap());
    assert_eq!(case.verdict(), Err(CsrfRejection::OriginUntrusted));
}

#[test]
fn s16_a_rebound_host_is_not_our_origin_once_ours_is_configured() {
    refused(
        "POST http own:http://127.0.0.1:8000 h:evil.test o:http://evil.test c:{S} t:{S}",
        "csrf_origin_untrusted",
    );
}

#[test]
fn s18_a_token_of_one_replica_is_good_on_another() {
    let sessions = [SessionRef::Session("sid-1")];
    let token = policy().issue(sessions[0]).unwrap();
    assert!(policy().is_signed(&token, &sessions));
}

#[test]
fn s35_nothing_shows_a_token() {
    let token = policy().issue(SessionRef::Anonymous).unwrap();
    let field = CsrfFormField::new(token.as_str().as_bytes());
    let shown = format!("{token:?} {field:?} {:?}", policy());
    assert!(!shown.contains(token.as_str()));
    assert!(shown.contains("DerivedKey(..)"));

    let line = "POST https o:https://evil.test r:https://evil.test/?token=secret c:{U} t:{U}";
    let case = Case::parse(line);
    let view = RequestView::of(&case.request);
    let client = ClientPolicy::direct().client(&view);
    let told = case
        .policy
        .explain(CsrfRejection::OriginUntrusted, &view, &client);
    let told = format!("{told} {told:?}");
    assert!(
        !told.contains("secret") && !told.contains("abcdefghijkl"),
        "{told}"
    );
}

#[test]
fn s36_a_hostile_cookie_header_is_bounded() {
    let mut case = Case::parse("POST https o:https://app.test t:{U}");
    let many = "csrftoken=abcdefghijklmnopqrstuvwxyzABCDEF;".repeat(1_500);
    case.add_header("C", &many);
    assert_eq!(case.verdict(), Err(CsrfRejection::CookieAmbiguous));
    case.add_header("C", &many);
    assert_eq!(
        case.verdict(),
        Err(CsrfRejection::CookieAmbiguous),
        "past the bound"
    );
}

#[test]
fn s39_a_hostile_upgrade_is_refused() {
    refused(
        "GET https u:websocket o:https://evil.test c:{S}",
        "csrf_origin_untrusted",
    );
}

#[test]
fn an_explanation_is_short_and_printable() {
    let long = "x".repeat(60_000);
    let case = Case::parse(&format!("POST https o:\u{7f2}{long} o:b"));
    let view = RequestView::of(&case.request);
    let client = ClientPolicy::direct().client(&view);
    let told = case
        .policy
        .explain(CsrfRejection::OriginMalformed, &view, &client);
    let told = told.to_string();
    assert!(told.len() < 2_000 && told.is_ascii(), "{}", told.len());
    assert!(told.contains("and 1 more"));
}
