//! AWS clients, built lean: one TLS stack, the roots that AWS names, credentials and region from
//! Lambda's environment. No profile files, no instance metadata, no default chain: each of them
//! would be paid for by every cold start (docs/decisions/0003-lean-aws-clients.md).

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
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

/// The AWS clients of one function: one of each service, made when it is first asked for. They
/// share their connections.
#[derive(Clone)]
pub struct Aws {
    settings: AwsSettings,
    http: SharedHttpClient,
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
            Some(bundle) => check(bundle)?,
            None => AMAZON_ROOTS,
        };
        let tls = TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(roots))
            .build()
            .map_err(|error| InvalidCaBundle(error.into()))?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .build_https();
        Ok(Self {
            settings,
            http,
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

    fn new_dynamodb(&self) -> aws_sdk_dynamodb::Client {
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

    fn new_s3(&self) -> aws_sdk_s3::Client {
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

/// The HTTP client panics at its first use where a certificate cannot be read.
fn check(bundle: &[u8]) -> Result<&[u8], InvalidCaBundle> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        let certificate = certificate.map_err(|error| InvalidCaBundle(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| InvalidCaBundle(error.into()))?;
    }
    if roots.is_empty() {
        return Err(InvalidCaBundle("no certificate in it".into()));
    }
    Ok(bundle)
}

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
    fn the_trusted_roots_are_the_five_that_amazon_publishes() {
        let found: Vec<String> = CertificateDer::pem_slice_iter(AMAZON_ROOTS)
            .map(|certificate| {
                let fingerprint = digest(&SHA256, &certificate.unwrap());
                // `Debug` of a digest: its algorithm, a colon, hexadecimal.
                let shown = format!("{fingerprint:?}");
                shown.split_once(':').unwrap().1.to_owned()
            })
            .collect();
        assert_eq!(found, PUBLISHED);
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
    fn a_bundle_without_certificates_is_refused() {
        let no_certificate = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nQUJD";
        for bundle in [
            "",
            "not PEM",
            "-----BEGIN PRIVATE KEY-----",
            no_certificate,
            cut,
        ] {
            assert!(Aws::new(settings(Some(bundle))).is_err(), "{bundle}");
        }
        let ours = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        assert!(Aws::new(settings(Some(ours))).is_ok());
        assert!(Aws::new(settings(None)).is_ok());
    }

    #[test]
    fn credentials_are_not_shown() {
        let shown = format!("{:?}", Aws::new(settings(None)).unwrap());
        assert_eq!(shown, "Aws(eu-west-1)");
    }
}
