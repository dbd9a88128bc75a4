//! Passwords, their hashes, and the port that turns one into the other.

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
}
