//! Finds the token in a form: urlencoded, or multipart (RFC 7578).

use http::{HeaderMap, header};

use super::{CsrfFormField, evidence::Once};

/// Django's name of the field.
const NAME: &[u8] = b"csrfmiddlewaretoken";

/// How a body is written that may hold the field.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Encoding {
    Multipart { boundary: Vec<u8> },
    UrlEncoded,
}

/// The content type of a form, so that its body is worth reading.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsrfFormType(Encoding);

impl CsrfFormType {
    /// The most bytes of a body that are looked at.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The kind of form that `headers` announce; `None` for a body of any other kind.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use portcullis_core::csrf::CsrfFormType;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("content-type", "application/x-www-form-urlencoded".parse()?);
    /// assert!(CsrfFormType::of(&headers).is_some());
    /// headers.insert("content-type", "application/json".parse()?);
    /// assert!(CsrfFormType::of(&headers).is_none());
    /// # Ok::<_, http::header::InvalidHeaderValue>(())
    /// ```
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let value = Once::of(headers, &header::CONTENT_TYPE).line().ok()??;
        let mut parts = value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let media = parts.next()?;
        if media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return Some(Self(Encoding::UrlEncoded));
        }
        if !media.eq_ignore_ascii_case(b"multipart/form-data") {
            return None;
        }
        let boundary = parts
            .find_map(|part| parameter(part, b"boundary"))?
            .to_vec();
        // RFC 2046 §5.1.1.
        let fits = (1..=70).contains(&boundary.len());
        fits.then_some(Self(Encoding::Multipart { boundary }))
    }

    /// The field in the start of a body; of several the last, as in Django.
    ///
    /// A value that reaches the end of `body` counts only when that is the end of the form,
    /// `is_whole`.
    pub fn find(&self, body: &[u8], is_whole: bool) -> Option<CsrfFormField> {
        let seen = &body[..body.len().min(Self::MAX_BYTES)];
        let is_whole = is_whole && seen.len() == body.len();
        match &self.0 {
            Encoding::Multipart { boundary } => in_multipart(boundary, seen),
            Encoding::UrlEncoded => in_urlencoded(seen, is_whole),
        }
    }
}

fn in_urlencoded(body: &[u8], is_whole: bool) -> Option<CsrfFormField> {
    let end = match body.iter().rposition(|&byte| byte == b'&') {
        _ if is_whole => body.len(),
        last => last.unwrap_or(0),
    };
    let value = body[..end]
        .split(|&byte| byte == b'&')
        .rev()
        .find_map(|pair| {
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            (decoded(&pair[..equals])? == NAME).then(|| &pair[equals + 1..])
        })?;
    // What does not decode is no token either; it must not be taken for absent.
    Some(CsrfFormField::new(
        &decoded(value).unwrap_or_else(|| value.to_vec()),
    ))
}

/// Percent-decodes (WHATWG URL §5.1); `None` when a `%` has no two digits behind it.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.iter().copied();
    let mut plain = Vec::with_capacity(text.len().min(256));
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                digits.0 << 4 | digits.1
            }
            other => other,
        });
    }
    Some(plain)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn in_multipart(boundary: &[u8], body: &[u8]) -> Option<CsrfFormField> {
    let delimiter = [b"\r\n--", boundary].concat();
    // The first delimiter may stand at the very start, without its line end.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => rest,
        None => after(body, &delimiter)?.1,
    };
    let mut found = None;
    while let Some((_, part)) = after(rest, b"\r\n") {
        let Some((content, next)) = after(part, &delimiter) else {
            break;
        };
        if let Some((headers, value)) = after(content, b"\r\n\r\n")
            && is_token_part(headers)
        {
            found = Some(CsrfFormField::new(value));
        }
        rest = next;
    }
    found
}

/// What stands before and after the first `mark`.
fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// Whether the headers of a part name the field, and no file.
fn is_token_part(headers: &[u8]) -> bool {
    headers.split(|&byte| byte == b'\n').any(|line| {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return false;
        };
        let parts = || {
            line[colon + 1..]
                .split(|&byte| byte == b';')
                .map(<[u8]>::trim_ascii)
        };
        line[..colon].eq_ignore_ascii_case(b"content-disposition")
            && parts().any(|part| parameter(part, b"name") == Some(NAME))
            && !parts().any(|part| parameter(part, b"filename").is_some())
    })
}

/// The value of `part` when it is the parameter `name`, its quotes taken off.
fn parameter<'a>(part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let equals = part.iter().position(|&byte| byte == b'=')?;
    let value = part[equals + 1..].trim_ascii();
    let bare = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let is_it = part[..equals].trim_ascii().eq_ignore_ascii_case(name);
    is_it.then(|| bare.unwrap_or(value))
}
