//! Each function may do what it does, and nothing else: its policy in `template.yaml` against the
//! calls that the real binary makes while it answers its events.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use domain::testing::sample;
use engines::Valkey;
use functions::routes::ROUTES;
use infrastructure::aws::{Aws, AwsSettings};
use serde_json::{Value, json};

use crate::binaries::binary;
use crate::events::{expected, function};
use test_support::fixture::{EVE, Fixture, JOLLOF, event};
use test_support::recorder::{Call, Recorder};
use test_support::redis_proxy::RedisProxy;
use test_support::template::{template, texts};
use test_support::{Client, Function};

/// What the upload of the events says it is.
const PICTURE: &[u8] = include_bytes!("../events/jollof.jpg");

/// An action and a resource, the latter by its logical id.
type Grants = BTreeSet<(String, String)>;

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

    /// What the calls need to be allowed, by the logical ids of the template.
    fn grants(&self, calls: &[Call]) -> Grants {
        let names = [
            ("USERS_TABLE", "UsersTable"),
            ("FOODS_TABLE", "FoodsTable"),
            ("SESSIONS_TABLE", "SessionsTable"),
            ("IMAGES_BUCKET", "ImagesBucket"),
        ];
        let logical = |resource: &str| {
            for (name, id) in names {
                if let Some(rest) = resource.strip_prefix(self.fixture.setting(name)) {
                    let folders = ["/foods/", "/variants/", "/uploads/"];
                    let folder = folders.iter().find(|folder| rest.starts_with(**folder));
                    return match folder {
                        Some(folder) => format!("{id}{folder}*"),
                        None => format!("{id}{rest}"),
                    };
                }
            }
            panic!("{resource} is none of ours");
        };
        calls
            .iter()
            .flat_map(|call| &call.grants)
            .map(|(action, resource)| (action.clone(), logical(resource)))
            .collect()
    }

    /// What the fixture's functions are told.
    pub(crate) fn setting(&self, name: &str) -> String {
        self.fixture.setting(name).to_owned()
    }

    /// The engine itself, to look at it, and to bring about what no event does.
    pub(crate) fn dynamodb_engine(&self) -> aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    /// The same of the pictures.
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

    /// Eve left long ago, and her food is still there; two pictures are without a food, one of them of a
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
            let key = format!("foods/{food}/01990000-0000-7000-8000-00000000c00f.jpg");
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

/// What the function may do, as the template says.
fn granted(permissions: &Value, name: &str) -> Grants {
    let statements = permissions[name].as_array().expect("statements");
    let mut grants = Grants::new();
    for statement in statements {
        for action in texts(&statement["actions"]) {
            for resource in texts(&statement["resources"]) {
                grants.insert((action.clone(), resource));
            }
        }
    }
    grants
}

/// All that the function does while it answers all its events, and in the cases that no event
/// leads to.
async fn done(name: &str, more: &[(&str, &str)]) -> Grants {
    let mut grants = Grants::new();
    for (event_name, status, _) in expected() {
        if function(event_name) != name {
            continue;
        }
        let recorded = Recorded::scene(more).await;
        let answer = recorded.start(name).await.invoke(&event(event_name)).await;
        assert_eq!(answer["statusCode"], status, "{event_name}: {answer}");
        if name == "create_image_upload" && status == 201 {
            post_as_told(&answer).await;
        }
        grants.extend(recorded.grants(&recorded.take()));
    }
    match name {
        "login" => {
            let recorded = Recorded::scene(more).await;
            recorded.migrate_eve().await;
            let mut running = recorded.start(name).await;
            let answer = running.invoke(&eves_login()).await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
            grants.extend(recorded.grants(&recorded.take()));
            // Is the password still the one that was compared? Nobody can tell: no session is left.
            let recorded = Recorded::scene(more).await;
            recorded.dynamodb.lose_answers_after("GetItem", 2);
            let answer = recorded.start(name).await.invoke(&self::event(name)).await;
            assert_eq!(answer["statusCode"], 503, "{answer}");
            grants.extend(recorded.grants(&recorded.take()));
        }
        // Did the save happen whose answer was lost?
        "create_food" => {
            let recorded = Recorded::scene(more).await;
            recorded.dynamodb.lose_answers_to("TransactWriteItems");
            let mut running = recorded.start(name).await;
            let answer = running.invoke(&event(name)).await;
            assert_eq!(answer["statusCode"], 201, "{answer}");
            grants.extend(recorded.grants(&recorded.take()));
        }
        _ => {}
    }
    grants
}

/// Uploads with the presigned POST, as the client does.
async fn post_as_told(response: &Value) {
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).unwrap();
    let status = Client::new("").post_file(&body["upload"], PICTURE).await;
    assert_eq!(status, 204);
}

/// All that the function does that is told of pictures.
async fn processed(more: &[(&str, &str)]) -> Grants {
    let mut grants = Grants::new();
    for event_name in ["process_image", "process_image.gone"] {
        let recorded = Recorded::scene(more).await;
        let mut running = recorded.start("process_image").await;
        running.invoke(&event(event_name)).await;
        grants.extend(recorded.grants(&recorded.take()));
    }
    grants
}

/// All that the scheduled function does.
async fn swept(more: &[(&str, &str)]) -> Grants {
    let settings = [more, &[("ORPHAN_MIN_AGE_SECONDS", "1")]].concat();
    let recorded = Recorded::scene(&settings).await;
    recorded.leave_behind().await;
    let mut running = recorded.start("sweep_images").await;
    let mut grants = Grants::new();
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let report = running.invoke(&event("sweep_images")).await;
        grants.extend(recorded.grants(&recorded.take()));
        // Until the pictures are old enough to be looked at.
        if report["listed"] == 1 && report["young"] == 0 && report["expired"] == 0 {
            return grants;
        }
        assert!(Instant::now() < patience, "{report}");
    }
}

async fn assert_exact(permissions: &str, more: &[(&str, &str)]) {
    let permissions = template(permissions);
    let mut all = vec![
        ("process_image", processed(more).await),
        ("sweep_images", swept(more).await),
    ];
    for route in ROUTES {
        all.push((route.name, done(route.name, more).await));
    }
    for (name, done) in all {
        let granted = granted(&permissions, name);
        let refused: Vec<_> = done.difference(&granted).collect();
        assert!(refused.is_empty(), "{name} does {refused:?}");
        let unused: Vec<_> = granted.difference(&done).collect();
        assert!(unused.is_empty(), "{name} never does {unused:?}");
    }
}

#[tokio::test]
async fn each_function_is_granted_what_it_does_and_nothing_else() {
    assert_exact("permissions", &[]).await;
}

#[tokio::test]
async fn the_same_holds_with_sessions_on_a_server_of_their_own() {
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    let url = valkey.url();
    assert_exact("permissions.token-store", &[("TOKEN_STORE_URL", &url)]).await;
}
