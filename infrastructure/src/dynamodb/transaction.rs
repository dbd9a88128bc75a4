//! Transactions that write several items, with retries of conflicts.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use domain::storage::StorageError;
use tokio::time::Instant;

use super::item::corrupt;
use super::table::users::PK;
use crate::aws::map_sdk_error;

/// Conflicts are retried for this long: the timeout of any other `DynamoDB` call.
const RETRY_TIME: Duration = Duration::from_secs(5);
const INITIAL_BACKOFF: Duration = Duration::from_millis(5);
const MAX_BACKOFF: Duration = Duration::from_millis(200);

/// Error codes of a conflict: another transaction on an item, or this one under its own token, is in progress.
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
    /// Whether the condition of the item with this index was unmet.
    pub(super) fn is_unmet(&self, item: usize) -> bool {
        match self {
            Self::Written => false,
            Self::Rejected(unmet) => unmet.get(item) == Some(&true),
        }
    }
}

/// Wraps a put that has a table and an item.
pub(super) fn put(put: PutBuilder) -> TransactWriteItem {
    let put = put.build().expect("a put with a table and an item");
    TransactWriteItem::builder().put(put).build()
}

/// Wraps an update that has a table, a key and an expression.
pub(super) fn update(update: UpdateBuilder) -> TransactWriteItem {
    let update = update.build().expect("an update with a table, a key and an expression");
    TransactWriteItem::builder().update(update).build()
}

/// Wraps a deletion that has a table and a key.
pub(super) fn delete(delete: DeleteBuilder) -> TransactWriteItem {
    let delete = delete.build().expect("a deletion with a table and a key");
    TransactWriteItem::builder().delete(delete).build()
}

/// Pauses between retries: exponential backoff with full jitter, for [`RETRY_TIME`].
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    let started = Instant::now();
    (1..).map_while(move |attempt: u32| {
        let backoff = MAX_BACKOFF.min(INITIAL_BACKOFF * (1 << attempt.min(6)));
        (started.elapsed() < RETRY_TIME).then(|| backoff.mul_f64(fastrand::f64()))
    })
}

/// Whether the item is a claim (a put with the attribute `owner`) and another owner holds it.
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
        .consistent_read(true)
        .send()
        .await
        .map_err(map_sdk_error)?;
    let stored = response.item.as_ref().and_then(|item| item.get(owner));
    Ok(stored.is_some_and(|stored| stored != claimant))
}

/// Writes all items or none. `owner` is the attribute of a claim that names its owner.
///
/// `DynamoDB` cancels a transaction if another one is in progress on one of its items. This function then
/// reads the claims: a claim with another owner is reported like an unmet condition; if there is none, the
/// transaction is retried.
pub(super) async fn write(
    client: &Client,
    items: Vec<TransactWriteItem>,
    owner: &str,
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
        if codes.iter().any(|code| CONFLICTS.contains(code)) {
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
    async fn transaction_retries_end_after_retry_time() {
        let started = Instant::now();
        for pause in pauses() {
            tokio::time::sleep(pause).await;
        }
        let longest = RETRY_TIME + MAX_BACKOFF;
        assert!((RETRY_TIME..=longest).contains(&started.elapsed()));
    }
}
