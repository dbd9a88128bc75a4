//! Conditional updates of one item.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::storage::StorageError;

use super::transaction;
use crate::aws::map_sdk_error;

/// Sends a conditional update and returns whether it was applied. Retries while a transaction on the item is in
/// progress, whose outcome is unknown.
pub(super) async fn try_update(update: UpdateItemFluentBuilder) -> Result<bool, StorageError> {
    let mut pauses = transaction::pauses();
    loop {
        let Err(error) = update.clone().send().await else {
            return Ok(true);
        };
        match (error.as_service_error(), pauses.next()) {
            (Some(UpdateItemError::ConditionalCheckFailedException(_)), _) => return Ok(false),
            (Some(UpdateItemError::TransactionConflictException(_)), Some(pause)) => {
                tokio::time::sleep(pause).await;
            }
            _ => return Err(map_sdk_error(error)),
        }
    }
}
