//! What `template.yaml` makes in the cloud, made here: tables and buckets. Doing it again changes
//! nothing.

use std::error::Error;

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use infrastructure::dynamodb::table::{foods, sessions, users};
use thiserror::Error;

/// What the tables are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// `USERS_TABLE`
    pub users: String,
    /// `FOODS_TABLE`
    pub foods: String,
    /// `SESSIONS_TABLE`
    pub sessions: String,
}

impl TableNames {
    /// `<prefix>users` and so on.
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            users: format!("{prefix}users"),
            foods: format!("{prefix}foods"),
            sessions: format!("{prefix}sessions"),
        }
    }
}

/// Something was not made.
#[derive(Debug, Error)]
#[error("cannot make {what}")]
pub struct SetupError {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}

fn because<E: Error + Send + Sync + 'static>(what: &str) -> impl FnOnce(E) -> SetupError {
    let what = what.to_owned();
    |error| SetupError {
        what,
        source: error.into(),
    }
}

/// Makes the tables that are not there yet.
pub async fn create_tables(
    client: &aws_sdk_dynamodb::Client,
    names: &TableNames,
) -> Result<(), SetupError> {
    let directory = index(
        users::DIRECTORY_INDEX,
        [users::DIRECTORY, users::ID],
        Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(users::DIRECTORY_PROJECTION.map(str::to_owned).into())),
    );
    let table = client
        .create_table()
        .table_name(&names.users)
        .set_attribute_definitions(Some(texts(&[users::PK, users::DIRECTORY, users::ID])))
        .key_schema(key(users::PK, KeyType::Hash))
        .global_secondary_indexes(directory);
    create_table(table, &names.users).await?;

    let feed = index(
        foods::FEED_INDEX,
        [foods::FEED, foods::ID],
        Projection::builder().projection_type(ProjectionType::All),
    );
    let by_owner = index(
        foods::BY_OWNER_INDEX,
        [foods::USER_ID, foods::ID],
        Projection::builder().projection_type(ProjectionType::KeysOnly),
    );
    let table = client
        .create_table()
        .table_name(&names.foods)
        .set_attribute_definitions(Some(texts(&[
            foods::PK,
            foods::FEED,
            foods::USER_ID,
            foods::ID,
        ])))
        .key_schema(key(foods::PK, KeyType::Hash))
        .global_secondary_indexes(feed)
        .global_secondary_indexes(by_owner);
    create_table(table, &names.foods).await?;
    expire(client, &names.foods, foods::EXPIRES_AT).await?;

    let table = client
        .create_table()
        .table_name(&names.sessions)
        .set_attribute_definitions(Some(texts(&[sessions::PK, sessions::SK])))
        .key_schema(key(sessions::PK, KeyType::Hash))
        .key_schema(key(sessions::SK, KeyType::Range));
    create_table(table, &names.sessions).await?;
    expire(client, &names.sessions, sessions::EXPIRES_AT).await
}

/// Makes the bucket if it is not there yet.
pub async fn create_bucket(client: &aws_sdk_s3::Client, name: &str) -> Result<(), SetupError> {
    match client.create_bucket().bucket(name).send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(
                CreateBucketError::BucketAlreadyExists(_)
                | CreateBucketError::BucketAlreadyOwnedByYou(_),
            ) => Ok(()),
            _ => Err(because(&format!("bucket {name}"))(error)),
        },
    }
}

async fn create_table(table: CreateTableFluentBuilder, name: &str) -> Result<(), SetupError> {
    match table.billing_mode(BillingMode::PayPerRequest).send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(CreateTableError::ResourceInUseException(_)) => Ok(()),
            _ => Err(because(&format!("table {name}"))(error)),
        },
    }
}

async fn expire(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    attribute: &str,
) -> Result<(), SetupError> {
    let what = format!("the TTL of table {table}");
    let described = client
        .describe_time_to_live()
        .table_name(table)
        .send()
        .await;
    let described = described.map_err(because(&what))?;
    let status = described
        .time_to_live_description
        .and_then(|ttl| ttl.time_to_live_status);
    // Enabling what is enabled is an error.
    if matches!(
        status,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    ) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()
        .expect("a specification with an attribute");
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map(|_| ())
        .map_err(because(&what))
}

fn texts(names: &[&str]) -> Vec<AttributeDefinition> {
    let text = |name: &&str| {
        AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("an attribute with a name and a type")
    };
    names.iter().map(text).collect()
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .expect("a key with a name and a kind")
}

fn index(
    name: &str,
    [partition, sort]: [&str; 2],
    projection: aws_sdk_dynamodb::types::builders::ProjectionBuilder,
) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(partition, KeyType::Hash))
        .key_schema(key(sort, KeyType::Range))
        .projection(projection.build())
        .build()
        .expect("an index with a name, keys and a projection")
}
