//! Login, refresh and logout, with sessions in `DynamoDB` and in Redis.

use std::time::Duration;

use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::id::{SessionId, UserId};
use domain::token::{Claims, TokenSigner as _};
use engines::Valkey;
use functions::routes::{Access, ROUTES};
use futures_util::future::join_all;
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use serde_json::json;
use test_support::{Api, Form, PASSWORD, Response, text};

const ACCESS_SECRET: &str = "an access secret for the tests of sessions";
const REFRESH_SECRET: &str = "a refresh secret for the tests of sessions";

const SECRETS: [(&str, &str); 2] =
    [("ACCESS_SECRET", ACCESS_SECRET), ("REFRESH_SECRET", REFRESH_SECRET)];

const SOME_ID: &str = "01990000-0000-7000-8000-000000000001";

const EXPIRED: (&str, &str) = ("error", "Token is expired");
const MALFORMED: (&str, &str) = ("error", "token contains an invalid number of segments");
const UNAUTHORIZED: (&str, &str) = ("error", "unauthorized");

/// The API of a local server with sessions in `DynamoDB` or in Redis.
pub(crate) struct WithSessionStore {
    pub(crate) api: Api,
    _valkey: Option<Valkey>,
}

pub(crate) async fn on_dynamodb() -> WithSessionStore {
    WithSessionStore { api: Api::with(&SECRETS).await, _valkey: None }
}

pub(crate) async fn on_redis() -> WithSessionStore {
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    let url = valkey.url();
    let settings = [SECRETS[0], SECRETS[1], ("TOKEN_STORE_URL", &url)];
    WithSessionStore { api: Api::with(&settings).await, _valkey: Some(valkey) }
}

/// Declares two tests for each function: with sessions in `DynamoDB` and in a Redis-compatible server.
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
    session_is_created_refreshed_and_revoked,
    logout_revokes_only_the_current_session,
    refresh_token_in_the_body_logs_out,
    concurrent_refreshes_all_return_working_tokens,
    previous_refresh_token_is_valid_until_the_next_refresh,
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

/// Returns the claims of a token of 2023.
fn expire(claims: &Claims) -> Claims {
    let past = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
    Claims { issued_at: past(1_700_000_000), expires_at: past(1_700_000_900), ..*claims }
}

async fn assert_revoked(api: &Api, refresh: &str) {
    api.refresh(refresh).await.is_problem(401, &[UNAUTHORIZED]);
}

fn tokens(response: &Response) -> (String, String) {
    let body = response.json();
    (text(&body["access_token"]), text(&body["refresh_token"]))
}

async fn session_is_created_refreshed_and_revoked(on: WithSessionStore) {
    let api = &on.api;
    let id = text(&api.sign_up("ada").await.json()["id"]);
    let login = json!({"email": " ADA@example.com", "password": PASSWORD});
    let response = api.post("/login").json(&login).send().await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), "no-store");
    let (access, refresh) = tokens(&response);
    assert_eq!(
        response.json(),
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
    assert!(api.is_signed_in(&access).await);

    let response = api.refresh(&refresh).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.header("cache-control"), "no-store");
    let (next_access, next_refresh) = tokens(&response);
    assert_eq!(
        response.json(),
        json!({
            "access_token": next_access, "refresh_token": next_refresh,
            "token_type": "Bearer", "expires_in": 900,
        })
    );
    assert_ne!(next_refresh, refresh);
    assert!(api.is_signed_in(&next_access).await);

    let response = api.log_out(&next_access).await;
    assert_eq!((response.status, response.json()), (200, json!("Successfully logged out")));
    for access in [access, next_access] {
        api.log_out(&access).await.is_problem(401, &[UNAUTHORIZED]);
    }
    for refresh in [refresh, next_refresh] {
        assert_revoked(api, &refresh).await;
    }
}

async fn logout_revokes_only_the_current_session(on: WithSessionStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    let eve = api.member("eve").await;
    assert_eq!(api.log_out(&phone.access).await.status, 200);
    assert!(!api.is_signed_in(&phone.access).await);
    assert!(api.is_signed_in(&laptop.access).await);
    assert!(api.is_signed_in(&eve.access).await);
    assert_eq!(api.refresh(&laptop.refresh).await.status, 201);
    assert_revoked(api, &phone.refresh).await;
}

async fn refresh_token_in_the_body_logs_out(on: WithSessionStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    let log_out = async |refresh: &str, access: Option<&str>| {
        let mut call = api.post("/logout").json(&json!({"refresh_token": refresh}));
        if let Some(access) = access {
            call = call.token(access);
        }
        let response = call.send().await;
        assert_eq!((response.status, response.json()), (200, json!("Successfully logged out")));
    };
    let expired =
        |signer: &JwtTokens, token: &str| signer.sign(&expire(&claims(signer, token))).unwrap();
    for garbage in ["garbage", "a.b.c", &phone.access] {
        log_out(garbage, None).await;
    }
    let expired_access = expired(&access_signer(), &phone.access);
    log_out("garbage", Some(&expired_access)).await;
    assert!(api.is_signed_in(&phone.access).await);

    log_out(&phone.refresh, None).await;
    assert_revoked(api, &phone.refresh).await;
    assert!(!api.is_signed_in(&phone.access).await);
    assert!(api.is_signed_in(&laptop.access).await);

    let phone = api.log_in("ada").await;
    assert_eq!(api.refresh(&phone.refresh).await.status, 201);
    let refresh = signer(TokenUse::Refresh, REFRESH_SECRET);
    let expired_and_replaced = expired(&refresh, &phone.refresh);
    log_out(&expired_and_replaced, Some(&expired_access)).await;
    assert!(!api.is_signed_in(&phone.access).await);

    log_out("garbage", Some(&laptop.access)).await;
    assert!(!api.is_signed_in(&laptop.access).await);
    for body in [json!({}), json!({"refresh_token": " "}), json!({"refresh_token": 1})] {
        api.post("/logout").json(&body).send().await.is_problem(401, &[MALFORMED]);
    }
}

async fn concurrent_refreshes_all_return_working_tokens(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let responses = join_all((0..20).map(|_| api.refresh(&ada.refresh))).await;
    let mut current = None;
    for response in responses {
        assert_eq!(response.status, 201);
        let (access, refresh) = tokens(&response);
        assert!(api.is_signed_in(&access).await);
        assert_eq!(current.get_or_insert(refresh.clone()), &refresh);
    }
    assert_eq!(api.refresh(&current.unwrap()).await.status, 201);
}

/// Calls all routes that require an access token and returns their responses.
async fn call_signed_in_routes(api: &Api, authorization: Option<&str>) -> Vec<Response> {
    let mut responses = Vec::new();
    for route in ROUTES.iter().filter(|route| route.access == Access::SignedIn) {
        let path = route.path.replace("{food_id}", SOME_ID);
        let path = path.replace("{session_id}", SOME_ID);
        let mut call = api.request(route.method.parse().unwrap(), &path);
        if let Some(value) = authorization {
            call = call.header("authorization", value);
        }
        responses.push(call.send().await);
    }
    responses
}

#[tokio::test]
async fn invalid_access_or_refresh_token_is_rejected() {
    let api = &Api::with(&SECRETS).await;
    let ada = api.member("ada").await;
    let ours = claims(&access_signer(), &ada.access);
    let other_user = Claims { user: UserId::new(SystemClock.now()), ..ours.clone() };
    let other_session = Claims { session: SessionId::new(SystemClock.now()), ..ours.clone() };
    let (signed, _) = ada.access.rsplit_once('.').unwrap();
    let foreign = signer(TokenUse::Access, "a secret that the server does not have");
    for (token, problem) in [
        (access_signer().sign(&expire(&ours)).unwrap(), EXPIRED),
        (foreign.sign(&ours).unwrap(), UNAUTHORIZED),
        (foreign.sign(&expire(&ours)).unwrap(), UNAUTHORIZED),
        (access_signer().sign(&other_user).unwrap(), UNAUTHORIZED),
        (access_signer().sign(&other_session).unwrap(), UNAUTHORIZED),
        (ada.refresh.clone(), UNAUTHORIZED),
        (format!("{signed}."), UNAUTHORIZED),
        (signed.to_owned(), MALFORMED),
        ("undefined".to_owned(), MALFORMED),
    ] {
        let authorization = format!("Bearer {token}");
        for response in call_signed_in_routes(api, Some(&authorization)).await {
            response.is_problem(401, &[problem]);
            let challenge = response.header("www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            assert!(challenge.contains("invalid_token"), "{challenge}");
        }
    }
    for authorization in [None, Some("Basic YTpi"), Some(ada.access.as_str())] {
        for response in call_signed_in_routes(api, authorization).await {
            response.is_problem(401, &[MALFORMED]);
            let challenge = response.header("www-authenticate");
            assert_eq!(challenge, "Bearer realm=\"food-app\"");
        }
    }

    let refresh = signer(TokenUse::Refresh, REFRESH_SECRET);
    let ours = claims(&refresh, &ada.refresh);
    let foreign = signer(TokenUse::Refresh, "a secret that the server does not have");
    for (token, problem) in [
        (refresh.sign(&expire(&ours)).unwrap(), EXPIRED),
        (foreign.sign(&ours).unwrap(), UNAUTHORIZED),
        (ada.access.clone(), UNAUTHORIZED),
        ("a.b.c".to_owned(), MALFORMED),
    ] {
        api.refresh(&token).await.is_problem(401, &[problem]);
    }
    // The session is unchanged.
    assert_eq!(api.refresh(&ada.refresh).await.status, 201);
    assert_eq!(api.log_out(&ada.access).await.status, 200);
}

#[tokio::test]
async fn wrong_password_and_unknown_email_get_equal_responses() {
    let api = Api::start().await;
    api.sign_up("ada").await;
    let mut responses = Vec::new();
    for (email, password) in [
        ("ada@example.com", "another password"),
        ("unknown@example.com", PASSWORD),
        ("ada@example.com", "x"),
        ("ada@example.com", &"x".repeat(100_000)),
    ] {
        let login = json!({"email": email, "password": password});
        let response = api.post("/login").json(&login).send().await;
        let problem = [("incorrect_password", "incorrect email or password")];
        response.is_problem(401, &problem);
        let challenge = response.header("www-authenticate");
        assert_eq!(challenge, "Bearer realm=\"food-app\"");
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        responses.push((response.text(), names));
    }
    responses.dedup();
    assert_eq!(responses.len(), 1);
}

#[tokio::test]
async fn token_lifetimes_follow_their_settings() {
    let settings = [
        SECRETS[0],
        SECRETS[1],
        ("ACCESS_TOKEN_TTL_SECONDS", "60"),
        ("REFRESH_TOKEN_TTL_SECONDS", "3600"),
        ("SESSION_MAX_SECONDS", "3600"),
    ];
    let api = Api::with(&settings).await;
    let ada = api.member("ada").await;
    let response = api.refresh(&ada.refresh).await;
    assert_eq!(response.json()["expires_in"], 60);
    let refresh = signer(TokenUse::Refresh, REFRESH_SECRET);
    for (claims, lifetime) in
        [(claims(&access_signer(), &ada.access), 60), (claims(&refresh, &ada.refresh), 3600)]
    {
        let since = claims.expires_at.since(claims.issued_at);
        assert_eq!(since, Duration::from_secs(lifetime));
    }
    let refreshed = claims(&refresh, &tokens(&response).1);
    assert_eq!(refreshed.expires_at, claims(&refresh, &ada.refresh).expires_at);
}

#[tokio::test]
async fn unknown_json_fields_of_login_and_refresh_are_ignored() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let login = json!({
        "email": "eve@example.com", "password": PASSWORD,
        "id": ada.id, "user_id": ada.id, "sub": ada.id, "expires_in": 1_000_000,
    });
    let body = api.post("/login").json(&login).send().await.json();
    assert_eq!(body["expires_in"], 900);
    assert_eq!(body["id"], eve.id);
    let body = json!({"refresh_token": eve.refresh, "user_id": ada.id, "access_token": ada.access});
    let (access, _) = tokens(&api.post("/refresh").json(&body).send().await);
    let food = api.post("/food").token(&access);
    let food = food.form(Form::food_with_image("Fufu")).send().await;
    assert_eq!(food.json()["user_id"], eve.id);
}

async fn previous_refresh_token_is_valid_until_the_next_refresh(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let (_, second) = tokens(&api.refresh(&ada.refresh).await);
    let again = api.refresh(&ada.refresh).await;
    assert_eq!(again.status, 201);
    assert_eq!(tokens(&again).1, second, "the current refresh token");
    let (access, third) = tokens(&api.refresh(&second).await);
    assert!(api.is_signed_in(&access).await);
    // Reuse of an older token revokes the whole session.
    assert_revoked(api, &ada.refresh).await;
    assert_revoked(api, &third).await;
    assert!(!api.is_signed_in(&access).await);
}
