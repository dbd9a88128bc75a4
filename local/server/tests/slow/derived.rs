//! Checks the data for recommendations against the likes from which it is derived.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use domain::clock::SystemClock;
use domain::food::FoodCatalog as _;
use domain::id::{FoodId, UserId};
use domain::like::{LikeRepository as _, StoredItem};
use domain::neighbours::{NeighbourStore as _, TopList};
use domain::recommend::is_stale;
use domain::use_cases::{Rewrite, train_recommendations};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use local::{Local, Options, Storage};

/// The time limit for the streams to be delivered.
const LIMIT: Duration = Duration::from_mins(2);

/// Starts the engines in the data dir `folder`. They also deliver the streams.
pub(crate) async fn start(folder: &Path) -> Local {
    let storage = Storage::Dir(folder.to_owned());
    Local::start(Options { storage, engines_only: true, ..Options::default() }).await.unwrap()
}

/// Waits until the streams have been delivered: then all derived data follows from the likes. Returns the number of likes.
pub(crate) async fn settle(local: &Local) -> usize {
    let client = local.aws().dynamodb();
    let likes = DynamoDbLikes::new(client.clone(), "likes".to_owned());
    let foods = DynamoDbFoods::new(client, "foods".to_owned());
    let started = Instant::now();
    let count = loop {
        let stored = Stored::read(&likes, &foods).await;
        let violations = stored.violations(&likes).await;
        if violations.is_empty() {
            break stored.likes.len();
        }
        assert!(started.elapsed() < LIMIT, "{violations:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let trained = train_recommendations(&likes, &likes, &foods, &SystemClock, Rewrite::All);
    let report = trained.await.unwrap();
    assert_eq!((report.drifted, report.orphans), (0, 0));
    let stored = Stored::read(&likes, &foods).await;
    assert_eq!(stored.violations(&likes).await, Vec::<String>::new());
    count
}

#[derive(Default)]
struct Stored {
    foods: BTreeSet<FoodId>,
    likes: BTreeSet<(UserId, FoodId)>,
    counts: BTreeMap<FoodId, u64>,
    profiles: BTreeMap<UserId, BTreeSet<FoodId>>,
    /// The number of likes with which the neighbours were computed.
    likes_then: BTreeMap<FoodId, u64>,
}

impl Stored {
    async fn read(likes: &DynamoDbLikes, foods: &DynamoDbFoods) -> Self {
        let mut stored = Self::default();
        let visit = |item| match item {
            StoredItem::Like(like) => {
                stored.likes.insert((like.user, like.food));
            }
            StoredItem::Count(food, likes) => *stored.counts.entry(food).or_default() += likes,
            StoredItem::Profile(user, profile) => {
                let entries = profile.value.entries().iter();
                stored.profiles.insert(user, entries.map(|entry| entry.food).collect());
            }
            StoredItem::Neighbours(food, neighbours) => {
                stored.likes_then.insert(food, neighbours.value.likes_then);
            }
        };
        likes.scan(visit).await.unwrap();
        let visit = |food| {
            stored.foods.insert(food);
        };
        foods.scan_ids(visit).await.unwrap();
        stored
    }

    /// Lists the contradictions between likes and derived data. Users have fewer likes than a profile can hold.
    async fn violations(&self, likes: &DynamoDbLikes) -> Vec<String> {
        let mut violations = Vec::new();
        let mut profiles = BTreeMap::<_, BTreeSet<_>>::new();
        let mut counts = BTreeMap::<_, u64>::new();
        for (user, food) in &self.likes {
            profiles.entry(*user).or_default().insert(*food);
            *counts.entry(*food).or_default() += 1;
            if !self.foods.contains(food) {
                violations.push(format!("a like of the deleted food {food}"));
            }
        }
        if profiles != self.profiles {
            violations.push("a profile differs from the likes of its user".to_owned());
        }
        let stored_counts: BTreeMap<_, _> =
            self.counts.iter().filter(|(_, count)| **count > 0).map(|(k, v)| (*k, *v)).collect();
        if counts != stored_counts {
            violations.push(format!("counts {stored_counts:?} of likes {counts:?}"));
        }
        let foods: BTreeSet<_> = counts.keys().chain(self.likes_then.keys()).collect();
        for food in foods {
            let count = |map: &BTreeMap<_, u64>| map.get(food).copied().unwrap_or_default();
            if is_stale(count(&counts), count(&self.likes_then)) {
                violations.push(format!("the neighbours of the food {food} are outdated"));
            }
        }
        let (_, lists) = likes.find_top().await.unwrap();
        for list in TopList::ALL {
            for top in lists[list as usize].value.as_slice() {
                if !self.foods.contains(&top.food) {
                    violations.push(format!("the deleted food {} in {list:?}", top.food));
                }
            }
        }
        violations
    }
}
