use std::time::Duration;

use futures_util::future::join_all;

use super::read_all;
use crate::clock::Timestamp;
use crate::id::{FoodId, UserId};
use crate::like::{
    LIKERS_PER_SHARD, Like, LikeRepository, LogLikes, Profile, ProfileEntry, StoredItem, shard,
};
use crate::testing::sample;

/// Generates the contract tests of a `LikeRepository`.
#[macro_export]
macro_rules! like_repository_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            likes,
            $adapter,
            [
                like_is_stored_and_counted_once,
                deleted_like_is_uncounted_once,
                likes_of_users_and_foods_are_independent,
                likes_are_listed_newest_first_in_pages,
                newest_likers_are_limited_per_shard,
                one_of_20_concurrent_equal_likes_is_counted,
                count_equals_likes_after_concurrent_changes,
                profile_write_requires_current_version,
                one_of_20_concurrent_profile_writes_succeeds,
                scan_visits_all_items,
            ]
        );
    };
}

fn user() -> UserId {
    UserId::new(sample::timestamp())
}

fn food() -> FoodId {
    FoodId::new(sample::timestamp())
}

fn like(user: UserId, food: FoodId) -> Like {
    Like { user, food, liked_at: sample::timestamp() }
}

async fn create(likes: &impl LikeRepository, user: UserId, food: FoodId) -> Like {
    let like = like(user, food);
    assert!(likes.create(&like).await.expect("created"));
    like
}

async fn count(likes: &impl LikeRepository, food: FoodId) -> u64 {
    likes.count(food).await.expect("a count")
}

pub async fn like_is_stored_and_counted_once(likes: &impl LikeRepository) {
    let (user, food) = (user(), food());
    assert_eq!(count(likes, food).await, 0);
    let first = create(likes, user, food).await;
    assert!(!likes.create(&like(user, food)).await.expect("a response"));
    assert_eq!(count(likes, food).await, 1);
    assert_eq!(likes.newest_likes(user, 10).await.expect("likes"), [first]);
}

pub async fn deleted_like_is_uncounted_once(likes: &impl LikeRepository) {
    let (user, food) = (user(), food());
    assert!(!likes.delete(user, food).await.expect("a response"));
    create(likes, user, food).await;
    assert!(likes.delete(user, food).await.expect("deleted"));
    assert!(!likes.delete(user, food).await.expect("a response"));
    assert_eq!(count(likes, food).await, 0);
    assert!(likes.newest_likes(user, 10).await.expect("likes").is_empty());
    assert!(likes.newest_likers(food).await.expect("likers").is_empty());
    let again = create(likes, user, food).await;
    assert_eq!(likes.newest_likes(user, 10).await.expect("likes"), [again]);
}

pub async fn likes_of_users_and_foods_are_independent(likes: &impl LikeRepository) {
    let (ada, eve, [soup, rice, stew]) = (user(), user(), [food(), food(), food()]);
    for (user, food) in [(ada, soup), (eve, soup), (eve, rice)] {
        create(likes, user, food).await;
    }
    let mut counts = Vec::new();
    for food in [soup, rice, stew] {
        counts.push(count(likes, food).await);
    }
    assert_eq!(counts, [2, 1, 0]);
    let mut liked = likes.find_liked(eve, &[stew, rice, soup]).await.expect("foods");
    liked.sort_unstable();
    let mut expected = [soup, rice];
    expected.sort_unstable();
    assert_eq!(liked, expected);
    assert_eq!(likes.find_liked(ada, &[rice]).await.expect("foods"), []);
    assert_eq!(likes.find_liked(ada, &[]).await.expect("foods"), []);
}

pub async fn likes_are_listed_newest_first_in_pages(likes: &impl LikeRepository) {
    let (user, mut expected) = (user(), Vec::new());
    let now = sample::timestamp();
    for nth in 0..23 {
        // Some in one millisecond.
        let liked_at = now.plus(Duration::from_millis(nth / 3));
        let like = Like { user, food: food(), liked_at };
        assert!(likes.create(&like).await.expect("created"));
        expected.push(like);
    }
    expected.sort_unstable_by_key(|like| std::cmp::Reverse(like.position()));
    let listed = read_all(5, Like::position, async |page| likes.list(user, page).await).await;
    let mut sorted = listed.clone();
    sorted.sort_unstable_by_key(|like| std::cmp::Reverse(like.position()));
    assert_eq!(sorted, expected);
    assert!(listed.is_sorted_by(|one, next| one.liked_at >= next.liked_at));
    let newest = likes.newest_likes(user, 7).await.expect("likes");
    assert_eq!(newest, listed[..7]);
}

pub async fn newest_likers_are_limited_per_shard(likes: &impl LikeRepository) {
    let food = food();
    let mut expected: Vec<(Timestamp, UserId)> = Vec::new();
    let all: Vec<_> = (0..300).map(|_| user()).collect();
    let mut stored = Vec::new();
    for user in all {
        stored.push(create(likes, user, food).await);
    }
    let mut per_shard = [0; crate::like::SHARDS];
    for like in stored.iter().rev() {
        let in_shard = &mut per_shard[shard(like.user)];
        *in_shard += 1;
        if *in_shard <= LIKERS_PER_SHARD {
            expected.push((like.liked_at, like.user));
        }
    }
    let likers = likes.newest_likers(food).await.expect("likers");
    let likers: Vec<_> = likers.into_iter().map(|liker| (liker.liked_at, liker.user)).collect();
    assert_eq!(likers, expected);
    assert_eq!(count(likes, food).await, 300);
}

pub async fn one_of_20_concurrent_equal_likes_is_counted(likes: &impl LikeRepository) {
    let (user, food) = (user(), food());
    let all: Vec<_> = (0..20).map(|_| like(user, food)).collect();
    let created = join_all(all.iter().map(|like| likes.create(like))).await;
    let created = created.into_iter().filter(|created| *created.as_ref().expect("a response"));
    assert_eq!(created.count(), 1);
    assert_eq!(count(likes, food).await, 1);
    let deleted = join_all((0..20).map(|_| likes.delete(user, food))).await;
    let deleted = deleted.into_iter().filter(|deleted| *deleted.as_ref().expect("a response"));
    assert_eq!(deleted.count(), 1);
    assert_eq!(count(likes, food).await, 0);
}

pub async fn count_equals_likes_after_concurrent_changes(likes: &impl LikeRepository) {
    let food = food();
    let users: Vec<_> = (0..40).map(|_| user()).collect();
    for round in 0..3 {
        let changes = users.iter().enumerate().map(async |(nth, user)| {
            if (nth + round) % 3 == 0 {
                likes.delete(*user, food).await
            } else {
                likes.create(&like(*user, food)).await
            }
        });
        for changed in join_all(changes).await {
            changed.expect("changed");
        }
        let likers = likes.newest_likers(food).await.expect("likers");
        assert_eq!(u64::try_from(likers.len()).expect("a number"), count(likes, food).await);
    }
}

fn profile(foods: usize) -> Profile {
    let entry = |_| ProfileEntry { food: food(), likes: LogLikes::new(7) };
    Profile::new((0..foods).map(entry).collect(), 0)
}

pub async fn profile_write_requires_current_version(likes: &impl LikeRepository) {
    let (user, first, second) = (user(), profile(200), profile(3));
    let write = async |profile, version| {
        likes.write_profile(user, profile, version).await.expect("a response")
    };
    assert!(!write(Some(&first), Some(1)).await);
    assert!(write(Some(&first), None).await);
    assert!(!write(Some(&second), None).await);
    let stored = likes.find_profiles(&[user, self::user()]).await.expect("profiles");
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].0, &stored[0].1.value), (user, &first));
    let version = stored[0].1.version;
    assert!(write(Some(&second), Some(version)).await);
    assert!(!write(Some(&first), Some(version)).await);
    assert!(!write(None, Some(version)).await);
    let stored = likes.find_profiles(&[user]).await.expect("profiles");
    assert_eq!(stored[0].1.value, second);
    assert!(write(None, Some(stored[0].1.version)).await);
    assert!(likes.find_profiles(&[user]).await.expect("profiles").is_empty());
}

pub async fn one_of_20_concurrent_profile_writes_succeeds(likes: &impl LikeRepository) {
    let (user, profile) = (user(), profile(3));
    for version in [None, Some(1)] {
        let written = (0..20).map(|_| likes.write_profile(user, Some(&profile), version));
        let written = join_all(written).await;
        let written = written.into_iter().filter(|written| *written.as_ref().expect("a response"));
        assert_eq!(written.count(), 1);
    }
}

pub async fn scan_visits_all_items(likes: &impl LikeRepository) {
    let (ada, eve, soup) = (user(), user(), food());
    let stored = [create(likes, ada, soup).await, create(likes, eve, soup).await];
    let profile = profile(200);
    likes.write_profile(ada, Some(&profile), None).await.expect("written");
    let (mut found, mut count, mut profiles) = (Vec::new(), 0, Vec::new());
    let visit = |item| match item {
        StoredItem::Like(like) if like.food == soup => found.push(like),
        StoredItem::Count(food, likes) if food == soup => count += likes,
        StoredItem::Profile(user, stored) if user == ada => profiles.push(stored.value),
        _ => {}
    };
    likes.scan(visit).await.expect("scanned");
    found.sort_unstable_by_key(Like::position);
    assert_eq!(found, stored);
    assert_eq!(count, 2);
    assert_eq!(likes.count_likers(soup).await.expect("counted"), 2);
    assert_eq!(profiles, [profile]);
}
