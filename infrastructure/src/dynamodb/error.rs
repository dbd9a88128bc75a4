//! SDK errors as the domain sees them.

use aws_sdk_dynamodb::error::SdkError;
use domain::repository::RepositoryError;

/// A call that failed for no reason the caller asked about.
pub(super) fn unavailable<E, R>(error: SdkError<E, R>) -> RepositoryError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    RepositoryError::Unavailable(error.into())
}
