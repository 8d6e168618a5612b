//! The CSRF token in a form: the body is any bytes, cut anywhere.

use http::{HeaderMap, HeaderValue, header};
use portcullis_core::csrf::CsrfFormType;

const NAME: &[u8] = b"csrfmiddlewaretoken";

/// Reads the first line of `data` as a content type and the rest as a body.
///
/// # Panics
///
/// When an urlencoded field is found where there is none, or not found where it stands in plain.
pub fn check(data: &[u8]) {
    let mut halves = data.splitn(2, |&byte| byte == b'\n');
    let (kind, body) = (halves.next(), halves.next().unwrap_or_default());
    let Some(Ok(kind)) = kind.map(HeaderValue::from_bytes) else {
        return;
    };
    let urlencoded = kind == "application/x-www-form-urlencoded";
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
    let Some(form) = CsrfFormType::of(&headers) else {
        assert!(!urlencoded);
        return;
    };
    let whole = form.find(body, true).is_some();
    for cut in [0, body.len() / 3, body.len() / 2] {
        let start = form.find(&body[..cut], false);
        assert!(start.is_none() || named(body), "found before it is there");
    }
    if urlencoded && body.len() <= CsrfFormType::MAX_BYTES {
        let plain = body.split(|&byte| byte == b'&').any(|pair| {
            let value = pair.strip_prefix(NAME);
            value.is_some_and(|value| value.first() == Some(&b'='))
        });
        assert!(whole || !plain, "not found, and it stands there");
        assert!(!whole || named(body), "found, and it stands nowhere");
    }
}

/// Whether the name may be there: as it is, or with some of it percent-encoded.
fn named(body: &[u8]) -> bool {
    body.contains(&b'%') || body.windows(NAME.len()).any(|window| window == NAME)
}
