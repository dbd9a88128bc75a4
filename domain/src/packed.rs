//! Packed lists: entries of a fixed number of bytes, stored as one binary attribute.

use thiserror::Error;

/// The error of bytes that are not a packed list. Adapters return it as
/// [`StorageError::Corrupt`](crate::storage::StorageError::Corrupt).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a packed list")]
pub struct InvalidPackedList;

/// Parses entries of `N` bytes. An error if bytes remain, if the list has more than `max` entries, or if `parse` returns
/// `None`.
pub(crate) fn unpack<const N: usize, T>(
    bytes: &[u8],
    max: usize,
    parse: impl Fn(&[u8; N]) -> Option<T>,
) -> Result<Vec<T>, InvalidPackedList> {
    let (entries, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() || entries.len() > max {
        return Err(InvalidPackedList);
    }
    entries.iter().map(parse).collect::<Option<_>>().ok_or(InvalidPackedList)
}

/// Splits an entry into an id of 16 bytes and the rest, of `M` bytes.
pub(crate) fn split_id<const M: usize>(entry: &[u8]) -> Option<([u8; 16], [u8; M])> {
    let (id, rest) = entry.split_first_chunk()?;
    Some((*id, rest.try_into().ok()?))
}
