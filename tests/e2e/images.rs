//! Images in forms: accepted formats, renditions, size limits and cleanup.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::json;

use test_support::Api;
use test_support::client::{Member, text};
use test_support::images::{image, jpeg, jpeg_of};
use test_support::{Form, Response};

async fn share(api: &Api, member: &Member, title: &str, name: &str, bytes: &[u8]) -> Response {
    let form = Form::food(title).file(name, bytes);
    api.post("/food").bearer(member).form(form).send().await
}

/// Returns a JPEG with an EXIF rotation of 90 degrees. The rotated image is wider than the widest rendition.
fn sideways_photo() -> Vec<u8> {
    let pixels = RgbImage::from_fn(1_500, 2_200, |x, y| {
        let part = |at: u32| u8::try_from(at % 256).unwrap();
        Rgb([part(x), part(y), 128])
    });
    let mut jpeg = Cursor::new(Vec::new());
    pixels.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    // Exif: little-endian, one entry, Orientation (0x0112) = 6.
    let exif =
        b"\xFF\xE1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

#[tokio::test]
async fn food_response_lists_all_renditions() {
    let (api, ada) = Api::with_member("ada").await;
    let created = share(&api, &ada, "Suya", "photo.jpg", &sideways_photo()).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let food = created.json();
    let images = food["images"].as_array().unwrap();
    let sizes = [(320, 218), (640, 436), (1280, 873), (2048, 1396)];
    assert_eq!(images.len(), 2 * sizes.len());
    for (pair, (width, height)) in images.chunks(2).zip(sizes) {
        for (image, media_type) in pair.iter().zip(["image/jpeg", "image/webp"]) {
            assert_eq!((&image["width"], &image["height"]), (&width.into(), &height.into()));
            assert_eq!(image["type"], media_type);
            let shown = api.get(&text(&image["url"])).send().await;
            assert_eq!(shown.status, 200);
            assert_eq!(shown.header("content-type"), media_type);
            assert_eq!(shown.header("x-content-type-options"), "nosniff");
            assert_eq!(shown.header("cache-control"), "public, max-age=31536000, immutable");
            let decoded = image::load_from_memory(&shown.body).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
        }
    }
    assert_eq!(food["food_image"], images[4]["url"]);
    let path = format!("/food/{}", text(&food["id"]));
    assert_eq!(api.get(&path).send().await.json()["food"], food);
}

#[tokio::test]
async fn image_format_is_detected_from_bytes_not_file_name() {
    let (api, ada) = Api::with_member("ada").await;
    for (name, format) in [
        ("page.html", ImageFormat::Jpeg),
        ("photo.jpg", ImageFormat::Png),
        ("photo", ImageFormat::Gif),
        ("../../etc/passwd", ImageFormat::WebP),
    ] {
        let created = share(&api, &ada, name, name, &image(format)).await;
        assert_eq!(created.status, 201, "{}", created.text());
        let url = text(&created.json()["food_image"]);
        assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/16.jpg"), "{url}");
        assert_eq!(api.get(&url).send().await.status, 200);
    }
}

#[tokio::test]
async fn file_that_is_not_a_valid_image_is_rejected() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&food["id"]));
    let whole = jpeg();
    let truncated = &whole[..whole.len() / 2];
    for (name, bytes) in [
        ("text.jpg", &b"just text"[..]),
        ("empty.jpg", b""),
        ("cut.jpg", truncated),
        ("cut.png", &image(ImageFormat::Png)[..60]),
        ("page.jpg", b"<!DOCTYPE html><script>steal()</script>"),
        ("drawing.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>"),
        ("photo.avif", b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1miaf"),
        ("paper.png", b"%PDF-1.7"),
        ("start.jpg", &[0xFF, 0xD8, 0xFF]),
    ] {
        let is_known = bytes.starts_with(&[0xFF, 0xD8]) || bytes.starts_with(b"\x89PNG");
        let problem = if is_known {
            [("upload_err", "please upload a valid image")]
        } else {
            [("upload_err", "please upload a valid image: JPEG, PNG, WebP or GIF")]
        };
        let response = share(&api, &ada, name, name, bytes).await;
        response.is_problem(422, &problem);
        let form = Form::food("Soup").file(name, bytes);
        let response = api.put(&path).bearer(&ada).form(form).send().await;
        response.is_problem(422, &problem);
    }
    assert_eq!(api.get("/food").send().await.json(), json!([food]));
    assert_eq!(api.stored_images().await.len(), 1);
}

#[tokio::test]
async fn image_over_the_size_limit_is_413() {
    let api = Api::with(&[("MAX_IMAGE_BYTES", "100000")]).await;
    let ada = api.member("ada").await;
    let large = [("upload_err", "please upload an image of at most 100000 bytes")];
    let response = share(&api, &ada, "Large", "a.jpg", &jpeg_of(100_001)).await;
    response.is_problem(413, &large);
    let response = share(&api, &ada, "Right", "a.jpg", &jpeg_of(100_000)).await;
    assert_eq!(response.status, 201);
    let path = format!("/food/{}", text(&response.json()["id"]));
    let form = Form::food("Right").file("a.jpg", &jpeg_of(100_001));
    let response = api.put(&path).bearer(&ada).form(form).send().await;
    response.is_problem(413, &large);
    assert_eq!(api.stored_images().await.len(), 1);
}

#[tokio::test]
async fn form_too_large_for_lambda_is_413_and_names_direct_upload() {
    let (api, ada) = Api::with_member("ada").await;
    // Base64 in an event of at most 6 MB: 4.4 MB fit, 5 MB do not.
    let response = share(&api, &ada, "Right", "a.jpg", &jpeg_of(4_400_000)).await;
    assert_eq!(response.status, 201, "{}", response.text());
    let url = text(&response.json()["food_image"]);
    assert_eq!(api.get(&url).send().await.status, 200);
    let response = share(&api, &ada, "Large", "a.jpg", &jpeg_of(5_000_000)).await;
    assert_eq!(response.status, 413);
    let problem = response.text();
    assert!(problem.contains("POST /food/images"), "{problem}");
}

#[tokio::test]
async fn food_update_and_deletion_remove_the_old_image() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let before = text(&food["food_image"]);
    let path = format!("/food/{}", text(&food["id"]));
    let form = Form::food("Soup").file("b.png", &image(ImageFormat::Png));
    let changed = api.put(&path).bearer(&ada).form(form).send().await.json();
    let after = text(&changed["food_image"]);
    assert_ne!(before, after);
    assert_eq!(api.get(&before).send().await.status, 404);
    assert_eq!(api.get(&after).send().await.status, 200);
    assert_eq!(api.stored_images().await.len(), 1);
    assert_eq!(api.delete(&path).bearer(&ada).send().await.status, 200);
    assert_eq!(api.get(&after).send().await.status, 404);
    assert!(api.stored_images().await.is_empty());
}

#[tokio::test]
async fn title_conflict_leaves_no_new_image_in_the_bucket() {
    let (api, ada) = Api::with_member("ada").await;
    let soup = api.share(&ada, "Soup").await;
    let stew = api.share(&ada, "Stew").await;
    let stored = api.stored_images().await;
    let response = share(&api, &ada, "soup", "a.jpg", &jpeg()).await;
    response.has_code(409, "unique_title");
    let path = format!("/food/{}", text(&stew["id"]));
    let form = Form::food("soup").file("a.jpg", &jpeg());
    let response = api.put(&path).bearer(&ada).form(form).send().await;
    response.has_code(409, "unique_title");
    assert_eq!(api.stored_images().await, stored);
    for food in [soup, stew] {
        assert_eq!(api.get(&text(&food["food_image"])).send().await.status, 200);
    }
}
