//! Pictures: what is taken, how it is served, and what is left behind.

use image::ImageFormat;
use serde_json::json;

use test_support::Api;
use test_support::client::{Member, text};
use test_support::images::{jpeg, jpeg_of, picture};
use test_support::{Form, Response};

async fn share(api: &Api, member: &Member, title: &str, name: &str, bytes: &[u8]) -> Response {
    let form = Form::food(title).file(name, bytes);
    api.post("/food").bearer(member).form(form).send().await
}

#[tokio::test]
async fn the_type_follows_the_bytes_and_not_the_name() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    for (name, format, media_type, extension) in [
        ("page.html", ImageFormat::Jpeg, "image/jpeg", ".jpg"),
        ("photo.jpg", ImageFormat::Png, "image/png", ".png"),
        ("photo", ImageFormat::Gif, "image/gif", ".gif"),
        ("../../etc/passwd", ImageFormat::WebP, "image/webp", ".webp"),
    ] {
        let bytes = picture(format);
        let answer = share(&api, &ada, name, name, &bytes).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let url = text(&answer.json()["food_image"]);
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        assert!(url.ends_with(extension), "{url}");
        let shown = api.get(&url).send().await;
        // Freed of what is not the picture, which a library may have put there.
        let bytes = ::pictures::clean(bytes.into()).unwrap().bytes;
        assert_eq!((shown.status, &shown.body), (200, &bytes));
        assert_eq!(shown.header("content-type"), media_type);
        assert_eq!(shown.header("x-content-type-options"), "nosniff");
        assert_eq!(
            shown.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused_whatever_its_name() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&food["id"]));
    let whole = jpeg();
    let truncated = &whole[..whole.len() / 2];
    for (name, bytes) in [
        ("text.jpg", &b"just text"[..]),
        ("empty.jpg", b""),
        ("cut.jpg", truncated),
        ("cut.png", &picture(ImageFormat::Png)[..60]),
        ("page.jpg", b"<!DOCTYPE html><script>steal()</script>"),
        (
            "drawing.svg",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
        ),
        ("paper.png", b"%PDF-1.7"),
        ("start.jpg", &[0xFF, 0xD8, 0xFF]),
    ] {
        let problem = [("upload_err", "please upload a valid image")];
        let answer = share(&api, &ada, name, name, bytes).await;
        answer.is_problem(422, &problem);
        let form = Form::food("Soup").file(name, bytes);
        let answer = api.put(&path).bearer(&ada).form(form).send().await;
        answer.is_problem(422, &problem);
    }
    assert_eq!(api.get("/food").send().await.json(), json!([food]));
    assert_eq!(api.stored_pictures().await.len(), 1);
}

#[tokio::test]
async fn the_size_is_limited_to_the_byte() {
    let api = Api::with(&[("MAX_IMAGE_BYTES", "100000")]).await;
    let ada = api.member("ada").await;
    let large = [(
        "upload_err",
        "please upload an image of at most 100000 bytes",
    )];
    let answer = share(&api, &ada, "Large", "a.jpg", &jpeg_of(100_001)).await;
    answer.is_problem(413, &large);
    let answer = share(&api, &ada, "Right", "a.jpg", &jpeg_of(100_000)).await;
    assert_eq!(answer.status, 201);
    let path = format!("/food/{}", text(&answer.json()["id"]));
    let form = Form::food("Right").file("a.jpg", &jpeg_of(100_001));
    let answer = api.put(&path).bearer(&ada).form(form).send().await;
    answer.is_problem(413, &large);
    assert_eq!(api.stored_pictures().await.len(), 1);
}

#[tokio::test]
async fn a_form_larger_than_an_event_is_a_413_that_says_what_fits() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    // Base64 in an event of 6 MB: 4.4 MB pass, 5 MB do not.
    let answer = share(&api, &ada, "Right", "a.jpg", &jpeg_of(4_400_000)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let url = text(&answer.json()["food_image"]);
    assert_eq!(api.get(&url).send().await.status, 200);
    let answer = share(&api, &ada, "Large", "a.jpg", &jpeg_of(5_000_000)).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer.text().contains("POST /food/images"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn what_a_picture_tells_of_who_took_it_is_never_served() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let samples = ::pictures::testing::samples().into_iter();
    let samples = samples.filter(|sample| matches!(sample.orientation, 1 | 6));
    for (nth, sample) in samples.enumerate() {
        let title = format!("{} {nth}", sample.name);
        let answer = share(&api, &ada, &title, "photo", &sample.bytes).await;
        assert_eq!(answer.status, 201, "{title}: {}", answer.text());
        let shown = api.get(&text(&answer.json()["food_image"])).send().await;
        for needle in ::pictures::testing::NEEDLES {
            let is_left = memchr::memmem::find(&shown.body, needle).is_some();
            assert!(!is_left, "{title}: {}", needle.escape_ascii());
        }
    }
}

#[tokio::test]
async fn replacing_and_deleting_remove_the_old_picture() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let before = text(&food["food_image"]);
    let path = format!("/food/{}", text(&food["id"]));
    let form = Form::food("Soup").file("b.png", &picture(ImageFormat::Png));
    let changed = api.put(&path).bearer(&ada).form(form).send().await.json();
    let after = text(&changed["food_image"]);
    assert_ne!(before, after);
    assert_eq!(api.get(&before).send().await.status, 404);
    assert_eq!(api.get(&after).send().await.status, 200);
    assert_eq!(api.stored_pictures().await.len(), 1);
    assert_eq!(api.delete(&path).bearer(&ada).send().await.status, 200);
    assert_eq!(api.get(&after).send().await.status, 404);
    assert!(api.stored_pictures().await.is_empty());
}

#[tokio::test]
async fn a_save_that_fails_leaves_no_picture_behind() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let soup = api.share(&ada, "Soup").await;
    let stew = api.share(&ada, "Stew").await;
    let kept = api.stored_pictures().await;
    let answer = share(&api, &ada, "soup", "a.jpg", &jpeg()).await;
    answer.has_code(409, "unique_title");
    let path = format!("/food/{}", text(&stew["id"]));
    let form = Form::food("soup").file("a.jpg", &jpeg());
    let answer = api.put(&path).bearer(&ada).form(form).send().await;
    answer.has_code(409, "unique_title");
    assert_eq!(api.stored_pictures().await, kept);
    for food in [soup, stew] {
        assert_eq!(api.get(&text(&food["food_image"])).send().await.status, 200);
    }
}
