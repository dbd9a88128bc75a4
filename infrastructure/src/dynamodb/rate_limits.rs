//! Rate-limit counters, one item each in the sessions table:
//!
//! | attribute | value |
//! |---|---|
//! | `pk` `sk` | `ATTEMPTS#<digest of the counter's name>`, `ATTEMPTS` |
//! | `attempts` | number of attempts in the window |
//! | `expires_at` | end of the window in seconds, rounded up, for the table's TTL |

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::rate_limit::{Counter, RateLimitStore};
use domain::storage::StorageError;

use super::item::{number, read_number, text};
use super::sessions::{DynamoDbSessions, ttl};
use super::table::sessions as table;
use super::update::try_update;
use crate::aws::map_sdk_error;
use crate::digest::sha256_hex;

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
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        let updated = self
            .update_counter(counter)
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
            .update_counter(counter)
            .update_expression("ADD attempts :minus_one")
            .condition_expression("attempts > :zero")
            .expression_attribute_values(":minus_one", number(-1))
            .expression_attribute_values(":zero", number(0));
        try_update(decrement).await.map(|_| ())
    }
}
