//! SDK errors as the domain sees them.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::storage::StorageError;

/// A call that map_sdk_error for no reason the caller asked about.
pub(super) fn map_sdk_error<E, R>(error: SdkError<E, R>) -> StorageError
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
        ) => StorageError::Rejected(error.into()),
        _ => StorageError::Unavailable(error.into()),
    }
}

/// Sends an update and returns whether its condition was met. If not, nothing was updated.
pub(super) async fn is_met(update: UpdateItemFluentBuilder) -> Result<bool, StorageError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(map_sdk_error(error)),
        },
    }
}
