//! The error of use cases that return or delete one entity by its id.

use thiserror::Error;

use crate::storage::StorageError;

/// Why an entity was not returned or deleted.
#[derive(Debug, Error)]
pub enum LookupError {
    /// No entity has this id, or the user may not access it.
    #[error("not found")]
    NotFound,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}
