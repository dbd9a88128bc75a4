//! Creates the tables and buckets that `template.yaml` creates in the cloud. Idempotent.

use std::error::Error;

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification, builders,
};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use infrastructure::dynamodb::table::{foods, sessions, users};
use thiserror::Error;

/// The names of the three `DynamoDB` tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// The value of the setting `USERS_TABLE`.
    pub users: String,
    /// The value of the setting `FOODS_TABLE`.
    pub foods: String,
    /// The value of the setting `SESSIONS_TABLE`.
    pub sessions: String,
}

impl TableNames {
    /// Returns the names `<prefix>users`, `<prefix>foods` and `<prefix>sessions`.
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            users: format!("{prefix}users"),
            foods: format!("{prefix}foods"),
            sessions: format!("{prefix}sessions"),
        }
    }
}

/// The error of creating a table or bucket: its name and the cause.
#[derive(Debug, Error)]
#[error("cannot create {resource}")]
pub struct SetupError {
    resource: String,
    source: Box<dyn Error + Send + Sync>,
}

fn context<E: Error + Send + Sync + 'static>(resource: &str) -> impl FnOnce(E) -> SetupError {
    let resource = resource.to_owned();
    |error| SetupError { resource, source: error.into() }
}

/// Creates the missing tables with their indexes, and enables the removal of expired items (TTL).
pub async fn create_tables(
    client: &aws_sdk_dynamodb::Client,
    names: &TableNames,
) -> Result<(), SetupError> {
    let directory = Projection::builder()
        .projection_type(ProjectionType::Include)
        .set_non_key_attributes(Some(users::DIRECTORY_PROJECTION.map(str::to_owned).into()));
    let all = Projection::builder().projection_type(ProjectionType::All);
    let keys = Projection::builder().projection_type(ProjectionType::KeysOnly);

    let table = client
        .create_table()
        .set_attribute_definitions(Some(strings(&[users::PK, users::DIRECTORY, users::ID])))
        .set_key_schema(Some(key_schema(&[users::PK])))
        .global_secondary_indexes(index(
            users::DIRECTORY_INDEX,
            &[users::DIRECTORY, users::ID],
            directory,
        ));
    create_table(table, &names.users).await?;

    let table = client
        .create_table()
        .set_attribute_definitions(Some(strings(&[
            foods::PK,
            foods::FEED,
            foods::USER_ID,
            foods::ID,
        ])))
        .set_key_schema(Some(key_schema(&[foods::PK])))
        .global_secondary_indexes(index(foods::FEED_INDEX, &[foods::FEED, foods::ID], all))
        .global_secondary_indexes(index(foods::BY_OWNER_INDEX, &[foods::USER_ID, foods::ID], keys));
    create_table(table, &names.foods).await?;
    enable_ttl(client, &names.foods, foods::EXPIRES_AT).await?;

    let table = client
        .create_table()
        .set_attribute_definitions(Some(strings(&[sessions::PK, sessions::SK])))
        .set_key_schema(Some(key_schema(&[sessions::PK, sessions::SK])));
    create_table(table, &names.sessions).await?;
    enable_ttl(client, &names.sessions, sessions::EXPIRES_AT).await
}

/// Creates the bucket if it is missing.
pub async fn create_bucket(client: &aws_sdk_s3::Client, name: &str) -> Result<(), SetupError> {
    match client.create_bucket().bucket(name).send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(
                CreateBucketError::BucketAlreadyExists(_)
                | CreateBucketError::BucketAlreadyOwnedByYou(_),
            ) => Ok(()),
            _ => Err(context(&format!("bucket {name}"))(error)),
        },
    }
}

async fn create_table(table: CreateTableFluentBuilder, name: &str) -> Result<(), SetupError> {
    let table = table.table_name(name).billing_mode(BillingMode::PayPerRequest);
    match table.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(CreateTableError::ResourceInUseException(_)) => Ok(()),
            _ => Err(context(&format!("table {name}"))(error)),
        },
    }
}

async fn enable_ttl(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    attribute: &str,
) -> Result<(), SetupError> {
    let resource = format!("the TTL of table {table}");
    let ttl = client.describe_time_to_live().table_name(table).send();
    let ttl = ttl.await.map_err(context(&resource))?.time_to_live_description;
    // Enabling it twice is an error.
    if ttl.is_some_and(|ttl| ttl.attribute_name.is_some()) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()
        .expect("a specification with an attribute");
    let update = client.update_time_to_live().table_name(table).time_to_live_specification(ttl);
    update.send().await.map(|_| ()).map_err(context(&resource))
}

fn strings(names: &[&str]) -> Vec<AttributeDefinition> {
    let attribute = |name: &&str| {
        AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("an attribute with a name and a type")
    };
    names.iter().map(attribute).collect()
}

/// Returns a key schema: the first name is the partition key, an optional second one the sort key.
fn key_schema(names: &[&str]) -> Vec<KeySchemaElement> {
    let types = [KeyType::Hash, KeyType::Range];
    let element = |(name, key_type): (&&str, KeyType)| {
        KeySchemaElement::builder()
            .attribute_name(*name)
            .key_type(key_type)
            .build()
            .expect("a key with a name and a type")
    };
    names.iter().zip(types).map(element).collect()
}

fn index(
    name: &str,
    key_names: &[&str],
    projection: builders::ProjectionBuilder,
) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(key_schema(key_names)))
        .projection(projection.build())
        .build()
        .expect("an index with a name, keys and a projection")
}
