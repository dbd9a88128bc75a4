//! Nobody tries for ever, and nobody learns who has an account: on both session stores.

use engines::Valkey;
use functions::api::Api as Functions;
use functions::settings::Settings;
use serde_json::{Value, json};

use test_support::fixture::{Fixture, event};

const RIGHT: &str = "analytical";
const WRONG: &str = "difference";

/// All functions, with sessions where the settings say.
struct Throttled {
    functions: Functions,
    _fixture: Fixture,
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
        let fixture = Fixture::with(&settings).await;
        let functions = Functions::new(&Settings::new(fixture.settings.clone())).unwrap();
        Self {
            functions,
            _fixture: fixture,
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
async fn guesses_are_limited_alike_for_known_and_unknown_email() {
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
async fn sign_ups_are_limited() {
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
async fn store_has_no_email_and_no_client_ip() {
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

#[tokio::test]
async fn client_network_that_tries_many_accounts_is_limited() {
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
