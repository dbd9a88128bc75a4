//! Transactions that write several items, with retries of conflicts.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::{
    ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder,
};
use domain::storage::StorageError;
use tokio::time::Instant;

use super::item::corrupt;
use super::table::users::PK;
use crate::aws::map_sdk_error;

/// Time for which a conflict is retried; equal to the timeout of a `DynamoDB` call with all retries of the SDK.
const RETRY_TIME: Duration = Duration::from_secs(5);
const INITIAL_BACKOFF: Duration = Duration::from_millis(5);
const MAX_BACKOFF: Duration = Duration::from_millis(200);

/// Error codes of a conflict: another transaction, or an earlier attempt of this one, is writing the same item.
const CONFLICTS: [&str; 3] =
    ["TransactionConflict", "TransactionConflictException", "TransactionInProgressException"];

/// The result of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All items were written.
    Written,
    /// No item was written: for each item, whether its condition was unmet.
    Rejected(Vec<bool>),
}

impl Outcome {
    /// Returns whether the condition of the item with this index was unmet.
    pub(super) fn is_unmet(&self, item: usize) -> bool {
        match self {
            Self::Written => false,
            Self::Rejected(unmet) => unmet.get(item) == Some(&true),
        }
    }
}

/// Makes a transaction item of a put; table and item must be set.
pub(super) fn put(put: PutBuilder) -> TransactWriteItem {
    let put = put.build().expect("a put with a table and an item");
    TransactWriteItem::builder().put(put).build()
}

/// Makes a transaction item of an update; table, key and expression must be set.
pub(super) fn update(update: UpdateBuilder) -> TransactWriteItem {
    let update = update.build().expect("an update with a table, a key and an expression");
    TransactWriteItem::builder().update(update).build()
}

/// Makes a transaction item of a deletion; table and key must be set.
pub(super) fn delete(delete: DeleteBuilder) -> TransactWriteItem {
    let delete = delete.build().expect("a deletion with a table and a key");
    TransactWriteItem::builder().delete(delete).build()
}

/// Makes a transaction item of a condition; table, key and expression must be set.
pub(super) fn condition_check(check: ConditionCheckBuilder) -> TransactWriteItem {
    let check = check.build().expect("a condition with a table, a key and an expression");
    TransactWriteItem::builder().condition_check(check).build()
}

/// Returns the pauses between retries: exponential backoff with full jitter, for [`RETRY_TIME`].
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    let started = Instant::now();
    (1..).map_while(move |attempt: u32| {
        let backoff = MAX_BACKOFF.min(INITIAL_BACKOFF * (1 << attempt.min(6)));
        (started.elapsed() < RETRY_TIME).then(|| backoff.mul_f64(fastrand::f64()))
    })
}

/// Returns whether `item` is a claim (a put with the attribute `owner`) that another owner holds.
async fn is_taken(
    client: &Client,
    item: &TransactWriteItem,
    owner: &str,
) -> Result<bool, StorageError> {
    let Some((put, claimant)) = item.put().and_then(|put| Some((put, put.item.get(owner)?))) else {
        return Ok(false);
    };
    let response = client
        .get_item()
        .table_name(&put.table_name)
        .key(PK, put.item.get(PK).cloned().ok_or_else(|| corrupt(PK))?)
        .projection_expression(owner)
        .consistent_read(true)
        .send()
        .await
        .map_err(map_sdk_error)?;
    let stored = response.item.as_ref().and_then(|item| item.get(owner));
    Ok(stored.is_some_and(|stored| stored != claimant))
}

/// Writes all items or none. `owner` is the name of the attribute that contains the owner of a claim; `None` if no item is a
/// claim.
///
/// `DynamoDB` cancels a transaction if another one is in progress on one of its items. This function then
/// reads the claims: a claim with another owner is reported like an unmet condition; if there is none, the
/// transaction is retried.
pub(super) async fn write(
    client: &Client,
    items: Vec<TransactWriteItem>,
    owner: Option<&str>,
) -> Result<Outcome, StorageError> {
    let mut pauses = pauses();
    loop {
        let result =
            client.transact_write_items().set_transact_items(Some(items.clone())).send().await;
        let Err(error) = result else {
            return Ok(Outcome::Written);
        };
        let codes: Vec<_> = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled
                .cancellation_reasons()
                .iter()
                .map(|reason| reason.code().unwrap_or_default())
                .collect(),
            Some(other) => other.code().into_iter().collect(),
            None => Vec::new(),
        };
        if codes.contains(&"ConditionalCheckFailed") {
            let unmet = codes.iter().map(|code| *code == "ConditionalCheckFailed");
            return Ok(Outcome::Rejected(unmet.collect()));
        }
        if let Some(owner) = owner
            && codes.iter().any(|code| CONFLICTS.contains(code))
        {
            let mut taken = Vec::new();
            for item in &items {
                taken.push(is_taken(client, item, owner).await?);
            }
            if taken.contains(&true) {
                return Ok(Outcome::Rejected(taken));
            }
        }
        let is_transient = |code: &&str| {
            let throttled = ["None", "ThrottlingError", "ProvisionedThroughputExceeded"];
            CONFLICTS.contains(code) || throttled.contains(code)
        };
        match pauses.next() {
            Some(pause) if !codes.is_empty() && codes.iter().all(is_transient) => {
                tokio::time::sleep(pause).await;
            }
            _ => return Err(map_sdk_error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn transaction_conflict_is_retried_for_five_seconds() {
        let started = Instant::now();
        for pause in pauses() {
            tokio::time::sleep(pause).await;
        }
        let longest = RETRY_TIME + MAX_BACKOFF;
        assert!((RETRY_TIME..=longest).contains(&started.elapsed()));
    }
}
