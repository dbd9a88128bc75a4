//! Users: names and e-mails.

mod repository;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::text::{self, InvalidText};

pub use repository::{Credentials, DeletedUser, InsertUserError, StoredPassword, UserRepository};

/// A first or last name: trimmed, 1 to 100 characters of one line, case as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The maximum length of a name in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// Trims and validates the text; see [`InvalidText`].
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        text::parse(raw, Self::MAX_CHARS).map(Self)
    }

    /// Restores a name from storage. It was validated when it was saved, so only its length is checked.
    pub fn from_trusted(stored: &str) -> Result<Self, InvalidText> {
        text::restore(stored, Self::MAX_CHARS).map(Self)
    }

    /// Returns the name as typed, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail in any script (RFC 6531), stored as typed and compared by mailbox.
///
/// It is personal data, so `Debug` hides it and there is no `Display`.
#[derive(Clone)]
pub struct Email {
    typed: String,
    folded: String,
}

/// The error of a text that is not an e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a valid e-mail")]
pub struct InvalidEmail;

impl Email {
    /// The maximum length of an e-mail in bytes (RFC 5321, section 4.5.3.1.3).
    pub const MAX_BYTES: usize = 254;

    /// Parses an e-mail `local@domain.tld` of RFC 6531, without display name and IP literal. Unlike in RFC
    /// 6531, it must not contain control, format or escaped characters.
    pub fn parse(raw: &str) -> Result<Self, InvalidEmail> {
        let typed = raw.trim();
        let (local, domain) = typed.rsplit_once('@').ok_or(InvalidEmail)?;
        if typed.len() > Self::MAX_BYTES
            || text::has_forbidden(typed)
            || !text::has_visible(local)
            || local.contains(|c: char| c == '\\' || c != ' ' && c.is_whitespace())
        {
            return Err(InvalidEmail);
        }
        let domain = Uts46::new()
            .to_ascii(
                domain.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .map_err(|_| InvalidEmail)?;
        if !domain.rsplit_once('.').is_some_and(|(_, tld)| is_tld(tld)) {
            return Err(InvalidEmail);
        }
        // RFC 6531 allows each character that is not ASCII where RFC 5321 allows a letter. The library
        // rejects some of them, such as combining marks, so it gets a letter for each of their bytes.
        let letters =
            local.bytes().map(|byte| if byte.is_ascii() { char::from(byte) } else { 'a' });
        let ascii = letters.collect::<String>() + "@" + &domain;
        let options = Options::default().without_display_text().without_domain_literal();
        EmailAddress::parse_with_options(&ascii, options).map_err(|_| InvalidEmail)?;
        // Quotes do not belong to the mailbox (RFC 5321, section 4.1.2).
        let mailbox = text::fold(local.trim_matches('"'));
        Ok(Self { typed: typed.to_owned(), folded: format!("{mailbox}@{domain}") })
    }

    /// Returns the e-mail as typed, for sending.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// Returns the text by which e-mails are unique: the local part regardless of case, of the encoding of
    /// accents and of quotes, and the domain in ASCII (UTS #46).
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// Returns whether the label can be a top-level domain: at least two letters, or internationalized.
fn is_tld(label: &str) -> bool {
    label.starts_with("xn--")
        || label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Email {}

redacted_debug!(Email);

/// The part of a user account that anyone may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUser {
    /// The id of the account.
    pub id: UserId,
    /// The given name.
    pub first_name: UserName,
    /// The family name.
    pub last_name: UserName,
}

/// A user account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The part that anyone may read: id and names.
    pub public: PublicUser,
    /// The e-mail for login; no two accounts have the same.
    pub email: Email,
    /// The time when the user signed up.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn user_name_is_trimmed_and_limited_to_100_characters() {
        assert_eq!(UserName::parse("  Ada ").unwrap().as_str(), "Ada");
        assert_eq!(UserName::parse(" \u{a0}\t"), Err(InvalidText::Empty));
        assert!(UserName::parse(&"🍲".repeat(100)).is_ok());
        assert_eq!(UserName::parse(&"🍲".repeat(101)), Err(InvalidText::TooLong));
    }

    #[test]
    fn email_is_compared_case_insensitively() {
        let typed = Email::parse(" Ada@Example.COM ").unwrap();
        assert_eq!(typed, Email::parse("ada@example.com").unwrap());
        assert_eq!(typed.as_typed(), "Ada@Example.COM");
        assert_eq!(typed.folded(), "ada@example.com");
        assert_eq!(format!("{typed:?}"), "Email(…)");
    }

    #[test]
    fn one_mailbox_has_one_folded_email() {
        for (one, other, is_same) in [
            ("ada@bücher.example", "ada@xn--bcher-kva.example", true),
            ("ada@BÜCHER.example", "ada@bu\u{308}cher.example", true),
            ("ada@faß.example", "ada@fass.example", false),
            ("νικος.παπας@example.com", "ΝΙΚΟΣ.ΠΑΠΑΣ@EXAMPLE.COM", true),
            ("josé@example.com", "JOSE\u{301}@example.com", true),
            ("straße@example.com", "STRASSE@example.com", true),
            ("\"ada\"@example.com", "ada@example.com", true),
            ("jose@example.com", "josé@example.com", false),
            ("ada+food@example.com", "ada@example.com", false),
        ] {
            let [one, other] = [one, other].map(|raw| Email::parse(raw).unwrap());
            assert_eq!(one == other, is_same, "{} {}", one.folded(), other.folded());
        }
    }

    #[test]
    fn email_in_any_script_is_valid() {
        let longest = format!("{}@{}.example.com", "a".repeat(64), "b.".repeat(88) + "b");
        assert_eq!(longest.len(), 254);
        for raw in [
            "ada@example.com",
            "ada.lovelace+food@mail.example.co.uk",
            "o'hara@example.ie",
            "\"ada lovelace\"@example.com",
            "ada@1.example.com",
            "ada@xn--bcher-kva.xn--p1ai",
            "δοκιμή@παράδειγμα.ελ",
            "संपर्क@डाटामेल.भारत",
            "ई-मेल-टेस्ट@सार्वभौमिक-स्वीकृति-परीक्षण.संगठन",
            "மின்னஞ்சல்@எடுத்துக்காட்டு.இந்தியா",
            "ผู้ใช้@ตัวอย่าง.ไทย",
            "jose\u{301}@example.com",
            "🍲@example.com",
            &longest,
        ] {
            let email = Email::parse(raw).expect(raw);
            assert_eq!(email.as_typed(), raw);
            if raw.is_ascii() && !raw.starts_with('"') {
                assert_eq!(email.folded(), raw);
            }
        }
    }

    #[test]
    fn email_with_invalid_syntax_or_length_is_rejected() {
        for raw in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "ada@1.2.3.4",
            "ada@example.123",
            "ada@example.c",
            "ada@example.c0m",
            "ada@exa_mple.com",
            "ada@example.com?subject=x",
            "ada@-example.com",
            "ada@example..com",
            "ada@example.com.",
            "ada@xn--a.example.com",
            "Ada <ada@example.com>",
            "ada@exam ple.com",
            "ada@example.com\nbcc: eve@example.com",
            "a@b@example.com",
            "ada..lovelace@example.com",
            "ada lovelace@example.com",
            "ada\u{a0}lovelace@example.com",
            "\u{2800}@example.com",
            "ada\u{200b}@example.com",
            "ada@exam\u{ad}ple.com",
            "\"ada\tlovelace\"@example.com",
            "\"ada\r\n lovelace\"@example.com",
            "\"ada\\\"lovelace\"@example.com",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("{}@example.com", "é".repeat(33)),
            &format!("ada@{}.com", "b".repeat(64)),
            &format!("{}@{}.example.com", "a".repeat(64), "b.".repeat(88) + "bb"),
        ] {
            assert_eq!(Email::parse(raw), Err(InvalidEmail), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn parsing_an_email_twice_changes_nothing(
            raw in "[ \t]?[a-zA-Z0-9.\u{e4}\u{130}]{0,8}@?[a-zA-Z.\u{df}]{0,12} ?",
        ) {
            if let Ok(email) = Email::parse(&raw) {
                let again = Email::parse(email.as_typed()).unwrap();
                prop_assert_eq!(again.as_typed(), raw.trim());
                prop_assert_eq!(again.folded(), email.folded());
            }
        }
    }
}
