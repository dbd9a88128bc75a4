//! The domain of food-app: users, foods, likes, images, sessions. It does not depend on HTTP, JSON or AWS.
//!
//! * **Values** ([`food::Title`], [`user::Email`]) are created by `parse`, so they are always valid.
//! * **Entities** ([`food::Food`], [`user::User`], [`session::Session`]) consist of values.
//! * **Ports** ([`food::FoodRepository`], [`session::SessionStore`]) are the traits that the
//!   `infrastructure` crate implements. The module of an entity declares its ports.
//! * **Use cases** ([`use_cases`]) are the operations of the API, one per file.
//! * **`testing`** (feature `testing`) has memory adapters, fault injection and contract tests for all ports.

/// Implements `Debug` without the content, for types that must not be logged.
macro_rules! redacted_debug {
    ($($name:ident),+) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        })+
    };
}

pub mod clock;
pub mod food;
pub mod id;
pub mod idempotency;
pub mod image;
pub mod like;
pub mod neighbours;
pub mod packed;
pub mod page;
pub mod password;
pub mod rate_limit;
pub mod recommend;
pub mod session;
pub mod storage;
pub mod text;
pub mod token;
pub mod use_cases;
pub mod user;

#[cfg(feature = "testing")]
pub mod testing;
