//! Conditional updates of one item.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use domain::storage::StorageError;

use super::transaction;
use crate::aws::map_sdk_error;

/// Sends a conditional update and returns its response; `None` if the condition is not met. Retries while a transaction on the item is in
/// progress, whose outcome is unknown.
pub(super) async fn try_update(
    update: UpdateItemFluentBuilder,
) -> Result<Option<UpdateItemOutput>, StorageError> {
    let mut pauses = transaction::pauses();
    loop {
        let error = match update.clone().send().await {
            Ok(response) => return Ok(Some(response)),
            Err(error) => error,
        };
        match (error.as_service_error(), pauses.next()) {
            (Some(UpdateItemError::ConditionalCheckFailedException(_)), _) => return Ok(None),
            (Some(UpdateItemError::TransactionConflictException(_)), Some(pause)) => {
                tokio::time::sleep(pause).await;
            }
            _ => return Err(map_sdk_error(error)),
        }
    }
}
