//! Test support: memory adapters, fault injection, samples, and contract tests of the ports.

mod clock;
pub mod contracts;
mod faulty;
pub mod html;
mod memory;
pub mod sample;
mod secrets;

pub use clock::FixedClock;
pub use faulty::{Fault, Faulty, contended, faulty, unavailable};
pub use memory::{
    FakeRenderer, MemoryActiveSessions, MemoryFoods, MemoryIdempotencyRecords, MemoryImages,
    MemoryLikes, MemoryRateLimits, MemorySessions, MemoryUploads, MemoryUsers,
};
pub use secrets::{FakeHasher, FakeSigner};

#[cfg(test)]
mod tests {
    mod users {
        crate::user_repository_contract!((crate::testing::MemoryUsers::default(), ()));
    }

    mod foods {
        use crate::testing::{MemoryFoods, MemoryUsers};

        crate::food_repository_contract!((MemoryFoods::default(), ()));
        crate::food_catalog_contract!((MemoryFoods::default(), ()));
        crate::food_creator_contract!({
            let users = MemoryUsers::default();
            ((MemoryFoods::with_creators(users.clone()), users), ())
        });
    }

    mod likes {
        crate::like_repository_contract!((crate::testing::MemoryLikes::default(), ()));
        crate::neighbour_store_contract!((crate::testing::MemoryLikes::default(), ()));
    }

    mod sessions {
        crate::session_store_contract!((crate::testing::MemorySessions::default(), ()));
    }

    mod active_sessions {
        use crate::testing::contracts::active_sessions::Stores;
        use crate::testing::{MemoryActiveSessions, MemorySessions, MemoryUsers};

        #[derive(Default)]
        struct Memory(MemoryUsers, MemorySessions);

        impl Stores for Memory {
            fn users(&self) -> &impl crate::user::UserRepository {
                &self.0
            }
            fn sessions(&self) -> &impl crate::session::SessionStore {
                &self.1
            }
            fn active(&self) -> impl crate::session::ActiveSessions {
                MemoryActiveSessions { users: &self.0, sessions: &self.1 }
            }
        }

        crate::active_sessions_contract!((Memory::default(), ()));
    }

    mod rate_limits {
        crate::rate_limit_store_contract!((crate::testing::MemoryRateLimits::default(), ()));
    }

    mod idempotency {
        crate::idempotency_store_contract!((
            crate::testing::MemoryIdempotencyRecords::default(),
            ()
        ));
    }

    mod images {
        crate::image_store_contract!((crate::testing::MemoryImages::default(), ()));
    }
}
