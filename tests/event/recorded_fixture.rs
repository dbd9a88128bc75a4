//! A fixture whose functions call `DynamoDB`, S3 and Redis through proxies, and the binaries to run on it.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use aws_sdk_s3::primitives::ByteStream;
use domain::testing::sample;
use functions::routes::FUNCTIONS;
use infrastructure::aws::{Aws, AwsSettings};
use serde_json::{Value, json};
use test_support::Function;
use test_support::fixture::{EVE, FUFU, Fixture, JOLLOF, event};
use test_support::recorder::{RecordedCall, Recorder};
use test_support::redis_proxy::RedisProxy;

macro_rules! binaries {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        /// Name and path of each function's binary.
        pub(crate) const BINARIES: [(&str, &str); FUNCTIONS.len()] = [
            $((stringify!($name), env!(concat!("CARGO_BIN_EXE_", stringify!($name)))),)*
            $((stringify!($other), env!(concat!("CARGO_BIN_EXE_", stringify!($other)))),)*
        ];
    };
}

functions::for_each_function!(binaries);

/// Returns the path of a function's binary.
pub(crate) fn binary(name: &str) -> &'static str {
    let found = BINARIES.iter().find(|(binary, _)| *binary == name);
    found.expect("a binary").1
}

/// Eve's password after [`RecordedFixture::set_bcrypt_hash`]. Password and hash are test vectors of `crypt_blowfish`.
pub(crate) const EVES_PASSWORD: &str = "U*U";

/// A fixture whose functions call `DynamoDB`, S3 and Redis through recording proxies.
pub(crate) struct RecordedFixture {
    fixture: Fixture,
    pub(crate) dynamodb: Recorder,
    pub(crate) s3_proxy: Recorder,
    /// The proxy in front of Redis. `None` if `DynamoDB` stores the sessions.
    pub(crate) redis: Option<RedisProxy>,
    /// Clients of `DynamoDB` and S3 that bypass the proxies.
    aws: Aws,
}

impl RecordedFixture {
    /// Creates a fixture with proxies; functions get the settings in `extra` in addition.
    pub(crate) async fn with(extra: &[(&str, &str)]) -> Self {
        let fixture = Fixture::with(extra).await;
        let dynamodb = Recorder::start(fixture.setting("AWS_ENDPOINT_URL_DYNAMODB")).await;
        let s3_proxy = Recorder::start(fixture.setting("AWS_ENDPOINT_URL_S3")).await;
        let store = extra.iter().find(|(name, _)| *name == "TOKEN_STORE_URL");
        let redis = match store {
            Some((_, url)) => Some(RedisProxy::start(url).await),
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
        Self { fixture, dynamodb, s3_proxy, redis, aws: aws.unwrap() }
    }

    /// Starts a function, sends it one event, checks the status of the response and returns the recorded calls.
    pub(crate) async fn calls(&self, name: &str, event: &str, status: u16) -> Vec<RecordedCall> {
        let response = self.start(name).await.invoke(event).await;
        assert_eq!(response["statusCode"], status, "{name}: {response}");
        self.take()
    }

    pub(crate) async fn start(&self, name: &str) -> Function {
        Function::start(binary(name), &self.settings()).await
    }

    /// Starts a function; the Lambda deadline of each event is `timeout` after delivery.
    pub(crate) async fn start_with_timeout(&self, name: &str, timeout: Duration) -> Function {
        Function::start_with_timeout(binary(name), &self.settings(), timeout).await
    }

    /// Returns the settings of the fixture with the URLs of the proxies.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let mut proxies = vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url.as_str()),
            ("AWS_ENDPOINT_URL_S3", self.s3_proxy.url.as_str()),
        ];
        let store = self.redis.as_ref().map(|redis| redis.url.as_str());
        proxies.extend(store.map(|url| ("TOKEN_STORE_URL", url)));
        self.fixture.settings_with(&proxies)
    }

    /// Removes and returns the recorded calls, first those to `DynamoDB`, then those to S3.
    pub(crate) fn take(&self) -> Vec<RecordedCall> {
        let mut calls = self.dynamodb.take();
        calls.extend(self.s3_proxy.take());
        calls
    }

    pub(crate) fn setting(&self, name: &str) -> String {
        self.fixture.setting(name).to_owned()
    }

    /// Returns a client of `DynamoDB` that bypasses the recording proxy.
    pub(crate) fn dynamodb_engine(&self) -> aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    pub(crate) fn s3_engine(&self) -> aws_sdk_s3::Client {
        self.aws.s3()
    }

    /// Replaces Eve's password hash by a bcrypt hash of [`EVES_PASSWORD`].
    pub(crate) async fn set_bcrypt_hash(&self) {
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let hash = AttributeValue::S(hash.to_owned());
        self.update_user(EVE, "SET password_hash = :value", hash).await;
    }

    /// Revokes all sessions of a user.
    pub(crate) async fn revoke_sessions(&self, user: &str) {
        let one = AttributeValue::N("1".to_owned());
        self.update_user(user, "ADD credentials_version :value", one).await;
    }

    async fn update_user(&self, user: &str, expression: &str, value: AttributeValue) {
        let update = self.dynamodb_engine().update_item();
        let update = update.table_name(self.fixture.setting("USERS_TABLE"));
        let update = update.key("pk", AttributeValue::S(format!("USER#{user}")));
        let update = update.update_expression(expression);
        update.expression_attribute_values(":value", value).send().await.unwrap();
    }

    /// Adds one to the number of likes of a food, but no like.
    pub(crate) async fn add_to_count(&self, food: &str) {
        let text = |text: String| AttributeValue::S(text);
        let update = self.dynamodb_engine().update_item();
        let update = update.table_name(self.fixture.setting("LIKES_TABLE"));
        let update = update.key("pk", text(format!("FOOD#{food}")));
        let update = update.key("sk", text("COUNT#0".to_owned()));
        let update = update.update_expression("ADD likes :one");
        let one = AttributeValue::N("1".to_owned());
        update.expression_attribute_values(":one", one).send().await.unwrap();
    }

    /// Removes everything that is derived from likes.
    pub(crate) async fn remove_derived(&self) {
        let table = self.fixture.setting("LIKES_TABLE");
        let dynamodb = self.dynamodb_engine();
        let items = dynamodb.scan().table_name(table).send().await.unwrap().items.unwrap();
        for item in items.into_iter().filter(|item| item.contains_key("version")) {
            self.delete("LIKES_TABLE", &[("pk", item["pk"].clone()), ("sk", item["sk"].clone())])
                .await;
        }
    }

    /// Removes a food, but not its likes and what is derived from them.
    pub(crate) async fn remove_liked_food(&self) {
        for key in [format!("FOOD#{FUFU}"), "TITLE#fufu and egusi".to_owned()] {
            self.delete("FOODS_TABLE", &[("pk", AttributeValue::S(key))]).await;
        }
    }

    async fn delete(&self, table: &str, key: &[(&str, AttributeValue)]) {
        let delete = self.dynamodb_engine().delete_item().table_name(self.fixture.setting(table));
        let key = key.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let deleted = delete.set_key(Some(key.collect())).return_values(ReturnValue::AllOld).send();
        assert!(deleted.await.unwrap().attributes.is_some());
    }

    /// Replaces Eve's account by an old tombstone but keeps her food. Adds two orphaned images: one of a food
    /// that has another image, one of a food that does not exist.
    pub(crate) async fn add_orphans(&self) {
        let dynamodb = self.dynamodb_engine();
        let users = self.fixture.setting("USERS_TABLE");
        let text = |text: String| AttributeValue::S(text);
        for key in [format!("USER#{EVE}"), "EMAIL#eve@example.com".to_owned()] {
            self.delete("USERS_TABLE", &[("pk", text(key))]).await;
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

/// Returns a login event with the e-mail of Eve and [`EVES_PASSWORD`].
pub(crate) fn eves_login() -> String {
    let mut login: Value = serde_json::from_str(&event("login")).unwrap();
    let body = json!({"email": "eve@example.com", "password": EVES_PASSWORD});
    login["body"] = body.to_string().into();
    login.to_string()
}
