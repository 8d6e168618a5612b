//! Rightly signed tokens whose claims must not be believed. Each row names what the enemy hopes.

use super::*;

#[track_caller]
fn rows(want: TokenRejection, rows: &[(&str, &str, &str)]) {
    for (hope, name, value) in rows {
        let found = reader().read_access::<()>(token(&[(name, value)]).as_bytes(), NOW);
        assert_eq!(found.err(), Some(want), "{hope}: {name} = {value}");
    }
}

#[test]
fn an_exp_that_is_no_plain_integer_is_refused() {
    rows(
        TokenRejection::ExpiryMalformed,
        &[
            ("lives for ever", "exp", ""),
            ("null counts as absent", "exp", "null"),
            ("PyJWT reads digits", "exp", r#""1700000300""#),
            ("true is 1", "exp", "true"),
            ("false is none", "exp", "false"),
            ("first of many", "exp", "[1700000300]"),
            ("an object is no error", "exp", r#"{"at":1700000300}"#),
            ("rounded up", "exp", "1700000299.5"),
            ("an exponent", "exp", "17e8"),
            ("a float without fraction", "exp", "1700000300.0"),
            ("negative", "exp", "-1"),
            ("minus zero", "exp", "-0"),
            ("past 2^53", "exp", "9007199254740993"),
            ("2^64 - 1", "exp", "18446744073709551615"),
            ("wraps round", "exp", "18446744073709551617"),
            ("huge", "exp", "1e300"),
        ],
    );
    rows(
        TokenRejection::PayloadMalformed,
        &[
            ("infinite", "exp", "1e400"),
            ("not a number", "exp", "NaN"),
            ("infinity by name", "exp", "Infinity"),
            ("octal", "exp", "01700000300"),
            ("hexadecimal", "exp", "0x6553f100"),
            ("plus", "exp", "+1700000300"),
        ],
    );
}

#[test]
fn a_dead_or_immortal_token_is_refused() {
    rows(
        TokenRejection::Expired,
        &[
            ("this very second", "exp", "1700000000"),
            ("a second ago", "exp", "1699999999"),
            ("within jsonwebtoken's 60 s", "exp", "1699999941"),
            ("zero", "exp", "0"),
        ],
    );
    rows(
        TokenRejection::LifetimeTooLong,
        &[
            ("a year", "exp", "1731536000"),
            ("2^53 - 1", "exp", "9007199254740991"),
        ],
    );
}

#[test]
fn a_start_that_is_no_plain_integer_or_ahead_is_refused() {
    for (name, malformed, ahead) in [
        (
            "nbf",
            TokenRejection::NotBeforeMalformed,
            TokenRejection::NotYetValid,
        ),
        (
            "iat",
            TokenRejection::IssuedMalformed,
            TokenRejection::IssuedInFuture,
        ),
    ] {
        for value in [
            "null",
            r#""1""#,
            "true",
            "[]",
            "{}",
            "-1",
            "1.5",
            "9007199254740992",
        ] {
            rows(malformed, &[("taken for absent", name, value)]);
        }
        rows(
            ahead,
            &[
                ("a second ahead", name, "1700000001"),
                ("a year ahead", name, "1731536000"),
                ("for ever ahead", name, "9007199254740991"),
            ],
        );
    }
}

#[test]
fn another_kind_of_token_is_refused() {
    rows(
        TokenRejection::TokenType,
        &[
            (
                "a refresh token opens the API",
                "token_type",
                r#""refresh""#,
            ),
            ("a sliding token", "token_type", r#""sliding""#),
            ("an ID token has none", "token_type", ""),
            ("null", "token_type", "null"),
            ("another case", "token_type", r#""Access""#),
            ("padded", "token_type", r#"" access""#),
            ("one of many", "token_type", r#"["access"]"#),
            ("true", "token_type", "true"),
            ("empty", "token_type", r#""""#),
        ],
    );
    let access = reader().read_refresh(token(&[]).as_bytes(), NOW);
    assert_eq!(access.unwrap_err(), TokenRejection::TokenType);
}

#[test]
fn a_token_of_nobody_is_refused() {
    rows(
        TokenRejection::Subject,
        &[
            ("anonymous", "user_id", ""),
            ("null", "user_id", "null"),
            ("empty", "user_id", r#""""#),
            ("negative", "user_id", "-1"),
            ("float", "user_id", "1.0"),
            ("past 2^53", "user_id", "9007199254740993"),
            ("true is 1", "user_id", "true"),
            ("a list", "user_id", "[42]"),
            ("a query", "user_id", r#"{"$gt":0}"#),
            ("a new line in the log", "user_id", r#""42\nadmin""#),
            ("a delete character", "user_id", r#""42\u007f""#),
            ("a C1 control", "user_id", r#""42\u0085""#),
        ],
    );
    rows(
        TokenRejection::NulCharacter,
        &[
            ("cut short in C", "user_id", r#""42\u0000x""#),
            ("hidden in a custom claim", "x", r#"["\u0000"]"#),
            ("hidden in a name", r"x\u0000", "1"),
        ],
    );
}

#[test]
fn a_token_that_cannot_be_revoked_is_refused() {
    rows(
        TokenRejection::Jti,
        &[
            ("no id to list", "jti", ""),
            ("null", "jti", "null"),
            ("empty", "jti", r#""""#),
            ("number", "jti", "7"),
            ("list", "jti", r#"["a"]"#),
            ("control", "jti", r#""a\u0001""#),
        ],
    );
}

#[test]
fn a_session_that_is_half_there_is_refused() {
    const MALFORMED: TokenRejection = TokenRejection::SessionMalformed;
    for (at, value) in [
        (0, "null"),
        (0, r#""""#),
        (0, "7"),
        (0, r#""a\u001f""#),
        (1, ""),
        (1, "null"),
        (1, r#""1""#),
        (1, "1.5"),
        (2, ""),
        (2, "null"),
        (2, "-1"),
        (2, "[]"),
    ] {
        let mut claims = SESSION;
        claims[at].1 = value;
        refused(&reader(), &token(&claims), MALFORMED);
    }
    for generation in ["", "null", "-1", r#""0""#, "1.5"] {
        let claims = [
            &SESSION[..],
            &[("token_type", r#""refresh""#), ("gen", generation)],
        ]
        .concat();
        let found = reader().read_refresh(token(&claims).as_bytes(), NOW);
        assert_eq!(found.unwrap_err(), MALFORMED, "{generation}");
    }
}

#[test]
fn a_payload_that_parsers_read_differently_is_refused() {
    let twice = |member: &str| format!("{},{member}}}", payload(&[]).trim_end_matches('}'));
    for (want, text) in [
        (
            TokenRejection::DuplicateMember,
            twice(r#""exp":9999999999"#),
        ),
        (
            TokenRejection::DuplicateMember,
            twice(r#""token_type":"refresh""#),
        ),
        (
            TokenRejection::DuplicateMember,
            twice(r#""user\u005fid":"1""#),
        ),
        (TokenRejection::DuplicateMember, twice(r#""x":1,"x":1"#)),
        (
            TokenRejection::DuplicateMember,
            twice(r#""x":{"admin":0,"admin":1}"#),
        ),
        (
            TokenRejection::DuplicateMember,
            twice(r#""x":[[{"a":0,"\u0061":1}]]"#),
        ),
        (TokenRejection::PayloadMalformed, twice(r#""x":1,"#)),
        (TokenRejection::PayloadMalformed, twice("'x':1")),
        (TokenRejection::PayloadMalformed, twice("/* */\"x\":1")),
        (TokenRejection::PayloadMalformed, twice(r#""x":"\ud800""#)),
        (TokenRejection::PayloadMalformed, twice("\"x\":\"\n\"")),
        (TokenRejection::PayloadMalformed, twice("x:1")),
        (
            TokenRejection::PayloadMalformed,
            format!("{}{{}}", payload(&[])),
        ),
        (
            TokenRejection::PayloadMalformed,
            format!("{}x", payload(&[])),
        ),
        (
            TokenRejection::PayloadMalformed,
            format!("\u{feff}{}", payload(&[])),
        ),
        (
            TokenRejection::PayloadMalformed,
            format!("[{}]", payload(&[])),
        ),
        (TokenRejection::PayloadMalformed, String::new()),
        (TokenRejection::PayloadMalformed, "null".into()),
        (TokenRejection::PayloadMalformed, "\"42\"".into()),
        (TokenRejection::PayloadMalformed, "{".into()),
    ] {
        refused(&reader(), &signed(HEADER, &text), want);
    }
    let invalid = signed_bytes(HEADER.as_bytes(), b"{\"x\":\"\xff\"}");
    refused(&reader(), &invalid, TokenRejection::PayloadMalformed);
    let overlong = signed_bytes(HEADER.as_bytes(), b"{\"x\":\"\xc0\xaf\"}");
    refused(&reader(), &overlong, TokenRejection::PayloadMalformed);
}
