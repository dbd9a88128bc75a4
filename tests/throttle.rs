//! Nobody tries for ever, and nobody learns who has an account: on both session stores.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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
        let mut settings = more.to_vec();
        settings.push(("TOKEN_STORE_URL", &url));
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
    assert!((1..=901).contains(&seconds), "{seconds}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["too_many_attempts"], "too many attempts, please wait");
}

#[tokio::test]
async fn guessing_ends_for_a_known_and_an_unknown_address_alike() {
    for throttled in Box::pin(Throttled::both(&[])).await {
        let mut outcomes = Vec::new();
        // The second is Ada's again, in other letters.
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

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_compared() {
    for throttled in Box::pin(Throttled::both(&[])).await {
        let guess = || throttled.log_in("203.0.113.7", "ada@example.com", WRONG);
        let answers = join_all((0..40).map(|_| guess())).await;
        let compared = answers.iter().filter(|answer| answer["statusCode"] == 401);
        assert_eq!(compared.count(), 10);
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
async fn after_the_window_everybody_may_try_again() {
    let limits = [
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "1"),
        ("ATTEMPT_WINDOW_SECONDS", "1"),
    ];
    for throttled in Box::pin(Throttled::both(&limits)).await {
        let guess = || throttled.log_in("203.0.113.7", "ada@example.com", WRONG);
        let patience = Instant::now() + Duration::from_secs(20);
        let mut waits = 0;
        // Refused in one window, let through in a later one, twice.
        let mut changes = Vec::new();
        while changes != [401, 429, 401, 429, 401] {
            assert!(Instant::now() < patience, "{changes:?}");
            let status = guess().await["statusCode"].as_u64().unwrap();
            if changes.last() != Some(&status) && (!changes.is_empty() || status == 401) {
                changes.push(status);
            }
            waits += 1;
        }
        assert!(waits >= 5);
    }
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
        assert!(!key.contains("ada") && !key.contains("203"), "{key}");
        let left: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!((1..=900_000).contains(&left), "{left}");
    }
}

/// The one in the middle, in microseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Asks in both ways by turns, 200 times each, and compares how long it takes: the one in the middle
/// differs by less than a quarter. Without hashing, one of them would take a small part of the other.
fn are_alike(what: &str, times: &mut BTreeMap<&str, Vec<Duration>>) {
    let medians: Vec<(&str, f64)> = times
        .iter_mut()
        .map(|(name, times)| (*name, median(times)))
        .collect();
    println!("{what}: {medians:.0?} µs");
    let (one, other) = (medians[0].1, medians[1].1);
    assert!((one - other).abs() < 0.25 * one.max(other), "{medians:?}");
}

const UNTHROTTLED: [(&str, &str); 4] = [
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("LOGIN_ATTEMPTS_PER_ADDRESS", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "1000000"),
];

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_cannot_be_told_apart() {
    let throttled = Throttled::on(None, &UNTHROTTLED).await;
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut answers = Vec::new();
    for _ in 0..200 {
        for email in ["ada@example.com", "ada@example.org"] {
            let began = Instant::now();
            answers.push(throttled.log_in("203.0.113.7", email, WRONG).await);
            times.entry(email).or_default().push(began.elapsed());
        }
    }
    assert_eq!(answers[0]["statusCode"], 401);
    for answer in &answers {
        assert_eq!(answer, &answers[0], "status, headers and body");
    }
    are_alike("login", &mut times);
}

#[tokio::test]
async fn signing_up_takes_as_long_for_a_taken_address() {
    let throttled = Throttled::on(None, &UNTHROTTLED).await;
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for nth in 0..200 {
        let free = format!("grace.{nth}@example.com");
        for (which, email, status) in [("taken", "ada@example.com", 409), ("free", &free, 201)] {
            let began = Instant::now();
            let answer = throttled.sign_up("203.0.113.7", email).await;
            times.entry(which).or_default().push(began.elapsed());
            assert_eq!(answer["statusCode"], status, "{answer}");
        }
    }
    are_alike("sign-up", &mut times);
}
