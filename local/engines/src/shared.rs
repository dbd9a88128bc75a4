//! Everything a test needs, shared by the tests that run at the same time.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use infrastructure::aws::{Aws, AwsSettings};
use uuid::Uuid;

use crate::{DynamoDb, S3, TableNames, create_bucket, create_tables, settings};

/// `DynamoDB` and S3, both keeping nothing.
#[derive(Debug)]
pub struct Engines {
    dynamodb: DynamoDb,
    s3: S3,
}

impl Engines {
    /// Those of this process; they stop when nobody holds them any more. A `static` would never be
    /// dropped, and would leave its files behind.
    pub fn shared() -> Arc<Self> {
        static CURRENT: Mutex<Weak<Engines>> = Mutex::new(Weak::new());
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engines) = current.upgrade() {
            return engines;
        }
        let engines = Arc::new(Self {
            dynamodb: DynamoDb::memory().expect("the DynamoDB engine starts"),
            s3: S3::temporary("test", "test-secret").expect("the S3 engine starts"),
        });
        *current = Arc::downgrade(&engines);
        engines
    }

    /// The `DynamoDB` engine.
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// The S3 engine.
    pub fn s3(&self) -> &S3 {
        &self.s3
    }

    /// What an AWS client needs to know to talk to them.
    pub fn settings(&self) -> AwsSettings {
        settings(&self.dynamodb, &self.s3)
    }

    /// Clients of the two. Their connections belong to the runtime of the caller.
    pub fn aws(&self) -> Aws {
        Aws::new(self.settings()).expect("the built-in certificates are PEM")
    }

    /// Empty tables with names of their own.
    pub async fn tables(&self) -> TableNames {
        let names = TableNames::with_prefix(&format!("{}-", Uuid::new_v4()));
        create_tables(&self.aws().dynamodb(), &names)
            .await
            .expect("the engine makes tables");
        names
    }

    /// An empty bucket with a name of its own.
    pub async fn bucket(&self) -> String {
        let name = format!("images-{}", Uuid::new_v4());
        create_bucket(&self.aws().s3(), &name)
            .await
            .expect("the engine makes buckets");
        name
    }

    /// Two empty buckets: one for images, one for uploads.
    pub async fn buckets(&self) -> [String; 2] {
        [self.bucket().await, self.bucket().await]
    }
}
