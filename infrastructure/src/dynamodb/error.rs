//! SDK errors as the domain sees them.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use domain::storage::StorageError;

/// A call that failed for no reason the caller asked about.
pub(super) fn failed<E, R>(error: SdkError<E, R>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.code() {
        // Asking again does not help.
        Some(
            "AccessDeniedException"
            | "ResourceNotFoundException"
            | "UnrecognizedClientException"
            | "ValidationException",
        ) => StorageError::Refused(error.into()),
        _ => StorageError::Unavailable(error.into()),
    }
}
