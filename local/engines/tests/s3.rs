//! What the S3 engine keeps, and for whom.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs;
use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use engines::s3::S3Error;
use engines::{DynamoDb, S3, create_bucket, settings};
use infrastructure::aws::{Aws, AwsSettings};

const CACHED: &str = "public, max-age=31536000, immutable";

fn settings_of(s3: &S3) -> AwsSettings {
    settings(&DynamoDb::memory().unwrap(), s3)
}

async fn with_bucket(s3: &S3) -> Client {
    let client = Aws::new(settings_of(s3)).unwrap().s3();
    create_bucket(&client, "images").await.unwrap();
    client
}

async fn put(client: &Client, key: &str) {
    let put = client
        .put_object()
        .bucket("images")
        .key(key)
        .content_type("image/webp")
        .cache_control(CACHED)
        .body(ByteStream::from(key.repeat(10_000).into_bytes()));
    put.send().await.unwrap();
}

async fn assert_whole(client: &Client, key: &str) {
    let object = client.get_object().bucket("images").key(key);
    let object = object.send().await.unwrap();
    assert_eq!(object.content_type(), Some("image/webp"));
    assert_eq!(object.cache_control(), Some(CACHED));
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(bytes, key.repeat(10_000).into_bytes());
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let open = || S3::open(&root.path().join("new"), "key", "secret").unwrap();
    let s3 = open();
    put(&with_bucket(&s3).await, "foods/1/image.webp").await;
    drop(s3);
    let s3 = open();
    assert_whole(&with_bucket(&s3).await, "foods/1/image.webp").await;
}

#[tokio::test]
async fn acknowledged_objects_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let s3 = S3::open(&root, "key", "secret").unwrap();
    let client = with_bucket(&s3).await;
    for number in 0..5 {
        let key = format!("foods/{number}/image.webp");
        put(&client, &key).await;
        // A killed process writes nothing more: its files are as they are now.
        let left = folder.path().join(format!("left-{number}"));
        let copied = Command::new("cp").arg("-r").arg(&root).arg(&left).status();
        assert!(copied.unwrap().success());
        let after = S3::open(&left, "key", "secret").unwrap();
        assert_whole(&with_bucket(&after).await, &key).await;
    }
}

#[tokio::test]
async fn requests_with_other_keys_are_rejected() {
    let s3 = S3::temporary("key", "secret").unwrap();
    put(&with_bucket(&s3).await, "image").await;
    for (key, secret) in [("key", "guess"), ("guess", "secret")] {
        let mut settings = settings_of(&s3);
        settings.access_key_id = key.to_owned();
        settings.secret_access_key = secret.to_owned();
        let stranger = Aws::new(settings).unwrap().s3();
        let get = stranger.get_object().bucket("images").key("image");
        assert!(get.send().await.is_err(), "{key}");
    }
}

#[test]
fn unusable_folder_is_reported() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = S3::open(file.path(), "key", "secret").unwrap_err();
    assert!(matches!(error, S3Error::Unusable { .. }), "{error:?}");
    assert!(fs::metadata(file.path()).unwrap().is_file());
}
