//! [`IdempotencyStore`] in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::clock::Timestamp;
use crate::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use crate::storage::StorageError;

/// An [`IdempotencyStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryIdempotencyRecords(Mutex<HashMap<String, StoredRecord>>);

#[derive(Debug)]
struct StoredRecord {
    fingerprint: String,
    resource: String,
    lease_ends_at: Option<Timestamp>,
    response: Option<String>,
    expires_at: Timestamp,
}

impl IdempotencyStore for MemoryIdempotencyRecords {
    async fn begin(
        &self,
        record: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        let mut records = lock(&self.0);
        let stored = records.get_mut(&record.id);
        let Some(stored) = stored.filter(|stored| stored.expires_at > now) else {
            let new = StoredRecord {
                fingerprint: record.fingerprint.clone(),
                resource: resource.to_owned(),
                lease_ends_at: Some(now.plus(LEASE_DURATION)),
                response: None,
                expires_at: now.plus(RETENTION),
            };
            records.insert(record.id.clone(), new);
            return Ok(IdempotencyOutcome::Acquired(resource.to_owned()));
        };
        if stored.fingerprint != record.fingerprint {
            return Ok(IdempotencyOutcome::KeyReused);
        }
        if let Some(response) = &stored.response {
            return Ok(IdempotencyOutcome::Completed(response.clone()));
        }
        let is_leased = stored.lease_ends_at.is_some_and(|ends_at| ends_at > now);
        if is_leased && stored.resource != resource {
            return Ok(IdempotencyOutcome::InProgress);
        }
        stored.lease_ends_at = Some(now.plus(LEASE_DURATION));
        Ok(IdempotencyOutcome::Acquired(stored.resource.clone()))
    }

    async fn finish(&self, record: &IdempotencyRecord, response: &str) -> Result<(), StorageError> {
        if let Some(stored) = lock(&self.0).get_mut(&record.id) {
            stored.response.get_or_insert_with(|| response.to_owned());
        }
        Ok(())
    }

    async fn release(&self, record: &IdempotencyRecord) -> Result<(), StorageError> {
        if let Some(stored) = lock(&self.0).get_mut(&record.id) {
            stored.lease_ends_at = None;
        }
        Ok(())
    }

    async fn forget(&self, record: &IdempotencyRecord, resource: &str) -> Result<(), StorageError> {
        let mut records = lock(&self.0);
        let is_open = records
            .get(&record.id)
            .is_some_and(|stored| stored.response.is_none() && stored.resource == resource);
        if is_open {
            records.remove(&record.id);
        }
        Ok(())
    }
}
