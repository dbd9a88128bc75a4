//! Nobody tries for ever, and nobody learns who has an account: on both session stores.

use std::time::Duration;

use engines::Valkey;
use functions::api::Api as Functions;
use functions::settings::Settings;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::scene::{Scene, event};

const RIGHT: &str = "analytical";
const WRONG: &str = "difference";

/// All functions, with sessions where the settings say.
struct Throttled {
    functions: Functions,
    _scene: Scene,
    valkey: Option<Valkey>,
}

impl Throttled {
    async fn on(valkey: Option<Valkey>, more: &[(&str, &str)]) -> Self {
        let url = valkey.as_ref().map(Valkey::url).unwrap_or_default();
        // No window ends while a test runs, unless the test sets another.
        let mut settings = vec![
            ("ATTEMPT_WINDOW_SECONDS", "86400"),
            ("TOKEN_STORE_URL", &url),
        ];
        settings.extend(more);
        let scene = Scene::with(&settings).await;
        let functions = Functions::new(&Settings::new(scene.settings.clone())).unwrap();
        Self {
            functions,
            _scene: scene,
            valkey,
        }
    }

    /// Once with sessions on `DynamoDB`, once on a Redis-compatible server.
    async fn both(more: &[(&str, &str)]) -> Vec<Self> {
        let valkey = Valkey::start().expect("a Valkey or Redis server");
        vec![
            Self::on(None, more).await,
            Self::on(Some(valkey), more).await,
        ]
    }

    async fn ask(&self, function: &str, source: &str, body: &Value) -> Value {
        let mut event: Value = serde_json::from_str(&event(function)).unwrap();
        event["requestContext"]["http"]["sourceIp"] = source.into();
        event["body"] = body.to_string().into();
        let answer = self.functions.invoke(function, &event.to_string()).await;
        serde_json::from_str(&answer.unwrap()).unwrap()
    }

    async fn log_in(&self, source: &str, email: &str, password: &str) -> Value {
        let body = json!({"email": email, "password": password});
        self.ask("login", source, &body).await
    }

    async fn sign_up(&self, source: &str, email: &str) -> Value {
        let body = json!({
            "first_name": "Grace", "last_name": "Hopper",
            "email": email, "password": "anchors aweigh",
        });
        self.ask("create_user", source, &body).await
    }
}

fn is_refused(answer: &Value) {
    assert_eq!(answer["statusCode"], 429, "{answer}");
    let seconds = answer["headers"]["retry-after"].as_str().expect("a time");
    let seconds: u64 = seconds.parse().expect("whole seconds");
    assert!((1..=86_401).contains(&seconds), "{seconds}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["too_many_attempts"], "too many attempts, please wait");
}

#[tokio::test]
async fn guessing_ends_for_a_known_and_an_unknown_address_alike() {
    for throttled in Box::pin(Throttled::both(&[])).await {
        let mut outcomes = Vec::new();
        // Every second time in other letters.
        for (source, email) in [
            ("203.0.113.7", "ada@example.com"),
            ("203.0.113.8", "nobody@example.com"),
        ] {
            let mut statuses = Vec::new();
            for nth in 0..14 {
                let email = if nth % 2 == 0 {
                    email.to_owned()
                } else {
                    email.to_uppercase()
                };
                let answer = throttled.log_in(source, &email, WRONG).await;
                statuses.push(answer["statusCode"].clone());
                if nth >= 10 {
                    is_refused(&answer);
                }
            }
            outcomes.push(statuses);
        }
        assert_eq!(outcomes[0], outcomes[1]);
        assert_eq!(outcomes[0][..10], vec![json!(401); 10]);
        // Also the right password has to wait, where somebody guesses.
        is_refused(
            &throttled
                .log_in("203.0.113.7", "ada@example.com", RIGHT)
                .await,
        );
    }
}

#[tokio::test]
async fn an_account_under_attack_stays_open_to_a_clean_address() {
    for throttled in Box::pin(Throttled::both(&[])).await {
        for nth in 0..20 {
            let source = format!("198.51.100.{nth}");
            let answer = throttled.log_in(&source, "ada@example.com", WRONG).await;
            assert_eq!(answer["statusCode"], 401);
        }
        for _ in 0..5 {
            let answer = throttled
                .log_in("203.0.113.7", "ada@example.com", RIGHT)
                .await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
        }
        // Nobody else is concerned.
        let answer = throttled
            .log_in("198.51.100.1", "eve@example.com", RIGHT)
            .await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
}

#[tokio::test]
async fn an_address_that_tries_account_after_account_is_shut_out() {
    let limits = [("LOGIN_ATTEMPTS_PER_ADDRESS", "5")];
    for throttled in Box::pin(Throttled::both(&limits)).await {
        for nth in 0..5 {
            // All of one customer's network are one.
            let source = format!("2001:db8:1:2::{nth}");
            let email = format!("nobody.{nth}@example.com");
            let answer = throttled.log_in(&source, &email, WRONG).await;
            assert_eq!(answer["statusCode"], 401, "{answer}");
        }
        is_refused(
            &throttled
                .log_in("2001:db8:1:2::9", "ada@example.com", RIGHT)
                .await,
        );
        let answer = throttled
            .log_in("2001:db8:1:3::9", "ada@example.com", RIGHT)
            .await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_no_more_are_compared() {
    for throttled in Box::pin(Throttled::both(&[])).await {
        let guess = || throttled.log_in("203.0.113.7", "ada@example.com", WRONG);
        let answers = join_all((0..40).map(|_| guess())).await;
        let compared = answers.iter().filter(|answer| answer["statusCode"] == 401);
        // An address may try three times in any case, in whatever order counters are asked.
        let compared = compared.count();
        assert!((10..=13).contains(&compared), "{compared}");
    }
}

#[tokio::test]
async fn signing_up_is_throttled_too() {
    let limits = [
        ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "5"),
        ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "4"),
    ];
    for throttled in Box::pin(Throttled::both(&limits)).await {
        // Account after account from one address, successes among them.
        for nth in 0..5 {
            let email = format!("grace.{nth}@example.com");
            let answer = throttled.sign_up("203.0.113.7", &email).await;
            assert_eq!(answer["statusCode"], 201, "{answer}");
        }
        is_refused(
            &throttled
                .sign_up("203.0.113.7", "grace.5@example.com")
                .await,
        );
        // One account from one address.
        for nth in 0..4 {
            let answer = throttled.sign_up("203.0.113.8", "grace@example.com").await;
            assert_eq!(answer["statusCode"], if nth == 0 { 201 } else { 409 });
        }
        is_refused(&throttled.sign_up("203.0.113.8", "grace@example.com").await);
        let elsewhere = throttled
            .sign_up("203.0.113.9", "grace.6@example.com")
            .await;
        assert_eq!(elsewhere["statusCode"], 201);
    }
}

#[tokio::test]
async fn client_may_retry_after_the_stated_time() {
    let limits = [
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "1"),
        ("ATTEMPT_WINDOW_SECONDS", "2"),
    ];
    let both = Box::pin(Throttled::both(&limits)).await;
    join_all(both.iter().map(async |throttled| {
        let guess = || throttled.log_in("203.0.113.7", "ada@example.com", WRONG);
        let mut answer = guess().await;
        // A window may end between two guesses.
        while answer["statusCode"] == 401 {
            answer = guess().await;
        }
        is_refused(&answer);
        let seconds = answer["headers"]["retry-after"].as_str().unwrap();
        tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
        assert_eq!(guess().await["statusCode"], 401);
    }))
    .await;
}

#[tokio::test]
async fn no_address_is_written_into_the_store() {
    let both = Box::pin(Throttled::both(&[])).await;
    for throttled in &both {
        throttled
            .log_in("203.0.113.7", "ada@example.com", WRONG)
            .await;
    }
    let url = both[1].valkey.as_ref().unwrap().url();
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("attempts:*")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let (_, digest) = key.split_once(':').unwrap();
        assert_eq!(digest.len(), 64, "{key}");
        assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        let left: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!((1..=86_400_000).contains(&left), "{left}");
    }
}
