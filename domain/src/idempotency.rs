//! Doing a thing once, however often a client asks for it (IETF draft
//! draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The first attempt chooses the id of what it makes and writes it down before it begins. An attempt
//! that takes over from one that was cut off makes the same thing, under the same id, and what is
//! there already is not made again: so it does not matter at which point the first one ended, or
//! whether something that it sent lands later.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::storage::StorageError;

/// How long an attempt is waited for before another may take over: longer than any function lives.
pub const LEASE_DURATION: Duration = Duration::from_secs(30);
/// How long an answer is kept.
pub const RETENTION: Duration = Duration::from_hours(24);

/// A client's name for one thing that it wants done once. Who has it can ask what was answered, so
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A text that is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "an idempotency key has {min} to {max} visible ASCII characters, such as a random UUID",
    min = IdempotencyKey::MIN_CHARS,
    max = IdempotencyKey::MAX_CHARS
)]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The shortest: what is kept of a request can be compared with a guess only by who guesses the
    /// key as well.
    pub const MIN_CHARS: usize = 16;
    /// The longest.
    pub const MAX_CHARS: usize = 255;

    /// The only way in.
    pub fn parse(raw: &str) -> Result<Self, InvalidIdempotencyKey> {
        let is_long_enough = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&raw.len());
        if is_long_enough && raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// The name as the client chose it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

redacted_debug!(IdempotencyKey);

/// One thing that a client wants done once, as it is kept: neither its key nor the request can be
/// read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// A digest of whose it is, what is to be done, and the key.
    pub id: String,
    /// A digest of the request under the key.
    pub fingerprint: String,
}

/// The outcome of beginning an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyOutcome {
    /// The lease was acquired for [`LEASE_DURATION`]. Create the resource under this id. If a previous attempt was
    /// interrupted this is its id, and the resource may already exist.
    Acquired(String),
    /// Another attempt holds the lease.
    InProgress,
    /// The key was used for another request.
    KeyReused,
    /// The operation is done: its saved response.
    Completed(String),
}

/// What clients asked for with an idempotency key, and what they were answered.
pub trait IdempotencyStore {
    /// Makes the operation the caller's, who will make a thing with the id `resource`, unless it is
    /// done, was begun less than [`LEASE_DURATION`] ago, or is kept for another request: of many callers at
    /// once, one. What was begun is forgotten after [`RETENTION`]. Said twice with one `resource`, because
    /// the answer was lost, it tells the same.
    async fn begin(
        &self,
        operation: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError>;

    /// Keeps the answer. The first one stays.
    async fn finish(&self, operation: &IdempotencyRecord, answer: &str)
    -> Result<(), StorageError>;

    /// Lets others take over at once: nobody knows whether it was done.
    async fn release(&self, operation: &IdempotencyRecord) -> Result<(), StorageError>;
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
