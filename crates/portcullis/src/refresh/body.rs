//! Reads a small JSON or form body, once, within a bound, without duplicate fields.

use std::{fmt, future::poll_fn, pin::pin};

use bytes::{Buf, BufMut, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The most bytes of a body that any endpoint reads.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024;

/// The most fields of a body.
const MAX_FIELDS: usize = 32;

/// Why a body was not understood: 400, 413 or 415.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BodyError {
    Duplicate,
    Malformed,
    TooLarge,
    UnsupportedType,
}

/// The fields of a body, in the order received; `None` where the value is no string.
///
/// A password or a token is among them, so there is no `Debug`.
pub(super) struct Fields(Vec<(String, Option<String>)>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name)?.1.as_deref()
    }

    /// Adds a field that is not there yet.
    fn add(&mut self, name: String, value: Option<String>) -> Result<(), BodyError> {
        if self.0.iter().any(|(field, _)| *field == name) {
            return Err(BodyError::Duplicate);
        }
        if self.0.len() == MAX_FIELDS {
            return Err(BodyError::Malformed);
        }
        self.0.push((name, value));
        Ok(())
    }
}

/// Reads the whole of `body`, at most [`MAX_BODY_BYTES`], and its fields.
pub(super) async fn read<B>(headers: &HeaderMap, body: B) -> Result<Fields, BodyError>
where
    B: Body,
{
    let form = is_form(headers)?;
    let bytes = collect(body).await?;
    if form {
        form_fields(&bytes)
    } else {
        json_fields(&bytes)
    }
}

async fn collect<B: Body>(body: B) -> Result<BytesMut, BodyError> {
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        // A body that breaks off is the client's: there is nobody left to read an answer.
        let Ok(data) = frame.map_err(|_| BodyError::Malformed)?.into_data() else {
            continue;
        };
        if bytes.len() + data.remaining() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        bytes.put(data);
    }
    Ok(bytes)
}

/// Whether the body is a form; JSON when nothing is said, as every client of ours sends.
fn is_form(headers: &HeaderMap) -> Result<bool, BodyError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(false);
    };
    let media = value
        .as_bytes()
        .split(|&byte| byte == b';')
        .next()
        .unwrap_or_default();
    let media = media.trim_ascii();
    if media.eq_ignore_ascii_case(b"application/json") {
        Ok(false)
    } else if media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Ok(true)
    } else {
        Err(BodyError::UnsupportedType)
    }
}

fn json_fields(bytes: &[u8]) -> Result<Fields, BodyError> {
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = Result<Fields, BodyError>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Ok(Fields(Vec::new()));
            // Read to the end also after a duplicate: the text may still be no JSON at all.
            while let Some((name, value)) = map.next_entry::<String, Value>()? {
                let value = match value {
                    Value::String(text) => Some(text),
                    _ => None,
                };
                fields = fields.and_then(|mut fields| fields.add(name, value).map(|()| fields));
            }
            Ok(fields)
        }
    }

    let mut json = serde_json::Deserializer::from_slice(bytes);
    let fields = json
        .deserialize_map(Object)
        .map_err(|_| BodyError::Malformed)?;
    json.end().map_err(|_| BodyError::Malformed)?;
    fields
}

fn form_fields(bytes: &[u8]) -> Result<Fields, BodyError> {
    let mut fields = Fields(Vec::new());
    for (name, value) in form_urlencoded::parse(bytes) {
        // The parser replaces what is not UTF-8; a password must not be changed on its way.
        if name.contains(char::REPLACEMENT_CHARACTER) || value.contains(char::REPLACEMENT_CHARACTER)
        {
            return Err(BodyError::Malformed);
        }
        fields.add(name.into_owned(), Some(value.into_owned()))?;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, body: &str, want: Result<(&str, Option<&str>), BodyError>) {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        let body = crate::Guarded::<crate::Guarded<Never>>::refusal(body.to_owned().into());
        let fields = tokio_test::block_on(read(&headers, body));
        match want {
            Ok((name, value)) => assert_eq!(fields.unwrap().get(name), value),
            Err(error) => assert_eq!(fields.err(), Some(error)),
        }
    }

    type Never = http_body_util::Empty<bytes::Bytes>;

    #[test]
    fn json_and_forms_give_the_same_fields() {
        check(
            "",
            r#"{"username": "ada", "x": 1}"#,
            Ok(("username", Some("ada"))),
        );
        check(
            "application/json; charset=utf-8",
            r#"{"a": "\u00e9"}"#,
            Ok(("a", Some("é"))),
        );
        let form = "application/x-www-form-urlencoded";
        check(
            form,
            "username=ada+l&b=%C3%A9",
            Ok(("username", Some("ada l"))),
        );
        check(form, "username=ada+l&b=%C3%A9", Ok(("b", Some("é"))));
    }

    #[test]
    fn a_field_that_is_no_text_counts_as_absent() {
        check("", r#"{"password": 5}"#, Ok(("password", None)));
        check("", r#"{"password": null}"#, Ok(("password", None)));
        check("", "{}", Ok(("password", None)));
    }

    #[test]
    fn a_field_that_occurs_twice_is_refused() {
        check("", r#"{"a": "1", "a": "2"}"#, Err(BodyError::Duplicate));
        check(
            "",
            r#"{"a": "1", "\u0061": "2"}"#,
            Err(BodyError::Duplicate),
        );
        check(
            "application/x-www-form-urlencoded",
            "a=1&%61=2",
            Err(BodyError::Duplicate),
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for body in [
            "",
            "[]",
            "\"x\"",
            "{",
            r#"{"a": "1"} x"#,
            r#"{"a": "1", "a": "2""#,
            "null",
        ] {
            check("", body, Err(BodyError::Malformed));
        }
        check(
            "application/x-www-form-urlencoded",
            "a=%FF",
            Err(BodyError::Malformed),
        );
        check("text/plain", "{}", Err(BodyError::UnsupportedType));
        check(
            "multipart/form-data; boundary=x",
            "",
            Err(BodyError::UnsupportedType),
        );
        let nested = "[".repeat(10_000);
        check(
            "",
            &format!(r#"{{"a": {nested}"#),
            Err(BodyError::Malformed),
        );
    }

    #[test]
    fn a_body_past_the_bound_is_refused() {
        let fits = format!(r#"{{"a": "{}"}}"#, "x".repeat(MAX_BODY_BYTES - 9));
        assert_eq!(fits.len(), MAX_BODY_BYTES);
        check("", &fits, Ok(("b", None)));
        check("", &format!("{fits} "), Err(BodyError::TooLarge));
    }
}
