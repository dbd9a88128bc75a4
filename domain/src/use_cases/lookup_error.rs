//! The error of use cases that return or delete one entity by its id.

use thiserror::Error;

use crate::storage::StorageError;

/// Why an entity was not returned.
#[derive(Debug, Error)]
pub enum LookupError {
    /// No entity has this id, or the user may not access it.
    #[error("not found")]
    NotFound,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}
