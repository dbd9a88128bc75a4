//! Counted attempts, an item for each counter in the table of sessions:
//!
//! | attribute | |
//! |---|---|
//! | `pk` `sk` | `ATTEMPTS#<digest of the counter's name>`, `ATTEMPTS` |
//! | `attempts` | how many |
//! | `expires_at` | when its window ends, for the table's TTL |

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::rate_limit::{Counter, RateLimitStore};
use domain::storage::StorageError;

use super::error::{is_met, map_sdk_error};
use super::item::{number, read_number, text};
use super::sessions::{DynamoDbSessions, ttl};
use super::table::sessions as table;
use crate::digest;

const KIND: &str = "ATTEMPTS";

impl DynamoDbSessions {
    fn update_attempts(&self, counter: &Counter) -> UpdateItemFluentBuilder {
        let name = digest::of(&counter.name);
        self.client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(format!("{KIND}#{name}")))
            .key(table::SK, text(KIND))
    }
}

impl RateLimitStore for DynamoDbSessions {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        let updated = self
            .update_attempts(counter)
            .update_expression("ADD attempts :one SET expires_at = :expires_at")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires_at", ttl(counter.ends_at))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(map_sdk_error)?;
        read_number(&updated.attributes.unwrap_or_default(), "attempts")
    }

    async fn decrement(&self, counter: &Counter) -> Result<(), StorageError> {
        let decrement = self
            .update_attempts(counter)
            .update_expression("ADD attempts :minus_one")
            .condition_expression("attempts > :none")
            .expression_attribute_values(":minus_one", number(-1))
            .expression_attribute_values(":none", number(0));
        is_met(decrement).await.map(|_| ())
    }
}
