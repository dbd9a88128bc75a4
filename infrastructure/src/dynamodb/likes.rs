//! Stores likes, and what is derived from them:
//!
//! | `pk` | `sk` | attributes |
//! |---|---|---|
//! | `USER#<id>` | `LIKE#<food id>` | `liked_at` (ms) `by_food` (`<food id>#<shard>`) |
//! | `FOOD#<id>` | `COUNT#<shard>` | `likes`: how many likes of the shard are stored |
//! | `USER#<id>` | `PROFILE` | `foods` (packed) `likes` `version` |
//! | `FOOD#<id>` | `NEIGHBOURS` | `list` (packed) `likes_then` `hot` `source` `version` |
//! | `TOP` | `POPULAR` `TRENDING` `FRESH` | `foods` (packed) `version` |
//! | `MODEL` | `PARAMETERS` | one for each parameter and measure |
//!
//! One transaction writes a like together with its count. Everything with a version is derived, so training writes it
//! again if it is damaged.

mod neighbours;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, Select, TransactWriteItem, Update};
use domain::id::{FoodId, UserId};
use domain::like::{
    LIKERS_PER_SHARD, Like, LikePosition, LikeRepository, Liker, Profile, SHARDS, StoredItem, shard,
};
use domain::neighbours::{FoodNeighbours, NeighbourList, Source, Versioned};
use domain::packed::InvalidPackedList;
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;
use futures_util::future::{join_all, try_join_all};

use super::batch::Batch;
use super::item::{Item, corrupt, millis, number, read, read_millis, read_number, read_text, text};
use super::table::likes as table;
use super::transaction::{self, Outcome};
use crate::aws::map_sdk_error;

/// Sort key of a profile.
const PROFILE: &str = "PROFILE";
/// Sort key of the neighbours of a food.
const NEIGHBOURS: &str = "NEIGHBOURS";
/// Prefix of the sort key of a like.
const LIKE: &str = "LIKE#";
/// Prefix of the sort key of a count.
const COUNT: &str = "COUNT#";
/// The number of likes of a count or a profile.
const LIKES: &str = "likes";
/// The packed foods of a profile or a list.
const FOODS: &str = "foods";
/// The version of a derived item.
const VERSION: &str = "version";
/// Condition of writing a derived item for which no version was read.
const HAS_NO_VERSION: &str = "NOT attribute_type(version, :number)";
/// The number of parts of the table that a scan reads concurrently.
const SEGMENTS: i32 = 8;

/// A store of likes, and of what is derived from them, on a `DynamoDB` table.
#[derive(Debug, Clone)]
pub struct DynamoDbLikes {
    client: Client,
    table: String,
    /// Whether reads of neighbours, lists and parameters are strongly consistent.
    consistent: bool,
}

impl DynamoDbLikes {
    /// Creates a store on this table. Sends no request.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, consistent: false }
    }

    /// Returns the store with strongly consistent reads of neighbours, lists and parameters, which cost twice as much: for
    /// updates, which write nothing if what they read is current.
    #[must_use]
    pub fn consistent(self) -> Self {
        Self { consistent: true, ..self }
    }

    fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table)
    }

    /// Reads the newest likes of the user after this one, at most 1 MB of 100 bytes each.
    async fn newest(
        &self,
        user: UserId,
        after: Option<LikePosition>,
        max: usize,
    ) -> Result<Vec<Like>, StorageError> {
        let start = after.map(|after| {
            let mut start = key(user_key(user), like_key(after.food));
            start.insert(table::LIKED_AT.to_owned(), millis(after.liked_at));
            start
        });
        let response = self
            .query()
            .index_name(table::NEWEST_INDEX)
            .key_condition_expression("pk = :user")
            .expression_attribute_values(":user", text(user_key(user)))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(limit(max))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(map_sdk_error)?;
        response.items().iter().map(like).collect()
    }

    /// Reads the newest likers of one shard.
    async fn newest_of_shard(
        &self,
        food: FoodId,
        shard: usize,
    ) -> Result<Vec<Liker>, StorageError> {
        let response = self
            .query()
            .index_name(table::LIKERS_INDEX)
            .key_condition_expression("by_food = :food")
            .expression_attribute_values(":food", text(by_food(food, shard)))
            .scan_index_forward(false)
            .limit(limit(LIKERS_PER_SHARD))
            .send()
            .await
            .map_err(map_sdk_error)?;
        let liker = |item| like(item).map(|Like { liked_at, user, .. }| Liker { liked_at, user });
        response.items().iter().map(liker).collect()
    }

    /// Returns the number of likers of one shard.
    async fn count_shard(&self, food: FoodId, shard: usize) -> Result<u64, StorageError> {
        let query = self
            .query()
            .index_name(table::LIKERS_INDEX)
            .key_condition_expression("by_food = :food")
            .expression_attribute_values(":food", text(by_food(food, shard)))
            .select(Select::Count);
        let (mut likers, mut start) = (0, None);
        loop {
            let page = query.clone().set_exclusive_start_key(start).send().await;
            let page = page.map_err(map_sdk_error)?;
            likers += u64::try_from(page.count()).unwrap_or(0);
            if page.last_evaluated_key.is_none() {
                return Ok(likers);
            }
            start = page.last_evaluated_key;
        }
    }

    /// Adds `change` to the number of likes of the food.
    fn add(&self, food: FoodId, user: UserId, change: i8) -> TransactWriteItem {
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(food_key(food), format!("{COUNT}{}", shard(user)))))
            .update_expression("ADD likes :change")
            .expression_attribute_values(":change", number(change));
        transaction::update(count)
    }

    /// Writes a like and its count. Returns `false`, and writes nothing, if the condition of the like is unmet.
    async fn write_like(
        &self,
        like: TransactWriteItem,
        count: TransactWriteItem,
    ) -> Result<bool, StorageError> {
        let outcome = transaction::write(&self.client, vec![like, count], None).await?;
        Ok(matches!(outcome, Outcome::Written))
    }

    /// Reads items by their keys.
    async fn get<Id: Copy + Ord>(
        &self,
        ids: &[Id],
        key: impl Fn(Id) -> Item,
        projection: Option<&str>,
        consistent: bool,
    ) -> Result<Vec<Item>, StorageError> {
        let batch = Batch { table: &self.table, projection, consistent };
        batch.get(&self.client, ids, key).await
    }

    /// Writes the item, or deletes it if it has no attributes. Returns `false`, and changes nothing, unless the stored version
    /// is `expected`. An item whose version is damaged counts as missing.
    async fn write_derived(
        &self,
        key: Item,
        attributes: Option<Vec<(&str, AttributeValue)>>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let (condition, name, value) = match expected {
            Some(version) => ("version = :version", ":version", number(version)),
            None => (HAS_NO_VERSION, ":number", text("N")),
        };
        let (code, failed) = if let Some(attributes) = attributes {
            let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
            let version = number(expected.unwrap_or(0) + 1);
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(key.into_iter().chain(attributes).collect()))
                .item(VERSION, version)
                .condition_expression(condition)
                .expression_attribute_values(name, value);
            let Err(error) = put.send().await else { return Ok(true) };
            (error.code().map(str::to_owned), map_sdk_error(error))
        } else {
            let delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .set_key(Some(key))
                .condition_expression(condition)
                .expression_attribute_values(name, value);
            let Err(error) = delete.send().await else { return Ok(true) };
            (error.code().map(str::to_owned), map_sdk_error(error))
        };
        match code.as_deref() {
            Some("ConditionalCheckFailedException") => Ok(false),
            _ => Err(failed),
        }
    }

    /// Calls `visit` with all items that match the filter. Reads [`SEGMENTS`] pages at once.
    async fn scan_where(
        &self,
        filter: &str,
        values: [(&str, &str); 2],
        mut visit: impl FnMut(&Item) -> Result<(), StorageError> + Send,
    ) -> Result<(), StorageError> {
        let values = values.map(|(name, value)| (name.to_owned(), text(value)));
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .total_segments(SEGMENTS)
            .filter_expression(filter)
            .set_expression_attribute_values(Some(values.into()));
        let mut pending: Vec<_> = (0..SEGMENTS).map(|segment| (segment, None)).collect();
        while !pending.is_empty() {
            let pages = pending.into_iter().map(async |(segment, start)| {
                let page = scan.clone().segment(segment).set_exclusive_start_key(start);
                page.send().await.map(|page| (segment, page))
            });
            pending = Vec::new();
            for page in join_all(pages).await {
                let (segment, page) = page.map_err(map_sdk_error)?;
                page.items().iter().try_for_each(&mut visit)?;
                pending.extend(page.last_evaluated_key.map(|start| (segment, Some(start))));
            }
        }
        Ok(())
    }
}

fn user_key(user: UserId) -> String {
    format!("USER#{user}")
}

fn food_key(food: FoodId) -> String {
    format!("FOOD#{food}")
}

fn like_key(food: FoodId) -> String {
    format!("{LIKE}{food}")
}

fn by_food(food: FoodId, shard: usize) -> String {
    format!("{food}#{shard}")
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    Item::from([(table::PK.to_owned(), text(pk)), (table::SK.to_owned(), text(sk))])
}

fn profile_key(user: UserId) -> Item {
    key(user_key(user), PROFILE)
}

fn neighbours_key(food: FoodId) -> Item {
    key(food_key(food), NEIGHBOURS)
}

fn limit(max: usize) -> i32 {
    i32::try_from(max).unwrap_or(i32::MAX)
}

/// Parses the id after a prefix of a key.
fn id<T, E>(
    item: &Item,
    name: &str,
    prefix: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StorageError> {
    let key = read_text(item, name)?;
    let id = key.strip_prefix(prefix).ok_or_else(|| corrupt(name))?;
    parse(id).map_err(|_| corrupt(name))
}

fn user_id(item: &Item) -> Result<UserId, StorageError> {
    id(item, table::PK, "USER#", UserId::parse)
}

fn food_id(item: &Item) -> Result<FoodId, StorageError> {
    id(item, table::PK, "FOOD#", FoodId::parse)
}

fn liked_food(item: &Item) -> Result<FoodId, StorageError> {
    id(item, table::SK, LIKE, FoodId::parse)
}

/// Parses a like, or its entry in an index.
fn like(item: &Item) -> Result<Like, StorageError> {
    let liked_at = read_millis(item, table::LIKED_AT)?;
    Ok(Like { user: user_id(item)?, food: liked_food(item)?, liked_at })
}

fn packed(list: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(list))
}

/// Parses a packed list.
fn unpack<T>(
    item: &Item,
    name: &str,
    unpack: impl FnOnce(&[u8]) -> Result<T, InvalidPackedList>,
) -> Result<T, StorageError> {
    match item.get(name) {
        Some(AttributeValue::B(bytes)) => {
            unpack(bytes.as_ref()).map_err(|error| StorageError::Corrupt(error.into()))
        }
        _ => Err(corrupt(name)),
    }
}

/// Parses the version of a derived item; `None` if it is damaged.
fn version(item: &Item) -> Option<u64> {
    read_number(item, VERSION).ok()
}

/// Returns a derived value with its version. An item with a damaged version counts as missing.
fn versioned<T>(item: &Item, value: T) -> Option<Versioned<T>> {
    version(item).map(|version| Versioned { value, version })
}

/// Parses a profile. A damaged one is read as empty, so that it differs and is written again.
fn profile(item: &Item) -> Profile {
    let profile = || {
        let likes = read_number(item, LIKES)?;
        unpack(item, FOODS, |bytes| Profile::unpack(bytes, likes))
    };
    profile().unwrap_or_else(|_| Profile::new(Vec::new(), 0))
}

/// Parses neighbours. Damaged ones are read as empty, so that they are stale and written again.
fn food_neighbours(item: &Item) -> FoodNeighbours {
    let neighbours = || {
        Ok::<_, StorageError>(FoodNeighbours {
            list: unpack(item, "list", NeighbourList::unpack)?,
            likes_then: read_number(item, "likes_then")?,
            hot: read_number(item, "hot")?,
            source: read(item, "source", |source| match source {
                "online" => Ok(Source::Online),
                "trained" => Ok(Source::Trained),
                _ => Err(()),
            })?,
        })
    };
    let (list, source) = (NeighbourList::default(), Source::Online);
    neighbours().unwrap_or(FoodNeighbours { list, likes_then: 0, hot: 0.0, source })
}

/// Parses a derived item; `None` if its version is damaged.
fn derived(item: &Item) -> Result<Option<StoredItem>, StorageError> {
    if read_text(item, table::SK)? == PROFILE {
        let user = user_id(item)?;
        Ok(versioned(item, profile(item)).map(|stored| StoredItem::Profile(user, stored)))
    } else {
        let food = food_id(item)?;
        Ok(versioned(item, food_neighbours(item))
            .map(|stored| StoredItem::Neighbours(food, stored)))
    }
}

fn like_or_count(item: &Item) -> Result<StoredItem, StorageError> {
    if read_text(item, table::SK)?.starts_with(LIKE) {
        like(item).map(StoredItem::Like)
    } else {
        Ok(StoredItem::Count(food_id(item)?, read_number(item, LIKES)?))
    }
}

impl LikeRepository for DynamoDbLikes {
    /// If a response is lost, the SDK repeats the transaction with its token, so the result is still `true`.
    async fn create(&self, like: &Like) -> Result<bool, StorageError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(key(user_key(like.user), like_key(like.food))))
            .item(table::LIKED_AT, millis(like.liked_at))
            .item(table::BY_FOOD, text(by_food(like.food, shard(like.user))))
            .condition_expression("attribute_not_exists(pk)");
        self.write_like(transaction::put(put), self.add(like.food, like.user, 1)).await
    }

    async fn delete(&self, user: UserId, food: FoodId) -> Result<bool, StorageError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(user_key(user), like_key(food))))
            .condition_expression("attribute_exists(pk)");
        self.write_like(transaction::delete(delete), self.add(food, user, -1)).await
    }

    async fn count(&self, food: FoodId) -> Result<u64, StorageError> {
        let response = self
            .query()
            .key_condition_expression("pk = :food AND begins_with(sk, :count)")
            .expression_attribute_values(":food", text(food_key(food)))
            .expression_attribute_values(":count", text(COUNT))
            .projection_expression(LIKES)
            .consistent_read(true)
            .send()
            .await
            .map_err(map_sdk_error)?;
        let likes = response.items().iter().map(|item| read_number::<u64>(item, LIKES));
        likes.sum()
    }

    async fn count_likers(&self, food: FoodId) -> Result<u64, StorageError> {
        let shards = (0..SHARDS).map(|shard| self.count_shard(food, shard));
        Ok(try_join_all(shards).await?.into_iter().sum())
    }

    async fn find_liked(
        &self,
        user: UserId,
        foods: &[FoodId],
    ) -> Result<Vec<FoodId>, StorageError> {
        let key = |food| key(user_key(user), like_key(food));
        let items = self.get(foods, key, Some(table::SK), false).await?;
        items.iter().map(liked_food).collect()
    }

    async fn newest_likes(&self, user: UserId, max: usize) -> Result<Vec<Like>, StorageError> {
        self.newest(user, None, max).await
    }

    async fn list(
        &self,
        user: UserId,
        request: PageRequest<LikePosition>,
    ) -> Result<Page<Like>, StorageError> {
        let size = request.size.get();
        let mut items = self.newest(user, request.after, size + 1).await?;
        let more = items.len() > size;
        items.truncate(size);
        Ok(Page { items, more })
    }

    async fn newest_likers(&self, food: FoodId) -> Result<Vec<Liker>, StorageError> {
        let shards = (0..SHARDS).map(|shard| self.newest_of_shard(food, shard));
        let mut likers: Vec<_> = try_join_all(shards).await?.into_iter().flatten().collect();
        likers.sort_unstable_by(|one, other| other.cmp(one));
        Ok(likers)
    }

    async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Versioned<Profile>)>, StorageError> {
        let items = self.get(users, profile_key, None, false).await?;
        let stored = items.iter().filter_map(|item| {
            let stored = versioned(item, profile(item))?;
            Some(user_id(item).map(|user| (user, stored)))
        });
        stored.collect()
    }

    async fn write_profile(
        &self,
        user: UserId,
        profile: Option<&Profile>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let attributes = profile
            .map(|profile| vec![(FOODS, packed(profile.pack())), (LIKES, number(profile.likes()))]);
        self.write_derived(profile_key(user), attributes, expected).await
    }

    async fn scan(&self, mut visit: impl FnMut(StoredItem) + Send) -> Result<(), StorageError> {
        let filter = "sk = :profile OR sk = :neighbours";
        let values = [(":profile", PROFILE), (":neighbours", NEIGHBOURS)];
        let visit_derived = |item: &Item| {
            derived(item)?.into_iter().for_each(&mut visit);
            Ok(())
        };
        self.scan_where(filter, values, visit_derived).await?;
        let filter = "begins_with(sk, :like) OR begins_with(sk, :count)";
        let values = [(":like", LIKE), (":count", COUNT)];
        let visit_like = |item: &Item| {
            match like_or_count(item) {
                Ok(item) => visit(item),
                // Not derived, so nothing can repair it. Training goes on without it.
                Err(error) => tracing::error!(error = %error, "damaged like or count"),
            }
            Ok(())
        };
        self.scan_where(filter, values, visit_like).await
    }
}
