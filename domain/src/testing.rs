//! Memory adapters for tests, and the contracts that every adapter must meet.

mod clock;
/// What every adapter of a port must do, as code: called on memory and on the real engines.
pub mod contracts;
mod faulty;
/// Whether HTML is safe to put into a page.
pub mod html;
mod memory;
/// Samples of users, foods and images.
pub mod sample;
mod secrets;

pub use clock::FixedClock;
pub use faulty::{Fault, Faulty, faulty, unavailable};
pub use memory::{
    MemoryAttempts, MemoryFoods, MemoryImages, MemoryOperations, MemorySessions, MemoryUsers,
};
pub use secrets::{PlainHasher, PlainSigner};

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accounts_in_memory_meet_the_contract() {
        contracts::user_repository(&MemoryUsers::default()).await;
    }

    #[tokio::test]
    async fn foods_in_memory_meet_the_contract() {
        contracts::food_repository(&MemoryFoods::default()).await;
    }

    #[tokio::test]
    async fn sessions_in_memory_meet_the_contract() {
        contracts::session_store(&MemorySessions::default()).await;
    }

    #[tokio::test]
    async fn attempts_in_memory_meet_the_contract() {
        contracts::attempt_store(&MemoryAttempts::default()).await;
    }

    #[tokio::test]
    async fn operations_in_memory_meet_the_contract() {
        contracts::idempotency_store(&MemoryOperations::default()).await;
    }

    #[tokio::test]
    async fn pictures_in_memory_meet_the_contract() {
        let images = MemoryImages::default();
        contracts::image_store(&images, async |key| images.object(key).is_some()).await;
    }
}
