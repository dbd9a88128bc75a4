//! The error of all storage ports.
//!
//! Every method of a port that writes one entity is atomic: it applies completely or not at all, also under
//! concurrent calls. Methods that write several, such as `revoke_all`, may stop in between and can be repeated.
//! The tests in `testing::contracts` check this.

use thiserror::Error;

/// The cause of a storage error. It is logged and never returned to a client.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A storage error, classified by how the caller can react.
#[derive(Debug, Error)]
pub enum StorageError {
    /// A temporary error: retry. A write may have been applied nevertheless.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// Stored data cannot be decoded and must be repaired.
    #[error("stored data cannot be decoded")]
    Corrupt(#[source] Source),
    /// A permanent error, such as a missing permission or table: do not retry.
    #[error("the store rejected the request")]
    Rejected(#[source] Source),
}
