//! `DynamoDB` and S3 with temporary files, for tests. Most tests of a process share them, with their own tables and buckets.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use infrastructure::aws::{Aws, AwsSettings};
use uuid::Uuid;

use crate::{AccessKey, DynamoDb, S3, TableNames, create_bucket, create_tables, settings};

/// `DynamoDB` and S3 with temporary files.
#[derive(Debug)]
pub struct Engines {
    dynamodb: DynamoDb,
    s3: S3,
}

impl Engines {
    /// Returns the engines of this process, which start on first use and stop when the last reference is
    /// dropped. A `static` would never be dropped, and would not remove its temporary files.
    pub fn shared() -> Arc<Self> {
        static CURRENT: Mutex<Weak<Engines>> = Mutex::new(Weak::new());
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engines) = current.upgrade() {
            return engines;
        }
        let engines = Arc::new(Self::temporary());
        *current = Arc::downgrade(&engines);
        engines
    }

    /// Starts engines without data.
    pub fn temporary() -> Self {
        let key = Self::key();
        Self {
            dynamodb: DynamoDb::temporary(&key).expect("the DynamoDB engine starts"),
            s3: S3::temporary(&key).expect("the S3 engine starts"),
        }
    }

    /// Starts engines with a copy of the data of these. No request should write meanwhile.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            dynamodb: self.dynamodb.copy().expect("the DynamoDB engine starts"),
            s3: self.s3.copy().expect("the S3 engine starts"),
        }
    }

    /// Returns the access key of the shared engines.
    pub fn key() -> AccessKey {
        AccessKey::new("test", "test-secret")
    }

    /// Returns the shared `DynamoDB` engine.
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// Returns the shared S3 engine.
    pub fn s3(&self) -> &S3 {
        &self.s3
    }

    /// Returns the settings of AWS clients that connect to both engines.
    pub fn settings(&self) -> AwsSettings {
        settings(&self.dynamodb, &self.s3)
    }

    /// Returns AWS clients of both engines. Their connections end with the caller's tokio runtime.
    pub fn aws(&self) -> Aws {
        Aws::new(self.settings()).expect("the built-in certificates are PEM")
    }

    /// Creates empty tables with unique names, and returns these names.
    pub async fn tables(&self) -> TableNames {
        let names = TableNames::with_prefix(&format!("{}-", Uuid::new_v4()));
        create_tables(&self.aws().dynamodb(), &names).await.expect("the engine creates tables");
        names
    }

    /// Creates an empty bucket with a unique name, and returns this name.
    pub async fn bucket(&self) -> String {
        let name = format!("images-{}", Uuid::new_v4());
        create_bucket(&self.aws().s3(), &name).await.expect("the engine creates buckets");
        name
    }

    /// Creates two empty buckets and returns their names: one for images, one for uploads.
    pub async fn buckets(&self) -> [String; 2] {
        [self.bucket().await, self.bucket().await]
    }
}
