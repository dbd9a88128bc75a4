//! Maps errors of AWS clients to errors of the domain.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::storage::StorageError;

/// Maps an SDK error to `Rejected` if a retry cannot help, else to `Unavailable`.
pub(crate) fn map_sdk_error<E, R>(error: SdkError<E, R>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.code() {
        Some(
            "AccessDenied"
            | "AccessDeniedException"
            | "InvalidAccessKeyId"
            | "NoSuchBucket"
            | "ResourceNotFoundException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "ValidationException",
        ) => StorageError::Rejected(error.into()),
        _ => StorageError::Unavailable(error.into()),
    }
}
