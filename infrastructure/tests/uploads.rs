//! Tests presigned POST uploads: the embedded S3 server enforces their policy, and boto3 signs the same form.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::clock::{Clock as _, SystemClock};
use domain::id::{ImageId, UserId};
use domain::image::{
    ImageKind, NewUpload, PresignedPost, UploadKey, UploadSigner as _, UploadStore as _,
};
use engines::{Engines, REGION, pip};
use infrastructure::s3::S3Uploads;
use serde_json::{Value, json};
use test_support::Client;

const FILE: &[u8] = b"GIF89a and more bytes";
const LIFETIME: Duration = Duration::from_mins(15);

struct Bucket {
    engines: std::sync::Arc<Engines>,
    name: String,
    uploads: S3Uploads,
    key: UploadKey,
}

impl Bucket {
    async fn new() -> Self {
        let engines = Engines::shared();
        let (aws, name) = (engines.aws(), engines.bucket().await);
        let now = SystemClock.now();
        Self {
            uploads: S3Uploads::new(&aws, name.clone()),
            key: UploadKey { owner: UserId::new(now), id: ImageId::new(now) },
            engines,
            name,
        }
    }

    fn sign(&self, bytes: usize) -> PresignedPost {
        let kind = ImageKind::Gif;
        let new = NewUpload { kind, bytes };
        self.uploads.presign_post(self.key, &new, SystemClock.now(), LIFETIME)
    }

    async fn found(&self, max_bytes: usize) -> Option<Bytes> {
        let found = self.uploads.find(self.key, max_bytes).await;
        found.expect("found or missing")
    }
}

/// Posts a presigned form with a file and returns the HTTP status.
async fn post(url: &str, fields: &[(String, String)], file: &[u8]) -> u16 {
    let fields = fields.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    let fields = Value::Object(fields.collect());
    let upload = json!({"url": url, "fields": fields});
    Client::new("").post_file(&upload, file).await
}

#[tokio::test]
async fn presigned_upload_is_stored_found_and_deleted() {
    let bucket = Bucket::new().await;
    assert_eq!(bucket.found(1_000).await, None);
    let signed = bucket.sign(FILE.len());
    let status = post(&signed.url, &signed.fields, FILE).await;
    assert_eq!(status, 204);
    assert_eq!(bucket.found(1_000).await.as_deref(), Some(FILE));
    // One byte more than the limit lets the caller detect a file that is too large.
    assert_eq!(bucket.found(10).await.unwrap(), FILE[..11]);
    for _ in 0..2 {
        bucket.uploads.delete(bucket.key).await.unwrap();
        assert_eq!(bucket.found(1_000).await, None);
    }
}

#[tokio::test]
async fn presigned_post_form_matches_that_of_boto3() {
    let bucket = Bucket::new().await;
    let settings = bucket.engines.settings();
    let signed = bucket.sign(FILE.len());
    let input = json!({
        "endpoint": settings.s3_endpoint,
        "region": REGION,
        "access_key_id": settings.access_key_id,
        "secret_access_key": settings.secret_access_key,
        "bucket": bucket.name,
        "url": signed.url,
        "fields": signed.fields,
        "bytes": FILE.len(),
        "lifetime": LIFETIME.as_secs(),
        "image": STANDARD.encode(FILE),
    });
    let output = tokio::task::spawn_blocking(move || {
        let mut python = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/presigned_post.py"))
            .env("PYTHONPATH", pip::boto3().expect("boto3"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut stdin = python.stdin.take().expect("a pipe");
        stdin.write_all(input.to_string().as_bytes()).unwrap();
        drop(stdin);
        python.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = json!({
        "names": true, "url": true, "fields": true, "policy": true, "posted": [204, 204],
    });
    assert_eq!(report, expected);
}

#[tokio::test]
async fn upload_that_differs_from_signed_form_is_rejected() {
    let bucket = Bucket::new().await;
    let size = FILE.len();
    let signed = bucket.sign(size);
    let changed = |name: &str, value: &str| {
        let mut fields = signed.fields.clone();
        for field in &mut fields {
            if field.0 == name {
                value.clone_into(&mut field.1);
            }
        }
        fields
    };
    let policy_of = |signed: &PresignedPost| {
        let policy = signed.fields.iter().find(|(name, _)| name == "policy");
        policy.unwrap().1.clone()
    };
    let other = UploadKey { owner: UserId::from_bytes([7; 16]), ..bucket.key };
    let unsigned = signed.fields.iter();
    let unsigned = unsigned.filter(|(name, _)| name != "x-amz-signature");
    let long_ago = domain::clock::Timestamp::from_unix_seconds(1_790_000_000).unwrap();
    let new = NewUpload { kind: ImageKind::Gif, bytes: size };
    let uploads = &bucket.uploads;
    let expired = uploads.presign_post(bucket.key, &new, long_ago, LIFETIME);
    let other_policy = policy_of(&bucket.sign(8_000_000));
    let zeros = "0".repeat(64);
    let with_file = |case, fields| (case, fields, FILE.to_vec());
    let rejected = [
        with_file("other key", changed("key", &other.to_string())),
        with_file("rendition key", changed("key", "foods/x.gif")),
        with_file("other type", changed("Content-Type", "text/html")),
        with_file("other signature", changed("x-amz-signature", &zeros)),
        with_file("other policy", changed("policy", &other_policy)),
        with_file("no signature", unsigned.cloned().collect()),
        with_file("expired", expired.fields),
        ("too short", signed.fields.clone(), FILE[1..].to_vec()),
        ("too long", signed.fields.clone(), [FILE, b"!"].concat()),
        ("empty", signed.fields.clone(), Vec::new()),
    ];
    for (case, fields, file) in rejected {
        let status = post(&signed.url, &fields, &file).await;
        assert!((400..500).contains(&status), "{case}: {status}");
        assert_eq!(bucket.found(1_000).await, None, "{case}");
    }
    assert_eq!(post(&signed.url, &signed.fields, FILE).await, 204);
}
