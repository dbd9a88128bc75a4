//! What `template.yaml` makes in the cloud, made here: tables and buckets. Doing it again changes
//! nothing.

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

/// Creates the tables that do not exist yet.
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
        .set_attribute_definitions(Some(texts(&[users::PK, users::DIRECTORY, users::ID])))
        .set_key_schema(Some(key(&[users::PK])))
        .global_secondary_indexes(index(
            users::DIRECTORY_INDEX,
            &[users::DIRECTORY, users::ID],
            directory,
        ));
    create_table(table, &names.users).await?;

    let table = client
        .create_table()
        .set_attribute_definitions(Some(texts(&[
            foods::PK,
            foods::FEED,
            foods::USER_ID,
            foods::ID,
        ])))
        .set_key_schema(Some(key(&[foods::PK])))
        .global_secondary_indexes(index(foods::FEED_INDEX, &[foods::FEED, foods::ID], all))
        .global_secondary_indexes(index(
            foods::BY_OWNER_INDEX,
            &[foods::USER_ID, foods::ID],
            keys,
        ));
    create_table(table, &names.foods).await?;
    expire(client, &names.foods, foods::EXPIRES_AT).await?;

    let table = client
        .create_table()
        .set_attribute_definitions(Some(texts(&[sessions::PK, sessions::SK])))
        .set_key_schema(Some(key(&[sessions::PK, sessions::SK])));
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
    let table = table
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    match table.send().await {
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
    let ttl = client.describe_time_to_live().table_name(table).send();
    let ttl = ttl.await.map_err(because(&what))?.time_to_live_description;
    // Enabling it again is an error.
    if ttl.is_some_and(|ttl| ttl.attribute_name.is_some()) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()
        .expect("a specification with an attribute");
    let update = client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl);
    update.send().await.map(|_| ()).map_err(because(&what))
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

/// A partition key and perhaps a sort key.
fn key(names: &[&str]) -> Vec<KeySchemaElement> {
    let kinds = [KeyType::Hash, KeyType::Range];
    let element = |(name, kind): (&&str, KeyType)| {
        KeySchemaElement::builder()
            .attribute_name(*name)
            .key_type(kind)
            .build()
            .expect("a key with a name and a kind")
    };
    names.iter().zip(kinds).map(element).collect()
}

fn index(
    name: &str,
    key_names: &[&str],
    projection: builders::ProjectionBuilder,
) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(key(key_names)))
        .projection(projection.build())
        .build()
        .expect("an index with a name, keys and a projection")
}
