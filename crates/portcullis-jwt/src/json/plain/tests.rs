//! What is read without a parser is what the parser reads.

use proptest::prelude::*;

use super::*;
use crate::{json::read_object, rejection::TokenRejection};

type Members = Vec<(String, Value<'static>)>;

fn owned(name: &str, value: Value<'_>) -> (String, Value<'static>) {
    let value = match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Integer(number) => Value::Integer(number),
        other => panic!("neither text nor integer: {other:?}"),
    };
    (name.to_owned(), value)
}

fn plainly(json: &str) -> Option<Members> {
    let mut members = Vec::new();
    read(json.as_bytes(), |name, value| {
        members.push(owned(name, value));
    })?;
    Some(members)
}

fn parsed(json: &str) -> Result<Members, TokenRejection> {
    let mut members = Vec::new();
    let mut member = |name: &str, value: Value<'_>| members.push(owned(name, value));
    read_object(
        json.as_bytes(),
        TokenRejection::PayloadMalformed,
        &mut member,
    )?;
    Ok(members)
}

#[track_caller]
fn check(json: &str, is_plain: bool) {
    assert_eq!(plainly(json).is_some(), is_plain, "{json}");
    if is_plain {
        assert_eq!(plainly(json).unwrap(), parsed(json).unwrap(), "{json}");
    }
}

#[test]
fn what_django_and_we_write_needs_no_parser() {
    check(
        r#"{"token_type":"access","exp":1700000300,"jti":"a","user_id":"42"}"#,
        true,
    );
    check(r#"{"a":0}"#, true);
    check(r#"{"":"","a":"{,:}"}"#, true);
    check(r#"{"a":999999999999999}"#, true);
}

#[test]
fn everything_else_is_left_to_the_parser() {
    let names: Vec<String> = (0..=MAX_MEMBERS).map(|at| format!("\"{at}\":1")).collect();
    for json in [
        "",
        "{",
        "{}",
        "null",
        r#""a""#,
        r#"["a"]"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":1}}"#,
        r#"{"a":1} "#,
        r#" {"a":1}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1"b":2}"#,
        r#"{"a" :1}"#,
        r#"{"a": 1}"#,
        r#"{"a":01}"#,
        r#"{"a":-1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":1e2}"#,
        r#"{"a":+1}"#,
        r#"{"a":1000000000000000}"#,
        r#"{"a":9007199254740992}"#,
        r#"{"a":}"#,
        r#"{"a"}"#,
        r#"{"a":null}"#,
        r#"{"a":true}"#,
        r#"{"a":["b"]}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":"\u0061"}"#,
        r#"{"a":"\""}"#,
        r#"{"a":"b}"#,
        "{\"a\":\"\t\"}",
        "{\"a\":\"\u{7f}\"}",
        "{\"a\":\"é\"}",
        "{\"a\":\"\0\"}",
        &format!("{{{}}}", names.join(",")),
    ] {
        check(json, false);
    }
    assert_eq!(read(b"{\"a\":\"\xff\"}", |_, _| {}), None);
}

#[test]
fn the_names_that_we_act_on_are_not_taken_for_each_other() {
    let marks = crate::claims::RESERVED
        .iter()
        .fold(0, |marks, name| marks | mark(name));
    assert_eq!(marks.count_ones() as usize, crate::claims::RESERVED.len());
}

#[test]
fn names_that_share_a_mark_are_compared() {
    assert_eq!(mark("sub"), mark("s-b"));
    check(r#"{"sub":"1","s-b":"2"}"#, true);
    check(r#"{"sub":"1","s-b":"2","sub":"1"}"#, false);
}

/// A piece of JSON, or of what could be taken for it.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "\"[a-c]{0,2}\"",
        3 => "0|-?[0-9]{1,17}",
        6 => "[{}:,]",
        1 => "[ -~]",
        1 => Just("null".to_owned()),
    ]
}

/// A member as it is written in an object.
fn member() -> impl Strategy<Value = String> {
    let value = prop_oneof!["\"[ -~]{0,3}\"", "[0-9]{1,17}"];
    ("[a-f]", value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
}

proptest! {
    #[test]
    fn eight_digits_are_read_as_any_reader_reads_them(text in "[0-9]{8}|[ -~]{8}|[/-:]{8}") {
        let bytes: [u8; 8] = text.as_bytes().try_into().unwrap();
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(eight_digits(bytes), text.parse().ok().filter(|_| is_number));
    }

    #[test]
    fn a_quotation_mark_is_found_where_the_first_one_is(text in "[ -~]{0,40}[!\"#]{0,9}") {
        let want = text.find('"');
        prop_assert_eq!(quotation_mark(text.as_bytes()), want);
    }

    #[test]
    fn whatever_is_read_plainly_the_parser_reads_alike(
        pieces in prop::collection::vec(piece(), 0..12),
        members in prop::collection::vec(member(), 0..6),
    ) {
        for json in [pieces.concat(), format!("{{{}}}", members.join(","))] {
            if let Some(members) = plainly(&json) {
                prop_assert_eq!(parsed(&json), Ok(members), "{}", json);
            }
        }
    }
}
