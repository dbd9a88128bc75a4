//! Stores foods. One transaction writes a food together with the claims on its title and its upload, which make
//! title and upload unique:
//!
//! | `pk` | attributes |
//! |---|---|
//! | `FOOD#<id>` | `id` `user_id` `creator_first_name` `creator_last_name` `title` `description` `image_id` `image_sizes` `upload_id`? `created_at` `updated_at` (ms) `version` `feed` `likes`? |
//! | `TITLE#<folded title>` | `food_id` |
//! | `UPLOAD#<id>` | `food_id` `expires_at` (s) |

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use domain::food::{
    Description, Food, FoodCatalog, FoodRepository, InsertFoodError, RemoveFoodError,
    ReplaceFoodError, Title, UPLOAD_CLAIM_TTL,
};
use domain::id::{FoodId, ImageId, UserId};
use domain::image::{Image, Sizes};
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;
use domain::user::{PublicUser, UserName};

use super::batch::Batch;
use super::item::{
    Item, corrupt, millis, number, read, read_millis, read_number, read_optional, text,
};
use super::page::{Index, list};
use super::table::{foods as table, users};
use super::transaction::{self, Outcome};
use super::update::try_update;
use super::users::account_key;
use crate::aws::map_sdk_error;

/// Maximum size of a food in the feed: a description of 20 KB, a title and names of 400 bytes each, ids and times.
const MAX_FOOD_BYTES: usize = 22 * 1024;
/// Maximum size of a food in the index of its owner: three keys.
const MAX_OWNED_BYTES: usize = 256;
/// Attribute of a claim: the id of the food that holds the claim.
const FOOD_ID: &str = "food_id";
/// Attribute: the number of likes that lists show. New foods have none.
const LIKES: &str = "likes";
/// Value of [`table::FEED`] in every food: the feed index has one partition.
const FEED: &str = "FOOD";
/// Condition of an update or deletion: the food still has the version and the owner that were read.
const UNCHANGED: &str = "version = :current AND user_id = :owner";

/// A food repository on a `DynamoDB` table.
#[derive(Debug, Clone)]
pub struct DynamoDbFoods {
    client: Client,
    table: String,
    /// The users table, if the creator of a new food needs an account.
    users: Option<String>,
}

impl DynamoDbFoods {
    /// Creates a repository on this table. Sends no request. New foods need [`with_creators`](Self::with_creators).
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, users: None }
    }

    /// Sets the users table, in which the creator of a new food must have an account.
    #[must_use]
    pub fn with_creators(self, users: String) -> Self {
        Self { users: Some(users), ..self }
    }

    async fn get(&self, id: FoodId, consistent: bool) -> Result<Option<Food>, StorageError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(table::PK, text(food_key(id)))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(map_sdk_error)?;
        response.item.as_ref().map(food).transpose()
    }

    /// Reads attributes of many foods; `None` for all attributes.
    async fn get_many(
        &self,
        ids: &[FoodId],
        projection: Option<&str>,
        consistent: bool,
    ) -> Result<Vec<Item>, StorageError> {
        let key = |id| Item::from([(table::PK.to_owned(), text(food_key(id)))]);
        Batch { table: &self.table, projection, consistent }.get(&self.client, ids, key).await
    }

    /// Returns the condition that the creator of a food has an account.
    fn require_creator(&self, food: &Food) -> Option<TransactWriteItem> {
        let check = ConditionCheck::builder()
            .table_name(self.users.as_ref()?)
            .key(users::PK, text(account_key(food.creator.id)))
            .condition_expression("attribute_exists(pk)");
        Some(transaction::condition_check(check))
    }

    fn claim_title(&self, id: FoodId, title: &Title) -> TransactWriteItem {
        let claim = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(title_key(title)))
            .item(FOOD_ID, text(id.to_string()))
            .condition_expression("attribute_not_exists(pk)");
        transaction::put(claim)
    }

    /// Returns the claim on the upload of a food, or `None` if its image was not uploaded separately. The claim is
    /// stored for [`UPLOAD_CLAIM_TTL`], longer than an upload can exist.
    fn claim_upload(&self, food: &Food) -> Option<TransactWriteItem> {
        let upload = food.upload?;
        let expires_at = food.updated_at.plus(UPLOAD_CLAIM_TTL);
        let claim = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(upload_key(upload)))
            .item(FOOD_ID, text(food.id.to_string()))
            .item(table::EXPIRES_AT, number(expires_at.unix_seconds()))
            .condition_expression("attribute_not_exists(pk) OR food_id = :food_id")
            .expression_attribute_values(":food_id", text(food.id.to_string()));
        Some(transaction::put(claim))
    }

    fn release_title(&self, id: FoodId, title: &Title) -> TransactWriteItem {
        let claim = Delete::builder()
            .table_name(&self.table)
            .key(table::PK, text(title_key(title)))
            .condition_expression("food_id = :food_id")
            .expression_attribute_values(":food_id", text(id.to_string()));
        transaction::delete(claim)
    }

    /// Updates a food without writing claims.
    async fn update_item(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(food_key(current.id)))
            .update_expression(update_expression(current, changed))
            .condition_expression(UNCHANGED)
            .set_expression_attribute_values(Some(update_values(current, changed)));
        if try_update(update).await?.is_some() {
            Ok(())
        } else {
            Err(ReplaceFoodError::VersionConflict)
        }
    }

    /// Updates a food and writes its claims in one transaction. Each claim is given with the error to return if the
    /// condition of the claim is unmet.
    async fn update_with_claims(
        &self,
        current: &Food,
        changed: &Food,
        claims: Vec<(TransactWriteItem, ReplaceFoodError)>,
    ) -> Result<(), ReplaceFoodError> {
        let update = Update::builder()
            .table_name(&self.table)
            .key(table::PK, text(food_key(current.id)))
            .update_expression(update_expression(current, changed))
            .condition_expression(UNCHANGED)
            .set_expression_attribute_values(Some(update_values(current, changed)));
        let mut items = vec![transaction::update(update)];
        let mut errors = vec![ReplaceFoodError::VersionConflict];
        for (claim, error) in claims {
            items.push(claim);
            errors.push(error);
        }
        let outcome = transaction::write(&self.client, items, Some(FOOD_ID)).await?;
        let is_unmet = |index: &usize| outcome.is_unmet(*index);
        match (&outcome, (0..errors.len()).find(is_unmet)) {
            (Outcome::Written, _) => Ok(()),
            (Outcome::Rejected(_), Some(index)) => Err(errors.swap_remove(index)),
            (Outcome::Rejected(_), None) => Err(corrupt("food_id of a claim").into()),
        }
    }
}

fn food_key(id: FoodId) -> String {
    format!("FOOD#{id}")
}

fn title_key(title: &Title) -> String {
    format!("TITLE#{}", title.folded())
}

fn upload_key(upload: ImageId) -> String {
    format!("UPLOAD#{upload}")
}

fn update_expression(current: &Food, changed: &Food) -> String {
    let mut expression = "SET title = :title, description = :description, image_id = :image_id, \
                      image_sizes = :image_sizes, updated_at = :updated_at, version = :version"
        .to_owned();
    match changed.upload {
        Some(_) => expression.push_str(", upload_id = :upload_id"),
        None if current.upload.is_some() => expression.push_str(" REMOVE upload_id"),
        None => {}
    }
    expression
}

fn update_values(current: &Food, changed: &Food) -> Item {
    let upload = changed.upload.map(|id| (":upload_id", text(id.to_string())));
    [
        (":current", number(current.version)),
        (":owner", text(current.creator.id.to_string())),
        (":title", text(changed.title.as_str())),
        (":description", text(changed.description.as_str())),
        (":image_id", text(changed.image.id.to_string())),
        (":image_sizes", text(changed.image.sizes.to_string())),
        (":updated_at", millis(changed.updated_at)),
        (":version", number(changed.version)),
    ]
    .into_iter()
    .chain(upload)
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn food(item: &Item) -> Result<Food, StorageError> {
    Ok(Food {
        id: read(item, table::ID, FoodId::parse)?,
        creator: PublicUser {
            id: read(item, table::USER_ID, UserId::parse)?,
            first_name: read(item, "creator_first_name", UserName::from_trusted)?,
            last_name: read(item, "creator_last_name", UserName::from_trusted)?,
        },
        title: read(item, "title", Title::from_trusted)?,
        description: read(item, "description", Description::from_trusted)?,
        image: Image {
            id: read(item, "image_id", ImageId::parse)?,
            sizes: read(item, "image_sizes", Sizes::parse)?,
        },
        upload: read_optional(item, "upload_id", ImageId::parse)?,
        created_at: read_millis(item, "created_at")?,
        updated_at: read_millis(item, "updated_at")?,
        version: read_number(item, "version")?,
        likes: if item.contains_key(LIKES) { read_number(item, LIKES)? } else { 0 },
    })
}

impl FoodRepository for DynamoDbFoods {
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError> {
        let new = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(food_key(food.id)))
            .item(table::ID, text(food.id.to_string()))
            .item(table::FEED, text(FEED))
            .item(table::USER_ID, text(food.creator.id.to_string()))
            .item("creator_first_name", text(food.creator.first_name.as_str()))
            .item("creator_last_name", text(food.creator.last_name.as_str()))
            .item("title", text(food.title.as_str()))
            .item("description", text(food.description.as_str()))
            .item("image_id", text(food.image.id.to_string()))
            .item("image_sizes", text(food.image.sizes.to_string()))
            .item("created_at", millis(food.created_at))
            .item("updated_at", millis(food.updated_at))
            .item("version", number(food.version))
            .condition_expression("attribute_not_exists(pk)");
        let new = match food.upload {
            Some(upload) => new.item("upload_id", text(upload.to_string())),
            None => new,
        };
        let mut items = vec![transaction::put(new), self.claim_title(food.id, &food.title)];
        items.extend(self.claim_upload(food));
        items.extend(self.require_creator(food));
        let last = items.len() - 1;
        match transaction::write(&self.client, items, Some(FOOD_ID)).await? {
            Outcome::Written => Ok(()),
            outcome if self.users.is_some() && outcome.is_unmet(last) => {
                Err(InsertFoodError::CreatorGone)
            }
            outcome if outcome.is_unmet(0) || outcome.is_unmet(1) => {
                Err(InsertFoodError::TitleTaken)
            }
            Outcome::Rejected(_) => Err(InsertFoodError::UploadTaken),
        }
    }

    async fn find(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        self.get(id, false).await
    }

    async fn find_consistent(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        self.get(id, true).await
    }

    async fn list(&self, request: PageRequest<FoodId>) -> Result<Page<Food>, StorageError> {
        let feed = Index {
            table: &self.table,
            name: table::FEED_INDEX,
            partition: (table::FEED, FEED),
            sort: table::ID,
            ascending: false,
            max_item_bytes: MAX_FOOD_BYTES,
        };
        list(&self.client, &feed, request, food).await
    }

    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageId>, StorageError> {
        let items = self.get_many(ids, Some("image_id"), true).await?;
        items.iter().map(|item| read(item, "image_id", ImageId::parse)).collect()
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        request: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError> {
        let owner = owner.to_string();
        let index = Index {
            table: &self.table,
            name: table::BY_OWNER_INDEX,
            partition: (table::USER_ID, &owner),
            sort: table::ID,
            ascending: false,
            max_item_bytes: MAX_OWNED_BYTES,
        };
        let id = |item: &Item| read(item, table::ID, FoodId::parse);
        list(&self.client, &index, request, id).await
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        let mut claims = Vec::new();
        if current.title.folded() != changed.title.folded() {
            let claim = self.claim_title(changed.id, &changed.title);
            claims.push((claim, ReplaceFoodError::TitleTaken));
            let release = self.release_title(current.id, &current.title);
            claims.push((release, corrupt("food_id of the title claim").into()));
        }
        if current.upload != changed.upload
            && let Some(claim) = self.claim_upload(changed)
        {
            claims.push((claim, ReplaceFoodError::UploadTaken));
        }
        if claims.is_empty() {
            self.update_item(current, changed).await
        } else {
            self.update_with_claims(current, changed, claims).await
        }
    }

    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(table::PK, text(food_key(food.id)))
            .condition_expression(UNCHANGED)
            .expression_attribute_values(":current", number(food.version))
            .expression_attribute_values(":owner", text(food.creator.id.to_string()));
        let items = vec![transaction::delete(delete), self.release_title(food.id, &food.title)];
        match transaction::write(&self.client, items, Some(FOOD_ID)).await? {
            Outcome::Written => Ok(()),
            outcome if outcome.is_unmet(0) => Err(RemoveFoodError::VersionConflict),
            Outcome::Rejected(_) => Err(corrupt("food_id of the title claim").into()),
        }
    }
}

impl FoodCatalog for DynamoDbFoods {
    async fn find_many(&self, ids: &[FoodId]) -> Result<Vec<Food>, StorageError> {
        self.get_many(ids, None, false).await?.iter().map(food).collect()
    }

    async fn find_existing(&self, ids: &[FoodId]) -> Result<Vec<FoodId>, StorageError> {
        let items = self.get_many(ids, Some(table::ID), true).await?;
        items.iter().map(|item| read(item, table::ID, FoodId::parse)).collect()
    }

    async fn set_likes(&self, id: FoodId, likes: u64) -> Result<bool, StorageError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(food_key(id)))
            .update_expression("SET likes = :likes")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":likes", number(likes));
        Ok(try_update(update).await?.is_some())
    }

    async fn scan_ids(&self, mut visit: impl FnMut(FoodId) + Send) -> Result<(), StorageError> {
        let scan = self.client.scan().table_name(&self.table).index_name(table::BY_OWNER_INDEX);
        let mut start = None;
        loop {
            let page = scan.clone().set_exclusive_start_key(start).send().await;
            let page = page.map_err(map_sdk_error)?;
            for item in page.items() {
                visit(read(item, table::ID, FoodId::parse)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}
