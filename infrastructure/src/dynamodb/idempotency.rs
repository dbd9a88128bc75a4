//! What clients asked for with an idempotency key, an item each in the table of sessions:
//!
//! | attribute | |
//! |---|---|
//! | `pk` `sk` | `OPERATION#<digest of the key>`, `OPERATION` |
//! | `fingerprint` | a digest of the request |
//! | `resource` | the id of what is made |
//! | `lease_ends_at` | until when nobody else begins, in ms |
//! | `answer` | once it is done |
//! | `forgotten_at` | in ms |
//! | `expires_at` | the same in seconds, rounded up, for the table's TTL |

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::clock::Timestamp;
use domain::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use domain::storage::StorageError;

use super::error::{is_met, map_sdk_error};
use super::item::{millis, number, read_millis, read_text, text};
use super::sessions::{DynamoDbSessions, ttl};
use super::table::sessions as table;

const KIND: &str = "OPERATION";

fn key(operation: &IdempotencyRecord) -> String {
    format!("{KIND}#{}", operation.id)
}

impl DynamoDbSessions {
    fn update_operation(&self, operation: &IdempotencyRecord) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(key(operation)))
            .key(table::SK, text(KIND))
    }
}

impl IdempotencyStore for DynamoDbSessions {
    async fn begin(
        &self,
        operation: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        let forgotten_at = now.plus(RETENTION);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(table::PK, text(key(operation)))
            .item(table::SK, text(KIND))
            .item("fingerprint", text(&operation.fingerprint))
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
        let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
        else {
            return Err(map_sdk_error(error));
        };
        let Some(kept) = refused.item() else {
            return Err(map_sdk_error(error));
        };
        if read_text(kept, "fingerprint")? != operation.fingerprint {
            return Ok(IdempotencyOutcome::KeyReused);
        }
        if kept.contains_key("answer") {
            return Ok(IdempotencyOutcome::Completed(
                read_text(kept, "answer")?.to_owned(),
            ));
        }
        let first = read_text(kept, "resource")?.to_owned();
        let lease_ends_at = read_millis(kept, "lease_ends_at")?;
        if lease_ends_at > now {
            return Ok(if first == resource {
                IdempotencyOutcome::Acquired(first)
            } else {
                IdempotencyOutcome::InProgress
            });
        }
        let take_over = self
            .update_operation(operation)
            .update_expression("SET lease_ends_at = :next")
            .condition_expression("lease_ends_at = :current AND attribute_not_exists(answer)")
            .expression_attribute_values(":next", millis(now.plus(LEASE_DURATION)))
            .expression_attribute_values(":current", millis(lease_ends_at));
        Ok(if is_met(take_over).await? {
            IdempotencyOutcome::Acquired(first)
        } else {
            IdempotencyOutcome::InProgress
        })
    }

    async fn finish(
        &self,
        operation: &IdempotencyRecord,
        answer: &str,
    ) -> Result<(), StorageError> {
        let finish = self
            .update_operation(operation)
            .update_expression("SET answer = :answer")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(answer)")
            .expression_attribute_values(":answer", text(answer));
        is_met(finish).await.map(|_| ())
    }

    async fn release(&self, operation: &IdempotencyRecord) -> Result<(), StorageError> {
        let release = self
            .update_operation(operation)
            .update_expression("SET lease_ends_at = :over")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":over", number(0));
        is_met(release).await.map(|_| ())
    }
}
