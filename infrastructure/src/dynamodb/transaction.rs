//! Writing several items as one step.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use domain::storage::StorageError;

use super::error::failed;

/// How often a transaction that met another one is tried again.
const MAX_ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

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

/// How long to wait before each attempt but the first, with full jitter.
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    (1..MAX_ATTEMPTS).map(|attempt| {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(attempt));
        longest.mul_f64(fastrand::f64())
    })
}

/// Writes all items or none. Where another transaction is at work on one of them, `DynamoDB` cancels
/// instead of waiting (and the SDK does not try that again): we do, with full jitter.
pub(super) async fn write(
    client: &Client,
    items: Vec<TransactWriteItem>,
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
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
            error.as_service_error()
        else {
            return Err(failed(error));
        };
        let codes: Vec<_> = canceled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default())
            .collect();
        if codes.contains(&"ConditionalCheckFailed") {
            let unmet = codes.iter().map(|code| *code == "ConditionalCheckFailed");
            return Ok(Outcome::Refused(unmet.collect()));
        }
        let may_pass = codes.iter().all(|code| {
            matches!(
                *code,
                "None"
                    | "TransactionConflict"
                    | "ThrottlingError"
                    | "ProvisionedThroughputExceeded"
            )
        });
        match pauses.next() {
            Some(pause) if may_pass => tokio::time::sleep(pause).await,
            _ => return Err(failed(error)),
        }
    }
}
