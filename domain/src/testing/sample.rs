//! Samples of users, foods and images.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::FixedClock;
use crate::clock::{Clock, Timestamp};
use crate::food::{Description, Food, Title};
use crate::id::{FoodId, ImageId, UserId};
use crate::image::{Image, Sizes};
use crate::user::{Email, PublicUser, User, UserName};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A moment all samples agree on, each time a millisecond later.
pub fn timestamp() -> Timestamp {
    let step = NEXT.fetch_add(1, Ordering::SeqCst);
    FixedClock::default()
        .now()
        .plus(std::time::Duration::from_millis(step))
}

/// A user with an address of their own.
pub fn user() -> User {
    let created_at = timestamp();
    User {
        public: public_user(created_at),
        email: Email::parse(&format!("ada.{}@example.com", created_at.unix_millis()))
            .expect("an address"),
        created_at,
    }
}

/// Ada, with an id of her own.
pub fn public_user(now: Timestamp) -> PublicUser {
    PublicUser {
        id: UserId::new(now),
        first_name: UserName::parse("Ada").expect("a name"),
        last_name: UserName::parse("Lovelace").expect("a name"),
    }
}

/// A food with a title of its own, shared by `creator`.
pub fn food(creator: &PublicUser) -> Food {
    let now = timestamp();
    let id = FoodId::new(now);
    Food {
        id,
        creator: creator.clone(),
        title: Title::parse(&format!("Jollof rice {}", now.unix_millis())).expect("a title"),
        description: Description::sanitize("<p>With <b>plantain</b></p>").expect("a description"),
        image: image(),
        upload: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// An image with an id of its own, of the sizes that [`FakeRenderer`] renders.
///
/// [`FakeRenderer`]: super::FakeRenderer
pub fn image() -> Image {
    Image {
        id: ImageId::new(timestamp()),
        sizes: Sizes::parse("320x240 400x300").expect("sizes"),
    }
}

/// Bytes that [`FakeRenderer`] accepts.
///
/// [`FakeRenderer`]: super::FakeRenderer
pub const IMAGE: Bytes = Bytes::from_static(b"image");

/// A GIF of one pixel, for tests with real codecs.
pub const GIF: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
