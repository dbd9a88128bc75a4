//! Nobody tries for ever, and nobody learns who has an account: on both session stores.

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

/// Guesses until it was refused in one window and let through in a later one, twice.
async fn assert_windows_end(limits: &[(&str, &str)]) {
    for throttled in Box::pin(Throttled::both(limits)).await {
        let guess = || throttled.log_in("203.0.113.7", "ada@example.com", WRONG);
        let patience = Instant::now() + Duration::from_secs(40);
        let mut changes = Vec::new();
        while changes != [401, 429, 401, 429, 401] {
            assert!(Instant::now() < patience, "{changes:?}");
            let status = guess().await["statusCode"].as_u64().unwrap();
            if changes.last() != Some(&status) && (!changes.is_empty() || status == 401) {
                changes.push(status);
            }
        }
    }
}

#[tokio::test]
async fn after_the_window_an_address_may_try_again() {
    let limits = [
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "1"),
        ("ATTEMPT_WINDOW_SECONDS", "1"),
    ];
    Box::pin(assert_windows_end(&limits)).await;
}

#[tokio::test]
async fn after_the_window_an_account_may_be_tried_again() {
    let limits = [
        ("LOGIN_ATTEMPTS_PER_ACCOUNT", "1"),
        // Long enough for the three guesses that an address has in any case.
        ("ATTEMPT_WINDOW_SECONDS", "3"),
    ];
    Box::pin(assert_windows_end(&limits)).await;
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

/// How often each of two ways is tried.
const TRIES: usize = 200;

/// How far apart two ways may be that nobody can tell apart.
#[derive(Clone, Copy)]
struct Tolerance {
    /// So much may a quantile of the times of one way be above that of the other, as a part of it.
    quarters: f64,
    /// So much more or less than every second time may one way take longer than the other.
    lead: f64,
}

const ALIKE: Tolerance = Tolerance {
    quarters: 0.1,
    lead: 0.15,
};
/// Where the answer itself tells which way it was: as much hashing, and not the same calls.
const AS_MUCH_HASHING: Tolerance = Tolerance {
    quarters: 0.2,
    lead: 0.5,
};

/// A machine that is busy may delay one way more than the other, but not so often in a row.
const MEASUREMENTS: usize = 3;

/// How long two ways to ask take.
#[derive(Default)]
struct Times([Vec<Duration>; 2]);

impl Times {
    /// How the times of the first lie to those of the second: each quarter of the distributions, and how
    /// often one of the first is longer than one of the second (the statistic of Mann and Whitney, as a
    /// part of all pairs; a half where nobody could tell them apart).
    fn compare(&self) -> ([f64; 3], f64) {
        let [mut one, mut other] = self.0.clone();
        one.sort_unstable();
        other.sort_unstable();
        let quantile = |times: &[Duration], nth: usize| times[times.len() * nth / 4].as_secs_f64();
        let quarters = [1, 2, 3].map(|nth| quantile(&one, nth) / quantile(&other, nth));
        let longer = one
            .iter()
            .map(|time| other.partition_point(|other| other < time));
        #[expect(clippy::cast_precision_loss, reason = "a few thousands")]
        let longer = longer.sum::<usize>() as f64 / (one.len() * other.len()) as f64;
        (quarters, longer)
    }

    fn are_alike(&self, what: &str, tolerance: Tolerance) -> bool {
        let (quarters, longer) = self.compare();
        println!("{what}: quarters {quarters:.3?}, longer in {longer:.3}");
        let least = 1.0 - tolerance.quarters;
        let is_near = |ratio: &f64| (least..1.0 / least).contains(ratio);
        quarters.iter().all(is_near) && (longer - 0.5).abs() <= tolerance.lead
    }
}

/// Asks in both ways by turns, each as often first, and compares how long it takes: without hashing, or
/// with a fifth more or less of it in one of them, somebody could tell which it was.
async fn assert_alike(what: &str, tolerance: Tolerance, ask: impl AsyncFn(usize, usize)) {
    for measurement in 0..MEASUREMENTS {
        let mut times = Times::default();
        for nth in 0..TRIES {
            for way in [nth % 2, 1 - nth % 2] {
                let began = Instant::now();
                ask(way, measurement * TRIES + nth).await;
                times.0[way].push(began.elapsed());
            }
        }
        if times.are_alike(what, tolerance) {
            return;
        }
    }
    panic!("{what}: one takes longer");
}

#[test]
fn times_that_differ_by_a_sixth_are_told_apart_and_equal_ones_are_not() {
    let with = |factor: f64| {
        let times = |factor: f64| -> Vec<Duration> {
            let times = (0..TRIES).map(|nth| {
                // Between 30 ms and 40, as spread out as on a machine that does other things too.
                let spread = f64::from(u8::try_from(nth * 37 % 101).unwrap()) / 1e4;
                Duration::from_secs_f64(factor * (0.03 + spread))
            });
            times.collect()
        };
        Times([times(1.0), times(factor)])
    };
    assert!(with(1.0).are_alike("equal", ALIKE));
    for differs in [0.2, 0.84, 1.16] {
        assert!(!with(differs).are_alike("different", ALIKE), "{differs}");
    }
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
    let first = throttled
        .log_in("203.0.113.7", "ada@example.com", WRONG)
        .await;
    assert_eq!(first["statusCode"], 401);
    assert_alike("login", ALIKE, async |way, _| {
        let email = ["ada@example.com", "ada@example.org"][way];
        let answer = throttled.log_in("203.0.113.7", email, WRONG).await;
        assert_eq!(answer, first, "status, headers and body");
    })
    .await;
}

#[tokio::test]
async fn signing_up_takes_as_long_for_a_taken_address() {
    let throttled = Throttled::on(None, &UNTHROTTLED).await;
    assert_alike("sign-up", AS_MUCH_HASHING, async |way, nth| {
        let free = format!("grace.{nth}@example.com");
        let (email, status) = [("ada@example.com", 409), (free.as_str(), 201)][way];
        let answer = throttled.sign_up("203.0.113.7", email).await;
        assert_eq!(answer["statusCode"], status, "{answer}");
    })
    .await;
}
