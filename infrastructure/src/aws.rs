//! AWS clients, built lean: one TLS stack, the roots that AWS names, credentials and region from
//! Lambda's environment. No profile files, no instance metadata, no default chain: each of them
//! would be paid for by every cold start (docs/decisions/0003-lean-aws-clients.md).

mod connector;

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use connector::HttpConnectionPool;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use thiserror::Error;

/// The roots that AWS endpoints chain to: <https://www.amazontrust.com/repository/>.
pub(crate) const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("aws/amazon_roots/AmazonRootCA1.cer"),
    include_bytes!("aws/amazon_roots/AmazonRootCA2.cer"),
    include_bytes!("aws/amazon_roots/AmazonRootCA3.cer"),
    include_bytes!("aws/amazon_roots/AmazonRootCA4.cer"),
    include_bytes!("aws/amazon_roots/SFSRootCAG2.cer"),
];

/// For an attempt, and for all attempts together. The function as a whole has a deadline of its own
/// (docs/ARCHITECTURE.md, "Failing parts").
type Timeouts = [Duration; 2];

/// A call takes milliseconds.
const DYNAMODB_TIMEOUTS: Timeouts = [Duration::from_secs(2), Duration::from_secs(5)];
/// An image has megabytes.
const S3_TIMEOUTS: Timeouts = [Duration::from_secs(3), Duration::from_secs(7)];
const MAX_ATTEMPTS: u32 = 4;
/// Attempts are as far apart as AWS recommends for `DynamoDB`, instead of a second and more.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What an AWS client needs to know: the variables that Lambda sets, by their own names.
#[derive(Clone)]
pub struct AwsSettings {
    /// `AWS_REGION`
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`
    pub session_token: Option<String>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`: another endpoint than the region's.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_S3`: another endpoint than the region's; its buckets are paths.
    pub s3_endpoint: Option<String>,
    /// What the file named by `AWS_CA_BUNDLE` holds, in PEM: trusted instead of Amazon's roots.
    pub ca_bundle: Option<Vec<u8>>,
}

/// The trusted certificates are not PEM.
#[derive(Debug, Error)]
#[error("no TLS connection can be made with these certificates")]
pub struct InvalidCaBundle(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The AWS clients of one function: one of each service, made when it is first asked for. They
/// share their connections.
#[derive(Clone)]
pub struct Aws {
    settings: AwsSettings,
    https: HttpConnectionPool,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
}

impl std::fmt::Debug for Aws {
    /// The region only: the rest has secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aws({})", self.settings.region)
    }
}

impl Aws {
    /// Connects to nothing yet.
    pub fn new(settings: AwsSettings) -> Result<Self, InvalidCaBundle> {
        let roots = match settings.ca_bundle.as_deref() {
            Some(bundle) => store(CertificateDer::pem_slice_iter(bundle)),
            None => store(AMAZON_ROOTS.into_iter().map(|root| Ok(root.into()))),
        }?;
        let https =
            HttpConnectionPool::new(roots).map_err(|error| InvalidCaBundle(error.into()))?;
        Ok(Self {
            settings,
            https,
            dynamodb: OnceLock::new(),
            s3: OnceLock::new(),
        })
    }

    /// The client of `DynamoDB`.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let client = self.dynamodb.get_or_init(|| self.new_dynamodb());
        client.clone()
    }

    /// The client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.s3.get_or_init(|| self.new_s3()).clone()
    }

    /// Begins to connect to `DynamoDB`, so that the first request need not wait for it. Whether it
    /// succeeds, that request will tell. For use on a runtime.
    pub fn connect_to_dynamodb(&self) {
        self.https.preconnect(&self.dynamodb_url());
    }

    /// The same for a bucket of S3. A bucket with a dot in its name has no certificate of its own, and
    /// the SDK asks for it elsewhere.
    pub fn connect_to_s3(&self, bucket: &str) {
        if !bucket.contains('.') {
            self.https.preconnect(&self.s3_url(bucket));
        }
    }

    /// What the clients are made from.
    pub(crate) fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// Where the bucket is, for who posts a form to it.
    pub(crate) fn bucket_url(&self, bucket: &str) -> String {
        let region = &self.settings.region;
        match &self.settings.s3_endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            // It would have no certificate of its own.
            None if bucket.contains('.') => {
                format!("https://s3.{region}.{}/{bucket}", suffix(region))
            }
            None => self.s3_url(bucket),
        }
    }

    fn dynamodb_url(&self) -> String {
        let region = &self.settings.region;
        let endpoint = self.settings.dynamodb_endpoint.clone();
        endpoint.unwrap_or_else(|| format!("https://dynamodb.{region}.{}", suffix(region)))
    }

    fn s3_url(&self, bucket: &str) -> String {
        let region = &self.settings.region;
        let endpoint = self.settings.s3_endpoint.clone();
        endpoint.unwrap_or_else(|| format!("https://{bucket}.s3.{region}.{}", suffix(region)))
    }

    fn new_dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_dynamodb::config::Region::new(
                self.settings.region.clone(),
            ))
            .credentials_provider(self.credentials())
            .http_client(self.https.client())
            .retry_config(retries())
            .timeout_config(timeouts(DYNAMODB_TIMEOUTS))
            .sleep_impl(TokioSleep::new())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(self.settings.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    fn new_s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_s3::config::Region::new(
                self.settings.region.clone(),
            ))
            .credentials_provider(self.credentials())
            .http_client(self.https.client())
            .retry_config(retries())
            .timeout_config(timeouts(S3_TIMEOUTS))
            .sleep_impl(TokioSleep::new())
            .force_path_style(self.settings.s3_endpoint.is_some());
        config.set_endpoint_url(self.settings.s3_endpoint.clone());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(
            &self.settings.access_key_id,
            &self.settings.secret_access_key,
            self.settings.session_token.clone(),
            None,
            "environment",
        )
    }
}

/// What the names of a region's endpoints end with. The SDK knows it as well, but is asked only with a
/// request. In a region that this gets wrong nothing is prepared, and all else goes on.
fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else if region.starts_with("eusc-") {
        "amazonaws.eu"
    } else {
        "amazonaws.com"
    }
}

/// The certificates as roots. None at all would trust nobody.
fn store<'a>(
    certificates: impl Iterator<Item = Result<CertificateDer<'a>, pem::Error>>,
) -> Result<RootCertStore, InvalidCaBundle> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| InvalidCaBundle(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| InvalidCaBundle(error.into()))?;
    }
    if roots.is_empty() {
        return Err(InvalidCaBundle("no certificate in it".into()));
    }
    Ok(roots)
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        // `HttpConnectionPool` does it itself, and the SDK would complain of not finding the connection.
        .with_reconnect_mode(ReconnectMode::ReuseAllConnections)
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE)
}

fn timeouts([attempt, operation]: Timeouts) -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::*;

    /// SHA-256 of the certificates, from <https://www.amazontrust.com/repository/>.
    const PUBLISHED: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn trusted_roots_are_the_five_that_amazon_publishes() {
        let fingerprint = |root| hex::encode(digest(&SHA256, root));
        assert_eq!(AMAZON_ROOTS.map(fingerprint), PUBLISHED);
    }

    fn settings(ca_bundle: Option<&str>) -> AwsSettings {
        AwsSettings {
            region: "eu-west-1".to_owned(),
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "a secret key".to_owned(),
            session_token: Some("a session token".to_owned()),
            dynamodb_endpoint: None,
            s3_endpoint: None,
            ca_bundle: ca_bundle.map(|pem| pem.as_bytes().to_vec()),
        }
    }

    #[test]
    fn bundle_without_certificates_is_rejected() {
        let no_certificate = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
        for bundle in ["", "not PEM", no_certificate, &no_certificate[..30]] {
            assert!(Aws::new(settings(Some(bundle))).is_err(), "{bundle}");
        }
        assert!(Aws::new(settings(Some(engines::tls::ROOT))).is_ok());
        assert!(Aws::new(settings(None)).is_ok());
    }

    #[tokio::test]
    async fn prepared_urls_are_those_of_the_sdk() {
        use aws_sdk_dynamodb::config::endpoint as dynamodb;
        use aws_sdk_s3::config::endpoint as s3;
        use {dynamodb::ResolveEndpoint as _, s3::ResolveEndpoint as _};

        for region in [
            "eu-west-1",
            "us-east-1",
            "ap-southeast-7",
            "us-gov-west-1",
            "cn-north-1",
            "eusc-de-east-1",
        ] {
            let aws = Aws::new(AwsSettings {
                region: region.to_owned(),
                ..settings(None)
            })
            .unwrap();
            let params = dynamodb::Params::builder().region(region);
            let params = params.build().unwrap();
            let resolver = dynamodb::DefaultResolver::new();
            let endpoint = resolver.resolve_endpoint(&params).await.unwrap();
            assert_eq!(aws.dynamodb_url(), endpoint.url());
            let params = s3::Params::builder().region(region).bucket("images");
            let params = params.build().unwrap();
            let resolver = s3::DefaultResolver::new();
            let endpoint = resolver.resolve_endpoint(&params).await.unwrap();
            assert_eq!(aws.s3_url("images"), endpoint.url());
        }
    }

    #[test]
    fn credentials_are_not_in_debug_output() {
        let shown = format!("{:?}", Aws::new(settings(None)).unwrap());
        assert_eq!(shown, "Aws(eu-west-1)");
    }
}
