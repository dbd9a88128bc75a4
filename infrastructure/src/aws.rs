//! AWS clients for fast cold starts: one TLS stack, Amazon's root certificates, credentials and region
//! from the environment that Lambda sets. No profile files, instance metadata or default chain
//! (docs/decisions/0003-lean-aws-clients.md).

mod connector;
mod error;
mod pool;
#[cfg(test)]
mod test_server;

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use connector::PooledConnector;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use thiserror::Error;

pub(crate) use error::map_sdk_error;

/// Root certificates of AWS endpoints, in DER: <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("aws/amazon_roots/AmazonRootCA1.cer"),
    include_bytes!("aws/amazon_roots/AmazonRootCA2.cer"),
    include_bytes!("aws/amazon_roots/AmazonRootCA3.cer"),
    include_bytes!("aws/amazon_roots/AmazonRootCA4.cer"),
    include_bytes!("aws/amazon_roots/SFSRootCAG2.cer"),
];

/// Timeouts of one attempt and of a call with all its retries. The function has its own deadline as well
/// (docs/ARCHITECTURE.md, "Failure handling").
type Timeouts = [Duration; 2];

/// Timeouts of a `DynamoDB` call, which usually takes milliseconds.
const DYNAMODB_TIMEOUTS: Timeouts = [Duration::from_secs(2), Duration::from_secs(5)];
/// Timeouts of an S3 call, which may transfer an image of several megabytes.
const S3_TIMEOUTS: Timeouts = [Duration::from_secs(3), Duration::from_secs(7)];
const MAX_ATTEMPTS: u32 = 4;
/// Backoff before the first retry, as AWS recommends for `DynamoDB`; the SDK's default is a second.
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// Settings of the AWS clients. Each field holds the environment variable that its comment names.
#[derive(Clone)]
pub struct AwsSettings {
    /// The value of `AWS_REGION`.
    pub region: String,
    /// The value of `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// The value of `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// The value of `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
    /// The value of `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: replaces the endpoint of the region.
    pub dynamodb_endpoint: Option<String>,
    /// The value of `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`: replaces the endpoint of the region, with path-style
    /// bucket URLs.
    pub s3_endpoint: Option<String>,
    /// The content of the PEM file that `AWS_CA_BUNDLE` names, whose certificates replace Amazon's roots.
    pub ca_bundle: Option<Vec<u8>>,
}

/// The error for a CA bundle that is not PEM, has no certificate or has an invalid one.
#[derive(Debug, Error)]
#[error("the CA bundle has no usable certificates in PEM")]
pub struct InvalidCaBundle(#[source] Box<dyn std::error::Error + Send + Sync>);

/// AWS clients, one per service, created at first use. They share a connection pool.
#[derive(Clone)]
pub struct Aws {
    settings: AwsSettings,
    connector: PooledConnector,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
}

impl std::fmt::Debug for Aws {
    /// Writes the region only, because the settings contain secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aws({})", self.settings.region)
    }
}

impl Aws {
    /// Creates the clients' configuration. An invalid CA bundle is an error. Opens no connection.
    pub fn new(settings: AwsSettings) -> Result<Self, InvalidCaBundle> {
        let roots = match settings.ca_bundle.as_deref() {
            Some(bundle) => root_store(CertificateDer::pem_slice_iter(bundle)),
            None => root_store(AMAZON_ROOTS.into_iter().map(|root| Ok(root.into()))),
        }?;
        let connector =
            PooledConnector::new(roots).map_err(|error| InvalidCaBundle(error.into()))?;
        Ok(Self { settings, connector, dynamodb: OnceLock::new(), s3: OnceLock::new() })
    }

    /// Returns the `DynamoDB` client.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let client = self.dynamodb.get_or_init(|| self.new_dynamodb());
        client.clone()
    }

    /// Returns the S3 client.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.s3.get_or_init(|| self.new_s3()).clone()
    }

    /// Opens a connection to `DynamoDB` in the background, so that the first request does not wait for it. If
    /// connecting fails, that request connects again. Requires a Tokio runtime.
    pub fn preconnect_dynamodb(&self) {
        self.connector.preconnect(&self.dynamodb_url());
    }

    /// Opens a connection to an S3 bucket in the background. Requires a Tokio runtime. Does nothing for a bucket name
    /// with a dot: the wildcard certificate of S3 does not cover it, so the SDK uses another host.
    pub fn preconnect_s3(&self, bucket: &str) {
        if !bucket.contains('.') {
            self.connector.preconnect(&self.s3_url(bucket));
        }
    }

    pub(crate) fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// Returns the URL to which a client posts an upload form.
    pub(crate) fn bucket_url(&self, bucket: &str) -> String {
        let region = &self.settings.region;
        match &self.settings.s3_endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            // The wildcard certificate of S3 does not cover a dot in the name.
            None if bucket.contains('.') => {
                format!("https://s3.{region}.{}/{bucket}", partition_domain(region))
            }
            None => self.s3_url(bucket),
        }
    }

    fn dynamodb_url(&self) -> String {
        let region = &self.settings.region;
        let endpoint = self.settings.dynamodb_endpoint.clone();
        endpoint
            .unwrap_or_else(|| format!("https://dynamodb.{region}.{}", partition_domain(region)))
    }

    fn s3_url(&self, bucket: &str) -> String {
        let region = &self.settings.region;
        let endpoint = self.settings.s3_endpoint.clone();
        endpoint
            .unwrap_or_else(|| format!("https://{bucket}.s3.{region}.{}", partition_domain(region)))
    }

    fn new_dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_dynamodb::config::Region::new(self.settings.region.clone()))
            .credentials_provider(self.credentials())
            .http_client(self.connector.client())
            .retry_config(retry_config())
            .timeout_config(timeout_config(DYNAMODB_TIMEOUTS))
            .sleep_impl(TokioSleep::new())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(self.settings.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    fn new_s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_s3::config::Region::new(self.settings.region.clone()))
            .credentials_provider(self.credentials())
            .http_client(self.connector.client())
            .retry_config(retry_config())
            .timeout_config(timeout_config(S3_TIMEOUTS))
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

/// Returns the domain of the AWS partition of a region. The SDK resolves its endpoints itself, per request; for a
/// partition that is missing here only [`Aws::preconnect_dynamodb`] and [`Aws::preconnect_s3`] fail.
fn partition_domain(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else if region.starts_with("eusc-") {
        "amazonaws.eu"
    } else {
        "amazonaws.com"
    }
}

/// Collects trusted root certificates. An empty list is an error, because every TLS handshake would fail.
fn root_store<'a>(
    certificates: impl Iterator<Item = Result<CertificateDer<'a>, pem::Error>>,
) -> Result<RootCertStore, InvalidCaBundle> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| InvalidCaBundle(error.into()))?;
        roots.add(certificate).map_err(|error| InvalidCaBundle(error.into()))?;
    }
    if roots.is_empty() {
        return Err(InvalidCaBundle("the bundle has no certificates".into()));
    }
    Ok(roots)
}

fn retry_config() -> RetryConfig {
    RetryConfig::standard()
        // `PooledConnector` replaces connections itself; the SDK would log that it cannot find them.
        .with_reconnect_mode(ReconnectMode::ReuseAllConnections)
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(INITIAL_BACKOFF)
        .with_max_backoff(MAX_BACKOFF)
}

fn timeout_config([attempt, operation]: Timeouts) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::*;

    /// SHA-256 fingerprints of Amazon's root certificates, from <https://www.amazontrust.com/repository/>.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn root_certificates_match_amazon_fingerprints() {
        let fingerprint = |root| hex::encode(digest(&SHA256, root));
        assert_eq!(AMAZON_ROOTS.map(fingerprint), FINGERPRINTS);
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
    fn ca_bundle_without_certificates_is_rejected() {
        let no_certificate = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
        for bundle in ["", "not PEM", no_certificate, &no_certificate[..30]] {
            assert!(Aws::new(settings(Some(bundle))).is_err(), "{bundle}");
        }
        assert!(Aws::new(settings(Some(engines::tls::ROOT))).is_ok());
        assert!(Aws::new(settings(None)).is_ok());
    }

    #[tokio::test]
    async fn preconnect_urls_match_sdk_endpoints() {
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
            let aws =
                Aws::new(AwsSettings { region: region.to_owned(), ..settings(None) }).unwrap();
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
    fn debug_output_of_aws_has_no_credentials() {
        let debug = format!("{:?}", Aws::new(settings(None)).unwrap());
        assert_eq!(debug, "Aws(eu-west-1)");
    }
}
