//! Passwords, their hashes, and the port that turns one into the other.

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

/// A password. It has no `Display`, and its `Debug` shows nothing.
#[derive(Clone)]
pub struct Password(String);

/// How long a new password must be, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The fewest characters: the setting `PASSWORD_MIN_LENGTH`.
    pub min_chars: usize,
}

/// Why a text is refused as a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPassword {
    /// Fewer characters than the policy asks for.
    #[error("the password is shorter than {min_chars} characters")]
    TooShort {
        /// What the policy asks for.
        min_chars: usize,
    },
    /// More than [`Password::MAX_CHARS`] characters.
    #[error("the password is longer than {max} characters", max = Password::MAX_CHARS)]
    TooLong,
    /// One of the passwords that everybody tries first, anywhere or here.
    #[error("the password is a common one")]
    TooCommon,
}

/// In lower case and sorted: the 1,000 most common passwords, and the 3,500 most common ones of 8
/// characters or more (OWASP ASVS 5, 6.2.4, asks for 3,000 that a policy lets through). From the
/// frequency list of zxcvbn 4.4.2, whose licence is beside it.
const COMMON: &str = include_str!("common_passwords/list.txt");

/// What somebody who signs up here would think of first: words about food-app (OWASP ASVS 5, 6.1.2),
/// in lower case and without anything but letters.
const NEAR_BY: [&str; 12] = [
    "eatfood",
    "food",
    "foodapp",
    "foodfood",
    "foodie",
    "foodlover",
    "foodpassword",
    "foodsharing",
    "ilovefood",
    "lovefood",
    "myfood",
    "passwordfood",
];

/// Whether it is one of these words, however it is filled up with digits and signs.
fn is_near_by(password: &str) -> bool {
    let letters = password.chars().filter(|c| c.is_alphabetic());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    NEAR_BY.contains(&letters.as_str())
}

/// Looked for by halving, in the bytes as they are: the list is never taken apart.
fn is_common(password: &str) -> bool {
    let wanted = password.to_lowercase();
    let mut rest = COMMON;
    while !rest.is_empty() {
        // The line that holds the middle.
        let middle = rest.len() / 2;
        let start = rest[..middle].rfind('\n').map_or(0, |end| end + 1);
        let end = rest[middle..]
            .find('\n')
            .map_or(rest.len(), |end| middle + end);
        match wanted.as_str().cmp(&rest[start..end]) {
            Ordering::Equal => return true,
            Ordering::Less => rest = &rest[..start],
            Ordering::Greater => rest = rest.get(end + 1..).unwrap_or_default(),
        }
    }
    false
}

impl Password {
    /// The longest new password (NIST SP 800-63B asks for at least 64).
    pub const MAX_CHARS: usize = 128;

    /// A password somebody chooses.
    pub fn parse(raw: &str, policy: PasswordPolicy) -> Result<Self, InvalidPassword> {
        let chars = raw.chars().count();
        if chars < policy.min_chars {
            return Err(InvalidPassword::TooShort {
                min_chars: policy.min_chars,
            });
        }
        if chars > Self::MAX_CHARS {
            return Err(InvalidPassword::TooLong);
        }
        if is_common(raw) || is_near_by(raw) {
            return Err(InvalidPassword::TooCommon);
        }
        Ok(Self(raw.to_owned()))
    }

    /// A password somebody claims to have: passwords of migrated accounts follow older rules, so
    /// any is worth comparing.
    pub fn presented(raw: &str) -> Self {
        Self(raw.to_owned())
    }

    /// The secret itself, for hashing.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A stored hash: a PHC string, or bcrypt's own format from a migration. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash as a hasher wrote it.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What comparing a password with a hash says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another password, or a hash nobody can read.
    Wrong,
    /// The password, hashed as new ones are.
    Right,
    /// The password, hashed in a way that should be replaced.
    RightButOutdated,
}

/// Hashing a password failed: the machine gave no memory or no randomness.
#[derive(Debug, Error)]
#[error("the password could not be hashed")]
pub struct HashError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Hashes passwords and compares with hashes.
pub trait PasswordHasher {
    /// A new hash with its own salt.
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Compares in the same time for a right and a wrong password.
    fn verify(&self, password: &Password, hash: &PasswordHash) -> Verdict;

    /// The hash that no password has, as slow to compare as a real one: compared with when nobody
    /// has the e-mail address, so that the time taken does not tell.
    fn decoy(&self) -> PasswordHash;
}

#[cfg(test)]
mod tests {
    use proptest::collection;
    use proptest::prelude::*;

    use super::*;

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    #[test]
    fn lengths_are_counted_in_characters() {
        assert_eq!(
            Password::parse(&"é".repeat(7), POLICY).unwrap_err(),
            InvalidPassword::TooShort { min_chars: 8 }
        );
        assert!(Password::parse(&"é".repeat(8), POLICY).is_ok());
        assert!(Password::parse(&"🍲".repeat(128), POLICY).is_ok());
        assert_eq!(
            Password::parse(&"🍲".repeat(129), POLICY).unwrap_err(),
            InvalidPassword::TooLong
        );
    }

    #[test]
    fn every_common_password_is_refused_in_any_case() {
        let lax = PasswordPolicy { min_chars: 1 };
        let mut known = 0;
        for common in COMMON.lines() {
            for raw in [common, &common.to_uppercase()] {
                let refused = Password::parse(raw, lax).unwrap_err();
                assert_eq!(refused, InvalidPassword::TooCommon, "{raw}");
            }
            known += usize::from(common.len() >= 8);
        }
        assert!(known >= 3_000, "{known}");
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.is_sorted(), "or some are not found");
        for raw in [
            "correct horse battery",
            "password1x",
            "0",
            "zzzzzzzzzzzzz",
            "~",
            "\n",
        ] {
            assert!(Password::parse(raw, lax).is_ok(), "{raw}");
        }
        // Whoever has one already may still sign in.
        assert_eq!(Password::presented("password").reveal(), "password");
    }

    #[test]
    fn what_is_near_by_is_refused_however_it_is_filled_up() {
        for raw in [
            "foodapp1",
            "Food-App-2026!",
            "1234food",
            "i.love.food",
            "?FOOD? 12",
        ] {
            let refused = Password::parse(raw, POLICY);
            assert_eq!(refused.unwrap_err(), InvalidPassword::TooCommon, "{raw}");
        }
        for raw in ["foodapp and more", "jollof rice on sundays", "20261122"] {
            assert!(Password::parse(raw, POLICY).is_ok(), "{raw}");
        }
    }

    #[test]
    fn outer_spaces_belong_to_a_password() {
        let password = Password::parse("  secret  ", POLICY).unwrap();
        assert_eq!(password.reveal(), "  secret  ");
    }

    #[test]
    fn debug_shows_no_secret() {
        let password = Password::presented("correct horse");
        let hash = PasswordHash::new("$argon2id$secret".to_owned());
        assert_eq!(
            format!("{password:?} {hash:?}"),
            "Password(…) PasswordHash(…)"
        );
    }

    proptest! {
        #[test]
        fn a_password_is_as_typed_and_as_long_as_the_policy_says(
            raw in collection::vec(any::<char>(), 0..140),
            min_chars in 1_usize..=128,
        ) {
            let text: String = raw.iter().collect();
            let password = Password::parse(&text, PasswordPolicy { min_chars });
            match password {
                Ok(password) => {
                    prop_assert!((min_chars..=128).contains(&raw.len()));
                    prop_assert_eq!(password.reveal(), text);
                }
                Err(InvalidPassword::TooShort { min_chars: asked }) => {
                    prop_assert!(raw.len() < asked && asked == min_chars);
                }
                Err(InvalidPassword::TooLong) => prop_assert!(raw.len() > 128),
                Err(InvalidPassword::TooCommon) => prop_assert!(
                    is_near_by(&text) || COMMON.lines().any(|common| common == text.to_lowercase())
                ),
            }
        }

        #[test]
        fn a_hash_survives_being_written_and_read(text: String) {
            let hash = PasswordHash::new(text.clone());
            prop_assert_eq!(hash.as_str(), text);
        }
    }
}
