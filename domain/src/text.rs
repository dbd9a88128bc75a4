//! Validation and comparison of short texts: names, titles and e-mails.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, NoncharacterCodePoint,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use thiserror::Error;

/// The error of a text with an invalid length or character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidText {
    /// The text has no visible character.
    #[error("the text is empty")]
    Empty,
    /// The text has too many characters.
    #[error("the text is too long")]
    TooLong,
    /// The text contains a character that is forbidden in a text of one line, such as a control character.
    #[error("the text contains a forbidden character")]
    ForbiddenCharacter,
}

/// Trims the text; returns an error unless 1 to `max_chars` characters (Unicode scalar values) remain, at
/// least one of them is visible and none is forbidden.
pub(crate) fn parse(raw: &str, max_chars: usize) -> Result<String, InvalidText> {
    let text = raw.trim();
    if !has_visible(text) {
        return Err(InvalidText::Empty);
    }
    let text = restore(text, max_chars)?;
    if has_forbidden(&text) { Err(InvalidText::ForbiddenCharacter) } else { Ok(text) }
}

/// Restores a text from storage. Its characters were checked when it was saved, so only its length is.
pub(crate) fn restore(stored: &str, max_chars: usize) -> Result<String, InvalidText> {
    match stored.chars().count() {
        0 => Err(InvalidText::Empty),
        chars if chars > max_chars => Err(InvalidText::TooLong),
        _ => Ok(stored.to_owned()),
    }
}

/// Returns the text by which texts are compared that may differ in case or in the encoding of accents
/// (canonical caseless matching, definition D145 of the Unicode Standard).
pub(crate) fn fold(text: &str) -> String {
    let decomposed = DecomposingNormalizer::new_nfd().normalize(text);
    let folded = CaseMapper::new().fold_string(&decomposed);
    ComposingNormalizer::new_nfc().normalize(&folded).into_owned()
}

/// Returns whether the text has a visible character.
pub(crate) fn has_visible(text: &str) -> bool {
    text.chars().any(is_visible)
}

/// Returns whether the text contains a character that is forbidden in a text of one line: a control or format
/// character, a line separator or a noncharacter. Two uses of format characters are allowed: a joiner after a
/// visible character, as in emoji, Persian and Hindi, and the tags of a flag, such as that of Scotland.
pub(crate) fn has_forbidden(text: &str) -> bool {
    const ZWNJ: char = '\u{200c}';
    const ZWJ: char = '\u{200d}';
    const BLACK_FLAG: char = '\u{1f3f4}';
    const TAGS: std::ops::RangeInclusive<char> = '\u{e0020}'..='\u{e007f}';

    let mut previous = ' ';
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let is_allowed = match character {
            // Malayalam words may end with a mark and a joiner.
            ZWNJ | ZWJ if is_mark(previous) => true,
            ZWNJ | ZWJ => is_visible(previous) && rest.as_str().starts_with(is_visible),
            tag if TAGS.contains(&tag) => previous == BLACK_FLAG || TAGS.contains(&previous),
            other => !is_forbidden(other),
        };
        if !is_allowed {
            return true;
        }
        previous = character;
    }
    false
}

/// Returns whether the character is displayed: neither white space nor ignorable nor blank.
fn is_visible(character: char) -> bool {
    /// Braille without dots, and a musical note without a head.
    const BLANKS: [char; 2] = ['\u{2800}', '\u{1d159}'];
    !character.is_whitespace()
        && !is_forbidden(character)
        && !BLANKS.contains(&character)
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

fn is_forbidden(character: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    matches!(category, Control | Format | LineSeparator | ParagraphSeparator)
        || CodePointSetData::new::<NoncharacterCodePoint>().contains(character)
}

/// Returns whether the character is a combining mark. Variation selectors are marks as well.
fn is_mark(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    GeneralCategoryGroup::Mark.contains(category)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_visible_characters_is_empty() {
        for raw in [
            "",
            " \t\n",
            "\u{a0}",
            "\u{3000}",
            "\u{200b}\u{200d}",
            "\u{ad}",
            "\u{2800}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{feff}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{202e}",
            "\0",
            "\u{fffe}",
            "\u{2028}",
            "\u{1d159}",
            "\u{34f}",
        ] {
            assert_eq!(parse(raw, 100), Err(InvalidText::Empty), "{raw:?}");
        }
    }

    #[test]
    fn control_and_format_characters_are_forbidden() {
        for forbidden in [
            "\0",
            "\n",
            "\r\n",
            "\t",
            "\u{1b}[31m",
            "\u{7f}",
            "\u{85}",
            "\u{ad}",
            "\u{61c}",
            "\u{180e}",
            "\u{200b}",
            "\u{200e}",
            "\u{200f}",
            "\u{2028}",
            "\u{2029}",
            "\u{202a}",
            "\u{202e}",
            "\u{2060}",
            "\u{2066}",
            "\u{2069}",
            "\u{feff}",
            "\u{fff9}",
            "\u{fdd0}",
            "\u{fffe}",
            "\u{10ffff}",
            "\u{e0001}",
            "\u{e0041}",
        ] {
            let raw = format!("Moi{forbidden}moi");
            assert_eq!(parse(&raw, 100), Err(InvalidText::ForbiddenCharacter), "{raw:?}");
        }
    }

    #[test]
    fn joiners_are_allowed_only_in_words_and_emoji() {
        for (raw, is_allowed) in [
            ("👩\u{200d}🍳 pie", true),
            ("❤\u{fe0f}\u{200d}🔥", true),
            ("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} haggis", true),
            ("می\u{200c}خواهم", true),
            ("क्\u{200d}ष", true),
            // Malayalam, as typed before Unicode 5.1.
            ("മോഹന്\u{200d}", true),
            ("葛\u{e0100}飾", true),
            ("Soup\u{200d}", false),
            ("\u{200d}Soup", false),
            ("Soup \u{200c}pot", false),
            ("So\u{200d}\u{200d}up", false),
            ("🍲\u{e0067}", false),
        ] {
            assert_eq!(parse(raw, 100).is_ok(), is_allowed, "{raw:?}");
        }
    }

    #[test]
    fn text_in_any_script_is_accepted_as_typed() {
        for raw in [
            "Ada",
            "O'Hara",
            "José",
            "Jose\u{301}",
            "Νίκος",
            "संजय",
            "மணி",
            "สมชาย",
            "محمد",
            "李",
            "🍲",
        ] {
            assert_eq!(parse(raw, 100).as_deref(), Ok(raw));
        }
    }
}
