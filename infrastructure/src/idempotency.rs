//! What is kept of a request under an idempotency key: digests.

use domain::idempotency::{IdempotencyKey, IdempotencyRecord};
use ring::digest::{Context, SHA256};
use ring::hmac;

/// The operation of a caller (`scope`: which operation, and for whom) under a key, with the parts of the
/// request. The fingerprint is keyed with the idempotency key, which is not stored, so the store does
/// not allow guessing what password was in a request.
pub fn operation(scope: &str, key: &IdempotencyKey, request: &[&[u8]]) -> IdempotencyRecord {
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
    IdempotencyRecord {
        id: hex::encode(id.finish()),
        fingerprint: hex::encode(fingerprint.sign()),
    }
}

/// Before each part, so that parts cannot run into one another.
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
    fn scope_key_and_request_tell_operations_apart() {
        let (food, user) = ("create_food", "create_user");
        let (this, that) = (key("0123456789abcdef"), key("0123456789abcdeg"));
        let one = operation(food, &this, &[b"ab", b"c"]);
        assert_eq!((one.id.len(), one.fingerprint.len()), (64, 64));
        assert_eq!(one, operation(food, &this, &[b"ab", b"c"]));
        assert_ne!(one.id, operation(user, &this, &[b"ab", b"c"]).id);
        let other = operation(food, &that, &[b"ab", b"c"]);
        assert_ne!(one.id, other.id);
        assert_ne!(one.fingerprint, other.fingerprint, "made with the key");
        let requests: [&[&[u8]]; 3] = [&[b"a", b"bc"], &[b"abc"], &[b"ab", b"c", b""]];
        for request in requests {
            let other = operation(food, &this, request);
            assert_eq!(one.id, other.id);
            assert_ne!(one.fingerprint, other.fingerprint, "{request:?}");
        }
    }
}
