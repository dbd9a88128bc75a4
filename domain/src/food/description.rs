//! Descriptions of foods: HTML sanitized by an allow-list.

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::LazyLock;

use ammonia::{Builder, Url};
use thiserror::Error;

use crate::text;

/// The description of a food: sanitized HTML with visible text, at most 20,000 characters and 20 KB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

/// The error of an invalid description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDescription {
    /// The sanitized text has no visible character.
    #[error("the description is empty")]
    Empty,
    /// The description has more than [`Description::MAX_CHARS`] characters or [`Description::MAX_BYTES`] bytes.
    #[error("the description is longer than {chars} characters or {bytes} bytes",
        chars = Description::MAX_CHARS, bytes = Description::MAX_BYTES)]
    TooLong,
    /// The description has more markup than [`Description::MAX_TAGS`], [`Description::MAX_ATTRIBUTES`] and
    /// [`Description::MAX_TAG_BYTES`] allow.
    #[error("the description has too many tags, or too long ones")]
    TooMuchMarkup,
}

/// Sanitizer that allows text formatting and links; removes scripts, styles, forms, event handlers and images,
/// which would tell the server of the image who reads the description.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder.rm_tags(["img"]).add_generic_attributes(["dir"]).attribute_filter(
        |_, attribute, value| {
            let is_allowed = match attribute {
                "href" => is_absolute(value, &["http://", "https://", "mailto:"]),
                "cite" => is_absolute(value, &["http://", "https://"]),
                _ => true,
            };
            is_allowed.then_some(Cow::Borrowed(value))
        },
    );
    builder
});

/// Sanitizer that removes all markup.
static TEXT: LazyLock<Builder<'static>> = LazyLock::new(Builder::empty);

/// Returns whether the text is a URL that starts with one of these prefixes, in upper or lower case.
fn is_absolute(url: &str, prefixes: &[&str]) -> bool {
    let is_prefix = |prefix: &&str| {
        url.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    prefixes.iter().any(is_prefix) && Url::parse(url).is_ok()
}

impl Description {
    /// The maximum length of a description in characters, before and after sanitizing.
    pub const MAX_CHARS: usize = 20_000;

    /// The maximum length of a description in bytes, after sanitizing. Bounds what a list of foods reads.
    pub const MAX_BYTES: usize = 20_480;

    // An HTML parser repeats unclosed formatting elements with their attributes in each paragraph, so
    // 20,000 characters can grow to half a gigabyte. With these three limits the worst text found takes
    // 33 ms and 15 MB; texts from rich-text editors are far below them.

    /// The maximum number of opening tags in a description, and also of closing tags.
    pub const MAX_TAGS: usize = 400;

    /// The maximum number of attributes in all tags of a description together.
    pub const MAX_ATTRIBUTES: usize = 800;

    /// The maximum length of one tag with its attributes, in bytes.
    pub const MAX_TAG_BYTES: usize = 1_500;

    /// How often the output is sanitized again until it is stable. Misplaced elements change once more.
    const MAX_PASSES: usize = 4;

    /// Removes all HTML that is not on the allow-list. Repeats this until the output no longer changes, which
    /// prevents mutation XSS: browsers parse the result exactly as the sanitizer did.
    pub fn sanitize(raw: &str) -> Result<Self, InvalidDescription> {
        let mut safe = clean(raw.trim())?;
        for _ in 0..Self::MAX_PASSES {
            let again = clean(&safe)?;
            if again == safe {
                let text = TEXT.clean(&safe).to_string();
                return if text::has_visible(&text.replace("&nbsp;", " ")) {
                    Self::from_trusted(&safe)
                } else {
                    Err(InvalidDescription::Empty)
                };
            }
            safe = again;
        }
        Err(InvalidDescription::TooMuchMarkup)
    }

    /// Restores a description from storage. It was sanitized when it was saved, so only its length in characters is
    /// checked.
    pub fn from_trusted(safe: &str) -> Result<Self, InvalidDescription> {
        match safe.chars().count() {
            0 => Err(InvalidDescription::Empty),
            1..=Self::MAX_CHARS => Ok(Self(safe.to_owned())),
            _ => Err(InvalidDescription::TooLong),
        }
    }

    /// Returns HTML that is safe to insert into a page.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Sanitizes HTML once. `TooLong` if the input has more than [`Description::MAX_CHARS`] characters, or the output
/// more than [`Description::MAX_BYTES`] bytes.
fn clean(raw: &str) -> Result<String, InvalidDescription> {
    if raw.chars().count() > Description::MAX_CHARS {
        return Err(InvalidDescription::TooLong);
    }
    if !has_moderate_markup(raw) {
        return Err(InvalidDescription::TooMuchMarkup);
    }
    // The buffer stops the serializer when the text is certainly too long.
    let mut safe = Cursor::new(vec![0; Description::MAX_BYTES].into_boxed_slice());
    let written = SANITIZER.clean(raw).write_to(&mut safe);
    let end = usize::try_from(safe.position()).unwrap_or(usize::MAX);
    match safe.get_ref().get(..end).map(str::from_utf8) {
        Some(Ok(safe)) if written.is_ok() => Ok(safe.trim().to_owned()),
        _ => Err(InvalidDescription::TooLong),
    }
}

/// Returns whether the HTML is within the limits for tags and attributes. Counts every `<` that may begin a
/// tag, also inside comments and attributes, so that no context hides a tag.
fn has_moderate_markup(html: &str) -> bool {
    let (mut opening, mut closing, mut attributes) = (0, 0, 0);
    for (at, _) in html.match_indices('<') {
        let tag = &html[at + 1..];
        let (count, name) = match tag.strip_prefix('/') {
            Some(name) => (&mut closing, name),
            None => (&mut opening, tag),
        };
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            continue;
        }
        let (tag_attributes, length) = measure_tag(name);
        *count += 1;
        attributes += tag_attributes;
        if *count > Description::MAX_TAGS
            || attributes > Description::MAX_ATTRIBUTES
            || length > Description::MAX_TAG_BYTES
        {
            return false;
        }
    }
    true
}

/// Returns the number of attributes and the length in bytes of the tag at the start of `tag`. Follows the
/// states of the HTML tokenizer from "tag name" on (HTML, sections 13.2.5.8 and 13.2.5.32 to 13.2.5.40).
fn measure_tag(tag: &str) -> (usize, usize) {
    fn is_space(c: char) -> bool {
        matches!(c, '\t' | '\n' | '\x0C' | '\r' | ' ')
    }
    fn from(text: &str, end: impl Fn(char) -> bool) -> &str {
        text.find(end).map_or("", |at| &text[at..])
    }

    let mut attributes = 0;
    let mut rest = from(tag, |c| is_space(c) || matches!(c, '/' | '>'));
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == '/');
        let mut name = rest.chars();
        if matches!(name.next(), None | Some('>')) {
            return (attributes, tag.len() - rest.len());
        }
        attributes += 1;
        // Any first character belongs to the name, also `=`.
        rest = from(name.as_str(), |c| is_space(c) || matches!(c, '/' | '>' | '='));
        if let Some(value) = rest.trim_start_matches(is_space).strip_prefix('=') {
            let value = value.trim_start_matches(is_space);
            rest = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    value[1..].split_once(quote).map_or("", |(_, behind)| behind)
                }
                _ => from(value, |c| is_space(c) || c == '>'),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sanitized(raw: &str) -> String {
        Description::sanitize(raw).unwrap().as_str().to_owned()
    }

    #[test]
    fn description_keeps_formatting_and_loses_scripts() {
        let formatted = "<p>Best <strong>jollof</strong> in <em>town</em></p>";
        let composed = "🍲 مرحبا e\u{301}";
        for (raw, expected) in [
            (formatted, formatted),
            ("<p onclick=\"steal()\">Hi<script>steal()</script></p>", "<p>Hi</p>"),
            ("<img src=\"https://example.com/x\" onerror=steal()>yum", "yum"),
            ("<a href=\"javascript:steal()\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("a < b & c", "a &lt; b &amp; c"),
            (composed, composed),
        ] {
            assert_eq!(sanitized(raw), expected);
        }
        for raw in ["<script>steal()</script>", "  "] {
            let empty = Description::sanitize(raw);
            assert_eq!(empty, Err(InvalidDescription::Empty));
        }
    }

    #[test]
    fn description_without_visible_text_is_empty() {
        for raw in [
            "",
            "<p></p>",
            "<p><br></p>",
            "<p>&nbsp;</p>",
            "&nbsp;",
            "<b></b>",
            "\u{200b}",
            "\u{a0}",
            "&#8203;&shy;",
            "<hr>",
            "<a href=\"https://example.com\" title=\"soup\"></a>",
            "<!-- x -->",
            "<img src=\"https://example.com/x\">",
            "\u{2800}",
        ] {
            assert_eq!(Description::sanitize(raw), Err(InvalidDescription::Empty), "{raw}");
        }
        for raw in ["<p>&nbsp;x</p>", "&lt;", "&amp;nbsp;", "<td>🍲</td>"] {
            assert!(Description::sanitize(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn description_keeps_direction_and_language() {
        for raw in [
            "<p dir=\"rtl\" lang=\"ar\">مرحبا</p>",
            "<bdo dir=\"ltr\">soup</bdo>",
            "<ul dir=\"auto\"><li lang=\"fr\">soupe</li></ul>",
        ] {
            assert_eq!(sanitized(raw), raw);
        }
    }

    #[test]
    fn description_links_are_absolute_and_http_or_mailto() {
        for (url, is_kept) in [
            ("https://example.com/soup?a=1", true),
            ("HTTP://EXAMPLE.COM", true),
            ("mailto:ada@example.com", true),
            ("tel:+441234", false),
            ("sms:+441234", false),
            ("magnet:?xt=urn:btih:x", false),
            ("ftp://example.com/", false),
            ("//example.com/", false),
            ("/soup", false),
            ("soup", false),
            ("#soup", false),
            ("", false),
            // Relative to a page with this scheme (URL Standard, section 4.4).
            ("https:soup", false),
            ("https:/soup", false),
            ("https://", false),
            ("javascript:alert(1)", false),
            (" javascript:alert(1)", false),
        ] {
            let link = sanitized(&format!("<a href=\"{url}\">x</a>"));
            assert_eq!(link.contains("href"), is_kept, "{link}");
            let quote = sanitized(&format!("<blockquote cite=\"{url}\">x</blockquote>"));
            let is_kept = is_kept && !url.starts_with("mailto:");
            assert_eq!(quote.contains("cite"), is_kept, "{quote}");
        }
    }

    #[test]
    fn description_length_is_counted_after_sanitizing() {
        for (raw, length) in [
            ("x".repeat(20_000), Some(20_000)),
            ("x".repeat(20_001), None),
            // 4 bytes each.
            ("🍲".repeat(5_120), Some(20_480)),
            ("🍲".repeat(5_121), None),
            ("🍲".repeat(20_000), None),
            // Each becomes 5 characters.
            ("&".repeat(4_000), Some(20_000)),
            ("&".repeat(4_001), None),
            ("&".repeat(20_000), None),
            (format!("<p>x</p>{}", "<!---->".repeat(2_000)), Some(8)),
        ] {
            match Description::sanitize(&raw) {
                Ok(safe) => assert_eq!(Some(safe.0.len()), length),
                Err(error) => {
                    assert_eq!((error, length), (InvalidDescription::TooLong, None));
                }
            }
        }
    }

    #[test]
    fn excessive_description_markup_is_rejected_before_parsing() {
        let formats = "<b>".repeat(300);
        let attributes = format!("<b{}>", " a".repeat(801));
        let link = format!("<a href='https://example.com/{}'>", "&".repeat(1_500));
        for start in [formats, attributes, link] {
            let hostile = format!("<p>{start}{}", "<p>x".repeat(200));
            assert_eq!(Description::sanitize(&hostile), Err(InvalidDescription::TooMuchMarkup));
        }
    }

    #[test]
    fn markup_one_over_a_limit_is_rejected() {
        let tags = "<p>x</p>".repeat(400);
        assert!(has_moderate_markup(&tags));
        assert!(!has_moderate_markup(&format!("{tags}<p>")));
        assert!(!has_moderate_markup(&format!("{tags}</p>")));

        let attributes = "<p a>".repeat(399) + &format!("<p{}", " a".repeat(401));
        assert!(has_moderate_markup(&attributes));
        assert!(!has_moderate_markup(&format!("{attributes} a")));

        let name = "a".repeat(1_500);
        assert!(has_moderate_markup(&format!("<{name}>")));
        assert!(!has_moderate_markup(&format!("<{name}a>")));
    }

    #[test]
    fn description_accepts_editor_markup_and_less_than_signs() {
        let paragraph = "<p class=\"text\">The <strong>best</strong> <a href=\"https://example.com/\
                         jollof?in=town\" target=\"_blank\">jollof</a> there is.</p>";
        for raw in [paragraph.repeat(130), "I <3 this ".repeat(401)] {
            assert!(Description::sanitize(&raw).is_ok());
        }
    }

    #[test]
    fn tag_attributes_are_counted_by_html_tokenizer_rules() {
        for (tag, attributes, behind) in [
            ("p>x", 0, ">x"),
            ("br/>x", 0, ">x"),
            ("p a b\tc\nd>x", 4, ">x"),
            ("p/a/b>x", 2, ">x"),
            ("p a=1 b = 2>x", 2, ">x"),
            ("p a='>' b=\">\"c>x", 3, ">x"),
            ("p a=b/c>x", 1, ">x"),
            ("p a=>x", 1, ">x"),
            ("p =a b=c==>x", 2, ">x"),
            ("p =a =b c>x", 2, ">x"),
            ("p <b \"q\">x", 2, ">x"),
            ("p a='never closed>x", 1, ""),
            ("p a", 1, ""),
        ] {
            assert_eq!(measure_tag(tag), (attributes, tag.len() - behind.len()), "{tag}");
        }
    }

    proptest! {
        #[test]
        fn sanitizing_a_description_never_panics(raw: String) {
            let _ = Description::sanitize(&raw);
        }

        #[test]
        fn sanitizing_a_description_is_idempotent(raw in "[a-z<>/=\"'& \u{e9}]{0,200}") {
            if let Ok(description) = Description::sanitize(&raw) {
                let again = Description::sanitize(description.as_str());
                prop_assert_eq!(again, Ok(description.clone()));
                prop_assert_eq!(Description::from_trusted(description.as_str()), Ok(description));
            }
        }
    }
}
