//! Passwords, password hashes and the hashing port.

mod common;
mod fnv;

use icu_normalizer::ComposingNormalizer;
use thiserror::Error;

/// A password, prepared so that it is the same on all keyboards and devices: in NFC, with ASCII spaces (RFC 8265,
/// section 4.2.2). `Debug` hides it, and there is no `Display`.
#[derive(Clone)]
pub struct Password {
    prepared: String,
    /// The password as sent, if that differs: older hashes were made from it.
    raw: Option<String>,
}

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

impl Password {
    /// The maximum length of a new password in characters (NIST SP 800-63B requires at least 64).
    pub const MAX_CHARS: usize = 128;

    /// Validates a new password: its length, and that it is not easily guessed.
    pub fn parse(raw: &str, policy: PasswordPolicy) -> Result<Self, InvalidPassword> {
        let prepared = prepare(raw);
        let chars = prepared.chars().count();
        if chars < policy.min_chars {
            return Err(InvalidPassword::TooShort { min_chars: policy.min_chars });
        }
        if chars > Self::MAX_CHARS {
            return Err(InvalidPassword::TooLong);
        }
        if common::is_common(&prepared) || common::is_context_specific(&prepared) {
            return Err(InvalidPassword::TooCommon);
        }
        Ok(Self { prepared, raw: None })
    }

    /// Accepts the password of a login attempt, of any length: accounts imported from the old API follow
    /// other rules.
    pub fn unvalidated(raw: &str) -> Self {
        let prepared = prepare(raw);
        let raw = (prepared != raw).then(|| raw.to_owned());
        Self { prepared, raw }
    }

    /// Returns the plain text, for hashing.
    pub fn reveal(&self) -> &str {
        &self.prepared
    }
}

/// Replaces other spaces by ASCII spaces, and normalizes to NFC.
fn prepare(raw: &str) -> String {
    let is_other_space = |c: char| c.is_whitespace() && !c.is_control();
    ComposingNormalizer::new_nfc().normalize(&raw.replace(is_other_space, " ")).into_owned()
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

    /// Compares a text with a hash. Takes the same time for correct and wrong passwords.
    fn verify_text(&self, text: &str, hash: &PasswordHash) -> PasswordCheck;

    /// Compares a password with a hash: as prepared, and else as sent, because older hashes were made from that.
    /// A wrong password takes the same time for every hash.
    fn verify(&self, password: &Password, hash: &PasswordHash) -> PasswordCheck {
        match (self.verify_text(&password.prepared, hash), &password.raw) {
            (PasswordCheck::Invalid, Some(raw)) => match self.verify_text(raw, hash) {
                PasswordCheck::Invalid => PasswordCheck::Invalid,
                PasswordCheck::Valid | PasswordCheck::ValidNeedsRehash => {
                    PasswordCheck::ValidNeedsRehash
                }
            },
            (check, _) => check,
        }
    }

    /// Returns a hash that matches no password and takes as long to verify as a real one. Login verifies
    /// it for unknown e-mails, so that timing does not reveal registered ones.
    fn dummy_hash(&self) -> PasswordHash;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHasher;

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
    fn common_and_context_specific_passwords_are_rejected() {
        let django = include_str!("../common_passwords/django.txt").lines().take(3_000);
        for raw in django.chain(["Password1", "P@ssword1", "foodapp1"]) {
            let error = Password::parse(raw, POLICY).unwrap_err();
            assert_eq!(error, InvalidPassword::TooCommon, "{raw}");
        }
        // Accounts with a common password can still log in.
        assert_eq!(Password::unvalidated("password").reveal(), "password");
    }

    #[test]
    fn password_is_prepared_before_checks_and_hashing() {
        for (raw, prepared) in [
            ("cre\u{300}me bru\u{302}le\u{301}e", "crème brûlée"),
            ("correct\u{a0}horse", "correct horse"),
            (" a\tb\u{3000} 12 ", " a\tb  12 "),
        ] {
            assert_eq!(Password::parse(raw, POLICY).unwrap().reveal(), prepared);
            assert_eq!(Password::unvalidated(raw).reveal(), prepared);
        }
        // The length counts after normalization.
        let decomposed = "e\u{301}";
        let error = Password::parse(&decomposed.repeat(7), POLICY).unwrap_err();
        assert_eq!(error, InvalidPassword::TooShort { min_chars: 8 });
        assert!(Password::parse(&decomposed.repeat(128), POLICY).is_ok());
    }

    #[test]
    fn password_hashed_before_normalization_needs_rehash() {
        let (composed, decomposed) = ("crème brûlée", "cre\u{300}me bru\u{302}le\u{301}e");
        for (hash, password, expected) in [
            (composed, composed, PasswordCheck::Valid),
            (composed, decomposed, PasswordCheck::Valid),
            (decomposed, decomposed, PasswordCheck::ValidNeedsRehash),
            (decomposed, composed, PasswordCheck::Invalid),
            ("other", decomposed, PasswordCheck::Invalid),
        ] {
            let hash = PasswordHash::new(format!("new:{hash}"));
            let check = FakeHasher::default().verify(&Password::unvalidated(password), &hash);
            assert_eq!(check, expected);
        }
    }

    #[test]
    fn wrong_password_takes_equal_time_for_each_hash() {
        for (password, calls) in [("crème", 1), ("cre\u{300}me", 2)] {
            let other = PasswordHash::new("new:other".to_owned());
            for hash in [other, FakeHasher::default().dummy_hash()] {
                let hasher = FakeHasher::default();
                let check = hasher.verify(&Password::unvalidated(password), &hash);
                assert_eq!((check, hasher.call_count()), (PasswordCheck::Invalid, calls));
            }
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
