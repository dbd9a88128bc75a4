//! The embedded S3: durability of objects, credentials, and errors for unusable folders.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use engines::s3::S3Error;
use engines::{AccessKey, DynamoDb, S3, create_bucket, settings};
use infrastructure::aws::{Aws, AwsSettings};

const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

fn access_key() -> AccessKey {
    AccessKey::new("key", "secret")
}

fn settings_of(s3: &S3) -> AwsSettings {
    settings(&DynamoDb::temporary(&access_key()).unwrap(), s3)
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
        .cache_control(CACHE_CONTROL)
        .body(ByteStream::from(key.repeat(10_000).into_bytes()));
    put.send().await.unwrap();
}

async fn assert_intact(client: &Client, key: &str) {
    let object = client.get_object().bucket("images").key(key);
    let object = object.send().await.unwrap();
    assert_eq!(object.content_type(), Some("image/webp"));
    assert_eq!(object.cache_control(), Some(CACHE_CONTROL));
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(bytes, key.repeat(10_000).into_bytes());
}

#[tokio::test]
async fn s3_objects_survive_restart() {
    let root = tempfile::tempdir().unwrap();
    let open = || S3::open(&root.path().join("new"), &access_key()).unwrap();
    let s3 = open();
    put(&with_bucket(&s3).await, "foods/1/image.webp").await;
    drop(s3);
    let s3 = open();
    assert_intact(&with_bucket(&s3).await, "foods/1/image.webp").await;
}

#[tokio::test]
async fn acknowledged_s3_objects_survive_process_kill() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let s3 = S3::open(&root, &access_key()).unwrap();
    let client = with_bucket(&s3).await;
    for number in 0..5 {
        let key = format!("foods/{number}/image.webp");
        put(&client, &key).await;
        // A copy of the files is the state after a kill.
        let copy = folder.path().join(format!("copy-{number}"));
        let status = Command::new("cp").arg("-r").arg(&root).arg(&copy).status();
        assert!(status.unwrap().success());
        let reopened = S3::open(&copy, &access_key()).unwrap();
        assert_intact(&with_bucket(&reopened).await, &key).await;
    }
}

#[tokio::test]
async fn s3_request_with_wrong_credentials_is_rejected() {
    let s3 = S3::temporary(&access_key()).unwrap();
    put(&with_bucket(&s3).await, "image").await;
    for (key, secret) in [("key", "guess"), ("guess", "secret")] {
        let mut settings = settings_of(&s3);
        settings.access_key_id = key.to_owned();
        settings.secret_access_key = secret.to_owned();
        let client = Aws::new(settings).unwrap().s3();
        let get = client.get_object().bucket("images").key("image");
        assert!(get.send().await.is_err(), "{key}");
    }
}

#[test]
fn s3_rejects_foreign_hosts() {
    let s3 = S3::temporary(&access_key()).unwrap();
    let address = s3.url().strip_prefix("http://").unwrap();
    for (host, status) in [("evil.example", "403"), ("localhost", "200")] {
        let mut stream = TcpStream::connect(address).unwrap();
        // A preflight is not signed.
        let request = format!(
            "OPTIONS /uploads HTTP/1.1\r\nHost: {host}\r\nOrigin: https://app.example\r\n\
             Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {response}");
    }
}

#[test]
fn unusable_s3_folder_is_reported() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = S3::open(file.path(), &access_key()).unwrap_err();
    assert!(matches!(error, S3Error::Unusable { .. }), "{error:?}");
    assert!(fs::metadata(file.path()).unwrap().is_file());
}
