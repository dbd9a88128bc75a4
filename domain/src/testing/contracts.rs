//! Contracts of the ports: the rules that every adapter must meet, one test for each.
//!
//! A macro for each port makes the tests, in memory here and on the real engines in
//! `infrastructure/tests`. Its argument is an expression that returns a fresh, empty adapter and
//! anything that must live as long, such as a server.

#![allow(missing_docs, reason = "the name of a rule says what it is")]

pub mod foods;
pub mod idempotency;
pub mod images;
pub mod rate_limit;
pub mod sessions;
pub mod users;

use crate::page::{Page, PageRequest, PageSize};
use crate::storage::StorageError;

/// Makes a test of each rule.
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
    PageSize::parse(&entries.to_string()).expect("a size")
}

/// Reads a list page by page.
async fn read_all<Id, T>(
    size: usize,
    id: impl Fn(&T) -> Id,
    list: impl AsyncFn(PageRequest<Id>) -> Result<Page<T>, StorageError>,
) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let request = PageRequest {
            after: all.last().map(&id),
            size: page_size(size),
        };
        let page = list(request).await.expect("listed");
        assert!(page.items.len() <= size);
        all.extend(page.items);
        if !page.more {
            return all;
        }
    }
}
