//! Tests the image store contract on S3, and the headers of an image.

use std::sync::Arc;

use domain::image::ImageStore;
use domain::testing::sample;
use engines::Engines;
use infrastructure::s3::S3Images;

async fn on_s3() -> (S3Images, Arc<Engines>) {
    let engines = Engines::shared();
    let bucket = engines.bucket().await;
    (S3Images::new(&engines.aws(), bucket), engines)
}

domain::image_store_contract!(on_s3().await);

#[tokio::test]
async fn stored_rendition_has_content_type_and_cache_control() {
    let engines = Engines::shared();
    let (aws, bucket) = (engines.aws(), engines.bucket().await);
    let food = sample::food(&sample::public_user(sample::timestamp()));
    let images = S3Images::new(&aws, bucket.clone());
    for (key, media_type) in food.rendition_keys().into_iter().zip(["image/jpeg", "image/webp"]) {
        images.put(key, sample::IMAGE).await.unwrap();
        let get = aws.s3().get_object().bucket(&bucket).key(key.to_string());
        let object = get.send().await.unwrap();
        assert_eq!(object.content_type(), Some(media_type));
        assert_eq!(object.cache_control(), Some("public, max-age=31536000, immutable"));
        let bytes = object.body.collect().await.unwrap().into_bytes();
        assert_eq!(bytes, sample::IMAGE);
    }
}
