//! [`RateLimitStore`] in memory.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use super::lock;
use crate::rate_limit::{Attempt, CountOutcome, Counter, RateLimitStore};
use crate::storage::StorageError;

/// A [`RateLimitStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryRateLimits {
    counters: Mutex<HashMap<String, Counts>>,
    waits: AtomicUsize,
}

#[derive(Debug, Default)]
struct Counts {
    pending: u64,
    settled: u64,
}

impl Counts {
    fn of(&mut self, attempt: Attempt) -> &mut u64 {
        match attempt {
            Attempt::Pending => &mut self.pending,
            Attempt::Settled => &mut self.settled,
        }
    }
}

impl MemoryRateLimits {
    /// Returns the number of pending and of settled attempts, each summed over all counters.
    pub fn counts(&self) -> (u64, u64) {
        let counters = lock(&self.counters);
        let sum = |of: fn(&Counts) -> u64| counters.values().map(of).sum();
        (sum(|counts| counts.pending), sum(|counts| counts.settled))
    }

    /// Returns how often attempts have waited since the last call.
    pub fn take_waits(&self) -> usize {
        self.waits.swap(0, Ordering::SeqCst)
    }
}

impl RateLimitStore for MemoryRateLimits {
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError> {
        let mut counters = lock(&self.counters);
        let counts = counters.entry(counter.name.clone()).or_default();
        if counts.pending + counts.settled >= limit {
            return Ok(CountOutcome::LimitReached { settled: counts.settled });
        }
        *counts.of(attempt) += 1;
        Ok(CountOutcome::Counted(counts.pending + counts.settled))
    }

    async fn settle(&self, counter: &Counter) -> Result<(), StorageError> {
        if let Some(counts) = lock(&self.counters).get_mut(&counter.name)
            && counts.pending > 0
        {
            counts.pending -= 1;
            counts.settled += 1;
        }
        Ok(())
    }

    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError> {
        if let Some(counts) = lock(&self.counters).get_mut(&counter.name) {
            let count = counts.of(attempt);
            *count = count.saturating_sub(1);
        }
        Ok(())
    }

    /// Lets the other tasks proceed once.
    async fn wait(&self, _: Duration) {
        self.waits.fetch_add(1, Ordering::SeqCst);
        let mut has_yielded = false;
        poll_fn(|context| {
            if has_yielded {
                return Poll::Ready(());
            }
            has_yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
