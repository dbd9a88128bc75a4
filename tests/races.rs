//! Many at once. The races of sessions are in `sessions.rs`, on both stores.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::json;

use test_support::client::text;
use test_support::{Api, Form, images};

#[tokio::test]
async fn of_fifty_sign_ups_with_one_address_one_gets_it() {
    let api = Api::start().await;
    let answers = join_all((0..50).map(|nth| {
        let user = json!({
            "first_name": format!("Ada {nth}"),
            "last_name": "Tester",
            "email": if nth % 2 == 0 { "ada@example.com" } else { "ADA@example.com" },
            "password": "correct horse battery",
        });
        let call = api.post("/users").json(&user);
        call.send()
    }))
    .await;
    let (created, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((created.len(), refused.len()), (1, 49));
    for answer in refused {
        answer.is_problem(409, &[("email_taken", "email already taken")]);
    }
    let users = api.get("/users").send().await.json();
    assert_eq!(users, json!([created[0].json()]));
    assert_eq!(api.log_in("ada").await.id, text(&created[0].json()["id"]));
}

#[tokio::test]
async fn of_fifty_foods_with_one_title_one_gets_it() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let answers = join_all((0..50).map(|_| {
        let form = Form::food("The only one").file("a.jpg", &images::jpeg());
        api.post("/food").bearer(&ada).form(form).send()
    }))
    .await;
    let (created, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((created.len(), refused.len()), (1, 49));
    for answer in refused {
        answer.is_problem(409, &[("unique_title", "food title already taken")]);
    }
    assert_eq!(
        api.get("/food").send().await.json(),
        json!([created[0].json()])
    );
    assert_eq!(api.stored_images().await.len(), 1);
    let url = text(&created[0].json()["food_image"]);
    assert_eq!(api.get(&url).send().await.status, 200);
}

#[tokio::test]
async fn edits_at_once_never_mix_and_none_is_lost_unheard() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&food["id"]));
    let answers = join_all((0..20).map(|nth| {
        // Some with a picture of their own, some with the title of others.
        let form = Form::new()
            .text("title", &format!("Title {}", nth / 2))
            .text("description", &format!("Description {nth}"));
        let form = if nth % 3 == 0 {
            form.file("a.jpg", &images::jpeg())
        } else {
            form
        };
        api.put(&path).bearer(&ada).form(form).send()
    }))
    .await;
    let mut tags = HashSet::new();
    let mut made = HashSet::new();
    for (nth, answer) in answers.iter().enumerate() {
        if answer.status == 409 {
            answer.has_code(409, "edit_conflict");
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        let edit = answer.json();
        assert_eq!(edit["title"], format!("Title {}", nth / 2));
        assert_eq!(edit["description"], format!("Description {nth}"));
        made.insert(edit.to_string());
        assert!(tags.insert(answer.header("etag").to_owned()));
    }
    let shown = api.get(&path).send().await;
    // Each edit that was made was made to the one before it.
    let versions = 2..2 + tags.len();
    assert_eq!(tags, versions.map(|n| format!("\"{n}\"")).collect());
    assert_eq!(shown.header("etag"), format!("\"{}\"", tags.len() + 1));
    let shown = shown.json()["food"].clone();
    assert!(
        made.contains(&shown.to_string()),
        "the last edit as it was made"
    );
    // The titles of all edits but the last are free, and so is the first.
    for nth in 0..10 {
        let title = format!("title {nth}");
        let is_last = shown["title"] == format!("Title {nth}");
        assert_eq!(
            api.is_free("foods", &format!("TITLE#{title}")).await,
            !is_last
        );
    }
    assert!(api.is_free("foods", "TITLE#soup").await);
    assert_eq!(
        api.stored_images().await.len(),
        1,
        "and no picture is left behind"
    );
    let url = text(&shown["food_image"]);
    assert_eq!(api.get(&url).send().await.status, 200);
}

#[tokio::test]
async fn of_deletions_and_edits_at_once_nothing_is_left_half_done() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    for round in 0..5 {
        let food = api.share(&ada, "Soup").await;
        let path = format!("/food/{}", text(&food["id"]));
        let edits = join_all((0..4).map(|nth| {
            let form = Form::food(&format!("Stew {round} {nth}")).file("a.jpg", &images::jpeg());
            api.put(&path).bearer(&ada).form(form).send()
        }));
        let deletions = join_all((0..3).map(|_| api.delete(&path).bearer(&ada).send()));
        let (edits, deletions) = futures_util::future::join(edits, deletions).await;
        let deleted = deletions.iter().filter(|answer| answer.status == 200);
        assert_eq!(deleted.count(), 1);
        for answer in edits.iter().chain(&deletions) {
            assert!(
                matches!(answer.status, 200 | 404 | 409),
                "{}",
                answer.text()
            );
        }
        assert_eq!(api.get(&path).send().await.status, 404);
        assert!(api.is_free("foods", "TITLE#soup").await);
        for nth in 0..4 {
            let claim = format!("TITLE#stew {round} {nth}");
            assert!(api.is_free("foods", &claim).await, "{claim}");
        }
        assert!(api.stored_images().await.is_empty());
    }
}
