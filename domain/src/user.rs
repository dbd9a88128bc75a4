//! People: names and e-mail addresses.

mod repository;

use std::fmt;

use email_address::{EmailAddress, Options};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::UserId;

pub use repository::{Credentials, InsertUserError, Left, UserRepository};

/// A first or a last name: trimmed, 1 to 100 characters, kept as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUserName {
    /// Nothing but space.
    #[error("the name is empty")]
    Empty,
    /// More than [`UserName::MAX_CHARS`] characters.
    #[error("the name is longer than {max} characters", max = UserName::MAX_CHARS)]
    TooLong,
}

impl UserName {
    /// The longest name, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// The only way in.
    pub fn parse(raw: &str) -> Result<Self, InvalidUserName> {
        let name = raw.trim();
        match name.chars().count() {
            0 => Err(InvalidUserName::Empty),
            1..=Self::MAX_CHARS => Ok(Self(name.to_owned())),
            _ => Err(InvalidUserName::TooLong),
        }
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

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

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
    use proptest::collection;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_trimmed_and_counted_in_characters() {
        assert_eq!(UserName::parse("  Ada ").unwrap().as_str(), "Ada");
        assert_eq!(UserName::parse(" \u{a0}\t"), Err(InvalidUserName::Empty));
        assert!(UserName::parse(&"🍲".repeat(100)).is_ok());
        assert_eq!(
            UserName::parse(&"🍲".repeat(101)),
            Err(InvalidUserName::TooLong)
        );
    }

    #[test]
    fn addresses_that_differ_only_in_case_are_one() {
        let typed = Email::parse(" Ada@Example.COM ").unwrap();
        assert_eq!(typed, Email::parse("ada@example.com").unwrap());
        assert_eq!(typed.as_typed(), "Ada@Example.COM");
        assert_eq!(typed.folded(), "ada@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
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
            &format!("{}@example.com", "a".repeat(250)),
        ] {
            assert_eq!(Email::parse(raw), Err(InvalidEmail), "{raw}");
        }
    }

    #[test]
    fn what_is_an_address_is_taken() {
        for raw in [
            "ada@example.com",
            "ada.lovelace+food@mail.example.co.uk",
            "o'hara@example.ie",
            "δοκιμή@παράδειγμα.ελ",
        ] {
            assert!(Email::parse(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn an_address_is_not_shown_by_debug() {
        let email = Email::parse("ada@example.com").unwrap();
        assert!(!format!("{email:?}").contains("ada"));
    }

    proptest! {
        #[test]
        fn a_name_survives_being_written_and_read(raw: String) {
            if let Ok(name) = UserName::parse(&raw) {
                prop_assert_eq!(UserName::parse(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn an_address_survives_being_written_and_read(
            raw in "[ \t]?[a-zA-Z0-9.\u{e4}\u{130}]{0,8}@?[a-zA-Z.\u{df}]{0,12} ?",
        ) {
            if let Ok(email) = Email::parse(&raw) {
                let again = Email::parse(email.as_typed()).unwrap();
                // To the letter: equality is of accounts, and does not look at case.
                prop_assert_eq!(again.as_typed(), email.as_typed());
                prop_assert_eq!(again.as_typed(), raw.trim());
                prop_assert_eq!(again.folded(), email.folded());
            }
        }

        #[test]
        fn a_name_has_1_to_100_characters(raw in collection::vec(any::<char>(), 0..110)) {
            let raw: String = raw.into_iter().collect();
            let expected = match raw.trim().chars().count() {
                0 => Err(InvalidUserName::Empty),
                1..=100 => Ok(UserName(raw.trim().to_owned())),
                _ => Err(InvalidUserName::TooLong),
            };
            prop_assert_eq!(UserName::parse(&raw), expected);
        }

        #[test]
        fn an_ordinary_address_is_taken_up_to_254_bytes(
            local in "[a-z0-9+_-]{1,64}",
            domain in "([a-z0-9]{1,63}\\.){1,4}[a-z]{2,20}",
        ) {
            let raw = format!("{local}@{domain}");
            prop_assert_eq!(Email::parse(&raw).is_ok(), raw.len() <= 254, "{}", raw);
            let shouted = Email::parse(&raw.to_uppercase());
            prop_assert_eq!(shouted, Email::parse(&raw));
        }

        #[test]
        fn no_text_makes_parsing_panic(raw: String) {
            let _ = Email::parse(&raw);
            let _ = UserName::parse(&raw);
        }
    }
}
