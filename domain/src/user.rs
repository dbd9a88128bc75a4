//! People: names and e-mail addresses.

mod repository;

use email_address::{EmailAddress, Options};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::UserId;
use crate::text::{InvalidText, trim};

pub use repository::{Credentials, DeletedUser, InsertUserError, UserRepository};

/// A first or a last name: trimmed, 1 to 100 characters, kept as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The longest name, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// The only way in.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        trim(raw, Self::MAX_CHARS).map(Self)
    }

    /// The name as typed, without outer space.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address, kept as typed and compared without case.
///
/// It is personal: `Debug` does not show it, and there is no `Display`.
#[derive(Clone)]
pub struct Email {
    typed: String,
    folded: String,
}

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl Email {
    /// The longest address that fits an SMTP path (RFC 5321, section 4.5.3.1.3).
    pub const MAX_BYTES: usize = 254;

    /// The only way in: `local@domain.tld` of RFC 5322, without display name or address literal, and
    /// without the tabs and line breaks that a quoted local part may have there.
    pub fn parse(raw: &str) -> Result<Self, InvalidEmail> {
        let typed = raw.trim();
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        if typed.len() > Self::MAX_BYTES
            || typed.contains(char::is_control)
            || EmailAddress::parse_with_options(typed, options).is_err()
        {
            return Err(InvalidEmail);
        }
        Ok(Self {
            typed: typed.to_owned(),
            folded: typed.to_lowercase(),
        })
    }

    /// The address as typed, to send mail to.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// The address by which accounts are told apart.
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

/// What everybody may see of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUser {
    /// Whose account it is.
    pub id: UserId,
    /// The given name.
    pub first_name: UserName,
    /// The family name.
    pub last_name: UserName,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What everybody may see.
    pub public: PublicUser,
    /// By what the user signs in; no two accounts share one.
    pub email: Email,
    /// When the user signed up.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn name_is_trimmed_and_limited_to_100_characters() {
        assert_eq!(UserName::parse("  Ada ").unwrap().as_str(), "Ada");
        assert_eq!(UserName::parse(" \u{a0}\t"), Err(InvalidText::Empty));
        assert!(UserName::parse(&"🍲".repeat(100)).is_ok());
        assert_eq!(
            UserName::parse(&"🍲".repeat(101)),
            Err(InvalidText::TooLong)
        );
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
    fn email_syntax_and_length_are_checked() {
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
        fn email_round_trips_through_its_text(
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
