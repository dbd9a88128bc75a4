//! A fixture whose engines are called through recorders, and the real binaries to start on it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use domain::testing::sample;
use functions::routes::FUNCTIONS;
use infrastructure::aws::{Aws, AwsSettings};
use serde_json::{Value, json};
use test_support::Function;
use test_support::fixture::{EVE, Fixture, JOLLOF, event};
use test_support::recorder::{Call, Recorder};
use test_support::redis_proxy::RedisProxy;

macro_rules! binaries {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        /// All functions with the paths of their binaries.
        pub(crate) const BINARIES: [(&str, &str); FUNCTIONS.len()] = [
            $((stringify!($name), env!(concat!("CARGO_BIN_EXE_", stringify!($name)))),)*
            $((stringify!($other), env!(concat!("CARGO_BIN_EXE_", stringify!($other)))),)*
        ];
    };
}

functions::for_each_function!(binaries);

/// The path of the function's binary.
pub(crate) fn binary(name: &str) -> &'static str {
    let found = BINARIES.iter().find(|(binary, _)| *binary == name);
    found.expect("a binary").1
}

/// What Eve's password was before the migration: from the test vectors of `crypt_blowfish`.
pub(crate) const EVES_PASSWORD: &str = "U*U";

/// A fixture whose engines are called through recorders.
pub(crate) struct Recorded {
    fixture: Fixture,
    pub(crate) dynamodb: Recorder,
    pub(crate) s3_proxy: Recorder,
    /// Where sessions are on a server of their own.
    pub(crate) redis: Option<RedisProxy>,
    /// The engines themselves.
    aws: Aws,
}

impl Recorded {
    pub(crate) async fn scene(more: &[(&str, &str)]) -> Self {
        let fixture = Fixture::with(more).await;
        let dynamodb = Recorder::before(fixture.setting("AWS_ENDPOINT_URL_DYNAMODB")).await;
        let s3_proxy = Recorder::before(fixture.setting("AWS_ENDPOINT_URL_S3")).await;
        let store = more.iter().find(|(name, _)| *name == "TOKEN_STORE_URL");
        let redis = match store {
            Some((_, url)) => Some(RedisProxy::before(url).await),
            None => None,
        };
        let aws = Aws::new(AwsSettings {
            region: fixture.setting("AWS_REGION").to_owned(),
            access_key_id: fixture.setting("AWS_ACCESS_KEY_ID").to_owned(),
            secret_access_key: fixture.setting("AWS_SECRET_ACCESS_KEY").to_owned(),
            session_token: None,
            dynamodb_endpoint: Some(fixture.setting("AWS_ENDPOINT_URL_DYNAMODB").to_owned()),
            s3_endpoint: Some(fixture.setting("AWS_ENDPOINT_URL_S3").to_owned()),
            ca_bundle: None,
        });
        Self {
            fixture,
            dynamodb,
            s3_proxy,
            redis,
            aws: aws.unwrap(),
        }
    }

    pub(crate) async fn start(&self, name: &str) -> Function {
        Function::start(binary(name), &self.settings()).await
    }

    /// The same, with so much time for each event.
    pub(crate) async fn start_with_time(&self, name: &str, time: Duration) -> Function {
        Function::with_time(binary(name), &self.settings(), time).await
    }

    /// What a function is told, which calls the engines through the recorders.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let mut proxies = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url.as_str()),
            ("AWS_ENDPOINT_URL_S3", self.s3_proxy.url.as_str()),
        ];
        let store = self.redis.as_ref().map(|redis| redis.url.as_str());
        proxies.extend(store.map(|url| ("TOKEN_STORE_URL", url)));
        self.fixture.settings_with(&proxies)
    }

    pub(crate) fn take(&self) -> Vec<Call> {
        let mut calls = self.dynamodb.take();
        calls.extend(self.s3_proxy.take());
        calls
    }

    /// What the fixture's functions are told.
    pub(crate) fn setting(&self, name: &str) -> String {
        self.fixture.setting(name).to_owned()
    }

    /// The engine itself, to look at it, and to bring about what no event does.
    pub(crate) fn dynamodb_engine(&self) -> aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    /// The same of the images.
    pub(crate) fn s3_engine(&self) -> aws_sdk_s3::Client {
        self.aws.s3()
    }

    /// Takes the tables away, for the sake of those who come after: an engine with thousands of them
    /// is slow.
    pub(crate) async fn clear(self) {
        for name in ["USERS_TABLE", "FOODS_TABLE", "SESSIONS_TABLE"] {
            let delete = self.dynamodb_engine().delete_table();
            let delete = delete.table_name(self.fixture.setting(name));
            delete.send().await.unwrap();
        }
    }

    /// Gives Eve a password hash from before the migration.
    pub(crate) async fn migrate_eve(&self) {
        // Of `EVES_PASSWORD`.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        self.dynamodb_engine()
            .update_item()
            .table_name(self.fixture.setting("USERS_TABLE"))
            .key("pk", AttributeValue::S(format!("USER#{EVE}")))
            .update_expression("SET password_hash = :hash")
            .expression_attribute_values(":hash", AttributeValue::S(hash.to_owned()))
            .send()
            .await
            .unwrap();
    }

    /// Eve left long ago, and her food is still there; two images are without a food, one of them of a
    /// food that shows another.
    pub(crate) async fn leave_behind(&self) {
        let dynamodb = self.dynamodb_engine();
        let users = self.fixture.setting("USERS_TABLE");
        let text = |text: String| AttributeValue::S(text);
        for key in [format!("USER#{EVE}"), "EMAIL#eve@example.com".to_owned()] {
            let delete = dynamodb.delete_item().table_name(users);
            delete.key("pk", text(key)).send().await.unwrap();
        }
        dynamodb
            .put_item()
            .table_name(users)
            .item("pk", text(format!("LEFT#{EVE}")))
            .item("id", text(EVE.to_owned()))
            .item("directory", text("LEFT".to_owned()))
            .item("left_at", AttributeValue::N("0".to_owned()))
            .send()
            .await
            .unwrap();
        for food in [JOLLOF, "01990000-0000-7000-8000-00000000f00f"] {
            let key = format!("foods/{food}/01990000-0000-7000-8000-00000000c00f/320.jpg");
            let bucket = self.fixture.setting("IMAGES_BUCKET");
            let put = self.s3_engine().put_object().bucket(bucket).key(key);
            let put = put.body(ByteStream::from_static(sample::GIF));
            put.send().await.unwrap();
        }
    }
}

/// A login of Eve's, once she has the password from before the migration.
pub(crate) fn eves_login() -> String {
    let mut login: Value = serde_json::from_str(&event("login")).unwrap();
    let body = json!({"email": "eve@example.com", "password": EVES_PASSWORD});
    login["body"] = body.to_string().into();
    login.to_string()
}
