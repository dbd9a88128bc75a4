//! Smaller ones of pictures: made once a picture is saved, by the real function and by the API on one machine.

use std::time::{Duration, Instant};

use image::{GenericImageView as _, ImageFormat};
use local::{Local, Options};
use serde_json::{Value, json};

use crate::recorded::binary;
use crate::support::Api;
use crate::support::Function;
use crate::support::client::{Member, text};
use crate::support::{Form, pictures};

/// A photograph of these dimensions.
fn photo(width: u32, height: u32) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x / 8, y / 8, (x + y) / 16].map(|c| c.to_le_bytes()[0]))
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

async fn share(api: &Api, member: &Member, title: &str, bytes: &[u8]) -> Value {
    let form = Form::food(title).file("photo", bytes);
    let answer = api.post("/food").bearer(member).form(form).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn show(api: &Api, food: &Value) -> Value {
    let path = format!("/food/{}", text(&food["id"]));
    api.get(&path).send().await.json()["food"].clone()
}

/// Once it shows variants.
async fn processed(api: &Api, food: &Value) -> Value {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let shown = show(api, food).await;
        if shown["images"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        {
            return shown;
        }
        assert!(Instant::now() < patience, "{shown}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The key of a food's picture.
fn key(food: &Value) -> String {
    let url = text(&food["food_image"]);
    let (_, key) = url.split_once("/images/").expect("a picture of ours");
    key.to_owned()
}

/// What `EventBridge` tells of it.
fn event(key: &str, time: &str) -> String {
    json!({"time": time, "detail": {"object": {"key": key}}}).to_string()
}

const LONG_AGO: &str = "2026-01-01T00:00:00Z";

async fn start(api: &Api) -> Function {
    Function::start(
        binary("process_image"),
        &api.local.environment().variables(),
    )
    .await
}

#[tokio::test]
async fn a_saved_picture_is_shown_in_several_sizes_none_of_them_enlarged() {
    let api = Api::processing().await;
    let ada = api.member("ada").await;
    let food = share(&api, &ada, "Jollof", &photo(1_500, 900)).await;
    assert_eq!(food["images"], json!([]));
    let shown = processed(&api, &food).await;
    let mut expected = Vec::new();
    for (width, height) in [(320, 192), (640, 384), (1_280, 768), (1_500, 900)] {
        for media_type in ["image/jpeg", "image/webp"] {
            expected.push((width, height, media_type));
        }
    }
    let images = shown["images"].as_array().unwrap();
    let found = images.iter().map(|image| {
        let size = |name: &str| image[name].as_u64().unwrap();
        (
            size("width"),
            size("height"),
            image["type"].as_str().unwrap(),
        )
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
    for variant in images {
        let answer = api.get(&text(&variant["url"])).send().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), variant["type"]);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let cached = "public, max-age=31536000, immutable";
        assert_eq!(answer.header("cache-control"), cached);
        let (width, height) = image::load_from_memory(&answer.body).unwrap().dimensions();
        assert_eq!(
            (width, height).0,
            u32::try_from(variant["width"].as_u64().unwrap()).unwrap()
        );
        assert_eq!(
            (width, height).1,
            u32::try_from(variant["height"].as_u64().unwrap()).unwrap()
        );
    }
    // The usual one stands for the picture, and the picture stays where it was.
    assert_eq!(shown["food_image"], images[4]["url"]);
    assert_eq!(api.get(&text(&food["food_image"])).send().await.status, 200);
    let listed = api.get("/food").send().await.json();
    assert_eq!(listed[0], shown);
}

#[tokio::test]
async fn an_edit_keeps_variants_and_another_picture_has_its_own() {
    let api = Api::processing().await;
    let ada = api.member("ada").await;
    let path = |food: &Value| format!("/food/{}", text(&food["id"]));
    let food = share(&api, &ada, "Jollof", &photo(400, 300)).await;
    let tag = async || {
        let shown = api.get(&path(&food)).send().await;
        shown.header("etag").to_owned()
    };
    let shown = processed(&api, &food).await;
    assert_eq!(tag().await, "\"1v\"");
    let stale = api.get(&path(&food)).header("if-none-match", "\"1\"");
    assert_eq!(stale.send().await.status, 200);
    let known = api.get(&path(&food)).header("if-none-match", "\"1v\"");
    assert_eq!(known.send().await.status, 304);

    // Variants that came meanwhile are no edit.
    let form = Form::food("Party jollof");
    let edit = api
        .put(&path(&food))
        .bearer(&ada)
        .header("if-match", "\"1\"");
    let edited = edit.form(form).send().await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    assert_eq!(edited.json()["images"], shown["images"]);
    assert_eq!(edited.header("etag"), "\"2v\"");

    let before: Vec<_> = shown["images"].as_array().unwrap().clone();
    let form = Form::food("Party jollof").file("b", &photo(300, 400));
    let edited = api.put(&path(&food)).bearer(&ada).form(form).send().await;
    assert_eq!(edited.json()["images"], json!([]));
    let shown = processed(&api, &food).await;
    assert_eq!(shown["images"].as_array().unwrap().len(), 2);
    for gone in &before {
        assert_eq!(api.get(&text(&gone["url"])).send().await.status, 404);
    }
    let after = shown["images"].as_array().unwrap().clone();
    assert_eq!(
        api.delete(&path(&food)).bearer(&ada).send().await.status,
        200
    );
    for gone in &after {
        assert_eq!(api.get(&text(&gone["url"])).send().await.status, 404);
    }
}

#[tokio::test]
async fn the_function_does_once_what_it_is_told_twice() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = share(&api, &ada, "Jollof", &photo(400, 300)).await;
    let mut running = start(&api).await;
    let told = event(&key(&food), LONG_AGO);
    assert_eq!(
        running.invoke(&told).await,
        json!({"made": "320x240 400x300"})
    );
    let shown = show(&api, &food).await;
    assert_eq!(running.invoke(&told).await, json!("made_before"));
    assert_eq!(show(&api, &food).await, shown);
    assert_eq!(shown["images"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_function_is_told_of_what_is_gone_replaced_or_none_of_ours() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = share(&api, &ada, "Jollof", &pictures::jpeg()).await;
    let before = key(&food);
    let path = format!("/food/{}", text(&food["id"]));
    let form = Form::food("Jollof").file("b", &pictures::jpeg());
    let after = api.put(&path).bearer(&ada).form(form).send().await.json();
    let mut running = start(&api).await;
    for (what, key) in [
        ("replaced", before.as_str()),
        (
            "gone",
            "foods/01990000-0000-7000-8000-00000000ffff/01990000-0000-7000-8000-00000000c001.jpg",
        ),
    ] {
        let report = running.invoke(&event(key, LONG_AGO)).await;
        assert_eq!(report, json!("not_shown"), "{what}");
    }
    for foreign in ["foods/x", "uploads/x", "variants/x", ""] {
        let report = running.invoke(&event(foreign, LONG_AGO)).await;
        assert_eq!(report, json!("ignored"), "{foreign}");
    }
    let made = running.invoke(&event(&key(&after), LONG_AGO)).await;
    assert_eq!(made, json!({"made": "16x16"}));
    // What a deleted food leaves to an event that comes late.
    assert_eq!(api.delete(&path).bearer(&ada).send().await.status, 200);
    let late = running.invoke(&event(&key(&after), LONG_AGO)).await;
    assert_eq!(late, json!("not_shown"));
    let client = api.local.aws().s3();
    let left = client
        .list_objects_v2()
        .bucket("images")
        .send()
        .await
        .unwrap();
    assert_eq!(left.contents().len(), 0);
}

#[tokio::test]
async fn a_picture_whose_food_is_still_to_come_is_told_again() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = share(&api, &ada, "Jollof", &pictures::jpeg()).await;
    // As before its food was saved.
    let orphan = key(&food).replace(&text(&food["id"]), "01990000-0000-7000-8000-00000000ffff");
    let client = api.local.aws().s3();
    let put = client.put_object().bucket("images").key(&orphan);
    put.body(pictures::jpeg().into()).send().await.unwrap();
    let mut running = start(&api).await;
    let error = running.fail(&event(&orphan, "2099-01-01T00:00:00Z")).await;
    assert!(
        error.to_string().contains("no food shows the picture yet"),
        "{error}"
    );
    // Nobody has come, and nobody will.
    let late = running.invoke(&event(&orphan, LONG_AGO)).await;
    assert_eq!(late, json!("not_shown"));
    assert_eq!(api.stored_pictures().await, [key(&food)]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_read_to_its_end_stays_and_has_no_variants() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    // Whole as a file, and nonsense inside.
    let mut bytes = photo(64, 64);
    let scan = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDA])
        .unwrap();
    let end = bytes.len() - 2;
    bytes.drain(scan + 20..end);
    let food = share(&api, &ada, "Jollof", &bytes).await;
    let mut running = start(&api).await;
    let report = running.invoke(&event(&key(&food), LONG_AGO)).await;
    assert_eq!(
        report,
        json!({"not_scalable": "the picture cannot be read"})
    );
    assert_eq!(show(&api, &food).await, food);
}

#[tokio::test]
async fn what_was_not_processed_when_the_process_ended_is_processed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let options = |process_images| Options {
        storage: local::Storage::Dir(folder.path().to_owned()),
        process_images,
        ..Options::default()
    };
    let api = Api::on(Local::start(options(false)).await.unwrap());
    let ada = api.member("ada").await;
    let food = share(&api, &ada, "Jollof", &photo(400, 300)).await;
    api.local.stop().await;
    let api = Api::on(Local::start(options(true)).await.unwrap());
    let shown = processed(&api, &food).await;
    assert_eq!(shown["images"].as_array().unwrap().len(), 4);
}
