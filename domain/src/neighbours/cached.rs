//! A cache of the lists that are the same for all users.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{FoodNeighbours, Model, NeighbourStore, Top, TopList, Versioned};
use crate::clock::{Clock, Timestamp};
use crate::id::FoodId;
use crate::storage::StorageError;

/// How long parameters and lists are cached.
const LIFETIME: Duration = Duration::from_mins(1);

type TopLists = (Model, [Versioned<Top>; 3]);

/// A store that reads the parameters and lists at most once a minute, for functions that answer requests. All other
/// calls, and errors, pass through.
#[derive(Debug)]
pub struct CachedTop<S, C> {
    store: S,
    clock: C,
    cached: Mutex<Option<(Timestamp, TopLists)>>,
}

impl<S, C: Clock> CachedTop<S, C> {
    /// Creates an empty cache of this store.
    pub fn new(store: S, clock: C) -> Self {
        Self { store, clock, cached: Mutex::new(None) }
    }

    fn cached(&self, now: Timestamp) -> Option<TopLists> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, lists) = cached.as_ref()?;
        // A clock that was set back must not extend the lifetime.
        (*read_at <= now && now.since(*read_at) < LIFETIME).then(|| lists.clone())
    }
}

impl<S: NeighbourStore + Sync, C: Clock + Sync> NeighbourStore for CachedTop<S, C> {
    async fn find(
        &self,
        foods: &[FoodId],
    ) -> Result<Vec<(FoodId, Versioned<FoodNeighbours>)>, StorageError> {
        self.store.find(foods).await
    }

    async fn write(
        &self,
        food: FoodId,
        neighbours: Option<&FoodNeighbours>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        self.store.write(food, neighbours, expected).await
    }

    async fn find_top(&self) -> Result<TopLists, StorageError> {
        let now = self.clock.now();
        if let Some(lists) = self.cached(now) {
            return Ok(lists);
        }
        let lists = self.store.find_top().await?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        *cached = Some((now, lists.clone()));
        Ok(lists)
    }

    async fn write_top(
        &self,
        list: TopList,
        top: &Top,
        expected: u64,
    ) -> Result<bool, StorageError> {
        self.store.write_top(list, top, expected).await
    }

    async fn write_model(&self, model: &Model) -> Result<(), StorageError> {
        self.store.write_model(model).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::testing::{Fault, Faulty, FixedClock, MemoryLikes};

    #[tokio::test]
    async fn lists_are_read_once_a_minute() {
        let (likes, calls) = (MemoryLikes::default(), AtomicUsize::new(0));
        let counted = Faulty::new(&likes, async |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            Fault::None
        });
        let store = CachedTop::new(counted, FixedClock::default());
        for (seconds, expected) in [(0, 1), (59, 1), (1, 2), (59, 2), (60, 3)] {
            store.clock.advance(Duration::from_secs(seconds));
            store.find_top().await.unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), expected);
        }
    }

    #[tokio::test]
    async fn cache_hides_no_errors() {
        let (likes, is_down) = (MemoryLikes::default(), AtomicBool::new(true));
        let faulty = Faulty::new(&likes, async |_| {
            if is_down.load(Ordering::SeqCst) { Fault::Unavailable } else { Fault::None }
        });
        let store = CachedTop::new(faulty, FixedClock::default());
        assert!(store.find_top().await.is_err());
        is_down.store(false, Ordering::SeqCst);
        assert!(store.find_top().await.is_ok());
        is_down.store(true, Ordering::SeqCst);
        assert!(store.find_top().await.is_ok());
        store.clock.advance(LIFETIME);
        assert!(store.find_top().await.is_err());
        assert!(store.find(&[]).await.is_err());
    }
}
