//! Computes the digests that identify a request with an idempotency key.

use domain::idempotency::{IdempotencyKey, IdempotencyRecord};
use ring::digest::{Context, SHA256};
use ring::hmac;

/// Returns the idempotency record of a request. `scope` names the operation and its caller; `request` is the content
/// of the request in parts. The id is a SHA-256 of scope and key, the fingerprint an HMAC-SHA-256 of the content. The
/// HMAC key is the idempotency key, which is not stored, so that stored fingerprints do not allow guessing a password
/// in a request.
pub fn record(scope: &str, key: &IdempotencyKey, request: &[&[u8]]) -> IdempotencyRecord {
    let mut id = Context::new(&SHA256);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.as_str().as_bytes());
    let mut fingerprint = hmac::Context::with_key(&secret);
    for part in [scope.as_bytes(), key.as_str().as_bytes()] {
        id.update(&length(part));
        id.update(part);
    }
    for part in request {
        fingerprint.update(&length(part));
        fingerprint.update(part);
    }
    IdempotencyRecord { id: hex::encode(id.finish()), fingerprint: hex::encode(fingerprint.sign()) }
}

/// Returns the length of a part, which is hashed before it, so that different lists of parts have different digests.
fn length(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(raw: &str) -> IdempotencyKey {
        IdempotencyKey::parse(raw).unwrap()
    }

    #[test]
    fn idempotency_record_depends_on_scope_key_and_request() {
        let (food, user) = ("create_food", "create_user");
        let (this, that) = (key("0123456789abcdef"), key("0123456789abcdeg"));
        let one = record(food, &this, &[b"ab", b"c"]);
        assert_eq!((one.id.len(), one.fingerprint.len()), (64, 64));
        assert_eq!(one, record(food, &this, &[b"ab", b"c"]));
        assert_ne!(one.id, record(user, &this, &[b"ab", b"c"]).id);
        let other = record(food, &that, &[b"ab", b"c"]);
        assert_ne!(one.id, other.id);
        assert_ne!(one.fingerprint, other.fingerprint, "the key is part of the fingerprint");
        let requests: [&[&[u8]]; 3] = [&[b"a", b"bc"], &[b"abc"], &[b"ab", b"c", b""]];
        for request in requests {
            let other = record(food, &this, request);
            assert_eq!(one.id, other.id);
            assert_ne!(one.fingerprint, other.fingerprint, "{request:?}");
        }
    }
}
