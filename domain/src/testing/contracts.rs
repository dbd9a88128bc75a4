//! What every adapter of a port must do, as code: called on memory and on the real engines.
//!
//! Each contract wants a store of its own, empty where it says so.

mod foods;
mod idempotency;
mod images;
mod rate_limit;
mod sessions;
mod users;

use crate::page::PageSize;

pub use foods::food_repository;
pub use idempotency::idempotency_store;
pub use images::image_store;
pub use rate_limit::attempt_store;
pub use sessions::session_store;
pub use users::user_repository;

fn size(entries: usize) -> PageSize {
    PageSize::parse(&entries.to_string()).expect("a size")
}
