//! Uploads in an S3 bucket, and presigned POST forms for clients: S3 accepts a form with a signed policy (AWS,
//! "Browser-Based Uploads Using POST", Signature Version 4). The SDK has no presigner for forms.

use std::time::Duration;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::clock::Timestamp;
use domain::image::{
    ImageKind, NewUpload, PresignedPost, StoredObject, UploadKey, UploadSigner, UploadStore,
};
use domain::storage::StorageError;
use serde_json::{Value, json};

use super::bucket::Bucket;
use crate::aws::{Aws, map_sdk_error};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The credentials and the bucket with which a presigned POST is signed.
struct PostSigner<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: Option<&'a str>,
    region: &'a str,
    bucket: &'a str,
}

/// A store of uploads in an S3 bucket.
#[derive(Debug, Clone)]
pub struct S3Uploads(Bucket);

impl S3Uploads {
    /// Creates a store on this bucket. Sends no request.
    pub fn new(aws: &Aws, bucket: String) -> Self {
        Self(Bucket::new(aws, bucket))
    }

    /// Stores an upload directly, without a presigned POST, for fixtures.
    pub async fn put(
        &self,
        key: UploadKey,
        declared: ImageKind,
        bytes: Bytes,
    ) -> Result<(), StorageError> {
        let put = self.0.put(key.to_string(), declared.media_type(), None, bytes);
        put.await
    }
}

impl UploadStore for S3Uploads {
    async fn find(&self, key: UploadKey, max_bytes: usize) -> Result<Option<Bytes>, StorageError> {
        let limit = max_bytes.saturating_add(1);
        self.0.get(key.to_string(), limit).await
    }

    async fn delete(&self, key: UploadKey) -> Result<(), StorageError> {
        let delete = self.0.aws.s3().delete_object().bucket(&self.0.name);
        let deleted = delete.key(key.to_string()).send().await;
        deleted.map(|_| ()).map_err(map_sdk_error)
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError> {
        self.0.list(None, after).await
    }
}

impl UploadSigner for S3Uploads {
    fn presign_post(
        &self,
        key: UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> PresignedPost {
        let now = now.whole_seconds(); // the precision of `x-amz-date`
        let Bucket { aws, name } = &self.0;
        let settings = aws.settings();
        let signer = PostSigner {
            access_key_id: &settings.access_key_id,
            secret_access_key: &settings.secret_access_key,
            session_token: settings.session_token.as_deref(),
            region: &settings.region,
            bucket: name,
        };
        PresignedPost {
            url: aws.bucket_url(name),
            fields: signer.fields(key, upload, now, now.plus(lifetime)),
        }
    }
}

impl PostSigner<'_> {
    /// Returns the form fields, which allow one upload with this key, type and size. S3 rejects fields that
    /// the policy does not name.
    fn fields(
        &self,
        key: UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Vec<(String, String)> {
        let date = date(now);
        let credential =
            format!("{}/{}/{}/s3/aws4_request", self.access_key_id, &date[..8], self.region);
        let mut fields = vec![
            ("key", key.to_string()),
            ("Content-Type", upload.kind.media_type().to_owned()),
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            ("x-amz-credential", credential),
            ("x-amz-date", date),
        ];
        let token = self.session_token.map(str::to_owned);
        fields.extend(token.map(|token| ("x-amz-security-token", token)));

        let mut conditions = vec![
            json!({"bucket": self.bucket}),
            json!(["content-length-range", upload.bytes, upload.bytes]),
        ];
        conditions.extend(fields.iter().map(|(name, value)| json!({*name: value})));
        let policy = policy(expires_at, &conditions);
        let signature = self.signature(&policy, now);
        fields.extend([("policy", policy), ("x-amz-signature", signature)]);
        let fields = fields.into_iter();
        fields.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns the signature of an encoded policy in hexadecimal.
    fn signature(&self, policy: &str, now: Timestamp) -> String {
        let secret = self.secret_access_key;
        let since_epoch = Duration::from_millis(now.unix_millis().unsigned_abs());
        let time = std::time::UNIX_EPOCH + since_epoch;
        let key = generate_signing_key(secret, time, self.region, "s3");
        calculate_signature(key, policy.as_bytes())
    }
}

/// Returns a POST policy: JSON in base64.
fn policy(expires_at: Timestamp, conditions: &[Value]) -> String {
    let policy = json!({"expiration": expires_at.to_string(), "conditions": conditions});
    STANDARD.encode(policy.to_string())
}

/// Formats a timestamp for Signature Version 4: `20151229T000000Z`.
fn date(timestamp: Timestamp) -> String {
    let second = timestamp.whole_seconds().to_string();
    let (second, _) = second.split_once('.').unwrap_or((&second, ""));
    let digits = second.chars().filter(|c| !matches!(c, '-' | ':' | 'Z'));
    digits.chain(['Z']).collect()
}

#[cfg(test)]
mod tests {
    use domain::id::{ImageId, UserId};

    use super::*;

    /// Credentials from the examples of the AWS documentation.
    const EXAMPLE: PostSigner = PostSigner {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        session_token: None,
        region: "us-east-1",
        bucket: "sigv4examplebucket",
    };

    fn midnight() -> Timestamp {
        Timestamp::from_unix_seconds(1_451_347_200).unwrap() // 2015-12-29
    }

    /// The example has a policy with CRLF line ends:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html>.
    #[test]
    fn presigned_post_signature_matches_aws_example() {
        let policy = r#"{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}"#;
        let policy = STANDARD.encode(policy.replace('\n', "\r\n"));
        assert_eq!(
            EXAMPLE.signature(&policy, midnight()),
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
        );
    }

    #[test]
    fn presigned_post_has_session_token_in_form_and_policy() {
        let token = "IQoJb3JpZ2luX2Vj\"//+=";
        let signer = PostSigner { session_token: Some(token), ..EXAMPLE };
        let key =
            UploadKey { owner: UserId::from_bytes([1; 16]), id: ImageId::from_bytes([2; 16]) };
        let new = NewUpload { kind: ImageKind::WebP, bytes: 4_711 };
        let now = midnight();
        let fields = signer.fields(key, &new, now, now.plus(Duration::from_mins(15)));
        let field = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(field("x-amz-security-token"), token);
        let policy: Value =
            serde_json::from_slice(&STANDARD.decode(field("policy")).unwrap()).unwrap();
        let conditions = policy["conditions"].as_array().unwrap();
        assert!(conditions.contains(&json!({ "x-amz-security-token": token })));
    }
}
