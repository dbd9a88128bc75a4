//! Identifiers: `UUIDv7` (RFC 9562), which sort by creation time.

use std::fmt;

use thiserror::Error;
use uuid::{NoContext, Uuid};

use crate::clock::Timestamp;

/// The error of a text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an id is a UUID, 36 characters with hyphens")]
pub struct InvalidId;

fn new(now: Timestamp) -> Uuid {
    let millis = now.unix_millis().unsigned_abs();
    // At most 999 million, which fits in 32 bits.
    let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos))
}

fn parse(raw: &str) -> Result<Uuid, InvalidId> {
    // The library also accepts braces, `urn:uuid:` and missing hyphens.
    if raw.len() != 36 {
        return Err(InvalidId);
    }
    Uuid::try_parse(raw).map_err(|_| InvalidId)
}

fn created_at(id: Uuid) -> Timestamp {
    let millis = i64::try_from(id.as_u128() >> 80).ok();
    millis.and_then(Timestamp::from_unix_millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Generates an id that sorts after ids generated before `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(new(now))
            }

            /// Parses an id of 36 characters with hyphens, in upper or lower case.
            pub fn parse(raw: &str) -> Result<Self, InvalidId> {
                parse(raw).map(Self)
            }

            /// Returns the time when the id was generated, from its first 48 bits.
            pub fn created_at(&self) -> Timestamp {
                created_at(self.0)
            }

            /// Returns the 16 bytes of the id.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Creates the id with these 16 bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            /// Writes the id as 36 characters with hyphens, in lower case.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// The id of a user account.
    UserId
);
id!(
    /// The id of a food.
    FoodId
);
id!(
    /// The id of an image or of an upload.
    ImageId
);
id!(
    /// The id of a session, which is created by one login.
    SessionId
);
id!(
    /// The id of a token: the claim `jti` of RFC 7519.
    TokenId
);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_sort_by_creation_time() {
        let now = Timestamp::from_unix_millis(1_792_002_005_007).unwrap();
        let earlier = FoodId::new(now);
        let later = FoodId::new(now.plus(Duration::from_millis(1)));
        assert!(earlier < later);
        assert!(earlier.to_string() < later.to_string());
        assert_ne!(FoodId::new(now), FoodId::new(now));
        assert_eq!(earlier.created_at(), now);
    }

    #[test]
    fn id_parses_hyphenated_uuids_only() {
        let id = FoodId::from_bytes([0xa7; 16]);
        let text = id.to_string();
        assert_eq!(FoodId::parse(&text), Ok(id));
        assert_eq!(FoodId::parse(&text.to_uppercase()), Ok(id));
        for raw in [
            "",
            "1",
            "not-a-uuid",
            &format!("{{{text}}}"),
            &format!("urn:uuid:{text}"),
            &text.replace('-', ""),
            &format!("{text} "),
            &text.replace('a', "g"),
        ] {
            assert_eq!(FoodId::parse(raw), Err(InvalidId), "{raw}");
        }
    }
}
