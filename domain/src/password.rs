//! Passwords, their hashes, and the port that turns one into the other.

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

/// In lower case: the 1,000 most common passwords, and the 3,500 most common ones of 8
/// characters or more (OWASP ASVS 5, 6.2.4, asks for 3,000 that a policy lets through). From the
/// frequency list of zxcvbn 4.4.2, whose licence is beside it.
const COMMON: &str = include_str!("common_passwords/list.txt");

/// Context-specific words (OWASP ASVS 5, 6.1.2), in lower case and letters only.
const CONTEXT_WORDS: [&str; 12] = [
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

/// Whether the letters of the password are one of [`CONTEXT_WORDS`].
fn is_context_specific(password: &str) -> bool {
    let letters = password.chars().filter(|c| c.is_alphabetic());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    CONTEXT_WORDS.contains(&letters.as_str())
}

/// Reads the list from its beginning: 30 KB next to a hash that takes milliseconds.
fn is_common(password: &str) -> bool {
    let wanted = password.to_lowercase();
    COMMON.lines().any(|common| common == wanted)
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
        if is_common(raw) || is_context_specific(raw) {
            return Err(InvalidPassword::TooCommon);
        }
        Ok(Self(raw.to_owned()))
    }

    /// A password somebody claims to have: passwords of migrated accounts follow older rules, so
    /// any is worth comparing.
    pub fn unvalidated(raw: &str) -> Self {
        Self(raw.to_owned())
    }

    /// The secret itself, for hashing.
    pub fn reveal(&self) -> &str {
        &self.0
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

redacted_debug!(Password, PasswordHash);

/// The outcome of comparing a password with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password does not match, or the hash cannot be parsed.
    Invalid,
    /// The password matches, and the hash has the current parameters.
    Valid,
    /// The password matches, but the hash has outdated parameters or another algorithm.
    ValidNeedsRehash,
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
    fn verify(&self, password: &Password, hash: &PasswordHash) -> PasswordCheck;

    /// The hash that no password has, as slow to compare as a real one: compared with when nobody
    /// has the e-mail address, so that the time taken does not tell.
    fn dummy_hash(&self) -> PasswordHash;
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    #[test]
    fn password_length_is_counted_in_characters() {
        for (raw, expected) in [
            (
                "é".repeat(7),
                Err(InvalidPassword::TooShort { min_chars: 8 }),
            ),
            ("é".repeat(8), Ok(())),
            ("        ".to_owned(), Ok(())),
            ("🍲".repeat(128), Ok(())),
            ("🍲".repeat(129), Err(InvalidPassword::TooLong)),
        ] {
            let parsed = Password::parse(&raw, POLICY);
            assert_eq!(
                parsed.map(|password| assert_eq!(password.reveal(), raw)),
                expected
            );
        }
        let short = PasswordPolicy { min_chars: 6 };
        assert!(Password::parse("sesame", short).is_ok());
    }

    #[test]
    fn common_password_is_rejected_in_any_case() {
        let lax = PasswordPolicy { min_chars: 1 };
        for common in COMMON.lines() {
            for raw in [common, &common.to_uppercase()] {
                let refused = Password::parse(raw, lax).unwrap_err();
                assert_eq!(refused, InvalidPassword::TooCommon, "{raw}");
            }
        }
        let long = COMMON.lines().filter(|common| common.len() >= 8);
        assert!(long.count() >= 3_000);
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
        // Users who have one may still sign in.
        assert_eq!(Password::unvalidated("password").reveal(), "password");
    }

    #[test]
    fn context_words_are_rejected_despite_digits_and_symbols() {
        for (raw, is_common) in [
            ("foodapp1", true),
            ("Food-App-2026!", true),
            ("1234food", true),
            ("i.love.food", true),
            ("?FOOD? 12", true),
            ("foodapp and more", false),
            ("jollof rice on sundays", false),
            ("20261122", false),
        ] {
            assert_eq!(Password::parse(raw, POLICY).is_err(), is_common, "{raw}");
        }
    }

    #[test]
    fn debug_output_hides_secrets() {
        let password = Password::unvalidated("correct horse");
        let hash = PasswordHash::new("$argon2id$secret".to_owned());
        let shown = format!("{password:?} {hash:?}");
        assert_eq!(shown, "Password(…) PasswordHash(…)");
    }
}
