//! Operations in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::clock::Timestamp;
use crate::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use crate::storage::StorageError;

/// Operations in memory.
#[derive(Debug, Default)]
pub struct MemoryIdempotencyRecords(Mutex<HashMap<String, StoredRecord>>);

#[derive(Debug)]
struct StoredRecord {
    fingerprint: String,
    resource: String,
    lease_ends_at: Option<Timestamp>,
    answer: Option<String>,
    forgotten_at: Timestamp,
}

impl IdempotencyStore for MemoryIdempotencyRecords {
    async fn begin(
        &self,
        operation: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        let mut operations = lock(&self.0);
        let kept = operations.get_mut(&operation.id);
        let Some(kept) = kept.filter(|kept| kept.forgotten_at > now) else {
            let new = StoredRecord {
                fingerprint: operation.fingerprint.clone(),
                resource: resource.to_owned(),
                lease_ends_at: Some(now.plus(LEASE_DURATION)),
                answer: None,
                forgotten_at: now.plus(RETENTION),
            };
            operations.insert(operation.id.clone(), new);
            return Ok(IdempotencyOutcome::Acquired(resource.to_owned()));
        };
        if kept.fingerprint != operation.fingerprint {
            return Ok(IdempotencyOutcome::KeyReused);
        }
        if let Some(answer) = &kept.answer {
            return Ok(IdempotencyOutcome::Completed(answer.clone()));
        }
        let is_running = kept.lease_ends_at.is_some_and(|ends_at| ends_at > now);
        if is_running && kept.resource != resource {
            return Ok(IdempotencyOutcome::InProgress);
        }
        kept.lease_ends_at = Some(now.plus(LEASE_DURATION));
        Ok(IdempotencyOutcome::Acquired(kept.resource.clone()))
    }

    async fn finish(
        &self,
        operation: &IdempotencyRecord,
        answer: &str,
    ) -> Result<(), StorageError> {
        if let Some(kept) = lock(&self.0).get_mut(&operation.id) {
            kept.answer.get_or_insert_with(|| answer.to_owned());
        }
        Ok(())
    }

    async fn release(&self, operation: &IdempotencyRecord) -> Result<(), StorageError> {
        if let Some(kept) = lock(&self.0).get_mut(&operation.id) {
            kept.lease_ends_at = None;
        }
        Ok(())
    }
}
