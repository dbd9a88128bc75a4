//! Colour profiles: which are kept.

/// The longest profile that is kept, which each variant has to carry.
pub(crate) const MAX_BYTES: usize = 64 << 10;

/// The profile at the beginning of a block, as long as it says itself (ICC.1, 7.2), when it is for RGB
/// and not too long.
pub(crate) fn kept(block: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u32::from_be_bytes(*block.first_chunk()?)).ok()?;
    let is_kept = block.get(36..40)? == b"acsp"
        && block.get(16..20)? == b"RGB "
        && (128..=MAX_BYTES).contains(&length);
    block.get(..length).filter(|_| is_kept).map(<[u8]>::to_vec)
}
