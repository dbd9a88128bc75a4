//! Tests the contracts of likes and neighbours on `DynamoDB`, damaged items, and the sizes of items.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::{FoodId, UserId};
use domain::like::{Like, LikeRepository as _, LogLikes, Profile, ProfileEntry, StoredItem, shard};
use domain::neighbours::{
    FoodNeighbours, NeighbourList, NeighbourStore as _, Source, Top, TopFood, TopList,
};
use domain::storage::StorageError;
use domain::testing::sample;
use engines::Engines;
use infrastructure::dynamodb::DynamoDbLikes;

async fn on_dynamodb() -> (DynamoDbLikes, Arc<Engines>) {
    let engines = Engines::shared();
    let table = engines.tables().await.likes;
    let likes = DynamoDbLikes::new(engines.aws().dynamodb(), table);
    (likes, engines)
}

domain::like_repository_contract!(on_dynamodb().await);
domain::neighbour_store_contract!(on_dynamodb().await);

fn food() -> FoodId {
    FoodId::new(sample::timestamp())
}

/// Sets an attribute of a stored item.
async fn damage(table: &str, pk: &str, sk: &str, attribute: &str, value: AttributeValue) {
    let update = Engines::shared().aws().dynamodb().update_item();
    let update = update
        .table_name(table)
        .key("pk", AttributeValue::S(pk.to_owned()))
        .key("sk", AttributeValue::S(sk.to_owned()))
        .update_expression("SET #attribute = :value")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", value);
    update.send().await.unwrap();
}

fn no_list() -> AttributeValue {
    AttributeValue::B(Blob::new(*b"no list"))
}

/// A profile and the neighbours of a food, stored with version 1.
struct Derived {
    likes: DynamoDbLikes,
    table: String,
    user: UserId,
    food: FoodId,
    profile: Profile,
    neighbours: FoodNeighbours,
    _engines: Arc<Engines>,
}

impl Derived {
    async fn stored() -> Self {
        let engines = Engines::shared();
        let table = engines.tables().await.likes;
        let likes = DynamoDbLikes::new(engines.aws().dynamodb(), table.clone());
        let (user, food) = (UserId::new(sample::timestamp()), food());
        let entry = ProfileEntry { food, likes: LogLikes::new(7) };
        let profile = Profile::new(vec![entry], 1);
        let list = NeighbourList::new([(self::food(), 0.5)]);
        let neighbours = FoodNeighbours { list, likes_then: 7, hot: 1.5, source: Source::Trained };
        assert!(likes.write_profile(user, Some(&profile), None).await.unwrap());
        assert!(likes.write(food, Some(&neighbours), None).await.unwrap());
        Self { likes, table, user, food, profile, neighbours, _engines: engines }
    }

    /// Damages an attribute of both items.
    async fn damage(&self, [of_profile, of_food]: [&str; 2], value: AttributeValue) {
        let (user, food) = (format!("USER#{}", self.user), format!("FOOD#{}", self.food));
        damage(&self.table, &user, "PROFILE", of_profile, value.clone()).await;
        damage(&self.table, &food, "NEIGHBOURS", of_food, value).await;
        let profiles = self.likes.find_profiles(&[self.user]).await.unwrap();
        assert!(profiles.iter().all(|(_, stored)| stored.value.entries().is_empty()));
        let neighbours = self.likes.find(&[self.food]).await.unwrap();
        assert!(neighbours.iter().all(|(_, stored)| stored.value.list.as_slice().is_empty()));
    }

    /// Writes both items with the versions that a scan returns, as training does.
    async fn repair(&self) {
        let (mut of_profile, mut of_food) = (None, None);
        let visit = |item| match item {
            StoredItem::Profile(user, stored) if user == self.user => {
                assert_ne!(stored.value, self.profile);
                of_profile = Some(stored.version);
            }
            StoredItem::Neighbours(food, stored) if food == self.food => {
                assert_ne!(stored.value, self.neighbours);
                of_food = Some(stored.version);
            }
            _ => {}
        };
        self.likes.scan(visit).await.unwrap();
        let profile = Some(&self.profile);
        assert!(self.likes.write_profile(self.user, profile, of_profile).await.unwrap());
        assert!(self.likes.write(self.food, Some(&self.neighbours), of_food).await.unwrap());
        let profiles = self.likes.find_profiles(&[self.user]).await.unwrap();
        assert_eq!(profiles[0].1.value, self.profile);
        let neighbours = self.likes.find(&[self.food]).await.unwrap();
        assert_eq!(neighbours[0].1.value, self.neighbours);
    }
}

#[tokio::test]
async fn damaged_lists_are_empty_until_written() {
    let derived = Derived::stored().await;
    derived.damage(["foods", "list"], no_list()).await;
    derived.repair().await;
    derived.damage(["version", "version"], no_list()).await;
    derived.repair().await;
}

#[tokio::test]
async fn damaged_count_does_not_end_a_scan() {
    let derived = Derived::stored().await;
    let Derived { likes, table, user, food, .. } = &derived;
    let like = Like { user: *user, food: *food, liked_at: sample::timestamp() };
    assert!(likes.create(&like).await.unwrap());
    let (pk, sk) = (format!("FOOD#{food}"), format!("COUNT#{}", shard(*user)));
    damage(table, &pk, &sk, "likes", no_list()).await;
    let (mut found, mut counts) = (Vec::new(), 0);
    let visit = |item| match item {
        StoredItem::Like(like) => found.push(like),
        StoredItem::Count(..) => counts += 1,
        _ => {}
    };
    likes.scan(visit).await.unwrap();
    assert_eq!((found, counts), (vec![like], 0));
    assert!(matches!(likes.count(*food).await, Err(StorageError::Corrupt(_))));
}

#[tokio::test]
async fn damaged_list_of_popular_foods_is_empty_until_written() {
    let derived = Derived::stored().await;
    let Derived { likes, table, .. } = &derived;
    let popular = TopList::Popular;
    let top = Top::new(popular, [TopFood { food: food(), score: 7.0 }]);
    assert!(likes.write_top(popular, &top, 0).await.unwrap());
    for attribute in ["foods", "version"] {
        damage(table, "TOP", "POPULAR", attribute, no_list()).await;
        let (_, [stored, ..]) = likes.find_top().await.unwrap();
        assert!(attribute == "version" || stored.value == Top::default());
        assert!(likes.write_top(popular, &top, stored.version).await.unwrap());
        let (_, [stored, ..]) = likes.find_top().await.unwrap();
        assert_eq!(stored.value, top);
    }
}

/// The likes of a food are in the index of likers a moment later than in its count.
#[tokio::test]
async fn food_without_indexed_likes_is_stored() {
    let derived = Derived::stored().await;
    let neighbours = FoodNeighbours { hot: f32::NEG_INFINITY, ..derived.neighbours.clone() };
    assert!(derived.likes.write(derived.food, Some(&neighbours), Some(1)).await.unwrap());
    let stored = derived.likes.find(&[derived.food]).await.unwrap();
    assert!(stored[0].1.value.hot <= f32::MIN);
}

#[tokio::test]
async fn equal_ids_are_read_once() {
    let derived = Derived::stored().await;
    let Derived { likes, user, food, .. } = &derived;
    assert_eq!(likes.find(&[*food; 3]).await.unwrap().len(), 1);
    assert_eq!(likes.find_profiles(&[*user; 3]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn items_stay_within_the_units_of_their_ports() {
    let derived = Derived::stored().await;
    let Derived { likes, table, user, food, .. } = &derived;
    let entry = |_| ProfileEntry { food: self::food(), likes: LogLikes::new(u64::MAX) };
    let profile = Profile::new((0..Profile::MAX).map(entry).collect(), u64::MAX);
    let list = NeighbourList::new((0..NeighbourList::MAX).map(|_| (self::food(), 0.1)));
    let (likes_then, source) = (u64::MAX, Source::Trained);
    let neighbours = FoodNeighbours { list, likes_then, hot: 1.0 / 3.0, source };
    let top = (0..Top::MAX).map(|_| TopFood { food: self::food(), score: 0.1 });
    let top = Top::new(TopList::Trending, top);
    likes.write_profile(*user, Some(&profile), Some(1)).await.unwrap();
    likes.write(*food, Some(&neighbours), Some(1)).await.unwrap();
    likes.write_top(TopList::Trending, &top, 0).await.unwrap();
    let client = Engines::shared().aws().dynamodb();
    for (pk, sk, units) in [
        (format!("USER#{user}"), "PROFILE", 4),
        (format!("FOOD#{food}"), "NEIGHBOURS", 2),
        ("TOP".to_owned(), "TRENDING", 3),
    ] {
        let get = client.get_item().table_name(table);
        let get = get.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk.to_owned()));
        let size = stored_size(&get.send().await.unwrap().item.unwrap());
        println!("{sk}: {size} bytes");
        assert!(size <= units * 1024, "{sk}: {size}");
    }
}

/// Returns the size of an item as `DynamoDB` counts it: a number has a byte for two digits, and one more.
fn stored_size(item: &HashMap<String, AttributeValue>) -> usize {
    let size = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        other => panic!("{other:?}"),
    };
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}
