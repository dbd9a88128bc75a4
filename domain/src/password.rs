//! Passwords, password hashes and the hashing port.

use thiserror::Error;

/// A password. `Debug` hides it, and there is no `Display`.
#[derive(Clone)]
pub struct Password(String);

/// The rules for new passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The minimum length in characters: the setting `PASSWORD_MIN_LENGTH`.
    pub min_chars: usize,
}

/// Why a new password was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPassword {
    /// The password has fewer characters than the policy requires.
    #[error("the password is shorter than {min_chars} characters")]
    TooShort {
        /// The minimum length of the policy in characters.
        min_chars: usize,
    },
    /// The password has more than [`Password::MAX_CHARS`] characters.
    #[error("the password is longer than {max} characters", max = Password::MAX_CHARS)]
    TooLong,
    /// The password is a common one, or consists of a word about this service, such as its name.
    #[error("the password is a common one")]
    TooCommon,
}

/// Common passwords in lower case: the 1,000 most common ones, and the 3,500 most common ones of at least
/// 8 characters (OWASP ASVS 5, 6.2.4, requires 3,000 that match the policy). Source: the frequency list of
/// zxcvbn 4.4.2; its licence is beside the file.
const COMMON: &str = include_str!("common_passwords/list.txt");

/// Words of this service that no password may consist of (OWASP ASVS 5, 6.1.2), in lower case.
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

/// Returns whether the letters of the password, without digits and symbols, form one of [`CONTEXT_WORDS`].
fn is_context_specific(password: &str) -> bool {
    let letters = password.chars().filter(|c| c.is_alphabetic());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    CONTEXT_WORDS.contains(&letters.as_str())
}

/// Returns whether the password is in [`COMMON`]. Searching 30 KB linearly takes far less time than hashing.
fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    COMMON.lines().any(|common| common == password)
}

impl Password {
    /// The maximum length of a new password in characters (NIST SP 800-63B requires at least 64).
    pub const MAX_CHARS: usize = 128;

    /// Validates a new password: its length, and that it is not easily guessed.
    pub fn parse(raw: &str, policy: PasswordPolicy) -> Result<Self, InvalidPassword> {
        let chars = raw.chars().count();
        if chars < policy.min_chars {
            return Err(InvalidPassword::TooShort { min_chars: policy.min_chars });
        }
        if chars > Self::MAX_CHARS {
            return Err(InvalidPassword::TooLong);
        }
        if is_common(raw) || is_context_specific(raw) {
            return Err(InvalidPassword::TooCommon);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Accepts the password of a login attempt, of any length: accounts imported from the old API follow
    /// other rules.
    pub fn unvalidated(raw: &str) -> Self {
        Self(raw.to_owned())
    }

    /// Returns the plain text, for hashing.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A password hash: a PHC string, or a bcrypt hash imported from the old API. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps the text of a hash without checking its format.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text of the hash, for storing and verifying.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

redacted_debug!(Password, PasswordHash);

/// The result of [`PasswordHasher::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password does not match, or the hash cannot be parsed.
    Invalid,
    /// The password matches, and the hash has the current parameters.
    Valid,
    /// The password matches, but the hash has outdated parameters or another algorithm.
    ValidNeedsRehash,
}

/// The error of hashing a password: no memory or no randomness is available.
#[derive(Debug, Error)]
#[error("the password could not be hashed")]
pub struct HashError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Port: hashes and verifies passwords.
pub trait PasswordHasher {
    /// Hashes the password with a new salt.
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Compares a password with a hash. Takes the same time for correct and wrong passwords.
    fn verify(&self, password: &Password, hash: &PasswordHash) -> PasswordCheck;

    /// Returns a hash that matches no password and takes as long to verify as a real one. Login verifies
    /// it for unknown e-mails, so that timing does not reveal registered ones.
    fn dummy_hash(&self) -> PasswordHash;
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    #[test]
    fn password_length_is_counted_in_characters() {
        for (raw, expected) in [
            ("é".repeat(7), Err(InvalidPassword::TooShort { min_chars: 8 })),
            ("é".repeat(8), Ok(())),
            ("        ".to_owned(), Ok(())),
            ("🍲".repeat(128), Ok(())),
            ("🍲".repeat(129), Err(InvalidPassword::TooLong)),
        ] {
            let parsed = Password::parse(&raw, POLICY);
            assert_eq!(parsed.map(|password| assert_eq!(password.reveal(), raw)), expected);
        }
        let short = PasswordPolicy { min_chars: 6 };
        assert!(Password::parse("sesame", short).is_ok());
    }

    #[test]
    fn common_password_is_rejected_in_upper_and_lower_case() {
        let lax = PasswordPolicy { min_chars: 1 };
        for common in COMMON.lines() {
            for raw in [common, &common.to_uppercase()] {
                let error = Password::parse(raw, lax).unwrap_err();
                assert_eq!(error, InvalidPassword::TooCommon, "{raw}");
            }
        }
        let long = COMMON.lines().filter(|common| common.len() >= 8);
        assert!(long.count() >= 3_000);
        for raw in ["correct horse battery", "password1x", "0", "zzzzzzzzzzzzz", "~", "\n"] {
            assert!(Password::parse(raw, lax).is_ok(), "{raw}");
        }
        // Accounts with a common password can still log in.
        assert_eq!(Password::unvalidated("password").reveal(), "password");
    }

    #[test]
    fn app_name_with_digits_or_symbols_is_rejected_as_password() {
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
    fn debug_output_hides_password_and_password_hash() {
        let password = Password::unvalidated("correct horse");
        let hash = PasswordHash::new("$argon2id$secret".to_owned());
        let output = format!("{password:?} {hash:?}");
        assert_eq!(output, "Password(…) PasswordHash(…)");
    }
}
