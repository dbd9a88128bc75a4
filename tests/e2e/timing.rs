//! Response times of login and sign-up must not reveal whether an account exists.

use std::time::Duration;

use functions::api::Api as Functions;
use nix::time::ClockId;
use serde_json::{Value, json};

use test_support::NO_RATE_LIMITS;
use test_support::fixture::{Fixture, invoke};

/// The handlers of the functions, without rate limits.
struct Unlimited {
    functions: Functions,
    _fixture: Fixture,
}

impl Unlimited {
    async fn start() -> Self {
        let fixture = Fixture::with(&NO_RATE_LIMITS).await;
        Self { functions: fixture.functions(), _fixture: fixture }
    }

    async fn invoke(&self, function: &str, body: &Value) -> Value {
        invoke(&self.functions, function, |event| event["body"] = body.to_string().into()).await
    }

    async fn log_in(&self, email: &str) -> Value {
        let body = json!({"email": email, "password": "difference"});
        self.invoke("login", &body).await
    }

    async fn sign_up(&self, email: &str) -> Value {
        let body = json!({
            "first_name": "Grace", "last_name": "Hopper",
            "email": email, "password": "anchors aweigh",
        });
        self.invoke("create_user", &body).await
    }
}

/// The number of measured requests of each of the two kinds.
const REQUESTS: usize = 100;

/// Sends requests of two kinds alternately and compares the quartiles of the CPU time of this thread, which may
/// differ by the fraction `tolerance`. `request` gets the kind, 0 or 1, and the number of the request. CPU time,
/// unlike elapsed time, does not depend on the load.
async fn assert_equal_time(tolerance: f64, request: impl AsyncFn(usize, usize)) {
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    let mut times = [Vec::new(), Vec::new()];
    for nth in 0..REQUESTS {
        for kind in [nth % 2, 1 - nth % 2] {
            let started = Duration::from(clock.now().unwrap());
            request(kind, nth).await;
            let ended = Duration::from(clock.now().unwrap());
            times[kind].push(ended.saturating_sub(started));
        }
    }
    for times in &mut times {
        times.sort_unstable();
    }
    let ratios = [1, 2, 3].map(|quarter| {
        let [one, other] = [0, 1].map(|kind| times[kind][REQUESTS * quarter / 4]);
        one.as_secs_f64() / other.as_secs_f64()
    });
    println!("ratios of the quartiles: {ratios:.3?}");
    let is_near = |ratio: &f64| (1.0 - tolerance..=1.0 + tolerance).contains(ratio);
    assert!(ratios.iter().all(is_near), "{ratios:.3?}");
}

#[tokio::test]
async fn login_takes_equal_time_for_known_and_unknown_email() {
    let api = Unlimited::start().await;
    let first = api.log_in("ada@example.com").await;
    assert_eq!(first["statusCode"], 401);
    assert_equal_time(0.1, async |kind, _| {
        let email = ["ada@example.com", "ada@example.org"][kind];
        let response = api.log_in(email).await;
        assert_eq!(response, first, "status, headers and body");
    })
    .await;
}

#[tokio::test]
async fn sign_up_takes_equal_time_for_taken_and_free_email() {
    let api = Unlimited::start().await;
    assert_equal_time(0.2, async |kind, nth| {
        let free = format!("grace.{nth}@example.com");
        let (email, status) = [("ada@example.com", 409), (free.as_str(), 201)][kind];
        let response = api.sign_up(email).await;
        assert_eq!(response["statusCode"], status, "{response}");
    })
    .await;
}
