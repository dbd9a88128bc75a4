//! Titles of foods.

use crate::text::{self, InvalidText};

/// The title of a food: trimmed, 1 to 100 characters of one line, case as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// The maximum length of a title in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// Trims and validates the text; see [`InvalidText`].
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        text::parse(raw, Self::MAX_CHARS).map(Self)
    }

    /// Restores a title from storage. It was validated when it was saved, so only its length is checked.
    pub fn from_trusted(stored: &str) -> Result<Self, InvalidText> {
        text::restore(stored, Self::MAX_CHARS).map(Self)
    }

    /// Returns the title as typed, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text by which titles are unique: equal for titles that differ only in case or in the
    /// encoding of accents.
    pub fn folded(&self) -> String {
        text::fold(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(raw: &str) -> String {
        Title::parse(raw).unwrap().folded()
    }

    #[test]
    fn title_is_trimmed_and_limited_to_100_characters() {
        assert_eq!(Title::parse(" Soup\n").unwrap().as_str(), "Soup");
        assert_eq!(Title::parse("  "), Err(InvalidText::Empty));
        assert!(Title::parse(&"🍲".repeat(100)).is_ok());
        assert_eq!(Title::parse(&"🍲".repeat(101)), Err(InvalidText::TooLong));
    }

    #[test]
    fn titles_differing_in_case_or_accent_encoding_are_equal() {
        for (one, other, is_same) in [
            ("JOLLOF Rice", "  jollof rICE ", true),
            ("Crème", "cre\u{300}me", true),
            ("Maß", "MASS", true),
            ("ΣΊΣΥΦΟΣ", "σίσυφος", true),
            ("Rice", "Ricé", false),
        ] {
            assert_eq!(folded(one) == folded(other), is_same, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn parsing_a_title_twice_changes_nothing(raw: String) {
            if let Ok(title) = Title::parse(&raw) {
                prop_assert_eq!(Title::parse(title.as_str()), Ok(title.clone()));
                let folded = title.folded();
                prop_assert_eq!(Title::from_trusted(title.as_str()), Ok(title));
                // The limit of a DynamoDB partition key is 2048 bytes.
                prop_assert!(folded.len() < 2_000);
                if let Ok(again) = Title::parse(&folded) {
                    prop_assert_eq!(again.folded(), folded.trim());
                }
            }
        }
    }
}
