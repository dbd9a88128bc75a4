//! Writes of one item.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use domain::storage::StorageError;

use super::transaction;
use crate::aws::map_sdk_error;

/// Sends a write of one item. Retries while a transaction on the item is in progress, whose outcome is unknown.
pub(super) async fn retry_conflicts<T, E: ProvideErrorMetadata, F>(
    send: impl Fn() -> F,
) -> Result<T, SdkError<E>>
where
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut pauses = transaction::pauses();
    loop {
        let result = send().await;
        let code = result.as_ref().err().and_then(ProvideErrorMetadata::code);
        match pauses.next().filter(|_| code == Some("TransactionConflictException")) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return result,
        }
    }
}

/// Sends a conditional update and returns its response; `None` if the condition is not met. See [`retry_conflicts`].
pub(super) async fn try_update(
    update: UpdateItemFluentBuilder,
) -> Result<Option<UpdateItemOutput>, StorageError> {
    match retry_conflicts(|| update.clone().send()).await {
        Ok(response) => Ok(Some(response)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(map_sdk_error(error)),
        },
    }
}
