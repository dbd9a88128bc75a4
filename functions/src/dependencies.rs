//! Creates the adapters (`DynamoDB`, S3, Redis, JWT, Argon2) from settings.

use std::time::Duration;

use domain::clock::SystemClock;
use domain::image::RenditionKey;
use domain::neighbours::CachedTop;
use domain::password::PasswordPolicy;
use domain::rate_limit::Limits;
use domain::token::{Lifetimes, TokenIssuer};
use domain::use_cases::ImagePipeline;
use infrastructure::argon2::Argon2Hasher;
use infrastructure::aws::{Aws, AwsSettings};
use infrastructure::digest::KeyedDigest;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes, DynamoDbSessions, DynamoDbUsers};
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use infrastructure::media::MediaRenderer;
use infrastructure::redis::RedisSessions;
use infrastructure::s3::{S3Images, S3Uploads};
use infrastructure::sessions::Sessions;

use crate::http::auth::Auth;
use crate::http::idempotency::IdempotencyGuard;
use crate::settings::{Settings, SettingsError};

const A_DAY: u64 = 24 * 60 * 60;

/// The image pipeline with images and uploads in S3 and renditions from the crate `media`.
pub type Images = ImagePipeline<S3Images, S3Uploads, MediaRenderer>;

/// The neighbour store in `DynamoDB`, which caches the lists that are the same for all users.
pub type Neighbours = CachedTop<DynamoDbLikes, SystemClock>;

/// The base URL of images for browsers (`IMAGE_BASE_URL`).
#[derive(Debug, Clone)]
pub struct ImageUrls(String);

/// Default of the setting `MAX_IMAGE_BYTES`.
pub(crate) const MAX_IMAGE_BYTES: u64 = 8_192_000;
/// Default of the setting `PASSWORD_MIN_LENGTH`, in characters.
pub(crate) const PASSWORD_MIN_LENGTH: u64 = 8;

impl ImageUrls {
    /// Returns the absolute URL of a rendition.
    pub fn url(&self, key: RenditionKey) -> String {
        format!("{}/{key}", self.0)
    }

    /// Returns the origin of the images (RFC 6454, section 6.1), for a `Content-Security-Policy`.
    pub(crate) fn origin(&self) -> String {
        let end = self.0.find("://").and_then(|at| {
            let authority = at + 3;
            self.0[authority..].find('/').map(|at| authority + at)
        });
        self.0[..end.unwrap_or(self.0.len())].to_owned()
    }
}

/// A Lambda function that is created from its adapters, such as repositories.
pub trait FromDependencies: Sized {
    /// Creates the function. Opens no connection. An error names a missing or invalid setting.
    fn new(dependencies: &Dependencies) -> Result<Self, SettingsError>;
}

/// Defines the struct of a function: one field per adapter, with the method of [`Dependencies`] that creates it.
macro_rules! function {
    ($name:ident { $($adapter:ident: $type:ty = $method:ident),* $(,)? }) => {
        #[doc = concat!("The handler `", stringify!($name), "` with its adapters.")]
        pub struct $name { $($adapter: $type,)* }

        impl $crate::dependencies::FromDependencies for $name {
            fn new(dependencies: &$crate::dependencies::Dependencies) -> Result<Self, $crate::settings::SettingsError> {
                Ok(Self { $($adapter: dependencies.$method()?,)* })
            }
        }
    };
}

pub(crate) use function;

/// Reads the settings of the AWS clients. As in the SDKs, an endpoint of one service takes precedence over that of all.
fn aws_settings(settings: &Settings) -> Result<AwsSettings, SettingsError> {
    let required = |name| settings.required(name).map(str::to_owned);
    let optional = |name| settings.optional(name).map(str::to_owned);
    let endpoint = |name| optional(name).or_else(|| optional("AWS_ENDPOINT_URL"));
    let ca_bundle = settings
        .optional("AWS_CA_BUNDLE")
        .map(std::fs::read)
        .transpose()
        .map_err(|_| Settings::error("AWS_CA_BUNDLE", "should name a readable file"))?;
    Ok(AwsSettings {
        region: required("AWS_REGION")?,
        access_key_id: required("AWS_ACCESS_KEY_ID")?,
        secret_access_key: required("AWS_SECRET_ACCESS_KEY")?,
        session_token: optional("AWS_SESSION_TOKEN"),
        dynamodb_endpoint: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
        s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3"),
        ca_bundle,
    })
}

/// Creates adapters, such as repositories, on request. Each method reads only the settings of its adapter.
#[derive(Clone)]
pub struct Dependencies {
    settings: Settings,
    aws: Aws,
}

impl Dependencies {
    /// Reads the settings of the AWS clients. Opens no connection.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let aws = Aws::new(aws_settings(&settings)?).map_err(|_| {
            Settings::error("AWS_CA_BUNDLE", "should name a file with PEM certificates")
        })?;
        Ok(Self { settings, aws })
    }

    /// Starts to connect to `DynamoDB` in the background if the function uses it. Requires a Tokio runtime.
    pub fn connect(&self) {
        let is_set = |name| self.settings.optional(name).is_some();
        let has_sessions = is_set("SESSIONS_TABLE") && !is_set("TOKEN_STORE_URL");
        let tables = ["USERS_TABLE", "FOODS_TABLE", "LIKES_TABLE"];
        if tables.into_iter().any(is_set) || has_sessions {
            self.aws.preconnect_dynamodb();
        }
    }

    /// Creates the user repository on the table `USERS_TABLE`.
    pub fn users(&self) -> Result<DynamoDbUsers, SettingsError> {
        let table = self.settings.required("USERS_TABLE")?.to_owned();
        Ok(DynamoDbUsers::new(self.aws.dynamodb(), table))
    }

    /// Creates the food repository on the table `FOODS_TABLE`.
    pub fn foods(&self) -> Result<DynamoDbFoods, SettingsError> {
        let table = self.settings.required("FOODS_TABLE")?.to_owned();
        Ok(DynamoDbFoods::new(self.aws.dynamodb(), table))
    }

    /// Creates the food repository on the table `FOODS_TABLE`, whose new foods need an account in `USERS_TABLE`.
    pub fn foods_of_users(&self) -> Result<DynamoDbFoods, SettingsError> {
        let users = self.settings.required("USERS_TABLE")?.to_owned();
        Ok(self.foods()?.with_creators(users))
    }

    /// Creates the store of neighbour lists on the table `LIKES_TABLE`, with a cache for functions that answer requests.
    pub fn neighbours(&self) -> Result<Neighbours, SettingsError> {
        Ok(CachedTop::new(self.likes()?, SystemClock))
    }

    /// Creates [`likes`](Self::likes) for functions that update what is derived.
    pub fn consistent_likes(&self) -> Result<DynamoDbLikes, SettingsError> {
        self.likes().map(DynamoDbLikes::consistent)
    }

    /// Creates the store of likes, and of what is derived from them, on the table `LIKES_TABLE`.
    pub fn likes(&self) -> Result<DynamoDbLikes, SettingsError> {
        let table = self.settings.required("LIKES_TABLE")?.to_owned();
        Ok(DynamoDbLikes::new(self.aws.dynamodb(), table))
    }

    /// Creates the session store on the Redis server `TOKEN_STORE_URL` or, if that is empty, the table
    /// `SESSIONS_TABLE`.
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

    /// Creates the guard for `Idempotency-Key`, whose records are in the session store.
    pub(crate) fn idempotency(&self) -> Result<IdempotencyGuard, SettingsError> {
        Ok(IdempotencyGuard { store: self.sessions()? })
    }

    /// Creates the image store on the bucket `IMAGES_BUCKET`.
    pub fn images(&self) -> Result<S3Images, SettingsError> {
        let bucket = self.settings.required("IMAGES_BUCKET")?.to_owned();
        Ok(S3Images::new(&self.aws, bucket))
    }

    /// Creates the upload store on the bucket `UPLOADS_BUCKET`.
    pub fn uploads(&self) -> Result<S3Uploads, SettingsError> {
        let bucket = self.settings.required("UPLOADS_BUCKET")?.to_owned();
        Ok(S3Uploads::new(&self.aws, bucket))
    }

    /// Creates the image pipeline from `IMAGES_BUCKET`, `UPLOADS_BUCKET` and `MAX_IMAGE_BYTES`.
    pub fn image_pipeline(&self) -> Result<Images, SettingsError> {
        Ok(ImagePipeline {
            store: self.images()?,
            uploads: self.uploads()?,
            renderer: MediaRenderer,
            max_bytes: self.max_image_bytes()?,
        })
    }

    /// Reads `IMAGE_BASE_URL`, the absolute base URL of images.
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

    /// Reads `MAX_IMAGE_BYTES`, the size limit of an image file.
    pub fn max_image_bytes(&self) -> Result<usize, SettingsError> {
        max_image_bytes(&self.settings)
    }

    /// Reads `ORPHAN_MIN_AGE_SECONDS`, the minimum age of an unused image that is deleted.
    pub fn orphan_min_age(&self) -> Result<Duration, SettingsError> {
        let seconds = self.settings.number("ORPHAN_MIN_AGE_SECONDS", A_DAY, 1..=365 * A_DAY)?;
        Ok(Duration::from_secs(seconds))
    }

    /// Reads `PASSWORD_MIN_LENGTH`, the minimum length of new passwords in characters. At least 8, because the lists
    /// of common passwords have no shorter ones.
    pub fn password_policy(&self) -> Result<PasswordPolicy, SettingsError> {
        let min_chars =
            self.settings.number("PASSWORD_MIN_LENGTH", PASSWORD_MIN_LENGTH, 8..=128)?;
        Ok(PasswordPolicy { min_chars: usize::try_from(min_chars).unwrap_or(usize::MAX) })
    }

    /// Reads the rate limits of logins: `LOGIN_ATTEMPTS_PER_ACCOUNT`, `LOGIN_ATTEMPTS_PER_ADDRESS`
    /// and `ATTEMPT_WINDOW_SECONDS`.
    pub fn login_limits(&self) -> Result<Limits, SettingsError> {
        self.limits(("LOGIN_ATTEMPTS_PER_ACCOUNT", 10), ("LOGIN_ATTEMPTS_PER_ADDRESS", 100))
    }

    /// Reads the rate limits of sign-ups: `SIGN_UP_ATTEMPTS_PER_ACCOUNT` and `SIGN_UP_ATTEMPTS_PER_ADDRESS`.
    pub fn sign_up_limits(&self) -> Result<Limits, SettingsError> {
        self.limits(("SIGN_UP_ATTEMPTS_PER_ACCOUNT", 10), ("SIGN_UP_ATTEMPTS_PER_ADDRESS", 50))
    }

    /// Reads two rate limits, each given by setting name and default, and `ATTEMPT_WINDOW_SECONDS`. Reasons for the
    /// defaults: docs/decisions/0014-rate-limit-before-verifying-credentials.md.
    fn limits(
        &self,
        (per_account, account_default): (&str, u64),
        (per_ip, ip_default): (&str, u64),
    ) -> Result<Limits, SettingsError> {
        let number = |name, default| self.settings.number(name, default, 1..=1_000_000);
        let window = self.settings.number("ATTEMPT_WINDOW_SECONDS", 15 * 60, 1..=A_DAY)?;
        Ok(Limits {
            per_account: number(per_account, account_default)?,
            per_ip: number(per_ip, ip_default)?,
            window: Duration::from_secs(window),
        })
    }

    /// Creates the password hasher. In Lambda it reuses its memory, because a process handles one request at a time.
    pub fn hasher(&self) -> Result<Argon2Hasher, SettingsError> {
        let is_in_lambda = self.settings.optional("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let hasher = is_in_lambda.then(Argon2Hasher::with_reused_memory);
        Ok(hasher.unwrap_or_default())
    }

    /// Creates the authentication of routes that require an access token.
    pub fn auth(&self) -> Result<Auth, SettingsError> {
        Ok(Auth {
            users: self.users()?,
            sessions: self.sessions()?,
            access: self.tokens(TokenUse::Access)?,
        })
    }

    /// Creates the token issuer from the current secrets and the lifetimes of access and refresh tokens.
    pub fn token_issuer(&self) -> Result<TokenIssuer<JwtTokens>, SettingsError> {
        let seconds = |name: &str, default| {
            self.settings.number(name, default, 1..=365 * A_DAY).map(Duration::from_secs)
        };
        let lifetimes = Lifetimes {
            access: seconds("ACCESS_TOKEN_TTL_SECONDS", 15 * 60)?,
            refresh: seconds("REFRESH_TOKEN_TTL_SECONDS", 7 * A_DAY)?,
            session: seconds("SESSION_MAX_SECONDS", 90 * A_DAY)?,
        };
        if lifetimes.session < lifetimes.refresh {
            let reason = "should be at least REFRESH_TOKEN_TTL_SECONDS";
            return Err(Settings::error("SESSION_MAX_SECONDS", reason));
        }
        Ok(TokenIssuer {
            access: self.signer(TokenUse::Access)?,
            refresh: self.signer(TokenUse::Refresh)?,
            lifetimes,
        })
    }

    /// Creates a token issuer that also verifies refresh tokens, of both secrets.
    pub fn token_refresher(&self) -> Result<TokenIssuer<JwtTokens>, SettingsError> {
        Ok(TokenIssuer { refresh: self.refresh_tokens()?, ..self.token_issuer()? })
    }

    /// Creates the signer of refresh tokens.
    pub fn refresh_tokens(&self) -> Result<JwtTokens, SettingsError> {
        self.tokens(TokenUse::Refresh)
    }

    /// Creates the digest that stands for an account in the log. Its key is derived from `ACCESS_SECRET`.
    pub fn account_digest(&self) -> Result<KeyedDigest, SettingsError> {
        let secret = self.settings.required("ACCESS_SECRET")?;
        Ok(KeyedDigest::new(secret, "food-app account in the log"))
    }

    /// Creates the signer and verifier of access or refresh tokens from their secret and previous secret (`…_PREVIOUS`).
    fn tokens(&self, token_use: TokenUse) -> Result<JwtTokens, SettingsError> {
        let name = match token_use {
            TokenUse::Access => "ACCESS_SECRET_PREVIOUS",
            TokenUse::Refresh => "REFRESH_SECRET_PREVIOUS",
        };
        let previous = self.settings.optional(name).map(|raw| secret(name, raw)).transpose()?;
        Ok(JwtTokens::new(token_use, self.current_secret(token_use)?, previous))
    }

    /// Creates the signer of access or refresh tokens from their secret.
    fn signer(&self, token_use: TokenUse) -> Result<JwtTokens, SettingsError> {
        Ok(JwtTokens::new(token_use, self.current_secret(token_use)?, None))
    }

    fn current_secret(&self, token_use: TokenUse) -> Result<Secret, SettingsError> {
        let name = match token_use {
            TokenUse::Access => "ACCESS_SECRET",
            TokenUse::Refresh => "REFRESH_SECRET",
        };
        secret(name, self.settings.required(name)?)
    }
}

fn secret(name: &str, raw: &str) -> Result<Secret, SettingsError> {
    Secret::parse(raw).map_err(|error| Settings::error(name, &error.to_string()))
}

/// Reads `MAX_IMAGE_BYTES`, the size limit of an image file, where no other dependency is needed.
pub fn max_image_bytes(settings: &Settings) -> Result<usize, SettingsError> {
    let bytes = settings.number("MAX_IMAGE_BYTES", MAX_IMAGE_BYTES, 1..=100_000_000)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_of_a_service_precedes_that_of_all_services() {
        let variables = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let aws = aws_settings(&Settings::new(variables)).unwrap();
        assert_eq!(aws.dynamodb_endpoint.unwrap(), "http://127.0.0.1:1");
        assert_eq!(aws.s3_endpoint.unwrap(), "http://127.0.0.1:2");
    }
}
