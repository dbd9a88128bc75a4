//! Rate limits of login and sign-up, with counters in `DynamoDB` and in Redis.

use engines::Valkey;
use functions::api::Api as Functions;
use serde_json::{Value, json};

use test_support::fixture::{Fixture, invoke};

const CORRECT: &str = "analytical";
const WRONG: &str = "difference";

/// The handlers with rate limits, with counters in `DynamoDB` or in Redis.
struct RateLimited {
    functions: Functions,
    fixture: Fixture,
    valkey: Option<Valkey>,
}

impl RateLimited {
    async fn on(valkey: Option<Valkey>, extra: &[(&str, &str)]) -> Self {
        let url = valkey.as_ref().map(Valkey::url).unwrap_or_default();
        // A window that does not end during a test.
        let mut settings = vec![("ATTEMPT_WINDOW_SECONDS", "86400"), ("TOKEN_STORE_URL", &url)];
        settings.extend(extra);
        let fixture = Fixture::with(&settings).await;
        Self { functions: fixture.functions(), fixture, valkey }
    }

    /// Starts the handlers twice: with counters in `DynamoDB` and in a Redis-compatible server.
    async fn on_both(extra: &[(&str, &str)]) -> Vec<Self> {
        let valkey = Valkey::start().expect("a Valkey or Redis server");
        vec![Self::on(None, extra).await, Self::on(Some(valkey), extra).await]
    }

    async fn invoke(
        &self,
        function: &str,
        client_ip: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Value {
        let change = |event: &mut Value| {
            event["requestContext"]["http"]["sourceIp"] = client_ip.into();
            event["body"] = body.to_string().into();
            if let Some(key) = key {
                event["headers"]["idempotency-key"] = key.into();
            }
        };
        invoke(&self.functions, function, change).await
    }

    async fn log_in(&self, client_ip: &str, email: &str, password: &str) -> Value {
        let body = json!({"email": email, "password": password});
        self.invoke("login", client_ip, &body, None).await
    }

    async fn sign_up(&self, client_ip: &str, email: &str) -> Value {
        self.invoke("create_user", client_ip, &grace(email), None).await
    }

    async fn sign_up_with_key(&self, key: &str, client_ip: &str, email: &str) -> Value {
        self.invoke("create_user", client_ip, &grace(email), Some(key)).await
    }

    /// Returns the number of stored idempotency records.
    async fn idempotency_records(&self) -> usize {
        if let Some(valkey) = &self.valkey {
            return keys(valkey, "operation:*").await.len();
        }
        let table = self.fixture.setting("SESSIONS_TABLE");
        let scan = self.fixture.engines.aws().dynamodb().scan().table_name(table).send().await;
        let is_record = |item: &&std::collections::HashMap<_, _>| item.contains_key("fingerprint");
        scan.unwrap().items().iter().filter(is_record).count()
    }
}

fn grace(email: &str) -> Value {
    json!({
        "first_name": "Grace", "last_name": "Hopper",
        "email": email, "password": "anchors aweigh",
    })
}

async fn keys(valkey: &Valkey, pattern: &str) -> Vec<String> {
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap()
}

fn assert_limited(response: &Value) {
    assert_eq!(response["statusCode"], 429, "{response}");
    let seconds = response["headers"]["retry-after"].as_str().expect("a time");
    let seconds: u64 = seconds.parse().expect("whole seconds");
    assert!((1..=86_401).contains(&seconds), "{seconds}");
    let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["too_many_attempts"], "too many attempts, please wait");
}

#[tokio::test]
async fn login_rate_limit_is_equal_for_known_and_unknown_email() {
    for api in Box::pin(RateLimited::on_both(&[])).await {
        let mut outcomes = Vec::new();
        // Every second e-mail is in upper case.
        for (client_ip, email) in
            [("203.0.113.7", "ada@example.com"), ("203.0.113.8", "unknown@example.com")]
        {
            let emails = [email.to_owned(), email.to_uppercase()];
            let mut statuses = Vec::new();
            for nth in 0..14 {
                let response = api.log_in(client_ip, &emails[nth % 2], WRONG).await;
                statuses.push(response["statusCode"].clone());
                if nth >= 10 {
                    assert_limited(&response);
                }
            }
            outcomes.push(statuses);
        }
        assert_eq!(outcomes[0], outcomes[1]);
        assert_eq!(outcomes[0][..10], vec![json!(401); 10]);
        // The limit also applies to the correct password.
        assert_limited(&api.log_in("203.0.113.7", "ada@example.com", CORRECT).await);
    }
}

#[tokio::test]
async fn sign_ups_are_rate_limited_per_client_ip_and_per_email() {
    let limits = [("SIGN_UP_ATTEMPTS_PER_ADDRESS", "5"), ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "4")];
    for api in Box::pin(RateLimited::on_both(&limits)).await {
        // Many accounts from one client IP: successful sign-ups count.
        for nth in 0..5 {
            let email = format!("grace.{nth}@example.com");
            let response = api.sign_up("203.0.113.7", &email).await;
            assert_eq!(response["statusCode"], 201, "{response}");
        }
        assert_limited(&api.sign_up("203.0.113.7", "grace.5@example.com").await);
        // One e-mail from one client IP.
        for nth in 0..4 {
            let response = api.sign_up("203.0.113.8", "grace@example.com").await;
            assert_eq!(response["statusCode"], if nth == 0 { 201 } else { 409 });
        }
        assert_limited(&api.sign_up("203.0.113.8", "grace@example.com").await);
        let elsewhere = api.sign_up("203.0.113.9", "grace.6@example.com").await;
        assert_eq!(elsewhere["statusCode"], 201);
    }
}

#[tokio::test]
async fn refused_sign_ups_leave_no_idempotency_record() {
    for api in Box::pin(RateLimited::on_both(&[("SIGN_UP_ATTEMPTS_PER_ADDRESS", "1")])).await {
        let first = api.sign_up_with_key("0123456789abcdef", "203.0.113.7", "g@example.com").await;
        assert_eq!(first["statusCode"], 201, "{first}");
        assert_eq!(api.idempotency_records().await, 1);
        for nth in 0..40 {
            let (key, email) = (format!("another-key-{nth:04}"), format!("g{nth}@example.com"));
            assert_limited(&api.sign_up_with_key(&key, "203.0.113.7", &email).await);
        }
        assert_eq!(api.idempotency_records().await, 1);
    }
}

#[tokio::test]
async fn replayed_sign_up_does_not_count_as_an_attempt() {
    for api in Box::pin(RateLimited::on_both(&[("SIGN_UP_ATTEMPTS_PER_ADDRESS", "2")])).await {
        let sign_up = || api.sign_up_with_key("0123456789abcdef", "203.0.113.7", "g@example.com");
        let first = sign_up().await;
        assert_eq!(first["statusCode"], 201, "{first}");
        for _ in 0..5 {
            assert_eq!(sign_up().await, first);
        }
        assert_eq!(api.sign_up("203.0.113.7", "other@example.com").await["statusCode"], 201);
        assert_limited(&api.sign_up("203.0.113.7", "third@example.com").await);
    }
}

#[tokio::test]
async fn redis_rate_limit_keys_hide_email_and_client_ip() {
    let both = Box::pin(RateLimited::on_both(&[])).await;
    for api in &both {
        api.log_in("203.0.113.7", "ada@example.com", WRONG).await;
    }
    let valkey = both[1].valkey.as_ref().unwrap();
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys = keys(valkey, "rate_limit:*").await;
    assert_eq!(keys.len(), 2);
    for key in keys {
        let (_, digest) = key.split_once(':').unwrap();
        assert_eq!(digest.len(), 64, "{key}");
        assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        let ttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert!((1..=86_400_000).contains(&ttl), "{ttl}");
    }
}

#[tokio::test]
async fn logins_are_rate_limited_per_ipv6_network() {
    let limits = [("LOGIN_ATTEMPTS_PER_ADDRESS", "5")];
    for api in Box::pin(RateLimited::on_both(&limits)).await {
        for nth in 0..5 {
            // All client IPs in one /64 network share a limit.
            let client_ip = format!("2001:db8:1:2::{nth}");
            let email = format!("unknown.{nth}@example.com");
            let response = api.log_in(&client_ip, &email, WRONG).await;
            assert_eq!(response["statusCode"], 401, "{response}");
        }
        assert_limited(&api.log_in("2001:db8:1:2::9", "ada@example.com", CORRECT).await);
        let response = api.log_in("2001:db8:1:3::9", "ada@example.com", CORRECT).await;
        assert_eq!(response["statusCode"], 200, "{response}");
    }
}
