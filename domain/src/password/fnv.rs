//! The hash of common passwords, for `build.rs` and for lookups.

/// Returns the FNV-1a hash of the text, in an order of bytes that sorts as the number does.
pub(super) fn hash(text: &str) -> [u8; 4] {
    let hash = text
        .bytes()
        .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_be_bytes()
}
