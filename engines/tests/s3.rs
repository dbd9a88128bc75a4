//! What the S3 engine keeps, and for whom.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs;
use std::path::Path;
use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use engines::s3::S3Error;
use engines::{DynamoDb, S3, create_bucket, settings};
use infrastructure::aws::{Aws, AwsSettings};

fn settings_of(s3: &S3) -> AwsSettings {
    settings(&DynamoDb::memory().unwrap(), s3)
}

fn client(s3: &S3) -> Client {
    Aws::new(settings_of(s3)).unwrap().s3()
}

async fn put(client: &Client, key: &str) {
    let put = client
        .put_object()
        .bucket("images")
        .key(key)
        .content_type("image/webp")
        .cache_control("public, max-age=31536000, immutable")
        .body(ByteStream::from(key.repeat(10_000).into_bytes()));
    put.send().await.unwrap();
}

async fn assert_whole(client: &Client, key: &str) {
    let object = client.get_object().bucket("images").key(key);
    let object = object.send().await.unwrap();
    assert_eq!(object.content_type(), Some("image/webp"));
    assert_eq!(
        object.cache_control(),
        Some("public, max-age=31536000, immutable")
    );
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(bytes, key.repeat(10_000).into_bytes());
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_stop() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let s3 = S3::open(&root.path().join("new"), "key", "secret").unwrap();
        let client = client(&s3);
        create_bucket(&client, "images").await.unwrap();
        create_bucket(&client, "images").await.unwrap();
        if round == 0 {
            put(&client, "foods/1/picture.webp").await;
        }
        assert_whole(&client, "foods/1/picture.webp").await;
        s3.stop();
    }
}

#[tokio::test]
async fn what_was_answered_is_in_the_files_that_a_killed_process_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let s3 = S3::open(&root, "key", "secret").unwrap();
    let client = self::client(&s3);
    create_bucket(&client, "images").await.unwrap();
    for number in 0..10 {
        let key = format!("foods/{number}/picture.webp");
        put(&client, &key).await;
        // A killed process writes nothing more: its files are as they are at this moment.
        let left = folder.path().join(format!("left-{number}"));
        copy(&root, &left);
        let after = S3::open(&left, "key", "secret").unwrap();
        assert_whole(&self::client(&after), &key).await;
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

#[tokio::test]
async fn only_its_keys_open_it() {
    let s3 = S3::temporary("key", "secret").unwrap();
    create_bucket(&client(&s3), "images").await.unwrap();
    put(&client(&s3), "picture").await;
    for (key, secret) in [("key", "guess"), ("guess", "secret")] {
        let mut settings = settings_of(&s3);
        settings.access_key_id = key.to_owned();
        settings.secret_access_key = secret.to_owned();
        let stranger = Aws::new(settings).unwrap().s3();
        let get = stranger.get_object().bucket("images").key("picture");
        assert!(get.send().await.is_err(), "{key}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = S3::open(&file, "key", "secret").unwrap_err();
    assert!(matches!(error, S3Error::Unusable { .. }), "{error:?}");
}

#[tokio::test]
async fn nothing_is_left_of_a_temporary_one() {
    let marker = format!("marker-{}", std::process::id());
    let s3 = S3::temporary("key", "secret").unwrap();
    create_bucket(&client(&s3), &marker).await.unwrap();
    let left = || {
        let folders = fs::read_dir(std::env::temp_dir()).unwrap();
        folders
            .map(|folder| folder.unwrap().path())
            .find(|folder| folder.join("root").join(&marker).exists())
    };
    let folder = left().unwrap();
    drop(s3);
    assert!(!folder.exists());
}
