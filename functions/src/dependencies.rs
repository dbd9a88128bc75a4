//! Adapters, made from settings: the only place that names one.

use std::time::Duration;

use domain::image::RenditionKey;
use domain::password::PasswordPolicy;
use domain::rate_limit::Limits;
use domain::token::{Lifetimes, TokenIssuer};
use domain::use_cases::ImagePipeline;
use infrastructure::argon2::Argon2Hasher;
use infrastructure::aws::{Aws, AwsSettings};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbSessions, DynamoDbUsers};
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use infrastructure::media::MediaRenderer;
use infrastructure::redis::RedisSessions;
use infrastructure::s3::{S3Images, S3Uploads};
use infrastructure::sessions::Sessions;

use crate::http::auth::Auth;
use crate::http::idempotency::IdempotencyGuard;
use crate::settings::{Settings, SettingsError};

const A_DAY: u64 = 24 * 60 * 60;

/// The image pipeline over S3 and the codecs.
pub type Images = ImagePipeline<S3Images, S3Uploads, MediaRenderer>;

/// Where browsers find images: the setting `IMAGE_BASE_URL`.
#[derive(Debug, Clone)]
pub struct ImageUrls(String);

/// How large an image may be, where no setting says otherwise.
pub(crate) const MAX_IMAGE_BYTES: u64 = 8_192_000;
/// How short a password may be, likewise.
pub(crate) const PASSWORD_MIN_LENGTH: u64 = 8;

impl ImageUrls {
    /// The absolute URL of a rendition.
    pub fn url(&self, key: RenditionKey) -> String {
        format!("{}/{key}", self.0)
    }

    /// Where images come from, as policies of browsers name it (RFC 6454, section 6.1).
    pub(crate) fn origin(&self) -> String {
        let end = self.0.find("://").and_then(|at| {
            let authority = at + 3;
            self.0[authority..].find('/').map(|at| authority + at)
        });
        self.0[..end.unwrap_or(self.0.len())].to_owned()
    }
}

/// Something made of adapters.
pub trait FromDependencies: Sized {
    /// Makes it from its settings. Connects to nothing.
    fn new(setup: &Dependencies) -> Result<Self, SettingsError>;
}

/// Defines the struct of a function: its adapters, each with the method of [`Dependencies`] that makes it.
macro_rules! function {
    ($name:ident { $($adapter:ident: $type:ty = $method:ident),* $(,)? }) => {
        #[doc = concat!("The function `", stringify!($name), "`.")]
        pub struct $name { $($adapter: $type,)* }

        impl $crate::dependencies::FromDependencies for $name {
            fn new(setup: &$crate::dependencies::Dependencies) -> Result<Self, $crate::settings::SettingsError> {
                Ok(Self { $($adapter: setup.$method()?,)* })
            }
        }
    };
}

pub(crate) use function;

/// Makes the adapters that a function asks for, and reads no other settings.
#[derive(Clone)]
pub struct Dependencies {
    settings: Settings,
    aws: Aws,
}

impl Dependencies {
    /// Reads what AWS clients need. Connects to nothing.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let text = |name: &str| settings.required(name).map(str::to_owned);
        let optional = |name: &str| settings.optional(name).map(str::to_owned);
        let ca_bundle = settings
            .optional("AWS_CA_BUNDLE")
            .map(std::fs::read)
            .transpose()
            .map_err(|_| Settings::error("AWS_CA_BUNDLE", "names a file that cannot be read"))?;
        let aws = Aws::new(AwsSettings {
            region: text("AWS_REGION")?,
            access_key_id: text("AWS_ACCESS_KEY_ID")?,
            secret_access_key: text("AWS_SECRET_ACCESS_KEY")?,
            session_token: optional("AWS_SESSION_TOKEN"),
            dynamodb_endpoint: optional("AWS_ENDPOINT_URL_DYNAMODB"),
            s3_endpoint: optional("AWS_ENDPOINT_URL_S3"),
            ca_bundle,
        })
        .map_err(|_| Settings::error("AWS_CA_BUNDLE", "names a file without certificates"))?;
        Ok(Self { settings, aws })
    }

    /// Begins to connect to what every request asks. For use on a runtime.
    pub fn connect(&self) {
        let names = |name| self.settings.optional(name).is_some();
        let has_sessions = names("SESSIONS_TABLE") && !names("TOKEN_STORE_URL");
        if names("USERS_TABLE") || names("FOODS_TABLE") || has_sessions {
            self.aws.connect_to_dynamodb();
        }
    }

    /// `USERS_TABLE`
    pub fn users(&self) -> Result<DynamoDbUsers, SettingsError> {
        let table = self.settings.required("USERS_TABLE")?.to_owned();
        Ok(DynamoDbUsers::new(self.aws.dynamodb(), table))
    }

    /// `FOODS_TABLE`
    pub fn foods(&self) -> Result<DynamoDbFoods, SettingsError> {
        let table = self.settings.required("FOODS_TABLE")?.to_owned();
        Ok(DynamoDbFoods::new(self.aws.dynamodb(), table))
    }

    /// `TOKEN_STORE_URL`, or `SESSIONS_TABLE` when that is empty.
    pub fn sessions(&self) -> Result<Sessions, SettingsError> {
        if let Some(url) = self.settings.optional("TOKEN_STORE_URL") {
            let sessions = RedisSessions::new(url).map_err(|_| {
                Settings::error("TOKEN_STORE_URL", "should be a redis:// or rediss:// URL")
            })?;
            return Ok(Sessions::Redis(Box::new(sessions)));
        }
        let table = self.settings.required("SESSIONS_TABLE")?.to_owned();
        let sessions = DynamoDbSessions::new(self.aws.dynamodb(), table);
        Ok(Sessions::DynamoDb(sessions))
    }

    /// The guard of `Idempotency-Key`, stored where sessions are.
    pub(crate) fn idempotency(&self) -> Result<IdempotencyGuard, SettingsError> {
        Ok(IdempotencyGuard {
            store: self.sessions()?,
        })
    }

    /// `IMAGES_BUCKET`
    pub fn images(&self) -> Result<S3Images, SettingsError> {
        let bucket = self.settings.required("IMAGES_BUCKET")?.to_owned();
        Ok(S3Images::new(&self.aws, bucket))
    }

    /// `UPLOADS_BUCKET`
    pub fn uploads(&self) -> Result<S3Uploads, SettingsError> {
        let bucket = self.settings.required("UPLOADS_BUCKET")?.to_owned();
        Ok(S3Uploads::new(&self.aws, bucket))
    }

    /// `IMAGES_BUCKET`, `UPLOADS_BUCKET`, `MAX_IMAGE_BYTES`
    pub fn image_pipeline(&self) -> Result<Images, SettingsError> {
        Ok(ImagePipeline {
            store: self.images()?,
            uploads: self.uploads()?,
            renderer: MediaRenderer,
            max_bytes: self.max_image_bytes()?,
        })
    }

    /// `IMAGE_BASE_URL`
    pub fn image_urls(&self) -> Result<ImageUrls, SettingsError> {
        let name = "IMAGE_BASE_URL";
        let base = self.settings.required(name)?;
        let is_absolute = base
            .parse::<http::Uri>()
            .is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some());
        if !is_absolute {
            return Err(Settings::error(name, "should be an absolute URL"));
        }
        Ok(ImageUrls(base.trim_end_matches('/').to_owned()))
    }

    /// `MAX_IMAGE_BYTES`
    pub fn max_image_bytes(&self) -> Result<usize, SettingsError> {
        let bytes = self
            .settings
            .number("MAX_IMAGE_BYTES", MAX_IMAGE_BYTES, 1..=100_000_000)?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// `ORPHAN_MIN_AGE_SECONDS`
    pub fn orphan_min_age(&self) -> Result<Duration, SettingsError> {
        let seconds = self
            .settings
            .number("ORPHAN_MIN_AGE_SECONDS", A_DAY, 1..=365 * A_DAY)?;
        Ok(Duration::from_secs(seconds))
    }

    /// `PASSWORD_MIN_LENGTH`
    pub fn password_policy(&self) -> Result<PasswordPolicy, SettingsError> {
        let min_chars =
            self.settings
                .number("PASSWORD_MIN_LENGTH", PASSWORD_MIN_LENGTH, 1..=128)?;
        Ok(PasswordPolicy {
            min_chars: usize::try_from(min_chars).unwrap_or(usize::MAX),
        })
    }

    /// `LOGIN_ATTEMPTS_PER_ACCOUNT`, `LOGIN_ATTEMPTS_PER_ADDRESS`
    pub fn login_limits(&self) -> Result<Limits, SettingsError> {
        self.limits(
            ("LOGIN_ATTEMPTS_PER_ACCOUNT", 10),
            ("LOGIN_ATTEMPTS_PER_ADDRESS", 100),
        )
    }

    /// `SIGN_UP_ATTEMPTS_PER_ACCOUNT`, `SIGN_UP_ATTEMPTS_PER_ADDRESS`
    pub fn sign_up_limits(&self) -> Result<Limits, SettingsError> {
        self.limits(
            ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", 10),
            ("SIGN_UP_ATTEMPTS_PER_ADDRESS", 50),
        )
    }

    /// Both limits with their defaults, and `ATTEMPT_WINDOW_SECONDS`. Where they come from:
    /// docs/decisions/0014-rate-limit-before-verifying-credentials.md.
    fn limits(
        &self,
        (per_account, account): (&str, u64),
        (per_ip, address): (&str, u64),
    ) -> Result<Limits, SettingsError> {
        let number = |name, default| self.settings.number(name, default, 1..=1_000_000);
        let window = self
            .settings
            .number("ATTEMPT_WINDOW_SECONDS", 15 * 60, 1..=A_DAY)?;
        Ok(Limits {
            per_account: number(per_account, account)?,
            per_ip: number(per_ip, address)?,
            window: Duration::from_secs(window),
        })
    }

    /// Needs no setting. In Lambda, where a process is one function, its memory is kept.
    pub fn hasher(&self) -> Result<Argon2Hasher, SettingsError> {
        let is_in_lambda = self.settings.optional("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let hasher = is_in_lambda.then(Argon2Hasher::keeping_memory);
        Ok(hasher.unwrap_or_default())
    }

    /// What a signed-in route needs to know who calls.
    pub fn auth(&self) -> Result<Auth, SettingsError> {
        Ok(Auth {
            sessions: self.sessions()?,
            access: self.tokens(TokenUse::Access)?,
        })
    }

    /// Both secrets and both lifetimes.
    pub fn token_issuer(&self) -> Result<TokenIssuer<JwtTokens>, SettingsError> {
        let seconds = |name: &str, default| {
            self.settings
                .number(name, default, 1..=365 * A_DAY)
                .map(Duration::from_secs)
        };
        Ok(TokenIssuer {
            access: self.tokens(TokenUse::Access)?,
            refresh: self.tokens(TokenUse::Refresh)?,
            lifetimes: Lifetimes {
                access: seconds("ACCESS_TOKEN_TTL_SECONDS", 15 * 60)?,
                refresh: seconds("REFRESH_TOKEN_TTL_SECONDS", 7 * A_DAY)?,
            },
        })
    }

    /// `ACCESS_SECRET` or `REFRESH_SECRET`, and the same with `_PREVIOUS`.
    fn tokens(&self, token_use: TokenUse) -> Result<JwtTokens, SettingsError> {
        let (current, previous) = match token_use {
            TokenUse::Access => ("ACCESS_SECRET", "ACCESS_SECRET_PREVIOUS"),
            TokenUse::Refresh => ("REFRESH_SECRET", "REFRESH_SECRET_PREVIOUS"),
        };
        let parse = |name: &str, raw: &str| {
            Secret::parse(raw).map_err(|error| Settings::error(name, &error.to_string()))
        };
        let secret = parse(current, self.settings.required(current)?)?;
        let previous = self
            .settings
            .optional(previous)
            .map(|raw| parse(previous, raw))
            .transpose()?;
        Ok(JwtTokens::new(token_use, secret, previous))
    }
}
