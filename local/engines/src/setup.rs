//! Creates the tables and buckets that `template.yaml` creates in the cloud. Idempotent.

use std::error::Error;

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    LocalSecondaryIndex, Projection, ProjectionType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TimeToLiveSpecification, builders,
};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use infrastructure::dynamodb::table::{foods, likes, sessions, users};
use thiserror::Error;

/// The names of the four `DynamoDB` tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// The value of the setting `USERS_TABLE`.
    pub users: String,
    /// The value of the setting `FOODS_TABLE`.
    pub foods: String,
    /// The value of the setting `SESSIONS_TABLE`.
    pub sessions: String,
    /// The value of the setting `LIKES_TABLE`.
    pub likes: String,
}

impl TableNames {
    /// Returns the names `<prefix>users`, `<prefix>foods`, `<prefix>sessions` and `<prefix>likes`.
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            users: format!("{prefix}users"),
            foods: format!("{prefix}foods"),
            sessions: format!("{prefix}sessions"),
            likes: format!("{prefix}likes"),
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

/// Creates the missing tables with their indexes and streams, and enables the removal of expired items (TTL).
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
        .global_secondary_indexes(index(
            foods::BY_OWNER_INDEX,
            &[foods::USER_ID, foods::ID],
            keys.clone(),
        ));
    create_table(table, &names.foods).await?;
    enable_stream(client, &names.foods).await?;
    enable_ttl(client, &names.foods, foods::EXPIRES_AT).await?;

    let table = client
        .create_table()
        .set_attribute_definitions(Some(strings(&[sessions::PK, sessions::SK])))
        .set_key_schema(Some(key_schema(&[sessions::PK, sessions::SK])));
    create_table(table, &names.sessions).await?;
    enable_ttl(client, &names.sessions, sessions::EXPIRES_AT).await?;

    let newest = LocalSecondaryIndex::builder()
        .index_name(likes::NEWEST_INDEX)
        .set_key_schema(Some(key_schema(&[likes::PK, likes::LIKED_AT])))
        .projection(keys.clone().build())
        .build()
        .expect("an index with a name, keys and a projection");
    let table = client
        .create_table()
        .set_attribute_definitions(Some(strings(&[likes::PK, likes::SK, likes::BY_FOOD])))
        .attribute_definitions(attribute(likes::LIKED_AT, ScalarAttributeType::N))
        .set_key_schema(Some(key_schema(&[likes::PK, likes::SK])))
        .local_secondary_indexes(newest)
        .global_secondary_indexes(index(
            likes::LIKERS_INDEX,
            &[likes::BY_FOOD, likes::LIKED_AT],
            keys,
        ));
    create_table(table, &names.likes).await?;
    enable_stream(client, &names.likes).await
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

/// Enables the stream of the keys of changed items. A table of an earlier version may lack it.
async fn enable_stream(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<(), SetupError> {
    let resource = format!("the stream of table {table}");
    let described = client.describe_table().table_name(table).send().await;
    let described = described.map_err(context(&resource))?.table;
    // Enabling it twice is an error.
    if described.is_some_and(|table| table.stream_specification.is_some()) {
        return Ok(());
    }
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::KeysOnly)
        .build()
        .expect("a specification of a stream");
    let update = client.update_table().table_name(table).stream_specification(stream);
    update.send().await.map(|_| ()).map_err(context(&resource))
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
    names.iter().map(|name| attribute(name, ScalarAttributeType::S)).collect()
}

fn attribute(name: &str, value_type: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(value_type)
        .build()
        .expect("an attribute with a name and a type")
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
