//! Starts the local server in the test process.

use std::collections::BTreeSet;
use std::ops::Deref;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use domain::testing::sample;
use local::{Local, Options};

use crate::{Client, Member};

/// A running local server with its own tables and buckets, and an HTTP client of it.
pub struct Api {
    pub local: Local,
    client: Client,
}

/// Settings, as name and value, with rate limits so high that no test reaches them.
pub const NO_RATE_LIMITS: [(&str, &str); 4] = [
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("LOGIN_ATTEMPTS_PER_ADDRESS", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "1000000"),
];

impl Deref for Api {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a server and signs up `<name>@example.com`; see [`Client::member`].
    pub async fn with_member(name: &str) -> (Self, Member) {
        let api = Self::start().await;
        let member = api.member(name).await;
        (api, member)
    }

    /// Starts a server with `settings` as name and value. Rate limits are off unless `settings` contains them.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let settings = NO_RATE_LIMITS
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let options = Options { settings, ..Options::default() };
        let local = Local::start(options).await.expect("a running server");
        let client = Client::of(&local);
        Self { local, client }
    }

    /// Stores a GIF under this key in the bucket `images`.
    pub async fn put_object(&self, key: &str) {
        let put = self.local.aws().s3().put_object().bucket("images").key(key);
        let put = put.body(ByteStream::from_static(sample::GIF));
        put.send().await.expect("a stored object");
    }

    /// Returns the keys of the objects in a bucket.
    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let client = self.local.aws().s3();
        let list = client.list_objects_v2().bucket(bucket);
        let listed = list.send().await.expect("a listing");
        let keys = listed.contents().iter().filter_map(|object| object.key());
        keys.map(str::to_owned).collect()
    }

    /// Returns `foods/<food id>/<image id>` of each image that has renditions in the bucket `images`.
    pub async fn stored_images(&self) -> BTreeSet<String> {
        let keys = self.keys("images").await;
        let image = |key: &String| key.rsplit_once('/').map(|(image, _)| image.to_owned());
        keys.iter().filter_map(image).collect()
    }

    /// Returns the number of uploads that are not yet attached to a food.
    pub async fn pending_uploads(&self) -> usize {
        self.keys("uploads").await.len()
    }

    /// Returns whether the table has no item with the partition key `pk`.
    pub async fn is_absent(&self, table: &str, pk: &str) -> bool {
        let client = self.local.aws().dynamodb();
        let item = client
            .get_item()
            .table_name(table)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .send()
            .await;
        item.expect("a response").item.is_none()
    }
}
