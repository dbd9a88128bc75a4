//! Foods. A food, the claim on its title, and that on the upload that its image was, are items of their
//! own, written as one:
//!
//! | `pk` | attributes |
//! |---|---|
//! | `FOOD#<id>` | `id` `user_id` `creator_first_name` `creator_last_name` `title` `description` `image_id` `image_sizes` `upload_id`? `created_at` `updated_at` (ms) `version` `feed` |
//! | `TITLE#<folded title>` | `food_id` |
//! | `UPLOAD#<id>` | `food_id` `expires_at` (s) |

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Delete, KeysAndAttributes, Put, TransactWriteItem, Update};
use domain::food::{
    Description, Food, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError, Title,
    UPLOAD_CLAIM_TTL,
};
use domain::id::{FoodId, ImageId, UserId};
use domain::image::{Image, Sizes};
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;
use domain::user::{PublicUser, UserName};

use super::error::map_sdk_error;
use super::item::{
    Item, corrupt, millis, number, read, read_millis, read_number, read_optional, text,
};
use super::page::{Index, list};
use super::table::foods as table;
use super::transaction::{self, Outcome};

/// How many items a batch has at most (a limit of `BatchGetItem`).
const AT_ONCE: usize = 100;
/// The attribute of a claim that names its owner.
const FOOD_ID: &str = "food_id";
/// The one partition of the feed.
const EVERYTHING: &str = "FOOD";
/// Nobody changed the food since it was read, and it is the same person's.
const UNCHANGED: &str = "version = :current AND user_id = :owner";

/// Foods on a table of `DynamoDB`.
#[derive(Debug, Clone)]
pub struct DynamoDbFoods {
    client: Client,
    table: String,
}

impl DynamoDbFoods {
    /// Foods on this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn get(&self, id: FoodId, consistent: bool) -> Result<Option<Food>, StorageError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(table::PK, text(food_key(id)))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(map_sdk_error)?;
        answer.item.as_ref().map(food).transpose()
    }

    fn claim(&self, id: FoodId, title: &Title) -> TransactWriteItem {
        let claim = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(title_key(title)))
            .item(FOOD_ID, text(id.to_string()))
            .condition_expression("attribute_not_exists(pk)");
        transaction::put(claim)
    }

    /// `None` where the image was no upload.
    fn claim_upload(&self, food: &Food) -> Option<TransactWriteItem> {
        let upload = food.upload?;
        let forgotten_at = food.updated_at.plus(UPLOAD_CLAIM_TTL);
        let claim = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(upload_key(upload)))
            .item(FOOD_ID, text(food.id.to_string()))
            .item(table::EXPIRES_AT, number(forgotten_at.unix_seconds()))
            .condition_expression("attribute_not_exists(pk) OR food_id = :food_id")
            .expression_attribute_values(":food_id", text(food.id.to_string()));
        Some(transaction::put(claim))
    }

    fn unclaim(&self, id: FoodId, title: &Title) -> TransactWriteItem {
        let claim = Delete::builder()
            .table_name(&self.table)
            .key(table::PK, text(title_key(title)))
            .condition_expression("food_id = :food_id")
            .expression_attribute_values(":food_id", text(id.to_string()));
        transaction::delete(claim)
    }

    /// Updates the food's item alone, and tells whether its condition was met.
    async fn update_item(
        &self,
        food: FoodId,
        change: &str,
        condition: &str,
        values: &Item,
    ) -> Result<bool, StorageError> {
        let update = || {
            self.client
                .update_item()
                .table_name(&self.table)
                .key(table::PK, text(food_key(food)))
                .update_expression(change)
                .condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone()))
                .send()
        };
        let mut pauses = transaction::pauses();
        loop {
            let Err(error) = update().await else {
                return Ok(true);
            };
            match (error.as_service_error(), pauses.next()) {
                (Some(UpdateItemError::ConditionalCheckFailedException(_)), _) => {
                    return Ok(false);
                }
                // A transaction is at work on the food: nothing is known of it yet.
                (Some(UpdateItemError::TransactionConflictException(_)), Some(pause)) => {
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(map_sdk_error(error)),
            }
        }
    }

    /// With the claims that the change needs, and without those that it gives up. An upload stays the
    /// food's.
    async fn update_and_claim(
        &self,
        current: &Food,
        changed: &Food,
        claims: Vec<(TransactWriteItem, ReplaceFoodError)>,
    ) -> Result<(), ReplaceFoodError> {
        let update = Update::builder()
            .table_name(&self.table)
            .key(table::PK, text(food_key(current.id)))
            .update_expression(change(current, changed))
            .condition_expression(UNCHANGED)
            .set_expression_attribute_values(Some(change_values(current, changed)));
        let (mut items, mut refusals) = (
            vec![transaction::update(update)],
            vec![ReplaceFoodError::VersionConflict],
        );
        for (claim, refusal) in claims {
            items.push(claim);
            refusals.push(refusal);
        }
        let outcome = transaction::write(&self.client, items, FOOD_ID).await?;
        let refusal = |nth: &usize| outcome.refuses(*nth);
        match (&outcome, (0..refusals.len()).find(refusal)) {
            (Outcome::Written, _) => Ok(()),
            (Outcome::Refused(_), Some(nth)) => Err(refusals.swap_remove(nth)),
            (Outcome::Refused(_), None) => Err(corrupt("a claim").into()),
        }
    }
}

fn busy() -> StorageError {
    StorageError::Unavailable("some keys are never processed".into())
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

fn change(current: &Food, changed: &Food) -> String {
    let mut change = "SET title = :title, description = :description, image_id = :image_id, \
                      image_sizes = :image_sizes, updated_at = :updated_at, version = :version"
        .to_owned();
    match changed.upload {
        Some(_) => change.push_str(", upload_id = :upload_id"),
        None if current.upload.is_some() => change.push_str(" REMOVE upload_id"),
        None => {}
    }
    change
}

fn change_values(current: &Food, changed: &Food) -> Item {
    let upload = changed
        .upload
        .map(|id| (":upload_id", text(id.to_string())));
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
            first_name: read(item, "creator_first_name", UserName::parse)?,
            last_name: read(item, "creator_last_name", UserName::parse)?,
        },
        title: read(item, "title", Title::parse)?,
        description: read(item, "description", Description::stored)?,
        image: Image {
            id: read(item, "image_id", ImageId::parse)?,
            sizes: read(item, "image_sizes", Sizes::parse)?,
        },
        upload: read_optional(item, "upload_id", ImageId::parse)?,
        created_at: read_millis(item, "created_at")?,
        updated_at: read_millis(item, "updated_at")?,
        version: read_number(item, "version")?,
    })
}

impl FoodRepository for DynamoDbFoods {
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError> {
        let new = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(food_key(food.id)))
            .item(table::ID, text(food.id.to_string()))
            .item(table::FEED, text(EVERYTHING))
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
        let mut items = vec![transaction::put(new), self.claim(food.id, &food.title)];
        items.extend(self.claim_upload(food));
        match transaction::write(&self.client, items, FOOD_ID).await? {
            Outcome::Written => Ok(()),
            refused if refused.refuses(0) || refused.refuses(1) => Err(InsertFoodError::TitleTaken),
            Outcome::Refused(_) => Err(InsertFoodError::UploadTaken),
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
            partition: (table::FEED, EVERYTHING),
            sort: table::ID,
            ascending: false,
        };
        list(&self.client, &feed, request, food).await
    }

    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageId>, StorageError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let keys = some.iter().map(|id| {
                let pk = text(food_key(*id));
                Item::from([(table::PK.to_owned(), pk)])
            });
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys.collect()))
                .projection_expression("image_id")
                .consistent_read(true);
            let wanted = wanted.build().expect("keys");
            let mut wanted = Some(HashMap::from([(self.table.clone(), wanted)]));
            let mut pauses = transaction::pauses();
            while let Some(batch) = wanted.take().filter(|batch| !batch.is_empty()) {
                let request = self.client.batch_get_item();
                let answer = request.set_request_items(Some(batch)).send().await;
                let answer = answer.map_err(map_sdk_error)?;
                for item in answer.responses.unwrap_or_default().into_values().flatten() {
                    found.push(read(&item, "image_id", ImageId::parse)?);
                }
                wanted = answer.unprocessed_keys;
                if wanted.as_ref().is_some_and(|rest| !rest.is_empty()) {
                    // Throttled, or more than 16 MB: the rest another time.
                    let pause = pauses.next().ok_or_else(busy)?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Ok(found)
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        request: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError> {
        let owner = owner.to_string();
        let theirs = Index {
            table: &self.table,
            name: table::BY_OWNER_INDEX,
            partition: (table::USER_ID, &owner),
            sort: table::ID,
            ascending: true,
        };
        let id = |item: &Item| read(item, table::ID, FoodId::parse);
        list(&self.client, &theirs, request, id).await
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        let mut claims = Vec::new();
        if current.title.folded() != changed.title.folded() {
            let claim = self.claim(changed.id, &changed.title);
            claims.push((claim, ReplaceFoodError::TitleTaken));
            let unclaim = self.unclaim(current.id, &current.title);
            claims.push((unclaim, corrupt("the claim on the title").into()));
        }
        if current.upload != changed.upload
            && let Some(claim) = self.claim_upload(changed)
        {
            claims.push((claim, ReplaceFoodError::UploadTaken));
        }
        if !claims.is_empty() {
            return self.update_and_claim(current, changed, claims).await;
        }
        let (change, values) = (change(current, changed), change_values(current, changed));
        let id = current.id;
        let is_done = self.update_item(id, &change, UNCHANGED, &values).await?;
        is_done
            .then_some(())
            .ok_or(ReplaceFoodError::VersionConflict)
    }

    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(table::PK, text(food_key(food.id)))
            .condition_expression(UNCHANGED)
            .expression_attribute_values(":current", number(food.version))
            .expression_attribute_values(":owner", text(food.creator.id.to_string()));
        let items = vec![
            transaction::delete(delete),
            self.unclaim(food.id, &food.title),
        ];
        match transaction::write(&self.client, items, FOOD_ID).await? {
            Outcome::Written => Ok(()),
            refused if refused.refuses(0) => Err(RemoveFoodError::VersionConflict),
            Outcome::Refused(_) => Err(corrupt("the claim on the title").into()),
        }
    }
}
