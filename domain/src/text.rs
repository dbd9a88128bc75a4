//! Validation of short texts: names and titles.

use thiserror::Error;

/// The error of a text with an invalid length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidText {
    /// The text is empty or only white space.
    #[error("the text is empty")]
    Empty,
    /// The text has too many characters.
    #[error("the text is too long")]
    TooLong,
}

/// Trims the text; returns an error unless 1 to `max_chars` characters (Unicode scalar values) remain.
pub(crate) fn trim(raw: &str, max_chars: usize) -> Result<String, InvalidText> {
    let text = raw.trim();
    match text.chars().count() {
        0 => Err(InvalidText::Empty),
        chars if chars > max_chars => Err(InvalidText::TooLong),
        _ => Ok(text.to_owned()),
    }
}
