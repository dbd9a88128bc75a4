//! Identifiers: `UUIDv7` (RFC 9562), so that sorting by id sorts by time of creation.

use std::fmt;

use thiserror::Error;
use uuid::{NoContext, Uuid};

use crate::clock::Timestamp;

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an id is a UUID, 36 characters with hyphens")]
pub struct InvalidId;

fn new(now: Timestamp) -> Uuid {
    let millis = now.unix_millis().unsigned_abs();
    // A remainder of 1000 times a million is below 2^32.
    let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos))
}

fn parse(raw: &str) -> Result<Uuid, InvalidId> {
    // The library also takes braces, `urn:uuid:` and no hyphens: one id, one spelling.
    if raw.len() != 36 {
        return Err(InvalidId);
    }
    Uuid::try_parse(raw).map_err(|_| InvalidId)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that sorts after those made before `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(new(now))
            }

            /// The only way in: 36 characters with hyphens, in either case.
            pub fn parse(raw: &str) -> Result<Self, InvalidId> {
                parse(raw).map(Self)
            }

            /// The 16 bytes of the id.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these 16 bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            /// 36 characters in lower case.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// Whose account it is.
    UserId
);
id!(
    /// Which food it is.
    FoodId
);
id!(
    /// Which upload of an image it is.
    ImageId
);
id!(
    /// Which login it is.
    SessionId
);
id!(
    /// Which token it is: the `jti` of RFC 7519.
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
