//! Keeps text that others have chosen from being more than text in a log.

use std::borrow::Cow;

/// `text` with every control character written as `\u{…}`: no line break, terminal sequence or
/// change of writing direction is left in it. Everything else stays as it is.
///
/// # Example
///
/// ```
/// use portcullis_core::audit::printable;
///
/// assert_eq!(printable("Zoë ☕"), "Zoë ☕");
/// assert_eq!(printable("eve\nkind=logout"), "eve\\u{a}kind=logout");
/// assert_eq!(printable("\u{1b}[2J\u{202e}"), "\\u{1b}[2J\\u{202e}");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_control(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// C0, C1 and DEL; the other two line breaks; what turns the direction of writing round.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        )
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
