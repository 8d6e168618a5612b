//! The form field, as the layer that reads bodies passes it to the check.

use std::fmt;

/// Room for a masked token; a longer field is wrong whatever it holds.
const ROOM: usize = 64;

/// The value of `csrfmiddlewaretoken` in a form, which a body reader leaves in the request's
/// extensions.
///
/// It is read for `POST` alone. An empty one counts as absent, as in Django. `Debug` prints nothing
/// of it.
///
/// ```
/// use portcullis_core::csrf::CsrfFormField;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(CsrfFormField::new(b"abcdefghijklmnopqrstuvwxyzABCDEF"));
/// ```
#[derive(Clone, Copy)]
pub struct CsrfFormField {
    text: [u8; ROOM],
    len: usize,
}

impl CsrfFormField {
    /// The field with the value `text`. Of one that is too long to be a token, only that is kept.
    pub fn new(text: &[u8]) -> Self {
        let mut field = Self {
            text: [0; ROOM],
            len: text.len(),
        };
        let kept = text.len().min(ROOM);
        field.text[..kept].copy_from_slice(&text[..kept]);
        field
    }

    /// The value; `None` when it is longer than any token.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.text.get(..self.len)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for CsrfFormField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfFormField(..)")
    }
}
