//! Time and memory of a training on random likes.

use std::time::{Duration, Instant};

use domain::food::{Food, FoodCatalog};
use domain::id::{FoodId, UserId};
use domain::like::{Like, LikeRepository};
use domain::storage::StorageError;
use domain::testing::{FixedClock, MemoryLikes, sample};
use domain::use_cases::{Rewrite, train_recommendations};

/// Users and foods are of as many groups as this, and users prefer foods of their own group.
const GROUPS: usize = 50;

/// A catalog in which each food exists.
struct AllFoods;

impl FoodCatalog for AllFoods {
    async fn find_many(&self, _: &[FoodId]) -> Result<Vec<Food>, StorageError> {
        Ok(Vec::new())
    }

    async fn find_existing(&self, foods: &[FoodId]) -> Result<Vec<FoodId>, StorageError> {
        Ok(foods.to_vec())
    }

    async fn set_likes(&self, _: FoodId, _: u64) -> Result<bool, StorageError> {
        Ok(true)
    }

    async fn scan_ids(&self, _: impl FnMut(FoodId) + Send) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Stores up to `likes` likes of each user, trains, and prints the time and the memory.
pub(crate) async fn measure_training(
    users: usize,
    foods: usize,
    likes: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let (store, mut random) = (MemoryLikes::default(), sample::Random::new(7));
    let start = sample::timestamp();
    let mut stored = 0;
    for user in 0..users {
        for nth in 0..likes {
            // A product of two uniform numbers prefers small ones: few foods are popular.
            let food = random.below(foods) * random.below(foods) / foods;
            let is_own_group = random.below(3) > 0;
            let food = if is_own_group { food - food % GROUPS + user % GROUPS } else { food };
            let minutes = u32::try_from(nth * users / likes + user)?;
            let like = Like {
                user: UserId::from_bytes(id(user)),
                food: FoodId::from_bytes(id(food % foods)),
                liked_at: start.plus(Duration::from_mins(1) * minutes),
            };
            stored += u32::from(store.create(&like).await?);
        }
    }
    store.take_changes();
    let before = memory("VmRSS")?;
    let (clock, started) =
        (FixedClock::at(start.plus(Duration::from_hours(24 * 365))), Instant::now());
    let report = train_recommendations(&store, &store, &AllFoods, &clock, Rewrite::All).await?;
    println!(
        "| users | foods | likes | seconds | MB, without the store |\n|---|---|---|---|---|\n| {} | {} | {} | {:.0} | {} |",
        report.users,
        report.foods,
        stored,
        started.elapsed().as_secs_f64(),
        (memory("VmHWM")? - before) / 1024
    );
    Ok(())
}

fn id(number: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&(number as u64).to_be_bytes());
    id
}

/// Returns a number of kilobytes from the status of the process.
fn memory(name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)).ok_or("no such line")?;
    Ok(number.parse()?)
}
