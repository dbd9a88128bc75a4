//! Writing several items as one step.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use domain::storage::StorageError;
use tokio::time::Instant;

use super::error::map_sdk_error;
use super::item::corrupt;
use super::table::users::PK;

/// The time after which a conflict is not retried any more: that of any other call to `DynamoDB`.
const RETRY_TIME: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Another transaction is in progress on an item, or this one under its own token.
const CONFLICTS: [&str; 3] = [
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All of it is written.
    Written,
    /// None of it is written: for each item, whether its condition was not met.
    Refused(Vec<bool>),
}

impl Outcome {
    /// Whether it was refused and the condition of this item was not met.
    pub(super) fn refuses(&self, item: usize) -> bool {
        match self {
            Self::Written => false,
            Self::Refused(unmet) => unmet.get(item) == Some(&true),
        }
    }
}

/// An item of a transaction, of a put that has a table and an item.
pub(super) fn put(put: PutBuilder) -> TransactWriteItem {
    let put = put.build().expect("a put with a table and an item");
    TransactWriteItem::builder().put(put).build()
}

/// An item of a transaction, of an update that has a table, a key and an expression.
pub(super) fn update(update: UpdateBuilder) -> TransactWriteItem {
    let update = update
        .build()
        .expect("an update with a table, a key and an expression");
    TransactWriteItem::builder().update(update).build()
}

/// An item of a transaction, of a deletion that has a table and a key.
pub(super) fn delete(delete: DeleteBuilder) -> TransactWriteItem {
    let delete = delete.build().expect("a deletion with a table and a key");
    TransactWriteItem::builder().delete(delete).build()
}

/// The pauses between attempts, with full jitter; ends after [`RETRY_TIME`].
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    let started = Instant::now();
    (1..).map_while(move |attempt: u32| {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << attempt.min(6)));
        (started.elapsed() < RETRY_TIME).then(|| longest.mul_f64(fastrand::f64()))
    })
}

/// Whether the item is a claim, a put with the attribute `owner`, that is stored for another owner.
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
/// `DynamoDB` cancels a transaction, instead of waiting, when another one is in progress on an item
/// of it. The claims are read then: one with another owner is reported like an unmet condition. The
/// transaction is retried only where none is taken.
pub(super) async fn write(
    client: &Client,
    items: Vec<TransactWriteItem>,
    owner: &str,
) -> Result<Outcome, StorageError> {
    let mut pauses = pauses();
    loop {
        let sent = client
            .transact_write_items()
            .set_transact_items(Some(items.clone()))
            .send()
            .await;
        let Err(error) = sent else {
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
            return Ok(Outcome::Refused(unmet.collect()));
        }
        if codes.iter().any(|code| CONFLICTS.contains(code)) {
            let mut taken = Vec::new();
            for item in &items {
                taken.push(is_taken(client, item, owner).await?);
            }
            if taken.contains(&true) {
                return Ok(Outcome::Refused(taken));
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
    async fn retries_end_after_the_time_of_a_call() {
        let started = Instant::now();
        for pause in pauses() {
            tokio::time::sleep(pause).await;
        }
        let longest = RETRY_TIME + LONGEST_PAUSE;
        assert!((RETRY_TIME..=longest).contains(&started.elapsed()));
    }
}
