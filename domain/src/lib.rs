//! What food-app is about, without a word of HTTP, JSON or AWS.
//!
//! Values are made by `parse` and are right from then on; entities are made of values; ports say
//! what the outside must be able to do; `application` holds one use case per file.

/// The use cases, one per file: what each function of the API does.
pub mod application;
/// Attempts that somebody may make only so often.
pub mod attempt;
/// Moments in time, and where they come from.
pub mod clock;
/// Foods: titles, descriptions and who shared them.
pub mod food;
/// Identifiers: time-ordered UUIDs, one type per thing.
pub mod id;
/// Doing a thing once, however often a client asks for it.
pub mod idempotency;
/// Pictures: recognising them by their bytes, and naming them.
pub mod image;
/// A part of a list, and where the next part begins.
pub mod page;
/// Passwords, their hashes, and the port that turns one into the other.
pub mod password;
/// Sessions and what refreshing one can lead to.
pub mod session;
/// Errors of storage, shared by all ports.
pub mod storage;
/// Access and refresh tokens, and the port that signs them.
pub mod token;
/// People: names and e-mail addresses.
pub mod user;

/// Memory adapters for tests, and the contracts that every adapter must meet.
#[cfg(feature = "testing")]
pub mod testing;
