//! AWS clients, built lean: one TLS stack, the roots that AWS names, credentials and region from
//! Lambda's environment. No profile files, no instance metadata, no default chain: each of them
//! would be paid for by every cold start (docs/decisions/0003-lean-aws-clients.md).

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use thiserror::Error;

/// The roots that AWS endpoints chain to: Amazon Root CA 1 to 4 and Starfield Services Root G2
/// (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// One attempt and its answer. Each is far below a function's own timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// All attempts together.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
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

/// The AWS clients of one function: they share their connections.
#[derive(Clone)]
pub struct Aws {
    settings: AwsSettings,
    http: SharedHttpClient,
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
        let roots = settings.ca_bundle.as_deref().unwrap_or(AMAZON_ROOTS);
        if !roots
            .windows(PEM_HEADER.len())
            .any(|window| window == PEM_HEADER)
        {
            return Err(InvalidCaBundle("no certificate in it".into()));
        }
        let tls = TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(roots))
            .build()
            .map_err(|error| InvalidCaBundle(error.into()))?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .build_https();
        Ok(Self { settings, http })
    }

    /// A client of `DynamoDB`.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_dynamodb::config::Region::new(
                self.settings.region.clone(),
            ))
            .credentials_provider(self.credentials())
            .http_client(self.http.clone())
            .retry_config(retries())
            .timeout_config(timeouts())
            .sleep_impl(TokioSleep::new());
        config.set_endpoint_url(self.settings.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_s3::config::Region::new(
                self.settings.region.clone(),
            ))
            .credentials_provider(self.credentials())
            .http_client(self.http.clone())
            .retry_config(retries())
            .timeout_config(timeouts())
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

const PEM_HEADER: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
