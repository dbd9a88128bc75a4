//! Counted attempts in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::attempt::{AttemptStore, Counter};
use crate::storage::StorageError;

/// Attempts in memory.
#[derive(Debug, Default)]
pub struct MemoryAttempts(Mutex<HashMap<String, u64>>);

impl AttemptStore for MemoryAttempts {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        let mut counts = lock(&self.0);
        let count = counts.entry(counter.name.clone()).or_default();
        *count += 1;
        Ok(*count)
    }

    async fn give_back(&self, counter: &Counter) -> Result<(), StorageError> {
        if let Some(count) = lock(&self.0).get_mut(&counter.name) {
            *count = count.saturating_sub(1);
        }
        Ok(())
    }
}
