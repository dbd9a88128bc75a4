//! Creating, reading, updating and deleting foods.

use serde_json::json;
use test_support::{Api, Form, food_path, text};

const NOT_FOUND: [(&str, &str); 1] = [("not_found", "resource not found")];

#[tokio::test]
async fn food_is_created_read_updated_and_deleted() {
    let (api, ada) = Api::with_member("ada").await;
    let created = api.post_food(&ada, Form::food_with_image("  Jollof rice ")).await;
    assert_eq!(created.status, 201);
    let food = created.json();
    assert_eq!(
        food,
        json!({
            "id": food["id"], "user_id": ada.id, "title": "Jollof rice",
            "description": "<p>With <b>plantain</b></p>", "food_image": food["food_image"],
            "created_at": food["created_at"], "updated_at": food["created_at"],
            "images": food["images"], "likes": 0, "deleted_at": null,
        })
    );
    let created_at = text(&food["created_at"]);
    assert_eq!(created_at.len(), "2026-11-22T18:53:26.123Z".len());
    assert!(created_at.ends_with('Z'));

    let shown = api.get_food(&food).await;
    let creator = json!({"id": ada.id, "first_name": "ada", "last_name": "Tester"});
    assert_eq!(shown.json(), json!({"food": food, "creator": creator}));
    assert_eq!(api.foods().await, json!([food]));

    let change = Form::food("Party jollof").text("description", "the first counts");
    let changed = api.put_food(&ada, &food, change).await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!(changed["title"], "Party jollof");
    assert_eq!(changed["description"], food["description"]);
    assert_eq!(changed["food_image"], food["food_image"]);
    assert_eq!(changed["created_at"], food["created_at"]);
    assert!(text(&changed["updated_at"]) >= created_at);
    assert_eq!(api.get_food(&food).await.json()["food"], changed);

    let deleted = api.delete_food(&ada, &food).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!("food deleted")));
    for response in [
        api.get_food(&food).await,
        api.delete_food(&ada, &food).await,
        api.put_food(&ada, &food, Form::food("Ghost")).await,
    ] {
        response.is_problem(404, &NOT_FOUND);
    }
    assert_eq!(api.foods().await, json!([]));
}

#[tokio::test]
async fn invalid_food_returns_all_field_errors() {
    let (api, ada) = Api::with_member("ada").await;
    let required = [
        ("title_required", "title is required"),
        ("desc_required", "description is required"),
        ("invalid_file", "a valid file is required"),
    ];
    for form in [
        Form::new(),
        Form::new().text("title", " ").text("description", "\n"),
        Form::new().text("description", "<script>steal()</script>"),
        Form::new().text("title", "\u{2800}").text("description", "<p>&nbsp;</p>"),
    ] {
        api.post_food(&ada, form).await.is_problem(422, &required);
    }
    let wrong = Form::new()
        .text("title", &"é".repeat(101))
        .text("description", &"é".repeat(20_001))
        .file("a.jpg", b"text");
    let problem = [
        ("title_too_long", "title should be at most 100 characters"),
        ("desc_too_long", "description should be at most 20000 characters and 20480 bytes"),
        ("upload_err", "please upload a valid image: JPEG, PNG, WebP or GIF"),
    ];
    let rejected = api.post_food(&ada, wrong.clone()).await;
    rejected.is_problem(422, &problem);
    let form = Form::food_with_image("Soup\u{202e}puoS");
    let message = "title should be one line without control or invisible characters";
    api.post_food(&ada, form).await.is_problem(422, &[("invalid_title", message)]);
    let food = api.share(&ada, "Soup").await;
    let rejected = api.put_food(&ada, &food, wrong).await;
    rejected.is_problem(422, &problem);
    let rejected = api.put_food(&ada, &food, Form::new()).await;
    rejected.is_problem(422, &required[..2]);
    assert_eq!(api.foods().await, json!([food]));
}

#[tokio::test]
async fn unknown_form_fields_of_a_food_are_ignored() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let with_extras = |form: Form| {
        form.text("id", "01990000-0000-7000-8000-000000000001")
            .text("user_id", &ada.id)
            .text("created_at", "1999-01-01T00:00:00Z")
            .text("version", "7")
            .text("image_key", "foods/x/y.jpg")
            .text("deleted_at", "1999-01-01T00:00:00Z")
    };
    let created = api.post_food(&eve, with_extras(Form::food_with_image("Fufu"))).await;
    let food = created.json();
    assert_eq!(food["user_id"], eve.id);
    assert_eq!(food["deleted_at"], json!(null));
    assert!(text(&food["created_at"]).as_str() > "2026");
    let changed = api.put_food(&eve, &food, with_extras(Form::food("Fufu"))).await;
    assert_eq!(changed.status, 200);
    for field in ["id", "user_id", "created_at", "food_image", "deleted_at"] {
        assert_eq!(changed.json()[field], food[field], "{field}");
    }
}

#[tokio::test]
async fn food_title_is_returned_verbatim_and_description_sanitized() {
    let (api, ada) = Api::with_member("ada").await;
    let title = "<script>alert(1)</script> & \"🍲 حساء\" e\u{301}";
    let form = Form::food_with_image(title);
    let unsafe_html = "<p onclick=\"steal()\">Hi</p><script>steal()</script>";
    let created = api.post_food(&ada, form).await.json();
    assert_eq!(created["title"], title);
    let form = Form::new().text("title", title).text("description", unsafe_html);
    let changed = api.put_food(&ada, &created, form).await.json();
    assert_eq!(changed["title"], title);
    assert_eq!(changed["description"], "<p>Hi</p>");
    assert_eq!(api.get_food(&created).await.json()["food"], changed);
}

#[tokio::test]
async fn food_etag_changes_with_each_update() {
    let (api, ada) = Api::with_member("ada").await;
    let created = api.post_food(&ada, Form::food_with_image("Jollof")).await;
    assert_eq!((created.status, created.header("etag")), (201, "\"1\""));
    let path = food_path(&created.json());
    let show = async |tags: &str| api.get(&path).header("if-none-match", tags).send().await;

    for tags in ["\"1-0\"", "W/\"1-0\"", "\"0-0\", \"1-0\"", "*"] {
        let unchanged = show(tags).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{tags}");
        assert_eq!(unchanged.header("etag"), "\"1-0\"");
    }
    let change = api.put(&path).bearer(&ada).form(Form::food("Party jollof"));
    let changed = change.header("if-match", "\"1\"").send().await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    let shown = show("\"1-0\"").await;
    assert_eq!((shown.status, shown.header("etag")), (200, "\"2-0\""));
    assert_eq!(shown.json()["food"], changed.json());
}

#[tokio::test]
async fn only_the_owner_can_change_or_delete_a_food() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let food = api.share(&ada, "Soup").await;
    let change = Form::food_with_image("Mine").text("user_id", &eve.id);
    let keys = api.stored_images().await;
    for rejected in [api.put_food(&eve, &food, change).await, api.delete_food(&eve, &food).await] {
        rejected.has_code(403, "not_owner");
    }
    assert_eq!(api.get_food(&food).await.json()["food"], food);
    assert_eq!(api.stored_images().await, keys);
}

#[tokio::test]
async fn failed_if_match_leaves_the_food_unchanged() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let food = api.share(&ada, "Jollof").await;
    let path = food_path(&food);
    let keys = api.stored_images().await;
    for (tags, status, code) in [
        ("\"2\"", 412, "precondition_failed"),
        ("W/\"1\"", 412, "precondition_failed"),
        ("1", 400, "invalid_request"),
    ] {
        let change = api.put(&path).form(Form::food_with_image("Party jollof"));
        for call in [change, api.delete(&path)] {
            let rejected = call.bearer(&ada).header("if-match", tags).send().await;
            rejected.has_code(status, code);
        }
    }
    // The owner is checked first.
    let deletion = api.delete(&path).bearer(&eve).header("if-match", "\"2\"");
    deletion.send().await.has_code(403, "not_owner");
    assert_eq!(api.get_food(&food).await.json()["food"], food);
    assert_eq!(api.stored_images().await, keys);

    let deletion = api.delete(&path).bearer(&ada).header("if-match", "\"1\"");
    assert_eq!(deletion.send().await.status, 200);
}
