//! Contract tests of the ports: one function per rule that every adapter must satisfy.
//!
//! A macro per port generates the tests: for the memory adapters in this crate, for the real adapters in
//! `infrastructure/tests`. The argument of the macro is an expression that returns an empty adapter and a
//! guard: a value that the adapter needs until the test ends, such as a running server.

#![allow(missing_docs, reason = "the name of each function states its rule")]

pub mod active_sessions;
pub mod catalog;
pub mod foods;
pub mod idempotency;
pub mod images;
pub mod likes;
pub mod neighbours;
pub mod rate_limit;
pub mod sessions;
pub mod users;

use crate::page::{Page, PageRequest, PageSize};
use crate::storage::StorageError;

/// Generates one test for each of the listed rules of a port, each with a new adapter.
#[macro_export]
macro_rules! contract_tests {
    ($rules:ident, $adapter:expr, [$($rule:ident),+ $(,)?]) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let (adapter, _guard) = $adapter;
                $crate::testing::contracts::$rules::$rule(&adapter).await;
            }
        )+
    };
}

fn page_size(entries: usize) -> PageSize {
    PageSize::parse(&entries.to_string()).expect("a valid page size")
}

/// Reads a list in pages of `size` and returns all entries; `id` returns the id of an entry.
async fn read_all<Id, T>(
    size: usize,
    id: impl Fn(&T) -> Id,
    list: impl AsyncFn(PageRequest<Id>) -> Result<Page<T>, StorageError>,
) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let request = PageRequest { after: all.last().map(&id), size: page_size(size) };
        let page = list(request).await.expect("listed");
        assert!(page.items.len() <= size);
        all.extend(page.items);
        if !page.more {
            return all;
        }
    }
}
