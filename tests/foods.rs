//! Sharing, showing, changing and taking back foods.

use serde_json::json;

use crate::support::client::text;
use crate::support::{Api, Form, pictures};

#[tokio::test]
async fn the_story_of_a_food() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let form = Form::food("  Jollof rice ").file("jollof.jpg", &pictures::jpeg());
    let answer = api.post("/food").bearer(&ada).form(form).send().await;
    assert_eq!(answer.status, 201);
    let food = answer.json();
    let id = text(&food["id"]);
    assert_eq!(
        food,
        json!({
            "id": id, "user_id": ada.id, "title": "Jollof rice",
            "description": "<p>With <b>plantain</b></p>", "food_image": food["food_image"],
            "created_at": food["created_at"], "updated_at": food["created_at"],
            "images": [], "deleted_at": null,
        })
    );
    let created_at = text(&food["created_at"]);
    assert_eq!(created_at.len(), "2026-11-22T18:53:26.123Z".len());
    assert!(created_at.ends_with('Z'));

    let path = format!("/food/{id}");
    let shown = api.get(&path).send().await;
    assert_eq!(shown.status, 200);
    let creator = json!({"id": ada.id, "first_name": "ada", "last_name": "Tester"});
    assert_eq!(shown.json(), json!({"food": food, "creator": creator}));
    assert_eq!(api.get("/food").send().await.json(), json!([food]));

    let change = Form::food("Party jollof").text("description", "the first counts");
    let answer = api.put(&path).bearer(&ada).form(change).send().await;
    assert_eq!(answer.status, 200);
    let changed = answer.json();
    assert_eq!(changed["title"], "Party jollof");
    assert_eq!(changed["food_image"], food["food_image"]);
    assert_eq!(changed["created_at"], food["created_at"]);
    assert!(text(&changed["updated_at"]) >= created_at);
    assert_eq!(api.get(&path).send().await.json()["food"], changed);

    let answer = api.delete(&path).bearer(&ada).send().await;
    assert_eq!((answer.status, answer.json()), (200, json!("food deleted")));
    let gone = [("not_found", "there is no such thing")];
    api.get(&path).send().await.is_problem(404, &gone);
    api.delete(&path)
        .bearer(&ada)
        .send()
        .await
        .is_problem(404, &gone);
    let change = Form::food("Ghost");
    api.put(&path)
        .bearer(&ada)
        .form(change)
        .send()
        .await
        .is_problem(404, &gone);
    assert_eq!(api.get("/food").send().await.text(), "[]");
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let required = [
        ("title_required", "title is required"),
        ("desc_required", "description is required"),
        ("invalid_file", "a valid file is required"),
    ];
    for form in [
        Form::new(),
        Form::new().text("title", " ").text("description", "\n"),
        Form::new()
            .text("title", "null")
            .text("description", "null"),
        Form::new().text("description", "<script>steal()</script>"),
        Form::new().text("food_image", "undefined"),
        Form::new().text("user_id", "1").text("id", "1"),
    ] {
        let answer = api.post("/food").bearer(&ada).form(form).send().await;
        answer.is_problem(422, &required);
    }
    let wrong = Form::new()
        .text("title", &"é".repeat(101))
        .text("description", &"é".repeat(20_001))
        .file("a.jpg", b"text");
    let problem = [
        ("title_too_long", "title should be at most 100 characters"),
        (
            "desc_too_long",
            "description should be at most 20000 characters",
        ),
        ("upload_err", "please upload a valid image"),
    ];
    let answer = api
        .post("/food")
        .bearer(&ada)
        .form(wrong.clone())
        .send()
        .await;
    answer.is_problem(422, &problem);
    let food = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&food["id"]));
    let answer = api.put(&path).bearer(&ada).form(wrong).send().await;
    answer.is_problem(422, &problem);
    let answer = api.put(&path).bearer(&ada).form(Form::new()).send().await;
    answer.is_problem(422, &required[..2]);
    assert_eq!(api.get("/food").send().await.json(), json!([food]));
    assert_eq!(api.stored_pictures().await.len(), 1);
}

#[tokio::test]
async fn lengths_are_counted_in_characters() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let form = Form::new()
        .text("title", &"🍲".repeat(100))
        .text("description", &"🍲".repeat(20_000))
        .file("a.jpg", &pictures::jpeg());
    let answer = api.post("/food").bearer(&ada).form(form).send().await;
    assert_eq!(answer.status, 201);
    assert_eq!(text(&answer.json()["title"]).chars().count(), 100);
}

#[tokio::test]
async fn titles_that_differ_only_in_case_accents_code_or_outer_space_are_one() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let eve = api.member("eve").await;
    let soup = api.share(&ada, "Crème Brûlée").await;
    for title in [
        "crème brûlée",
        " CRÈME BRÛLÉE ",
        "Cre\u{300}me Bru\u{302}le\u{301}e",
    ] {
        let form = Form::food(title).file("a.jpg", &pictures::jpeg());
        let answer = api.post("/food").bearer(&eve).form(form).send().await;
        answer.is_problem(409, &[("unique_title", "food title already taken")]);
    }
    let other = api.share(&eve, "Flan").await;
    let path = format!("/food/{}", text(&other["id"]));
    let answer = api
        .put(&path)
        .bearer(&eve)
        .form(Form::food("CRÈME brûlée"))
        .send()
        .await;
    answer.is_problem(409, &[("unique_title", "title already taken")]);

    // One's own title may be spelled otherwise.
    let path = format!("/food/{}", text(&soup["id"]));
    let answer = api
        .put(&path)
        .bearer(&ada)
        .form(Form::food("CRÈME BRÛLÉE"))
        .send()
        .await;
    assert_eq!(
        (answer.status, &answer.json()["title"]),
        (200, &json!("CRÈME BRÛLÉE"))
    );
    // None of the refused left a picture.
    assert_eq!(api.stored_pictures().await.len(), 2);
}

#[tokio::test]
async fn a_deleted_or_changed_foods_title_is_free() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let eve = api.member("eve").await;
    let soup = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&soup["id"]));
    let answer = api
        .put(&path)
        .bearer(&ada)
        .form(Form::food("Stew"))
        .send()
        .await;
    assert_eq!(answer.status, 200);
    api.share(&eve, "SOUP").await;
    assert_eq!(api.delete(&path).bearer(&ada).send().await.status, 200);
    assert!(api.is_free("foods", "TITLE#stew").await);
    api.share(&eve, "stew").await;
}

#[tokio::test]
async fn nobody_changes_or_deletes_the_food_of_another() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let eve = api.member("eve").await;
    let food = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&food["id"]));
    let not_owner = [("not_owner", "only who shared it may change or delete it")];
    let mine = Form::food("Mine")
        .text("user_id", &eve.id)
        .file("a.jpg", &pictures::jpeg());
    let answer = api.put(&path).bearer(&eve).form(mine).send().await;
    answer.is_problem(403, &not_owner);
    api.delete(&path)
        .bearer(&eve)
        .send()
        .await
        .is_problem(403, &not_owner);
    assert_eq!(api.get(&path).send().await.json()["food"], food);
    assert_eq!(api.stored_pictures().await.len(), 1);
}

#[tokio::test]
async fn extra_fields_bind_to_nothing() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let eve = api.member("eve").await;
    let with_extras = |form: Form| {
        form.text("id", "01990000-0000-7000-8000-000000000001")
            .text("user_id", &ada.id)
            .text("created_at", "1999-01-01T00:00:00Z")
            .text("version", "7")
            .text("image_key", "foods/x/y.jpg")
            .text("deleted_at", "1999-01-01T00:00:00Z")
    };
    let form = with_extras(Form::food("Fufu").file("a.jpg", &pictures::jpeg()));
    let answer = api.post("/food").bearer(&eve).form(form).send().await;
    assert_eq!(answer.status, 201);
    let food = answer.json();
    assert_eq!(food["user_id"], eve.id);
    assert_eq!(food["deleted_at"], json!(null));
    assert!(text(&food["created_at"]).as_str() > "2026");
    let path = format!("/food/{}", text(&food["id"]));
    let change = with_extras(Form::food("Fufu"));
    let answer = api.put(&path).bearer(&eve).form(change).send().await;
    assert_eq!(answer.status, 200);
    let changed = answer.json();
    for member in ["id", "user_id", "created_at", "food_image", "deleted_at"] {
        assert_eq!(changed[member], food[member], "{member}");
    }
}

#[tokio::test]
async fn titles_come_back_as_typed_and_descriptions_lose_what_runs() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    for (title, description, safe) in [
        (
            "<b>Soup</b> & \"co\"",
            "<p>Good <em>and</em> <strong>hot</strong></p><ul><li>beans</li></ul>",
            "<p>Good <em>and</em> <strong>hot</strong></p><ul><li>beans</li></ul>",
        ),
        (
            "<script>alert(1)</script>",
            "<p onclick=\"steal()\">Hi</p><script>steal()</script>",
            "<p>Hi</p>",
        ),
        ("🍲 حساء", "🍲 حساء e\u{301}", "🍲 حساء e\u{301}"),
        (
            "e\u{301}",
            "<a href=\"javascript:steal()\">x</a><svg onload=steal()></svg>",
            "<a rel=\"noopener noreferrer\">x</a>",
        ),
    ] {
        let form = Form::new()
            .text("title", title)
            .text("description", description)
            .file("a.jpg", &pictures::jpeg());
        let answer = api.post("/food").bearer(&ada).form(form).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let food = answer.json();
        assert_eq!(food["title"], title);
        assert_eq!(food["description"], safe);
        let path = format!("/food/{}", text(&food["id"]));
        assert_eq!(api.get(&path).send().await.json()["food"], food);
        let form = Form::new()
            .text("title", title)
            .text("description", description);
        let changed = api.put(&path).bearer(&ada).form(form).send().await.json();
        assert_eq!(changed["description"], safe);
    }
}

#[tokio::test]
async fn a_food_has_a_tag_that_changes_with_it() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let form = Form::food("Jollof").file("a.jpg", &pictures::jpeg());
    let shared = api.post("/food").bearer(&ada).form(form).send().await;
    assert_eq!((shared.status, shared.header("etag")), (201, "\"1\""));
    let path = format!("/food/{}", text(&shared.json()["id"]));
    let show = async |tags: &str| api.get(&path).header("if-none-match", tags).send().await;

    for tags in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let unchanged = show(tags).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{tags}");
        assert_eq!(unchanged.header("etag"), "\"1\"");
    }
    let change = api.put(&path).bearer(&ada).form(Form::food("Party jollof"));
    let changed = change.header("if-match", "\"1\"").send().await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    let shown = show("\"1\"").await;
    assert_eq!((shown.status, shown.header("etag")), (200, "\"2\""));
    assert_eq!(shown.json()["food"], changed.json());
}

#[tokio::test]
async fn a_change_or_deletion_of_a_version_that_is_gone_is_refused() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let food = api.share(&ada, "Jollof").await;
    let path = format!("/food/{}", text(&food["id"]));
    let seen = "it was changed since, please look and try again";
    let stale = [("precondition_failed", seen)];
    for tags in ["\"2\"", "W/\"1\"", "\"one\""] {
        let form = Form::food("Party jollof").file("a.jpg", &pictures::jpeg());
        let change = api.put(&path).bearer(&ada).form(form);
        let refused = change.header("if-match", tags).send().await;
        refused.is_problem(412, &stale);
        let deletion = api.delete(&path).bearer(&ada);
        let refused = deletion.header("if-match", tags).send().await;
        refused.is_problem(412, &stale);
    }
    for tags in ["1", "\"1"] {
        let deletion = api.delete(&path).bearer(&ada).header("if-match", tags);
        deletion.send().await.has_code(400, "invalid_request");
        let change = api.put(&path).bearer(&ada).form(Form::food("Party jollof"));
        let refused = change.header("if-match", tags).send().await;
        refused.has_code(400, "invalid_request");
    }
    // Whose it is comes first.
    let deletion = api.delete(&path).bearer(&eve).header("if-match", "\"2\"");
    deletion.send().await.has_code(403, "not_owner");
    assert_eq!(api.get(&path).send().await.json()["food"], food);
    assert_eq!(api.stored_pictures().await.len(), 1);

    let deletion = api.delete(&path).bearer(&ada).header("if-match", "\"1\"");
    assert_eq!(deletion.send().await.status, 200);
}
