//! The error of getting one entity.

use thiserror::Error;

use crate::storage::StorageError;

/// Why an entity is not returned.
#[derive(Debug, Error)]
pub enum LookupError {
    /// No entity has this id, or the caller may not see it.
    #[error("not found")]
    NotFound,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}
