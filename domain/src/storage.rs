//! Errors of storage, shared by all ports.
//!
//! Every method of a port is one atomic step: it happens wholly or not at all, also when many callers
//! do it at once. `testing::contracts` says so in code.

use thiserror::Error;

/// The cause of an error, for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong behind a port, by what can be done about it.
#[derive(Debug, Error)]
pub enum StorageError {
    /// Nobody knows whether it was done: ask, or try again.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// What is stored is not what we store: repair it.
    #[error("the store holds something unreadable")]
    Corrupt(#[source] Source),
    /// A permanent error: retrying does not help. A permission or a table is missing.
    #[error("the store rejected the request")]
    Rejected(#[source] Source),
}
