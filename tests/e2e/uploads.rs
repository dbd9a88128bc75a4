//! Images uploaded with a presigned POST and attached to a food later.

use image::ImageFormat;
use serde_json::{Value, json};

use test_support::client::text;
use test_support::images::{image, jpeg};
use test_support::{Api, Form};

const NO_SUCH_UPLOAD: (&str, &str) = ("invalid_file", "upload not found or already used");

#[tokio::test]
async fn uploaded_image_of_8_mb_can_be_attached_to_a_food() {
    let (api, ada) = Api::with_member("ada").await;
    // The size limit, more than an event can hold: noise does not compress.
    let mut random = fastrand::Rng::with_seed(1);
    let pixels: Vec<u8> = (0..1_600 * 1_700 * 3).map(|_| random.u8(..)).collect();
    let noise = image::RgbImage::from_raw(1_600, 1_700, pixels).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    noise.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let mut photo = bytes.into_inner();
    let length = photo.len();
    assert!((7_000_000..8_192_000).contains(&length), "{length}");
    photo.resize(8_192_000, 0);

    let id = api.upload(&ada, "image/png", &photo).await;
    let response = api.share_upload(&ada, "Suya", &id).await;
    assert_eq!(response.status, 201, "{}", response.text());
    let food = response.json();
    assert_eq!(food["images"][7]["width"], 1_600);
    let shown = api.get(&text(&food["food_image"])).send().await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.header("content-type"), "image/jpeg");
    assert_eq!(api.pending_uploads().await, 0);

    // PUT attaches uploads and forms, too.
    let other = api.upload(&ada, "image/jpeg", &jpeg()).await;
    let path = format!("/food/{}", text(&food["id"]));
    let change = json!({"title": "Suya", "description": "Hotter", "image_id": other});
    for _ in 0..2 {
        // The second request is a retry after a lost response: the food has this image already.
        let changed = api.put(&path).bearer(&ada).json(&change).send().await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let shown = text(&changed.json()["food_image"]);
        assert_eq!(api.get(&shown).send().await.status, 200);
    }
    assert_eq!(api.stored_images().await.len(), 1);
    let without_image = json!({"title": "Suya", "description": "Hottest"});
    let call = api.put(&path).bearer(&ada).json(&without_image);
    assert_eq!(call.send().await.status, 200);
    let form = Form::food("Suya").file("a.png", &image(ImageFormat::Png));
    let changed = api.put(&path).bearer(&ada).form(form).send().await;
    assert_eq!(changed.status, 200);
    assert_eq!(api.stored_images().await.len(), 1);
}

#[tokio::test]
async fn upload_request_with_invalid_type_or_size_is_rejected() {
    let api = Api::with(&[("MAX_IMAGE_BYTES", "5000")]).await;
    let ada = api.member("ada").await;
    let request = async |body: Value| api.request_upload(&ada, &body).await;
    let ok = request(json!({"content_type": "image/webp", "size": 5_000, "key": "foods/x"})).await;
    assert_eq!(ok.status, 201);
    assert_eq!(ok.header("cache-control"), "no-store");
    let body = ok.json();
    assert_eq!((&body["max_bytes"], &body["expires_in"]), (&5_000.into(), &900.into()));
    let key = text(&body["upload"]["fields"]["key"]);
    assert_eq!(key, format!("{}/{}", ada.id, text(&body["image_id"])));

    let unknown = "content_type should be image/jpeg, image/png, image/webp or image/gif";
    let no_size = "size is required: the length of the image in bytes";
    for (body, status, codes) in [
        (
            json!({}),
            422,
            vec![("content_type_required", "content_type is required"), ("size_required", no_size)],
        ),
        (
            json!({"content_type": "image/avif", "size": 0}),
            422,
            vec![("upload_err", unknown), ("size_required", no_size)],
        ),
        (
            json!({"content_type": "image/png", "size": 5_001}),
            413,
            vec![("upload_err", "please upload an image of at most 5000 bytes")],
        ),
    ] {
        request(body).await.is_problem(status, &codes);
    }
    for invalid in [
        json!({"content_type": "image/png", "size": -1}),
        json!({"content_type": "image/png", "size": "1"}),
        json!({"content_type": "image/png", "size": 1.5}),
        json!({"content_type": 7, "size": 1}),
        json!([]),
    ] {
        request(invalid).await.has_code(422, "invalid_json");
    }
    let anonymous = api.post("/food/images").json(&json!({})).send().await;
    assert_eq!(anonymous.status, 401);
}

#[tokio::test]
async fn upload_is_usable_once_and_only_by_its_owner() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let id = api.upload(&ada, "image/jpeg", &jpeg()).await;
    for (member, id) in [
        (&eve, id.as_str()),
        (&ada, "01990000-0000-7000-8000-00000000dfff"),
        (&ada, ""),
        (&ada, "../../foods/x"),
    ] {
        let rejected = api.share_upload(member, "Suya", id).await;
        rejected.is_problem(422, &[NO_SUCH_UPLOAD]);
    }
    let missing = json!({"title": "Suya", "description": "Hot"});
    let missing = api.post("/food").bearer(&ada).json(&missing).send().await;
    missing.is_problem(422, &[("invalid_file", "a valid file is required")]);

    let response = api.share_upload(&ada, "Suya", &id).await;
    assert_eq!(response.status, 201);
    let again = api.share_upload(&ada, "Other suya", &id).await;
    again.is_problem(422, &[NO_SUCH_UPLOAD]);
    let soup = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&soup["id"]));
    let change = json!({"title": "Soup", "description": "Hot", "image_id": id});
    let rejected = api.put(&path).bearer(&ada).json(&change).send().await;
    rejected.is_problem(422, &[NO_SUCH_UPLOAD]);
    let shown = api.get(&path).send().await.json();
    assert_eq!(shown["food"], soup);
}

#[tokio::test]
async fn upload_is_not_publicly_readable() {
    let (api, ada) = Api::with_member("ada").await;
    let id = api.upload(&ada, "image/jpeg", &jpeg()).await;
    for folder in ["images", "uploads", "images/uploads"] {
        let path = format!("/{folder}/{}/{id}", ada.id);
        assert_eq!(api.get(&path).send().await.status, 404);
    }
}

#[tokio::test]
async fn retry_with_idempotency_key_attaches_upload_once() {
    let (api, ada) = Api::with_member("ada").await;
    let id = api.upload(&ada, "image/jpeg", &jpeg()).await;
    let food = json!({"title": "Suya", "description": "Hot", "image_id": id});
    let share = || {
        let share = api.post("/food").bearer(&ada).json(&food);
        share.header("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
    };
    let first = share().send().await;
    assert_eq!(first.status, 201, "{}", first.text());
    // The first request has deleted the upload.
    assert_eq!(api.pending_uploads().await, 0);
    let again = share().send().await;
    assert_eq!((again.status, again.json()), (201, first.json()));
    assert_eq!(api.stored_images().await.len(), 1);
    let other = json!({"title": "Suya", "description": "Hot", "image_id": "another"});
    let other = api.post("/food").bearer(&ada).json(&other);
    let other = other.header("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    other.send().await.has_code(422, "idempotency_key_reused");
}

#[tokio::test]
async fn upload_remains_usable_after_a_title_conflict() {
    let (api, ada) = Api::with_member("ada").await;
    api.share(&ada, "Suya").await;
    let id = api.upload(&ada, "image/jpeg", &jpeg()).await;
    let taken = api.share_upload(&ada, "suya", &id).await;
    taken.has_code(409, "unique_title");
    assert_eq!(api.stored_images().await.len(), 1);
    assert_eq!(api.share_upload(&ada, "Other suya", &id).await.status, 201);
}
