//! Sessions of one's own, another password, and leaving: on both session stores.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::sessions::{OnStore, on_both_stores, on_dynamodb, on_redis};
use crate::support::client::{Member, PASSWORD, text};
use crate::support::{Answer, Api, Form, pictures};

const ANOTHER: &str = "another horse battery";

on_both_stores!(
    sessions_are_listed_newest_first,
    a_session_is_ended_by_its_user_and_by_nobody_else,
    all_sessions_but_this_one_are_ended_or_all,
    a_changed_password_ends_all_other_sessions,
    a_wrong_or_missing_old_password_changes_nothing,
    the_old_password_is_not_to_be_guessed,
    logins_during_a_change_leave_no_session_of_the_old_password,
    who_leaves_takes_everything_along,
    who_leaves_while_logging_in_and_sharing_is_gone,
);

async fn sessions(api: &Api, access: &str) -> Vec<Value> {
    let answer = api.get("/sessions").token(access).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json().as_array().expect("an array").clone()
}

async fn is_signed_in(api: &Api, member: &Member) -> bool {
    match api.get("/sessions").bearer(member).send().await.status {
        200 => true,
        401 => false,
        status => panic!("{status}"),
    }
}

async fn change(api: &Api, member: &Member, old: &str, new: &str) -> Answer {
    let body = json!({"old_password": old, "new_password": new});
    let call = api.put("/users/me/password").bearer(member);
    call.json(&body).send().await
}

async fn log_in(api: &Api, member: &Member, password: &str) -> Answer {
    let body = json!({"email": member.email, "password": password});
    api.post("/login").json(&body).send().await
}

fn is_empty(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.body.len()),
        (204, 0),
        "{}",
        answer.text()
    );
}

async fn sessions_are_listed_newest_first(on: OnStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    api.member("eve").await;
    let listed = sessions(api, &phone.access).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["current"], &listed[1]["current"]),
        (&json!(false), &json!(true))
    );
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

async fn a_session_is_ended_by_its_user_and_by_nobody_else(on: OnStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    let eve = api.member("eve").await;
    let id = text(&sessions(api, &laptop.access).await[0]["id"]);
    let path = format!("/sessions/{id}");
    let theirs = api.delete(&path).bearer(&eve).send().await;
    theirs.is_problem(404, &[("not_found", "there is no such thing")]);
    assert!(is_signed_in(api, &laptop).await);
    is_empty(&api.delete(&path).bearer(&phone).send().await);
    assert!(!is_signed_in(api, &laptop).await);
    assert_eq!(api.refresh(&laptop.refresh).await.status, 401);
    assert!(is_signed_in(api, &phone).await);
    let again = api.delete(&path).bearer(&phone).send().await;
    again.has_code(404, "not_found");
    let bad = api.delete("/sessions/1").bearer(&phone).send().await;
    bad.has_code(400, "invalid_request");
    assert_eq!(api.delete(&path).send().await.status, 401);
}

async fn all_sessions_but_this_one_are_ended_or_all(on: OnStore) {
    let api = &on.api;
    let (phone, eve) = (api.member("ada").await, api.member("eve").await);
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(api.log_in("ada").await);
    }
    is_empty(&api.delete("/sessions").bearer(&phone).send().await);
    for other in &others {
        assert!(!is_signed_in(api, other).await);
        assert_eq!(api.refresh(&other.refresh).await.status, 401);
    }
    assert!(is_signed_in(api, &phone).await);
    let laptop = api.log_in("ada").await;
    let wrong = api
        .delete("/sessions?current=yes")
        .bearer(&phone)
        .send()
        .await;
    wrong.has_code(400, "invalid_request");
    is_empty(
        &api.delete("/sessions?current=true")
            .bearer(&phone)
            .send()
            .await,
    );
    for ended in [&phone, &laptop] {
        assert!(!is_signed_in(api, ended).await);
    }
    assert!(is_signed_in(api, &eve).await);
}

async fn a_changed_password_ends_all_other_sessions(on: OnStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    // The second time as after a lost answer.
    for _ in 0..2 {
        is_empty(&change(api, &phone, PASSWORD, ANOTHER).await);
    }
    assert!(is_signed_in(api, &phone).await);
    assert!(!is_signed_in(api, &laptop).await);
    assert_eq!(api.refresh(&laptop.refresh).await.status, 401);
    let old = log_in(api, &phone, PASSWORD).await;
    old.has_code(401, "incorrect_password");
    assert_eq!(log_in(api, &phone, ANOTHER).await.status, 200);
}

async fn a_wrong_or_missing_old_password_changes_nothing(on: OnStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let laptop = api.log_in("ada").await;
    let wrong = change(api, &phone, "battery staple", ANOTHER).await;
    wrong.is_problem(403, &[("incorrect_password", "incorrect old password")]);
    let empty = change(api, &phone, "", "").await;
    empty.is_problem(
        422,
        &[
            ("old_password_required", "old password is required"),
            ("password_required", "password is required"),
        ],
    );
    let common = change(api, &phone, PASSWORD, "Password1").await;
    common.has_code(422, "invalid_password");
    let no_json = api
        .put("/users/me/password")
        .bearer(&phone)
        .body("text/plain", "x");
    no_json.send().await.has_code(422, "invalid_json");
    let nobody = api.put("/users/me/password").json(&json!({})).send().await;
    assert_eq!(nobody.status, 401);
    assert!(is_signed_in(api, &laptop).await);
    assert_eq!(log_in(api, &phone, PASSWORD).await.status, 200);
}

async fn the_old_password_is_not_to_be_guessed(on: OnStore) {
    let mut settings = vec![("LOGIN_ATTEMPTS_PER_ACCOUNT", "6")];
    let url = on
        .valkey
        .as_ref()
        .map(engines::Valkey::url)
        .unwrap_or_default();
    settings.push(("TOKEN_STORE_URL", &url));
    let api = &Api::with(&settings).await;
    let ada = api.member("ada").await;
    // Each is two guesses: the new password could be the one that she has.
    for _ in 0..3 {
        let wrong = change(api, &ada, "battery staple", ANOTHER).await;
        wrong.has_code(403, "incorrect_password");
    }
    let refused = change(api, &ada, PASSWORD, ANOTHER).await;
    refused.has_code(429, "too_many_attempts");
    assert!(!refused.header("retry-after").is_empty());
}

async fn logins_during_a_change_leave_no_session_of_the_old_password(on: OnStore) {
    let api = &on.api;
    let phone = api.member("ada").await;
    let logins = join_all((0..12).map(|_| log_in(api, &phone, PASSWORD)));
    let changing = change(api, &phone, PASSWORD, ANOTHER);
    let (logins, changed) = futures_util::future::join(logins, changing).await;
    is_empty(&changed);
    for login in logins {
        if login.status == 200 {
            let access = text(&login.json()["access_token"]);
            let answer = api.get("/sessions").token(&access).send().await;
            assert_eq!(answer.status, 401, "begun with the old password");
        } else {
            login.has_code(401, "incorrect_password");
        }
    }
    assert_eq!(sessions(api, &phone.access).await.len(), 1);
}

async fn who_leaves_takes_everything_along(on: OnStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let (laptop, eve) = (api.log_in("ada").await, api.member("eve").await);
    let theirs = api.share(&eve, "Egusi").await;
    for nth in 0..12 {
        api.share(&ada, &format!("Jollof {nth}")).await;
    }
    is_empty(&api.delete("/users/me").bearer(&ada).send().await);
    for token in [&ada, &laptop] {
        assert!(!is_signed_in(api, token).await);
        assert_eq!(api.refresh(&token.refresh).await.status, 401);
    }
    let gone = api.get(&format!("/users/{}", ada.id)).send().await;
    assert_eq!(gone.status, 404);
    log_in(api, &ada, PASSWORD)
        .await
        .has_code(401, "incorrect_password");
    assert_eq!(api.get("/food").send().await.json(), json!([theirs]));
    assert_eq!(api.stored_pictures().await.len(), 1);
    assert!(api.is_free("users", &format!("USER#{}", ada.id)).await);
    assert!(api.is_free("users", "EMAIL#ada@example.com").await);
    assert!(api.is_free("foods", "TITLE#jollof 3").await);
    assert!(!api.is_free("users", &format!("LEFT#{}", ada.id)).await);
    let everybody = api.get("/users").send().await.json();
    assert_eq!(everybody.as_array().unwrap().len(), 1);
    // The address and the titles are free.
    let again = api.member("ada").await;
    assert_ne!(again.id, ada.id);
    api.share(&again, "Jollof 3").await;
    assert!(is_signed_in(api, &eve).await);
}

async fn who_leaves_while_logging_in_and_sharing_is_gone(on: OnStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let logins = join_all((0..6).map(|_| log_in(api, &ada, PASSWORD)));
    let shares = join_all((0..6).map(|nth| {
        let form = Form::food(&format!("Jollof {nth}")).file("a.jpg", &pictures::jpeg());
        api.post("/food").bearer(&ada).form(form).send()
    }));
    let leaving = api.delete("/users/me").bearer(&ada).send();
    let (logins, shares, left) = futures_util::future::join3(logins, shares, leaving).await;
    is_empty(&left);
    for login in logins {
        if login.status == 200 {
            let access = text(&login.json()["access_token"]);
            let answer = api.get("/sessions").token(&access).send().await;
            assert_eq!(answer.status, 401, "of somebody who left");
        } else {
            login.has_code(401, "incorrect_password");
        }
    }
    for share in shares {
        assert!(matches!(share.status, 201 | 401), "{}", share.text());
    }
    assert!(!is_signed_in(api, &ada).await);
    // What was shared in that moment is the sweep's to find.
    assert!(!api.is_free("users", &format!("LEFT#{}", ada.id)).await);
}
