//! `DynamoDB`, S3 and Redis on one machine, for the local server and for tests.

mod access_key;
pub mod dynamodb;
pub mod host;
pub mod pip;
pub mod s3;
mod server;
pub mod setup;
pub mod shared;
pub mod snapshot;
pub mod tls;
pub mod valkey;

pub use access_key::AccessKey;
pub use dynamodb::DynamoDb;
pub use dynoxide;
pub use s3::S3;
pub use setup::{TableNames, create_bucket, create_tables};
pub use shared::Engines;
pub use snapshot::Snapshot;
pub use valkey::Valkey;

use infrastructure::aws::AwsSettings;

/// The AWS region that clients of the engines use.
pub const REGION: &str = "us-east-1";

/// Returns the settings (endpoints, region, key) of AWS clients that connect to these engines, which have one key.
pub fn settings(dynamodb: &DynamoDb, s3: &S3) -> AwsSettings {
    AwsSettings {
        region: REGION.to_owned(),
        access_key_id: dynamodb.key().id.clone(),
        secret_access_key: dynamodb.key().secret.clone(),
        session_token: None,
        dynamodb_endpoint: Some(dynamodb.url().to_owned()),
        s3_endpoint: Some(s3.url().to_owned()),
        ca_bundle: None,
    }
}
