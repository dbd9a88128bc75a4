//! Idempotency records, one item each in the sessions table:
//!
//! | attribute | value |
//! |---|---|
//! | `pk` `sk` | `OPERATION#<IdempotencyRecord::id>`, `OPERATION` |
//! | `fingerprint` | digest of the request |
//! | `resource` | id of the resource to create |
//! | `lease_ends_at` | end of the current attempt's lease (ms); 0 after a release |
//! | `answer` | saved response, once the operation is completed |
//! | `forgotten_at` | end of the retention (ms); 0 after a rejected request |
//! | `expires_at` | `forgotten_at` in seconds, rounded up, for the table's TTL |

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::clock::Timestamp;
use domain::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use domain::storage::StorageError;

use super::item::{millis, number, read_millis, read_text, text};
use super::sessions::{DynamoDbSessions, ttl};
use super::table::sessions as table;
use super::update::try_update;
use crate::aws::map_sdk_error;

const KIND: &str = "OPERATION";

fn key(record: &IdempotencyRecord) -> String {
    format!("{KIND}#{}", record.id)
}

impl DynamoDbSessions {
    fn update_record(&self, record: &IdempotencyRecord) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(key(record)))
            .key(table::SK, text(KIND))
    }
}

impl IdempotencyStore for DynamoDbSessions {
    async fn begin(
        &self,
        record: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        let forgotten_at = now.plus(RETENTION);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(table::PK, text(key(record)))
            .item(table::SK, text(KIND))
            .item("fingerprint", text(&record.fingerprint))
            .item("resource", text(resource))
            .item("lease_ends_at", millis(now.plus(LEASE_DURATION)))
            .item("forgotten_at", millis(forgotten_at))
            .item(table::EXPIRES_AT, ttl(forgotten_at))
            .condition_expression("attribute_not_exists(pk) OR forgotten_at <= :now")
            .expression_attribute_values(":now", millis(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else {
            return Ok(IdempotencyOutcome::Acquired(resource.to_owned()));
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(map_sdk_error(error));
        };
        let Some(stored) = failed.item() else {
            return Err(map_sdk_error(error));
        };
        if read_text(stored, "fingerprint")? != record.fingerprint {
            return Ok(IdempotencyOutcome::KeyReused);
        }
        if stored.contains_key("answer") {
            return Ok(IdempotencyOutcome::Completed(read_text(stored, "answer")?.to_owned()));
        }
        let first = read_text(stored, "resource")?.to_owned();
        let lease_ends_at = read_millis(stored, "lease_ends_at")?;
        if lease_ends_at > now {
            return Ok(if first == resource {
                IdempotencyOutcome::Acquired(first)
            } else {
                IdempotencyOutcome::InProgress
            });
        }
        let take_over = self
            .update_record(record)
            .update_expression("SET lease_ends_at = :next")
            .condition_expression("lease_ends_at = :current AND attribute_not_exists(answer)")
            .expression_attribute_values(":next", millis(now.plus(LEASE_DURATION)))
            .expression_attribute_values(":current", millis(lease_ends_at));
        Ok(if try_update(take_over).await?.is_some() {
            IdempotencyOutcome::Acquired(first)
        } else {
            IdempotencyOutcome::InProgress
        })
    }

    async fn finish(&self, record: &IdempotencyRecord, response: &str) -> Result<(), StorageError> {
        let finish = self
            .update_record(record)
            .update_expression("SET answer = :answer")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(answer)")
            .expression_attribute_values(":answer", text(response));
        try_update(finish).await.map(|_| ())
    }

    async fn release(&self, record: &IdempotencyRecord) -> Result<(), StorageError> {
        let release = self
            .update_record(record)
            .update_expression("SET lease_ends_at = :zero")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":zero", number(0));
        try_update(release).await.map(|_| ())
    }

    async fn forget(&self, record: &IdempotencyRecord, resource: &str) -> Result<(), StorageError> {
        // A deletion would need another permission; the TTL deletes the item.
        let forget = self
            .update_record(record)
            .update_expression("SET forgotten_at = :zero")
            .condition_expression("#resource = :resource AND attribute_not_exists(answer)")
            .expression_attribute_names("#resource", "resource")
            .expression_attribute_values(":resource", text(resource))
            .expression_attribute_values(":zero", number(0));
        try_update(forget).await.map(|_| ())
    }
}
