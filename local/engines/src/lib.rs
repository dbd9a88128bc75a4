//! `DynamoDB`, S3 and Redis on one machine, for the local server and for tests.

/// An embedded `DynamoDB` (dynoxide).
pub mod dynamodb;
/// Python packages for tests, installed from `PyPI`.
pub mod pip;
/// An embedded S3 (s3s-fs).
pub mod s3;
mod server;
/// Creates the tables and buckets of `template.yaml`.
pub mod setup;
/// `DynamoDB` and S3, shared by the tests of a process.
pub mod shared;
/// Reads all stored data and checks its consistency.
pub mod snapshot;
/// A TLS proxy in front of an engine.
pub mod tls;
/// A Redis-compatible server for tests.
pub mod valkey;

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

/// The settings of an AWS client for these engines.
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
