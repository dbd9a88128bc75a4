//! The engines that play AWS and Redis on one machine: for `local`, and for tests.

/// `DynamoDB`, played by dynoxide.
pub mod dynamodb;
/// Packages of `PyPI` that tests need.
pub mod pip;
/// S3, played by s3s-fs.
pub mod s3;
mod server;
/// What `template.yaml` makes in the cloud: tables and buckets.
pub mod setup;
/// Everything a test needs, shared by the tests that run at the same time.
pub mod shared;
/// All that is stored, and whether it belongs together.
pub mod snapshot;
/// TLS before an engine.
pub mod tls;
/// A Redis-compatible server, for tests.
pub mod valkey;

pub use dynamodb::DynamoDb;
pub use dynoxide;
pub use s3::S3;
pub use setup::{TableNames, create_bucket, create_tables};
pub use shared::Engines;
pub use snapshot::Snapshot;
pub use valkey::Valkey;

use infrastructure::aws::AwsSettings;

/// The region the engines say they are in.
pub const REGION: &str = "us-east-1";

/// What an AWS client needs to know to talk to these engines.
pub fn settings(dynamodb: &DynamoDb, s3: &S3) -> AwsSettings {
    AwsSettings {
        region: REGION.to_owned(),
        access_key_id: s3.access_key().to_owned(),
        secret_access_key: s3.secret_key().to_owned(),
        session_token: None,
        dynamodb_endpoint: Some(dynamodb.url().to_owned()),
        s3_endpoint: Some(s3.url().to_owned()),
        ca_bundle: None,
    }
}
