//! Logging in, staying signed in, logging out: on both session stores.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::clock::{Clock as _, SystemClock};
use domain::id::{SessionId, UserId};
use domain::token::{Claims, TokenSigner as _};
use engines::Valkey;
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use serde_json::{Value, json};

use crate::support::client::{Member, PASSWORD, text};
use crate::support::{Answer, Api, Form};

pub(crate) const ACCESS_SECRET: &str = "an access secret for the tests of sessions";
pub(crate) const REFRESH_SECRET: &str = "a refresh secret for the tests of sessions";

const SECRETS: [(&str, &str); 2] = [
    ("ACCESS_SECRET", ACCESS_SECRET),
    ("REFRESH_SECRET", REFRESH_SECRET),
];

const EXPIRED: (&str, &str) = ("error", "Token is expired");
const MALFORMED: (&str, &str) = ("error", "token contains an invalid number of segments");
const REFUSED: (&str, &str) = ("error", "unauthorized");

/// The API on one of the session stores.
pub(crate) struct OnStore {
    pub(crate) api: Api,
    pub(crate) valkey: Option<Valkey>,
}

pub(crate) async fn on_dynamodb() -> OnStore {
    OnStore {
        api: Api::with(&SECRETS).await,
        valkey: None,
    }
}

pub(crate) async fn on_redis() -> OnStore {
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    let url = valkey.url();
    let settings = [SECRETS[0], SECRETS[1], ("TOKEN_STORE_URL", &url)];
    OnStore {
        api: Api::with(&settings).await,
        valkey: Some(valkey),
    }
}

/// Makes a test of each function: once on `DynamoDB`, once on a Redis-compatible server.
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => {
        mod on_dynamodb_sessions {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::on_dynamodb().await).await;
            })*
        }
        mod on_redis_sessions {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::on_redis().await).await;
            })*
        }
    };
}

pub(crate) use on_both_stores;

on_both_stores!(
    the_story_of_a_session,
    logging_out_ends_one_session_at_once,
    a_refresh_token_is_exchanged_and_the_one_before_is_good_for_ten_seconds,
    a_token_two_exchanges_old_ends_the_session,
    tokens_that_are_not_ours_are_refused,
    twenty_refreshes_at_once_hold_one_token,
    logging_out_during_refreshes_leaves_nothing_alive,
);

fn signer(token_use: TokenUse, secret: &str) -> JwtTokens {
    JwtTokens::new(token_use, Secret::parse(secret).unwrap(), None)
}

fn access_signer() -> JwtTokens {
    signer(TokenUse::Access, ACCESS_SECRET)
}

fn claims(signer: &JwtTokens, token: &str) -> Claims {
    signer.verify(token, SystemClock.now()).expect("our token")
}

/// Whether the access token is taken: by a request that is wrong for another reason.
async fn is_signed_in(api: &Api, access: &str) -> bool {
    let answer = api
        .post("/food")
        .token(access)
        .form(Form::new())
        .send()
        .await;
    match answer.status {
        422 => true,
        401 => false,
        status => panic!("{status}: {}", answer.text()),
    }
}

fn tokens(answer: &Answer) -> (String, String) {
    let body = answer.json();
    (text(&body["access_token"]), text(&body["refresh_token"]))
}

impl OnStore {
    /// Lets the session's last exchange be eleven seconds older, in the store itself.
    async fn let_the_grace_pass(&self, session: &Claims) {
        let (user, session) = (session.user.to_string(), session.session.to_string());
        let earlier = SystemClock.now().unix_millis() - 11_000;
        let Some(valkey) = &self.valkey else {
            let client = self.api.local.aws().dynamodb();
            let updated = client
                .update_item()
                .table_name("sessions")
                .key("pk", AttributeValue::S(user))
                .key("sk", AttributeValue::S(session))
                .update_expression("SET rotated_at = :earlier")
                .condition_expression("attribute_exists(rotated_at)")
                .expression_attribute_values(":earlier", AttributeValue::N(earlier.to_string()))
                .send()
                .await;
            updated.expect("the session was exchanged before");
            return;
        };
        let client = redis::Client::open(valkey.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let key = format!("session:{{{user}}}:{session}");
        let added: i64 = redis::cmd("HSET")
            .arg(&key)
            .arg("rotated_at")
            .arg(earlier)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(added, 0, "the session was exchanged before");
    }
}

async fn the_story_of_a_session(
    OnStore {
        api,
        valkey: _valkey,
    }: OnStore,
) {
    let id = text(&api.sign_up("ada").await.json()["id"]);
    let login = json!({"email": " ADA@example.com", "password": PASSWORD});
    let answer = api.post("/login").json(&login).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    let (access, refresh) = tokens(&answer);
    assert_eq!(
        body,
        json!({
            "access_token": access, "refresh_token": refresh,
            "id": id, "first_name": "ada", "last_name": "Tester",
            "token_type": "Bearer", "expires_in": 900,
        })
    );
    let claims = claims(&access_signer(), &access);
    assert_eq!(claims.user.to_string(), id);
    let lifetime = claims.expires_at.since(claims.issued_at);
    assert_eq!(lifetime, Duration::from_mins(15));
    assert!(is_signed_in(&api, &access).await);

    let answer = api.refresh(&refresh).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let (next_access, next_refresh) = tokens(&answer);
    assert_eq!(
        answer.json(),
        json!({
            "access_token": next_access, "refresh_token": next_refresh,
            "token_type": "Bearer", "expires_in": 900,
        })
    );
    assert_ne!(next_refresh, refresh);
    assert!(is_signed_in(&api, &next_access).await);

    let answer = api.log_out(&next_access).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!("Successfully logged out"))
    );
    for access in [access, next_access] {
        api.log_out(&access).await.is_problem(401, &[REFUSED]);
    }
    for refresh in [refresh, next_refresh] {
        api.refresh(&refresh).await.is_problem(401, &[REFUSED]);
    }
}

async fn logging_out_ends_one_session_at_once(
    OnStore {
        api,
        valkey: _valkey,
    }: OnStore,
) {
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    let eve = api.member("eve").await;
    assert_eq!(api.log_out(&phone.access).await.status, 200);
    assert!(!is_signed_in(&api, &phone.access).await);
    assert!(is_signed_in(&api, &laptop.access).await);
    assert!(is_signed_in(&api, &eve.access).await);
    assert_eq!(api.refresh(&laptop.refresh).await.status, 201);
    api.refresh(&phone.refresh)
        .await
        .is_problem(401, &[REFUSED]);
}

async fn a_refresh_token_is_exchanged_and_the_one_before_is_good_for_ten_seconds(on: OnStore) {
    let ada = on.api.member("ada").await;
    let session = claims(&access_signer(), &ada.access);
    let (_, next) = tokens(&on.api.refresh(&ada.refresh).await);
    let again = on.api.refresh(&ada.refresh).await;
    assert_eq!(again.status, 201);
    assert_eq!(tokens(&again).1, next, "the same refresh token once more");

    on.let_the_grace_pass(&session).await;
    on.api
        .refresh(&ada.refresh)
        .await
        .is_problem(401, &[REFUSED]);
    // Somebody has a copy: nobody is signed in any more.
    on.api.refresh(&next).await.is_problem(401, &[REFUSED]);
    assert!(!is_signed_in(&on.api, &ada.access).await);
}

async fn a_token_two_exchanges_old_ends_the_session(
    OnStore {
        api,
        valkey: _valkey,
    }: OnStore,
) {
    let ada = api.member("ada").await;
    let (_, second) = tokens(&api.refresh(&ada.refresh).await);
    let (access, third) = tokens(&api.refresh(&second).await);
    assert!(is_signed_in(&api, &access).await);
    api.refresh(&ada.refresh).await.is_problem(401, &[REFUSED]);
    api.refresh(&third).await.is_problem(401, &[REFUSED]);
    assert!(!is_signed_in(&api, &access).await);
}

/// Every route that wants an access token, with a request that is right otherwise.
async fn signed_in_routes(api: &Api, token: Option<&str>) -> Vec<Answer> {
    let food = "/food/01990000-0000-7000-8000-000000000001";
    let mut answers = Vec::new();
    for call in [
        api.post("/logout"),
        api.post("/food").form(Form::food("Soup")),
        api.put(food).form(Form::food("Soup")),
        api.delete(food),
    ] {
        let call = match token {
            Some(token) => call.token(token),
            None => call,
        };
        answers.push(call.send().await);
    }
    answers
}

async fn tokens_that_are_not_ours_are_refused(
    OnStore {
        api,
        valkey: _valkey,
    }: OnStore,
) {
    let ada = api.member("ada").await;
    let ours = claims(&access_signer(), &ada.access);
    let expired = Claims {
        issued_at: domain::clock::Timestamp::from_unix_seconds(1_700_000_000).unwrap(),
        expires_at: domain::clock::Timestamp::from_unix_seconds(1_700_000_900).unwrap(),
        ..ours.clone()
    };
    let someone = Claims {
        user: UserId::new(SystemClock.now()),
        ..ours.clone()
    };
    let other_session = Claims {
        session: SessionId::new(SystemClock.now()),
        ..ours.clone()
    };
    let (head, rest) = ada.access.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let foreign = signer(TokenUse::Access, "a secret that nobody told the server");
    for (token, problem) in [
        (access_signer().sign(&expired).unwrap(), EXPIRED),
        (foreign.sign(&ours).unwrap(), REFUSED),
        (foreign.sign(&expired).unwrap(), REFUSED),
        (access_signer().sign(&someone).unwrap(), REFUSED),
        (access_signer().sign(&other_session).unwrap(), REFUSED),
        (ada.refresh.clone(), REFUSED),
        (
            signer(TokenUse::Refresh, ACCESS_SECRET)
                .sign(&ours)
                .unwrap(),
            REFUSED,
        ),
        (format!("{head}.{body}x.{signature}"), REFUSED),
        (format!("{head}.{body}.{}", "A".repeat(43)), REFUSED),
        (format!("{head}.{body}."), REFUSED),
        (format!("eyJhbGciOiJub25lIn0.{body}."), MALFORMED),
        (format!("{head}.{body}"), MALFORMED),
        ("undefined".to_owned(), MALFORMED),
        ("null".to_owned(), MALFORMED),
        (String::new(), MALFORMED),
    ] {
        for answer in signed_in_routes(&api, Some(&token)).await {
            answer.is_problem(401, &[problem]);
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            assert_eq!(challenge.contains("invalid_token"), !token.is_empty());
        }
    }
    for answer in signed_in_routes(&api, None).await {
        answer.is_problem(401, &[MALFORMED]);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, "Bearer realm=\"food-app\"");
    }
    for scheme in ["Basic YTpi", "Token x", &ada.access] {
        let answer = api
            .post("/logout")
            .header("authorization", scheme)
            .send()
            .await;
        answer.is_problem(401, &[MALFORMED]);
    }

    // The same for refresh tokens.
    let refresh = signer(TokenUse::Refresh, REFRESH_SECRET);
    let ours = claims(&refresh, &ada.refresh);
    let expired = Claims {
        issued_at: expired.issued_at,
        expires_at: expired.expires_at,
        ..ours.clone()
    };
    let foreign = signer(TokenUse::Refresh, "a secret that nobody told the server");
    for (token, problem) in [
        (refresh.sign(&expired).unwrap(), EXPIRED),
        (foreign.sign(&ours).unwrap(), REFUSED),
        (
            signer(TokenUse::Access, REFRESH_SECRET)
                .sign(&ours)
                .unwrap(),
            REFUSED,
        ),
        (ada.access.clone(), REFUSED),
        ("a.b.c".to_owned(), MALFORMED),
    ] {
        api.refresh(&token).await.is_problem(401, &[problem]);
    }
    // None of that harmed the session.
    assert_eq!(api.refresh(&ada.refresh).await.status, 201);
    assert_eq!(api.log_out(&ada.access).await.status, 200);
}

async fn twenty_refreshes_at_once_hold_one_token(on: OnStore) {
    let ada = on.api.member("ada").await;
    let session = claims(&access_signer(), &ada.access);
    let answers =
        futures_util::future::join_all((0..20).map(|_| on.api.refresh(&ada.refresh))).await;
    let mut held = HashSet::new();
    for answer in &answers {
        assert_eq!(answer.status, 201, "{}", answer.text());
        let (access, refresh) = tokens(answer);
        assert!(is_signed_in(&on.api, &access).await);
        held.insert(refresh);
    }
    assert_eq!(held.len(), 1, "one rotation happened");
    on.let_the_grace_pass(&session).await;
    on.api
        .refresh(&ada.refresh)
        .await
        .is_problem(401, &[REFUSED]);
    let held = held.into_iter().next().unwrap();
    on.api.refresh(&held).await.is_problem(401, &[REFUSED]);
}

async fn logging_out_during_refreshes_leaves_nothing_alive(
    OnStore {
        api,
        valkey: _valkey,
    }: OnStore,
) {
    api.sign_up("ada").await;
    for _ in 0..5 {
        let ada = api.log_in("ada").await;
        let refreshes = futures_util::future::join_all((0..8).map(|_| api.refresh(&ada.refresh)));
        let (answers, logged_out) =
            futures_util::future::join(refreshes, api.log_out(&ada.access)).await;
        assert_eq!(logged_out.status, 200);
        for answer in answers {
            if answer.status == 201 {
                let (access, refresh) = tokens(&answer);
                assert!(!is_signed_in(&api, &access).await);
                api.refresh(&refresh).await.is_problem(401, &[REFUSED]);
            } else {
                answer.is_problem(401, &[REFUSED]);
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_one_answer() {
    let api = Api::start().await;
    api.sign_up("ada").await;
    let mut answers = Vec::new();
    for (email, password) in [
        ("ada@example.com", "another password"),
        ("nobody@example.com", PASSWORD),
        ("ada@example.com", "x"),
        ("ada@example.com", &"x".repeat(100_000)),
    ] {
        let login = json!({"email": email, "password": password});
        let answer = api.post("/login").json(&login).send().await;
        let problem = [("incorrect_password", "incorrect email or password")];
        answer.is_problem(401, &problem);
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"food-app\""
        );
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        answers.push((answer.text(), names));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_login_says_all_that_is_wrong_at_once() {
    let api = Api::start().await;
    for (body, problem) in [
        (
            json!({}),
            &[
                ("email_required", "email is required"),
                ("password_required", "password is required"),
            ][..],
        ),
        (
            json!({"email": "ada", "password": ""}),
            &[
                ("invalid_email", "please provide a valid email"),
                ("password_required", "password is required"),
            ],
        ),
        (
            json!({"email": null, "password": "x"}),
            &[("email_required", "email is required")],
        ),
    ] {
        api.post("/login")
            .json(&body)
            .send()
            .await
            .is_problem(422, problem);
    }
    for body in [
        json!({}),
        json!({"refresh_token": null}),
        json!({"refresh_token": " "}),
    ] {
        let answer = api.post("/refresh").json(&body).send().await;
        answer.is_problem(
            422,
            &[("refresh_token_required", "refresh token is required")],
        );
    }
}

#[tokio::test]
async fn lifetimes_are_settings() {
    let settings = [
        SECRETS[0],
        SECRETS[1],
        ("ACCESS_TOKEN_TTL_SECONDS", "60"),
        ("REFRESH_TOKEN_TTL_SECONDS", "3600"),
    ];
    let api = Api::with(&settings).await;
    let ada = api.member("ada").await;
    let answer = api.refresh(&ada.refresh).await;
    assert_eq!(answer.json()["expires_in"], 60);
    let access = claims(&access_signer(), &ada.access);
    assert_eq!(
        access.expires_at.since(access.issued_at),
        Duration::from_mins(1)
    );
    let refresh = claims(&signer(TokenUse::Refresh, REFRESH_SECRET), &ada.refresh);
    assert_eq!(
        refresh.expires_at.since(refresh.issued_at),
        Duration::from_hours(1)
    );
}

#[tokio::test]
async fn a_bcrypt_hash_from_the_migration_lets_in_and_is_replaced() {
    let api = Api::start().await;
    let id = text(&api.sign_up("ada").await.json()["id"]);
    // "U*U", from the test vectors of crypt_blowfish.
    let migrated = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let client = api.local.aws().dynamodb();
    let account = || AttributeValue::S(format!("USER#{id}"));
    client
        .update_item()
        .table_name("users")
        .key("pk", account())
        .update_expression("SET password_hash = :hash")
        .expression_attribute_values(":hash", AttributeValue::S(migrated.to_owned()))
        .send()
        .await
        .unwrap();
    let log_in = async |password: &str| {
        let login = json!({"email": "ada@example.com", "password": password});
        api.post("/login").json(&login).send().await.status
    };
    assert_eq!(log_in("U*V").await, 401);
    assert_eq!(log_in("U*U").await, 200);
    let stored = client.get_item().table_name("users").key("pk", account());
    let stored = stored.send().await.unwrap().item.unwrap();
    let hash = stored["password_hash"].as_s().unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    assert_eq!(log_in("U*U").await, 200);
    assert_eq!(log_in("U*V").await, 401);
}

#[tokio::test]
async fn secrets_rotate_without_signing_anybody_out() {
    // Three servers on one session store: before, during and after the rotation.
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    let url = valkey.url();
    let store = ("TOKEN_STORE_URL", url.as_str());
    let next = [
        ("ACCESS_SECRET", "the next access secret, 32 bytes or more"),
        (
            "REFRESH_SECRET",
            "the next refresh secret, 32 bytes or more",
        ),
    ];
    let before = Api::with(&[SECRETS[0], SECRETS[1], store]).await;
    let during = Api::with(&[
        next[0],
        next[1],
        ("ACCESS_SECRET_PREVIOUS", ACCESS_SECRET),
        ("REFRESH_SECRET_PREVIOUS", REFRESH_SECRET),
        store,
    ])
    .await;
    let after = Api::with(&[next[0], next[1], store]).await;

    let ada = before.member("ada").await;
    assert!(is_signed_in(&during, &ada.access).await);
    assert!(!is_signed_in(&after, &ada.access).await);
    let refreshed = during.refresh(&ada.refresh).await;
    assert_eq!(refreshed.status, 201);
    let (access, refresh) = tokens(&refreshed);
    assert!(is_signed_in(&after, &access).await);
    assert!(!is_signed_in(&before, &access).await);
    assert_eq!(after.refresh(&refresh).await.status, 201);
    assert_eq!(after.log_out(&access).await.status, 200);
}

#[tokio::test]
async fn extra_members_bind_to_nothing_in_login_and_refresh() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let eve = api.member("eve").await;
    let member = |body: &Value| Member {
        id: text(&body["id"]),
        email: String::new(),
        access: text(&body["access_token"]),
        refresh: text(&body["refresh_token"]),
    };
    let login = json!({
        "email": "eve@example.com", "password": PASSWORD,
        "id": ada.id, "user_id": ada.id, "sub": ada.id, "expires_in": 1_000_000,
    });
    let body = api.post("/login").json(&login).send().await.json();
    assert_eq!(body["expires_in"], 900);
    assert_eq!(member(&body).id, eve.id);
    let body = json!({"refresh_token": eve.refresh, "user_id": ada.id, "access_token": ada.access});
    let answer = api.post("/refresh").json(&body).send().await;
    let refreshed = Member {
        access: tokens(&answer).0,
        ..eve.clone()
    };
    let food = api.share(&refreshed, "Fufu").await;
    assert_eq!(food["user_id"], eve.id);
}
