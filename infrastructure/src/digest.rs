//! SHA-256 digests in hexadecimal.

use ring::digest::{SHA256, digest};
use ring::hmac;

/// Hashes a text, to store the digest in place of personal data.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// Computes keyed digests (HMAC-SHA-256) that stand for personal data in the log.
#[derive(Debug, Clone)]
pub struct KeyedDigest(hmac::Key);

impl KeyedDigest {
    /// Derives a key from `secret` that only digests of this purpose use.
    pub fn new(secret: &str, purpose: &str) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let key = hmac::sign(&secret, purpose.as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// Returns the first 64 bits of the digest as 16 hexadecimal digits.
    pub fn hex(&self, text: &str) -> String {
        hex::encode(&hmac::sign(&self.0, text.as_bytes()).as_ref()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyed_digest_depends_on_secret_purpose_and_text() {
        let digest = |secret, purpose, text| KeyedDigest::new(secret, purpose).hex(text);
        let ada = digest("secret", "log", "ada@example.com");
        assert_eq!(ada, digest("secret", "log", "ada@example.com"));
        assert_eq!(ada.len(), 16);
        assert_ne!(ada, digest("another", "log", "ada@example.com"));
        assert_ne!(ada, digest("secret", "other", "ada@example.com"));
        assert_ne!(ada, digest("secret", "log", "eve@example.com"));
    }
}
