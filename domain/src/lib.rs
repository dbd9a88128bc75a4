//! What food-app is about, without a word of HTTP, JSON or AWS.
//!
//! Values are made by `parse` and are right from then on; entities are made of values; ports say
//! what the outside must be able to do; `use_cases` holds one use case per file.

/// Implements `Debug` for types whose content must not get into a log.
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
pub mod page;
pub mod password;
pub mod rate_limit;
pub mod session;
pub mod storage;
pub mod text;
pub mod token;
pub mod use_cases;
pub mod user;

#[cfg(feature = "testing")]
pub mod testing;
