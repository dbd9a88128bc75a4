//! What is kept of a request under an idempotency key: digests.

use domain::idempotency::{IdempotencyKey, Operation};
use ring::digest::{Context, SHA256};
use ring::hmac;

use crate::digest::hex;

/// The operation of somebody (`scope`: what is done, and for whom) under a key, with the parts of the
/// request. The fingerprint is made with the key, which is kept nowhere: so nobody who reads the store
/// can try what password was in a request.
pub fn operation(scope: &str, key: &IdempotencyKey, request: &[&[u8]]) -> Operation {
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
    Operation {
        id: hex(id.finish().as_ref()),
        fingerprint: hex(fingerprint.sign().as_ref()),
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
    fn whatever_differs_tells_operations_or_requests_apart() {
        let one = operation("create_food", &key("0123456789abcdef"), &[b"ab", b"c"]);
        assert_eq!((one.id.len(), one.fingerprint.len()), (64, 64));
        let again = operation("create_food", &key("0123456789abcdef"), &[b"ab", b"c"]);
        assert_eq!(one, again);
        let elsewhere = operation("create_user", &key("0123456789abcdef"), &[b"ab", b"c"]);
        assert_ne!(one.id, elsewhere.id);
        let other = operation("create_food", &key("0123456789abcdeg"), &[b"ab", b"c"]);
        assert_ne!(one.id, other.id);
        assert_ne!(one.fingerprint, other.fingerprint, "made with the key");
        for request in [
            &[b"a".as_slice(), b"bc"][..],
            &[b"abc"],
            &[b"ab", b"c", b""],
        ] {
            let other = operation("create_food", &key("0123456789abcdef"), request);
            assert_eq!(one.id, other.id);
            assert_ne!(one.fingerprint, other.fingerprint, "{request:?}");
        }
    }
}
