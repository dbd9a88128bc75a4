//! Digests as text.

use ring::digest::{SHA256, digest};

/// The SHA-256 of a text, in hexadecimal: what stands in a store in the place of what is personal.
pub(crate) fn of(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
