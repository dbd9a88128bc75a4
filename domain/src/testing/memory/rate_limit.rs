//! [`RateLimitStore`] in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::rate_limit::{Counter, RateLimitStore};
use crate::storage::StorageError;

/// A [`RateLimitStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryRateLimits(Mutex<HashMap<String, u64>>);

impl RateLimitStore for MemoryRateLimits {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        let mut counts = lock(&self.0);
        let count = counts.entry(counter.name.clone()).or_default();
        *count += 1;
        Ok(*count)
    }

    async fn decrement(&self, counter: &Counter) -> Result<(), StorageError> {
        if let Some(count) = lock(&self.0).get_mut(&counter.name) {
            *count = count.saturating_sub(1);
        }
        Ok(())
    }
}
