//! Conditional updates of one item.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::storage::StorageError;

use crate::aws::map_sdk_error;

/// Sends a conditional update and returns whether it was applied.
pub(super) async fn try_update(update: UpdateItemFluentBuilder) -> Result<bool, StorageError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(map_sdk_error(error)),
        },
    }
}
