//! Digests as text.

use ring::digest::{SHA256, digest};

/// The SHA-256 of a text in hexadecimal, stored in the place of personal data.
pub(crate) fn of(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}
