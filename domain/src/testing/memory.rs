//! Memory adapters of the ports.

mod foods;
mod idempotency;
mod images;
mod likes;
mod rate_limit;
mod sessions;
mod users;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::page::{Page, PageRequest};

pub use foods::MemoryFoods;
pub use idempotency::MemoryIdempotencyRecords;
pub use images::{FakeRenderer, MemoryImages, MemoryUploads};
pub use likes::MemoryLikes;
pub use rate_limit::MemoryRateLimits;
pub use sessions::{MemoryActiveSessions, MemorySessions};
pub use users::MemoryUsers;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn page<Id: Ord + Copy, T>(
    entries: impl Iterator<Item = (Id, T)>,
    request: PageRequest<Id>,
    is_after: impl Fn(Id, Id) -> bool,
) -> Page<T> {
    let mut items: Vec<T> = entries
        .filter(|(id, _)| request.after.is_none_or(|after| is_after(*id, after)))
        .map(|(_, item)| item)
        .take(request.size.get() + 1)
        .collect();
    let more = items.len() > request.size.get();
    items.truncate(request.size.get());
    Page { items, more }
}
