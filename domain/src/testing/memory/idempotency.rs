//! Operations in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::clock::Timestamp;
use crate::idempotency::{Begun, IdempotencyStore, KEPT, LEASE, Operation};
use crate::storage::StorageError;

/// Operations in memory.
#[derive(Debug, Default)]
pub struct MemoryOperations(Mutex<HashMap<String, KeptOperation>>);

#[derive(Debug)]
struct KeptOperation {
    fingerprint: String,
    resource: String,
    lease_ends_at: Option<Timestamp>,
    answer: Option<String>,
    forgotten_at: Timestamp,
}

impl IdempotencyStore for MemoryOperations {
    async fn begin(
        &self,
        operation: &Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Begun, StorageError> {
        let mut operations = lock(&self.0);
        let kept = operations.get_mut(&operation.id);
        let Some(kept) = kept.filter(|kept| kept.forgotten_at > now) else {
            let new = KeptOperation {
                fingerprint: operation.fingerprint.clone(),
                resource: resource.to_owned(),
                lease_ends_at: Some(now.plus(LEASE)),
                answer: None,
                forgotten_at: now.plus(KEPT),
            };
            operations.insert(operation.id.clone(), new);
            return Ok(Begun::Yours(resource.to_owned()));
        };
        if kept.fingerprint != operation.fingerprint {
            return Ok(Begun::Different);
        }
        if let Some(answer) = &kept.answer {
            return Ok(Begun::Done(answer.clone()));
        }
        let is_running = kept.lease_ends_at.is_some_and(|ends_at| ends_at > now);
        if is_running && kept.resource != resource {
            return Ok(Begun::Running);
        }
        kept.lease_ends_at = Some(now.plus(LEASE));
        Ok(Begun::Yours(kept.resource.clone()))
    }

    async fn finish(&self, operation: &Operation, answer: &str) -> Result<(), StorageError> {
        if let Some(kept) = lock(&self.0).get_mut(&operation.id) {
            kept.answer.get_or_insert_with(|| answer.to_owned());
        }
        Ok(())
    }

    async fn release(&self, operation: &Operation) -> Result<(), StorageError> {
        if let Some(kept) = lock(&self.0).get_mut(&operation.id) {
            kept.lease_ends_at = None;
        }
        Ok(())
    }
}
