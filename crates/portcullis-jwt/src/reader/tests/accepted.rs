//! What must pass: without these, a reader that refuses everything would pass the other tables.

use super::*;

#[test]
fn what_django_issues_is_accepted() {
    let reader = reader();
    for changes in [
        vec![],
        vec![("user_id", "42")],
        vec![("user_id", "0")],
        vec![("iat", "")],
        vec![("jti", r#""any-text""#)],
        vec![("nbf", "1700000000")],
        vec![("roles", r#"["staff",{"deep":[1,2.5,null,true]}]"#)],
        vec![("aud", r#""somebody else""#), ("iss", "7")],
        vec![("user_id", r#""0f8fad5b-d9cb-469f-a165-70867728950e""#)],
        vec![("gen", r#""a site's own""#), ("sat", "null")],
    ] {
        accepted(&reader, &token(&changes));
    }
}

#[test]
fn the_user_id_is_a_string_whatever_it_was() {
    let reader = reader();
    let claims = accepted(&reader, &token(&[("user_id", "42")]));
    assert_eq!(claims.base().subject(), "42");
    let claims = accepted(&reader, &token(&[("user_id", r#""\u00e9 42""#)]));
    assert_eq!(
        claims.base().subject(),
        "\u{e9} 42",
        "no folding, no trimming"
    );
}

#[test]
fn headers_of_other_issuers_are_accepted() {
    let reader = reader();
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#" { "alg" : "HS256" , "typ" : "jwt" } "#,
        r#"{"alg":"HS256","typ":"application/JWT"}"#,
        r#"{"alg":"HS256","x-of-theirs":[1]}"#,
        r#"{"\u0061lg":"HS256"}"#,
    ] {
        accepted(&reader, &signed(header, &payload(&[])));
    }
}

#[test]
fn ours_say_their_session() {
    let claims = accepted(&reader(), &token(&SESSION));
    let session = claims.base().session().unwrap();
    assert_eq!(session.sid(), "QUJDREVGR0hJSktMTU5PUA");
    assert_eq!(
        session.started_at(),
        Timestamp::from_millis(1_699_999_000_123)
    );
    assert_eq!(session.ends_at(), Timestamp::from_secs(1_701_000_000));
    let facts = claims.base().facts();
    assert_eq!(facts.session, Some(session.sid()));
    assert_eq!(facts.session_started, Some(session.started_at()));
}

#[test]
fn a_token_without_iat_counts_as_the_oldest() {
    let claims = accepted(&reader(), &token(&[("iat", "")]));
    assert_eq!(claims.base().issued_at(), None);
    assert_eq!(claims.base().facts().issued_at, Timestamp::from_secs(0));
}

#[test]
fn a_refresh_token_says_its_generation() {
    let ours = [
        &SESSION[..],
        &[("token_type", r#""refresh""#), ("gen", "3")],
    ]
    .concat();
    let claims = reader().read_refresh(token(&ours).as_bytes(), NOW).unwrap();
    assert_eq!(claims.generation(), Some(3));
    assert!(claims.base().session().is_some());

    let django = token(&[("token_type", r#""refresh""#), ("exp", "1700086400")]);
    let claims = reader().read_refresh(django.as_bytes(), NOW).unwrap();
    assert_eq!((claims.generation(), claims.base().session()), (None, None));
}

#[test]
fn a_dead_refresh_token_still_says_whose_session_it_was() {
    let dead = [
        &SESSION[..2],
        &[
            ("token_type", r#""refresh""#),
            ("gen", "3"),
            ("exp", "1600000000"),
            ("iat", "1500000000"),
            ("sexp", "1600000000"),
        ],
    ]
    .concat();
    let dead = token(&dead);
    let refused = reader().read_refresh(dead.as_bytes(), NOW).unwrap_err();
    assert_eq!(refused, TokenRejection::Expired);
    let claims = reader().read_refresh_ignoring_expiry(dead.as_bytes(), NOW);
    assert!(claims.unwrap().base().session().is_some());

    let (message, _) = dead.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", "A".repeat(43));
    assert!(
        reader()
            .read_refresh_ignoring_expiry(forged.as_bytes(), NOW)
            .is_err()
    );
    let access = token(&SESSION);
    let refused = reader().read_refresh_ignoring_expiry(access.as_bytes(), NOW);
    assert_eq!(refused.unwrap_err(), TokenRejection::TokenType);
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Roles {
    roles: Vec<String>,
}

#[test]
fn the_application_sees_its_own_claims_alone() {
    let reader = reader();
    let with = token(&[("roles", r#"["staff"]"#), ("sub", "null")]);
    let claims = reader.read_access::<Roles>(with.as_bytes(), NOW).unwrap();
    assert_eq!(claims.custom().roles, ["staff"]);

    let without = token(&[]);
    let refused = reader.read_access::<Roles>(without.as_bytes(), NOW);
    assert_eq!(refused.unwrap_err(), TokenRejection::CustomClaims);
    let optional = reader.read_access::<BTreeMap<String, u8>>(without.as_bytes(), NOW);
    assert!(optional.unwrap().custom().is_empty());

    let unknown = token(&[("roles", "[]"), ("other", "1")]);
    let refused = reader.read_access::<Roles>(unknown.as_bytes(), NOW);
    assert_eq!(refused.unwrap_err(), TokenRejection::CustomClaims);
    let wrapped = reader.read_access::<Option<Roles>>(with.as_bytes(), NOW);
    assert!(wrapped.unwrap().custom().is_some());
}

#[test]
fn a_key_is_chosen_by_its_name_alone() {
    let named = SigningKey::hs256(&Secret::new(SECRET))
        .unwrap()
        .with_kid("a")
        .unwrap();
    let other = SigningKey::hs256(&Secret::new([b'o'; 32])).unwrap();
    let ring = |keys| TokenReader::new(KeyRing::new(keys));
    let kid_a = signed(r#"{"alg":"HS256","kid":"a"}"#, &payload(&[]));

    let both = KeySet::new(named.clone())
        .with_verifying(other.verifying_key())
        .unwrap();
    accepted(&ring(both.clone()), &kid_a);
    refused(&ring(both), &token(&[]), TokenRejection::Signature);
    refused(
        &ring(KeySet::new(named.clone())),
        &token(&[]),
        TokenRejection::KidUnknown,
    );
    refused(&reader(), &kid_a, TokenRejection::KidUnknown);

    let lenient = ring(KeySet::new(named.accepting_no_kid()));
    accepted(&lenient, &token(&[]));
    accepted(&lenient, &kid_a);
}

#[test]
fn issuer_and_audience_are_compared_once_configured() {
    let reader = reader().with_issuer("https://id.example").unwrap();
    let reader = reader
        .with_audience("chat")
        .unwrap()
        .with_audience("web")
        .unwrap();
    let iss = ("iss", r#""https://id.example""#);
    for aud in [r#""chat""#, r#""web""#, r#"["other","chat"]"#] {
        accepted(&reader, &token(&[iss, ("aud", aud)]));
    }
    for aud in [
        "",
        "null",
        "1",
        r#""Chat""#,
        "[]",
        r#"["other"]"#,
        r#"["chat",1]"#,
        r#"{"chat":1}"#,
    ] {
        refused(
            &reader,
            &token(&[iss, ("aud", aud)]),
            TokenRejection::Audience,
        );
    }
    for iss in [
        "",
        "null",
        "7",
        r#""https://id.example/""#,
        r#"["https://id.example"]"#,
    ] {
        let token = token(&[("iss", iss), ("aud", r#""chat""#)]);
        refused(&reader, &token, TokenRejection::Issuer);
    }
}

#[test]
fn a_required_claim_must_be_there() {
    let reader = reader()
        .add_required_claim("tenant")
        .unwrap()
        .add_required_claim("iat")
        .unwrap();
    accepted(&reader, &token(&[("tenant", "1")]));
    for changes in [
        vec![],
        vec![("tenant", "null")],
        vec![("tenant", "1"), ("iat", "")],
    ] {
        refused(&reader, &token(&changes), TokenRejection::RequiredClaim);
    }
}

#[test]
fn a_site_may_keep_the_user_id_elsewhere() {
    let reader = reader().with_subject_claim("sub").unwrap();
    let claims = accepted(&reader, &token(&[("sub", r#""alice""#)]));
    assert_eq!(claims.base().subject(), "alice");
    refused(&reader, &token(&[]), TokenRejection::Subject);
}
