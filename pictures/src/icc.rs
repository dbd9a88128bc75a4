//! Colour profiles: what of a block is one.

/// The longest profile that is kept; those of cameras and screens have a few hundred bytes to a few
/// megabytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The profile at the beginning of a block, as long as it says itself (ICC.1, 7.2); `None` when it is
/// none, or not whole.
pub(crate) fn profile(block: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(u32::from_be_bytes(*block.first_chunk()?)).ok()?;
    let is_profile = block.get(36..40)? == b"acsp" && (128..=MAX_BYTES).contains(&length);
    block.get(..length).filter(|_| is_profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_profile_ends_where_it_says() {
        let icc = testing::icc_profile();
        assert_eq!(profile(&icc), Some(&icc[..]));
        assert_eq!(profile(&[&icc[..], b"<html>"].concat()), Some(&icc[..]));
        assert_eq!(profile(&icc[..icc.len() - 1]), None);
        assert_eq!(profile(&[0; 200]), None);
        assert_eq!(profile(b""), None);
    }
}
