//! Concurrent requests to the API. The contract tests in `domain::testing` cover the races of each store.

use futures_util::future::join_all;
use serde_json::json;

use test_support::client::text;
use test_support::{Api, Form, images};

#[tokio::test]
async fn only_one_of_50_concurrent_sign_ups_gets_the_email() {
    let api = Api::start().await;
    let responses = join_all((0..50).map(|nth| {
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
    let (created, rejected): (Vec<_>, Vec<_>) =
        responses.into_iter().partition(|response| response.status == 201);
    assert_eq!((created.len(), rejected.len()), (1, 49));
    for response in rejected {
        response.is_problem(409, &[("email_taken", "email already taken")]);
    }
    let users = api.get("/users").send().await.json();
    assert_eq!(users, json!([created[0].json()]));
    assert_eq!(api.log_in("ada").await.id, text(&created[0].json()["id"]));
}

#[tokio::test]
async fn concurrent_edits_and_deletions_leave_no_title_or_image() {
    let (api, ada) = Api::with_member("ada").await;
    for round in 0..5 {
        let food = api.share(&ada, "Soup").await;
        let path = format!("/food/{}", text(&food["id"]));
        let edits = join_all((0..4).map(|nth| {
            let form = Form::food(&format!("Stew {round} {nth}")).file("a.jpg", &images::jpeg());
            api.put(&path).bearer(&ada).form(form).send()
        }));
        let deletions = join_all((0..3).map(|_| api.delete(&path).bearer(&ada).send()));
        let (edits, deletions) = futures_util::future::join(edits, deletions).await;
        let deleted = deletions.iter().filter(|response| response.status == 200);
        assert_eq!(deleted.count(), 1);
        for response in edits.iter().chain(&deletions) {
            let is_expected = matches!(response.status, 200 | 404 | 409);
            assert!(is_expected, "{}", response.text());
        }
        assert_eq!(api.get(&path).send().await.status, 404);
        assert!(api.is_absent("foods", "TITLE#soup").await);
        for nth in 0..4 {
            let claim = format!("TITLE#stew {round} {nth}");
            assert!(api.is_absent("foods", &claim).await, "{claim}");
        }
        assert!(api.stored_images().await.is_empty());
    }
}
