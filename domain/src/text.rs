//! Texts of one line: names and titles.

use thiserror::Error;

/// The length of a text is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// Too many characters.
    #[error("the text is too long")]
    TooLong,
}

/// Trims a text of 1 to `max_chars` characters (Unicode scalar values).
pub(crate) fn trim(raw: &str, max_chars: usize) -> Result<String, InvalidText> {
    let text = raw.trim();
    match text.chars().count() {
        0 => Err(InvalidText::Empty),
        chars if chars > max_chars => Err(InvalidText::TooLong),
        _ => Ok(text.to_owned()),
    }
}
