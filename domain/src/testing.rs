//! Memory adapters for tests, and the contracts that every adapter must meet.

/// What every adapter of a port must do, as code: called on memory and on the real engines.
pub mod contracts;
mod memory;

pub use memory::{
    FixedClock, MemoryFoods, MemoryImages, MemorySessions, MemoryUsers, PlainHasher, PlainSigner,
    sample,
};
