//! The last that passes and the first that does not.

use super::*;

#[track_caller]
fn at(reader: &TokenReader, now: u64, changes: &[(&str, &str)], want: Option<TokenRejection>) {
    let now = Timestamp::from_secs(now);
    let found = reader.read_access::<()>(token(changes).as_bytes(), now);
    assert_eq!(found.err(), want);
}

#[test]
fn a_token_is_dead_in_the_second_of_its_exp() {
    let expired = Some(TokenRejection::Expired);
    let strict = reader();
    at(&strict, 1_700_000_299, &[], None);
    at(&strict, 1_700_000_300, &[], expired);
    at(&strict, 1_700_000_301, &[], expired);

    let lenient = reader().with_leeway(Duration::from_secs(60)).unwrap();
    at(&lenient, 1_700_000_359, &[], None);
    at(&lenient, 1_700_000_360, &[], expired);
}

#[test]
fn nbf_and_iat_may_be_ahead_by_the_leeway_alone() {
    let lenient = reader().with_leeway(Duration::from_secs(5)).unwrap();
    for (name, want) in [
        ("iat", TokenRejection::IssuedInFuture),
        ("nbf", TokenRejection::NotYetValid),
    ] {
        at(&reader(), NOW.as_secs(), &[(name, "1700000000")], None);
        at(
            &reader(),
            NOW.as_secs(),
            &[(name, "1700000001")],
            Some(want),
        );
        at(&lenient, NOW.as_secs(), &[(name, "1700000005")], None);
        at(&lenient, NOW.as_secs(), &[(name, "1700000006")], Some(want));
    }
}

#[test]
fn an_access_token_lives_two_hours_at_most() {
    let long = Some(TokenRejection::LifetimeTooLong);
    at(&reader(), NOW.as_secs(), &[("exp", "1700007200")], None);
    at(&reader(), NOW.as_secs(), &[("exp", "1700007201")], long);
    let longer = reader()
        .with_max_access_lifetime(Duration::from_secs(86_400))
        .unwrap();
    at(&longer, NOW.as_secs(), &[("exp", "1700007201")], None);
}

#[test]
fn a_session_is_over_in_the_second_of_its_end() {
    let mut claims = SESSION;
    claims[2].1 = "1700000100";
    at(&reader(), 1_700_000_099, &claims, None);
    at(
        &reader(),
        1_700_000_100,
        &claims,
        Some(TokenRejection::SessionEnded),
    );
}

#[test]
fn ids_have_255_bytes_at_most() {
    for (name, want) in [
        ("jti", TokenRejection::Jti),
        ("user_id", TokenRejection::Subject),
    ] {
        let longest = format!("\"{}\"", "x".repeat(255));
        let longer = format!("\"{}\"", "x".repeat(256));
        accepted(&reader(), &token(&[(name, &longest)]));
        refused(&reader(), &token(&[(name, &longer)]), want);
    }
}

#[test]
fn nesting_ends_at_sixteen() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    accepted(&reader(), &token(&[("x", &nested(15))]));
    refused(
        &reader(),
        &token(&[("x", &nested(16))]),
        TokenRejection::TooDeep,
    );
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    accepted(&reader(), &token(&[("x", &objects(15))]));
    refused(
        &reader(),
        &token(&[("x", &objects(16))]),
        TokenRejection::TooDeep,
    );
}

#[test]
fn breadth_ends_at_128() {
    let list = |items: usize| format!("[{}1]", "1,".repeat(items - 1));
    accepted(&reader(), &token(&[("x", &list(128))]));
    refused(
        &reader(),
        &token(&[("x", &list(129))]),
        TokenRejection::MembersTooMany,
    );
    let members = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("\"{n}\":1")).collect();
        format!("{{{}}}", names.join(","))
    };
    accepted(&reader(), &token(&[("x", &members(128))]));
    refused(
        &reader(),
        &token(&[("x", &members(129))]),
        TokenRejection::MembersTooMany,
    );
}

#[test]
fn a_token_has_4096_bytes_at_most() {
    let padded = |length: usize| token(&[("x", &format!("\"{}\"", "x".repeat(length)))]);
    let fits = (1..4096)
        .map(padded)
        .take_while(|token| token.len() <= 4096)
        .last()
        .unwrap();
    accepted(&reader(), &fits);
    let longer = padded(3000);
    refused(&reader(), &longer, TokenRejection::TooLong);
    let wide = reader().with_max_token_bytes(8192).unwrap();
    accepted(&wide, &longer);
}

#[test]
fn settings_out_of_bounds_are_errors_that_name_them() {
    let refused = |result: Result<TokenReader, ReaderConfigError>, want: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(want), "{message}");
    };
    refused(reader().with_leeway(Duration::from_secs(61)), "61s");
    refused(reader().with_max_access_lifetime(Duration::ZERO), "0ns");
    refused(
        reader().with_max_access_lifetime(Duration::from_secs(86_401)),
        "24 h",
    );
    refused(reader().with_max_token_bytes(8193), "8193");
    refused(reader().with_max_token_bytes(255), "255");
    refused(reader().with_issuer(""), "issuer");
    refused(reader().with_audience(""), "audience");
    refused(reader().add_required_claim(""), "required claim");
    refused(reader().with_subject_claim("exp"), "exp");
    refused(reader().add_accepted_typ(""), "typ");
}
