//! Users: names and e-mails.

mod repository;

use email_address::{EmailAddress, Options};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::text::{InvalidText, trim};

pub use repository::{Credentials, DeletedUser, InsertUserError, StoredPassword, UserRepository};

/// A first or last name: trimmed, 1 to 100 characters, case as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The maximum length of a name in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// Trims the text; returns an error unless 1 to 100 characters remain.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        trim(raw, Self::MAX_CHARS).map(Self)
    }

    /// Returns the name as typed, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail, stored as typed and compared case-insensitively.
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

    /// Parses an e-mail `local@domain.tld` of RFC 5322, without display name and IP literal. Unlike in RFC
    /// 5322, a quoted local part must not contain control characters.
    pub fn parse(raw: &str) -> Result<Self, InvalidEmail> {
        let typed = raw.trim();
        let options =
            Options::default().with_required_tld().without_display_text().without_domain_literal();
        if typed.len() > Self::MAX_BYTES
            || typed.contains(char::is_control)
            || EmailAddress::parse_with_options(typed, options).is_err()
        {
            return Err(InvalidEmail);
        }
        Ok(Self { typed: typed.to_owned(), folded: typed.to_lowercase() })
    }

    /// Returns the e-mail as typed, for sending.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// Returns the e-mail in lower case, by which e-mails are unique.
    pub fn folded(&self) -> &str {
        &self.folded
    }
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
    fn email_with_invalid_syntax_or_over_254_bytes_is_rejected() {
        let longest = format!("{}@{}.example.com", "a".repeat(64), "b.".repeat(88) + "b");
        assert_eq!(longest.len(), 254);
        for raw in [
            "ada@example.com",
            "ada.lovelace+food@mail.example.co.uk",
            "o'hara@example.ie",
            "δοκιμή@παράδειγμα.ελ",
            &longest,
        ] {
            assert!(Email::parse(raw).is_ok(), "{raw}");
        }
        for raw in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "Ada <ada@example.com>",
            "ada@exam ple.com",
            "ada@example.com\nbcc: eve@example.com",
            "a@b@example.com",
            "\"ada\tlovelace\"@example.com",
            "\"ada\r\n lovelace\"@example.com",
            &longest.replace("b.b.", "b.bb."),
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
