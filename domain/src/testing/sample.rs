//! Sample users, foods and images, each with its own id.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::FixedClock;
use crate::clock::{Clock, Timestamp};
use crate::food::{Description, Food, Title};
use crate::id::{FoodId, ImageId, UserId};
use crate::image::{Image, Sizes};
use crate::user::{Email, PublicUser, User, UserName};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Returns a timestamp that advances by a millisecond with each call.
pub fn timestamp() -> Timestamp {
    let step = NEXT.fetch_add(1, Ordering::SeqCst);
    FixedClock::default().now().plus(std::time::Duration::from_millis(step))
}

/// Returns a user with a unique id and e-mail.
pub fn user() -> User {
    let created_at = timestamp();
    User {
        public: public_user(created_at),
        email: Email::parse(&format!("ada.{}@example.com", created_at.unix_millis()))
            .expect("a valid e-mail"),
        created_at,
    }
}

/// Returns the id and name of a user; the id is unique.
pub fn public_user(now: Timestamp) -> PublicUser {
    PublicUser {
        id: UserId::new(now),
        first_name: UserName::parse("Ada").expect("a valid name"),
        last_name: UserName::parse("Lovelace").expect("a valid name"),
    }
}

/// Returns a food of `creator` with a unique id and title.
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
        likes: 0,
    }
}

/// Returns an image with a unique id and the sizes that [`FakeRenderer`] renders.
///
/// [`FakeRenderer`]: super::FakeRenderer
pub fn image() -> Image {
    Image { id: ImageId::new(timestamp()), sizes: Sizes::parse("320x240 400x300").expect("sizes") }
}

/// Random numbers that are the same in each run with one seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Creates a sequence of random numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number from 0 to `limit` − 1.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((bits ^ (bits >> 31)) >> 1).unwrap_or(0) % limit
    }

    /// Shuffles the values.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for nth in (1..values.len()).rev() {
            values.swap(nth, self.below(nth + 1));
        }
    }
}

/// The bytes of an image that [`FakeRenderer`] accepts.
///
/// [`FakeRenderer`]: super::FakeRenderer
pub const IMAGE: Bytes = Bytes::from_static(b"image");

/// A GIF image of one pixel, for tests with real codecs.
pub const GIF: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
