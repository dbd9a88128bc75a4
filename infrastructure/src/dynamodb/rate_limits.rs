//! Rate-limit counters, one item each in the sessions table:
//!
//! | attribute | value |
//! |---|---|
//! | `pk` `sk` | `ATTEMPTS#<digest of the counter's name>`, `ATTEMPTS` |
//! | `attempts` | number of attempts in the window |
//! | `settled` | number of those attempts that are not pending |
//! | `expires_at` | end of the window in seconds, rounded up, for the table's TTL |

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::rate_limit::{Attempt, CountOutcome, Counter, RateLimitStore};
use domain::storage::StorageError;

use super::item::{corrupt, number, read_number, text};
use super::sessions::{DynamoDbSessions, ttl};
use super::table::sessions as table;
use super::update::try_update;
use crate::aws::map_sdk_error;
use crate::digest::sha256_hex;
use crate::sessions::sleep_with_jitter;

const KIND: &str = "ATTEMPTS";

impl DynamoDbSessions {
    fn update_counter(&self, counter: &Counter) -> UpdateItemFluentBuilder {
        let name = sha256_hex(&counter.name);
        self.client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(format!("{KIND}#{name}")))
            .key(table::SK, text(KIND))
    }
}

impl RateLimitStore for DynamoDbSessions {
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError> {
        let updated = self
            .update_counter(counter)
            .update_expression("ADD attempts :one, settled :settled SET expires_at = :expires_at")
            .condition_expression("attribute_not_exists(attempts) OR attempts < :limit")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":settled", number(u8::from(attempt == Attempt::Settled)))
            .expression_attribute_values(":expires_at", ttl(counter.ends_at))
            .expression_attribute_values(":limit", number(limit))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match updated {
            Ok(updated) => {
                let counts = updated.attributes.unwrap_or_default();
                return Ok(CountOutcome::Counted(read_number(&counts, "attempts")?));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let counts = failed.item().ok_or_else(|| corrupt("attempts"))?;
                // A counter of an earlier version has no settled attempts: all were.
                let name = if counts.contains_key("settled") { "settled" } else { "attempts" };
                Ok(CountOutcome::LimitReached { settled: read_number(counts, name)? })
            }
            _ => Err(map_sdk_error(error)),
        }
    }

    async fn settle(&self, counter: &Counter) -> Result<(), StorageError> {
        let settle = self
            .update_counter(counter)
            .update_expression("ADD settled :one")
            .condition_expression("settled < attempts")
            .expression_attribute_values(":one", number(1));
        try_update(settle).await.map(|_| ())
    }

    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError> {
        let refund =
            self.update_counter(counter).expression_attribute_values(":minus_one", number(-1));
        let refund = match attempt {
            Attempt::Pending => refund
                .update_expression("ADD attempts :minus_one")
                .condition_expression("settled < attempts"),
            Attempt::Settled => refund
                .update_expression("ADD attempts :minus_one, settled :minus_one")
                .condition_expression("settled > :zero")
                .expression_attribute_values(":zero", number(0)),
        };
        try_update(refund).await.map(|_| ())
    }

    async fn wait(&self, longest: Duration) {
        sleep_with_jitter(longest).await;
    }
}
