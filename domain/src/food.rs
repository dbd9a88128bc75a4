//! Foods: titles, descriptions and who shared them.

use std::sync::LazyLock;

use ammonia::Builder;
use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::FoodId;
use crate::image::ImageKey;
use crate::user::PublicUser;

/// What a food is called: trimmed, 1 to 100 characters, kept as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

/// Why a text is no title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidTitle {
    /// Nothing but space.
    #[error("the title is empty")]
    Empty,
    /// More than [`Title::MAX_CHARS`] characters.
    #[error("the title is longer than {max} characters", max = Title::MAX_CHARS)]
    TooLong,
}

impl Title {
    /// The longest title, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// The only way in.
    pub fn parse(raw: &str) -> Result<Self, InvalidTitle> {
        let title = raw.trim();
        match title.chars().count() {
            0 => Err(InvalidTitle::Empty),
            1..=Self::MAX_CHARS => Ok(Self(title.to_owned())),
            _ => Err(InvalidTitle::TooLong),
        }
    }

    /// The title as typed, without outer space.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The title by which foods are told apart: titles that differ only in case, or in how an
    /// accent is encoded, fold to the same text (Unicode canonical caseless matching, D145).
    pub fn folded(&self) -> String {
        let decomposed = DecomposingNormalizer::new_nfd().normalize(&self.0);
        let folded = CaseMapper::new().fold_string(&decomposed);
        ComposingNormalizer::new_nfc()
            .normalize(&folded)
            .into_owned()
    }
}

/// What a food is about: HTML that is safe to put into a page, 1 to 20,000 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

/// Why a text is no description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDescription {
    /// Nothing is left once what is not safe is gone.
    #[error("the description is empty")]
    Empty,
    /// More than [`Description::MAX_CHARS`] characters, or more than [`Description::MAX_TAGS`] tags.
    #[error("the description is longer than {max} characters", max = Description::MAX_CHARS)]
    TooLong,
}

/// The formatting that rich-text editors write, and no element that loads, runs or posts anything
/// but a link and a picture.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(Builder::default);

impl Description {
    /// The longest description, in characters, as sent and as kept.
    pub const MAX_CHARS: usize = 20_000;

    /// The most `<` in one description. A browser's HTML parser repeats open formatting elements
    /// in each paragraph, so a short text of unclosed tags can grow to gigabytes.
    pub const MAX_TAGS: usize = 2_000;

    /// Makes HTML that somebody typed safe: scripts, event handlers and unknown elements go,
    /// ordinary formatting stays.
    pub fn sanitize(raw: &str) -> Result<Self, InvalidDescription> {
        let raw = raw.trim();
        if raw.chars().count() > Self::MAX_CHARS || raw.matches('<').count() > Self::MAX_TAGS {
            return Err(InvalidDescription::TooLong);
        }
        Self::stored(SANITIZER.clean(raw).to_string().trim())
    }

    /// A description that was made safe when it was saved: only its length is looked at.
    pub fn stored(safe: &str) -> Result<Self, InvalidDescription> {
        match safe.chars().count() {
            0 => Err(InvalidDescription::Empty),
            1..=Self::MAX_CHARS => Ok(Self(safe.to_owned())),
            _ => Err(InvalidDescription::TooLong),
        }
    }

    /// HTML that is safe to put into a page.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A food somebody recommends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Food {
    /// Which food it is.
    pub id: FoodId,
    /// Who shared it: alone may change or delete it.
    pub creator: PublicUser,
    /// What it is called; no two foods share one.
    pub title: Title,
    /// What it is about.
    pub description: Description,
    /// Where its picture is.
    pub image: ImageKey,
    /// When it was shared.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How often it was saved: a change is made to one version and leads to the next.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(raw: &str) -> String {
        Title::parse(raw).unwrap().folded()
    }

    fn sanitized(raw: &str) -> String {
        Description::sanitize(raw).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_title_is_trimmed_and_counted_in_characters() {
        assert_eq!(Title::parse(" Soup\n").unwrap().as_str(), "Soup");
        assert_eq!(Title::parse("  "), Err(InvalidTitle::Empty));
        assert!(Title::parse(&"🍲".repeat(100)).is_ok());
        assert_eq!(Title::parse(&"🍲".repeat(101)), Err(InvalidTitle::TooLong));
    }

    #[test]
    fn titles_that_differ_in_case_or_encoding_are_one() {
        assert_eq!(folded("JOLLOF Rice"), folded("  jollof rICE "));
        assert_eq!(folded("Crème"), folded("cre\u{300}me"));
        assert_eq!(folded("Maß"), folded("MASS"));
        assert_eq!(folded("ΣΊΣΥΦΟΣ"), folded("σίσυφος"));
        assert_ne!(folded("Rice"), folded("Ricé"));
    }

    #[test]
    fn a_description_keeps_formatting_and_loses_what_runs() {
        assert_eq!(
            sanitized("<p>Best <strong>jollof</strong> in <em>town</em></p>"),
            "<p>Best <strong>jollof</strong> in <em>town</em></p>"
        );
        assert_eq!(
            sanitized("<p onclick=\"steal()\">Hi<script>steal()</script></p>"),
            "<p>Hi</p>"
        );
        assert_eq!(
            sanitized("<img src=x onerror=steal()>yum"),
            "<img src=\"x\">yum"
        );
        assert!(!sanitized("<a href=\"javascript:steal()\">x</a>").contains("javascript"));
        assert_eq!(sanitized("a < b & c"), "a &lt; b &amp; c");
        assert_eq!(sanitized("🍲 مرحبا e\u{301}"), "🍲 مرحبا e\u{301}");
    }

    #[test]
    fn a_description_of_nothing_but_script_is_empty() {
        assert_eq!(
            Description::sanitize("<script>steal()</script>"),
            Err(InvalidDescription::Empty)
        );
        assert_eq!(Description::sanitize("  "), Err(InvalidDescription::Empty));
    }

    #[test]
    fn a_description_is_counted_in_characters() {
        assert!(Description::sanitize(&"🍲".repeat(20_000)).is_ok());
        assert_eq!(
            Description::sanitize(&"🍲".repeat(20_001)),
            Err(InvalidDescription::TooLong)
        );
    }

    #[test]
    fn tags_that_multiply_are_refused_instead_of_parsed() {
        let opened: String = (0..1_500).map(|n| format!("<b a={n}>")).collect();
        let paragraphs = "<p>x".repeat(1_000);
        assert_eq!(
            Description::sanitize(&format!("<p>{opened}{paragraphs}")),
            Err(InvalidDescription::TooLong)
        );
    }

    proptest! {
        #[test]
        fn a_title_survives_being_written_and_read(raw: String) {
            if let Ok(title) = Title::parse(&raw) {
                prop_assert_eq!(Title::parse(title.as_str()), Ok(title.clone()));
                let folded = title.folded();
                // The key of a DynamoDB item holds 2048 bytes.
                prop_assert!(folded.len() < 2_000);
                if let Ok(again) = Title::parse(&folded) {
                    prop_assert_eq!(again.folded(), folded.trim());
                }
            }
        }

        #[test]
        fn sanitizing_twice_changes_nothing(raw in "[a-z<>/=\"'& ]{0,200}") {
            if let Ok(description) = Description::sanitize(&raw) {
                prop_assert_eq!(
                    Description::sanitize(description.as_str()),
                    Ok(description)
                );
            }
        }
    }
}
