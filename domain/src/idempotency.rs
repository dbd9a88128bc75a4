//! Idempotency keys: a retried request is executed once (IETF draft
//! draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The first attempt chooses the id of the resource and stores it before it starts. If that attempt is
//! interrupted, a retry creates the resource under the stored id, unless it already exists. The result is
//! therefore correct wherever the first attempt stopped, and also if one of its writes is applied late.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::storage::StorageError;

/// How long an attempt may block retries with its idempotency key; longer than a request can run.
pub const LEASE_DURATION: Duration = Duration::from_secs(30);
/// How long the response to a completed request is stored for retries.
pub const RETENTION: Duration = Duration::from_hours(24);

/// The header `Idempotency-Key`, chosen by the client. It gives access to a saved response, so `Debug`
/// hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The error of an invalid idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an idempotency key has {min} to {max} visible ASCII characters, such as a random UUID",
    min = IdempotencyKey::MIN_CHARS,
    max = IdempotencyKey::MAX_CHARS
)]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The minimum length in characters. To guess a request by its fingerprint, one must also guess the key.
    pub const MIN_CHARS: usize = 16;
    /// The maximum length in characters.
    pub const MAX_CHARS: usize = 255;

    /// Parses a key of 16 to 255 visible ASCII characters.
    pub fn parse(raw: &str) -> Result<Self, InvalidIdempotencyKey> {
        let is_long_enough = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&raw.len());
        if is_long_enough && raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// Returns the key as the client sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

redacted_debug!(IdempotencyKey);

/// An idempotent request as it is stored: digests only, which reveal neither the key nor the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// A digest of the user or client, the API operation and the idempotency key.
    pub id: String,
    /// A digest of the request, keyed with the idempotency key.
    pub fingerprint: String,
}

/// The result of [`IdempotencyStore::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyOutcome {
    /// The lease was acquired for [`LEASE_DURATION`]. Create the resource under this id. If a previous attempt
    /// was interrupted, this is its id, and the resource may already exist.
    Acquired(String),
    /// Another attempt holds the lease: it is running, or was interrupted within [`LEASE_DURATION`].
    InProgress,
    /// The idempotency key was used for another request.
    KeyReused,
    /// The operation has completed with this response.
    Completed(String),
}

/// Port: leases and saved responses of idempotent requests.
pub trait IdempotencyStore {
    /// Acquires the lease in order to create a resource with the id `resource`. Of concurrent callers one
    /// acquires it. A repeated call with the same `resource` returns `Acquired` again, so it can be retried
    /// after a lost response. The record expires [`RETENTION`] after the first call.
    async fn begin(
        &self,
        record: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError>;

    /// Saves the response for retries. The first saved response stays.
    async fn finish(&self, record: &IdempotencyRecord, response: &str) -> Result<(), StorageError>;

    /// Releases the lease after an error whose outcome is unknown, so that a retry can acquire the lease
    /// immediately. The resource id stays.
    async fn release(&self, record: &IdempotencyRecord) -> Result<(), StorageError>;

    /// Forgets the record after a rejected request that changed nothing, so that its key can be used for another
    /// request. Does nothing if the operation has completed, or if the record has another resource.
    async fn forget(&self, record: &IdempotencyRecord, resource: &str) -> Result<(), StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_key_has_16_to_255_visible_ascii_characters() {
        for raw in ["~".repeat(16), "!".repeat(255)] {
            let key = IdempotencyKey::parse(&raw).unwrap();
            assert_eq!(key.as_str(), raw);
            assert_eq!(format!("{key:?}"), "IdempotencyKey(…)");
        }
        for raw in [
            "x".repeat(15),
            "x".repeat(256),
            "a key with spaces".to_owned(),
            format!("{}\u{7f}", "x".repeat(16)),
            "é".repeat(16),
        ] {
            assert_eq!(IdempotencyKey::parse(&raw), Err(InvalidIdempotencyKey));
        }
    }
}
