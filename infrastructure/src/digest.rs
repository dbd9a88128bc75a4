//! SHA-256 digests in hexadecimal.

use ring::digest::{SHA256, digest};

/// Hashes a text, to store the digest in place of personal data.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}
