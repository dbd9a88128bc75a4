//! Listing and revoking sessions, changing the password and deleting the account, with sessions in `DynamoDB` and
//! in Redis.

use futures_util::future::{join_all, join3};
use serde_json::{Value, json};

use crate::e2e::sessions::{WithSessionStore, on_both_stores, on_dynamodb, on_redis};
use test_support::{Api, Form, Member, PASSWORD, Response, text};

const NEW_PASSWORD: &str = "another horse battery";

on_both_stores!(
    sessions_are_listed_newest_first,
    session_can_be_revoked_only_by_its_user,
    user_can_revoke_all_sessions_or_all_but_the_current,
    password_change_revokes_all_sessions_and_returns_new_tokens,
    login_above_50_sessions_revokes_the_oldest,
    sessions_are_listed_in_pages,
    account_deletion_removes_sessions_foods_and_images,
    account_deletion_revokes_sessions_of_concurrent_logins,
);

async fn sessions(api: &Api, access: &str) -> Vec<Value> {
    let response = api.get("/sessions").token(access).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), "no-store");
    response.json().as_array().expect("an array").clone()
}

async fn change_password(api: &Api, member: &Member, old: &str, new: &str) -> Response {
    let body = json!({"old_password": old, "new_password": new});
    let call = api.put("/users/me/password").bearer(member);
    call.json(&body).send().await
}

async fn log_in(api: &Api, member: &Member, password: &str) -> Response {
    let body = json!({"email": member.email, "password": password});
    api.post("/login").json(&body).send().await
}

fn assert_empty(response: &Response) {
    let actual = (response.status, response.body.len());
    assert_eq!(actual, (204, 0), "{}", response.text());
}

async fn sessions_are_listed_newest_first(on: WithSessionStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    api.member("eve").await;
    let listed = sessions(api, &phone.access).await;
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[0]["current"], &listed[1]["current"]), (&json!(false), &json!(true)));
    assert!(listed[0]["created_at"].as_str() >= listed[1]["created_at"].as_str());
    for session in &listed {
        assert_eq!(session["refreshed_at"], Value::Null);
        assert_eq!(session.as_object().unwrap().len(), 6, "{session}");
    }
    let refreshed = api.refresh(&laptop.refresh).await.json();
    let listed = sessions(api, &text(&refreshed["access_token"])).await;
    assert_eq!(listed[0]["current"], true);
    assert!(listed[0]["refreshed_at"].is_string());
    api.log_out(&phone.access).await;
    let listed = sessions(api, &laptop.access).await;
    assert_eq!(listed.len(), 1);
}

async fn password_change_revokes_all_sessions_and_returns_new_tokens(on: WithSessionStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    // The second request is a retry after a lost response.
    for _ in 0..2 {
        let changed = change_password(api, &phone, PASSWORD, NEW_PASSWORD).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(changed.header("cache-control"), "no-store");
        let tokens = changed.json();
        assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
        sessions(api, &text(&tokens["access_token"])).await;
        assert_eq!(api.refresh(&text(&tokens["refresh_token"])).await.status, 201);
    }
    for revoked in [&phone, &laptop] {
        assert!(!api.is_signed_in(&revoked.access).await);
        assert_eq!(api.refresh(&revoked.refresh).await.status, 401);
    }
    let old = log_in(api, &phone, PASSWORD).await;
    old.has_code(401, "incorrect_password");
    assert_eq!(log_in(api, &phone, NEW_PASSWORD).await.status, 200);
}

async fn login_above_50_sessions_revokes_the_oldest(on: WithSessionStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    for _ in 0..48 {
        api.log_in("ada").await;
    }
    assert!(api.is_signed_in(&phone.access).await);
    api.log_in("ada").await;
    assert!(!api.is_signed_in(&phone.access).await);
    assert_eq!(api.refresh(&phone.refresh).await.status, 401);
    assert_eq!(sessions(api, &laptop.access).await.len(), 50);
}

async fn sessions_are_listed_in_pages(on: WithSessionStore) {
    let api = &on.api;
    let mut members = vec![api.member("ada").await];
    for _ in 0..4 {
        members.push(api.log_in("ada").await);
    }
    // The first session is kept, and two more sessions are created after the revoked ones.
    assert_empty(&api.delete("/sessions").bearer(&members[0]).send().await);
    api.log_in("ada").await;
    let newest = api.log_in("ada").await;
    let all = sessions(api, &newest.access).await;
    assert_eq!(all.len(), 3);
    for limit in [1, 2, 3] {
        let (mut listed, mut path) = (Vec::new(), format!("/sessions?limit={limit}"));
        loop {
            let page = api.get(&path).bearer(&members[0]).send().await;
            assert_eq!(page.status, 200, "{}", page.text());
            let mut entries = page.json().as_array().expect("an array").clone();
            assert!(entries.len() <= limit);
            listed.append(&mut entries);
            let Some(next) = page.next() else { break };
            let (_, query) = next.split_once('?').expect("a query");
            path = format!("/sessions?{query}");
        }
        let ids = |sessions: &[Value]| sessions.iter().map(|s| s["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&listed), ids(&all));
        assert_eq!(listed[2]["current"], true);
    }
    let foreign = api.get("/sessions?cursor=AAAA").bearer(&newest).send().await;
    foreign.has_code(400, "invalid_request");
}

async fn account_deletion_removes_sessions_foods_and_images(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let (laptop, eve) = (api.log_in("ada").await, api.member("eve").await);
    let eves_food = api.share(&eve, "Egusi").await;
    for nth in 0..4 {
        api.share(&ada, &format!("Jollof {nth}")).await;
    }
    assert_empty(&api.delete("/users/me").bearer(&ada).send().await);
    for token in [&ada, &laptop] {
        assert!(!api.is_signed_in(&token.access).await);
        assert_eq!(api.refresh(&token.refresh).await.status, 401);
    }
    let deleted = api.get(&format!("/users/{}", ada.id)).send().await;
    assert_eq!(deleted.status, 404);
    log_in(api, &ada, PASSWORD).await.has_code(401, "incorrect_password");
    assert_eq!(api.foods().await, json!([eves_food]));
    assert_eq!(api.stored_images().await.len(), 1);
    assert!(api.is_absent("users", &format!("USER#{}", ada.id)).await);
    assert!(api.is_absent("users", "EMAIL#ada@example.com").await);
    assert!(api.is_absent("foods", "TITLE#jollof 3").await);
    assert!(!api.is_absent("users", &format!("LEFT#{}", ada.id)).await);
    // The e-mail and the titles are free.
    let again = api.member("ada").await;
    assert_ne!(again.id, ada.id);
    api.share(&again, "Jollof 3").await;
    assert!(api.is_signed_in(&eve.access).await);
}

async fn account_deletion_revokes_sessions_of_concurrent_logins(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let logins = join_all((0..6).map(|_| log_in(api, &ada, PASSWORD)));
    let shares = join_all((0..6).map(|nth| {
        let form = Form::food_with_image(&format!("Jollof {nth}"));
        api.post_food(&ada, form)
    }));
    let deletion = api.delete("/users/me").bearer(&ada).send();
    let (logins, shares, deleted) = join3(logins, shares, deletion).await;
    assert_empty(&deleted);
    for login in logins {
        if login.status == 200 {
            let access = text(&login.json()["access_token"]);
            let listed = api.get("/sessions").token(&access).send().await;
            assert_eq!(listed.status, 401);
        } else {
            login.has_code(401, "incorrect_password");
        }
    }
    for share in shares {
        assert!(matches!(share.status, 201 | 401), "{}", share.text());
    }
    assert!(!api.is_signed_in(&ada.access).await);
    // The sweep deletes the foods that were created concurrently.
    assert!(!api.is_absent("users", &format!("LEFT#{}", ada.id)).await);
}

async fn session_can_be_revoked_only_by_its_user(on: WithSessionStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    let eve = api.member("eve").await;
    let id = text(&sessions(api, &laptop.access).await[0]["id"]);
    let path = format!("/sessions/{id}");
    let rejected = api.delete(&path).bearer(&eve).send().await;
    rejected.is_problem(404, &[("not_found", "resource not found")]);
    assert!(api.is_signed_in(&laptop.access).await);
    assert_empty(&api.delete(&path).bearer(&phone).send().await);
    assert!(!api.is_signed_in(&laptop.access).await);
    assert_eq!(api.refresh(&laptop.refresh).await.status, 401);
    assert!(api.is_signed_in(&phone.access).await);
    let again = api.delete(&path).bearer(&phone).send().await;
    again.has_code(404, "not_found");
}

async fn user_can_revoke_all_sessions_or_all_but_the_current(on: WithSessionStore) {
    let api = &on.api;
    let (phone, eve) = (api.member("ada").await, api.member("eve").await);
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(api.log_in("ada").await);
    }
    assert_empty(&api.delete("/sessions").bearer(&phone).send().await);
    for other in &others {
        assert!(!api.is_signed_in(&other.access).await);
        assert_eq!(api.refresh(&other.refresh).await.status, 401);
    }
    assert!(api.is_signed_in(&phone.access).await);
    let laptop = api.log_in("ada").await;
    let all = api.delete("/sessions?current=true").bearer(&phone);
    assert_empty(&all.send().await);
    for revoked in [&phone, &laptop] {
        assert!(!api.is_signed_in(&revoked.access).await);
    }
    assert!(api.is_signed_in(&eve.access).await);
}
