//! The contract of the pictures, on the real engine.

use aws_sdk_s3::operation::head_object::HeadObjectError;
use domain::image::ImageStore;
use domain::testing::{contracts, sample};
use engines::Engines;
use infrastructure::s3::S3Images;

#[tokio::test]
async fn pictures_on_s3_meet_the_contract() {
    let engines = Engines::shared();
    let (aws, bucket) = (engines.aws(), engines.bucket().await);
    let (client, images) = (aws.s3(), S3Images::new(&aws, bucket.clone()));
    let is_there = async |key: &str| {
        let asked = client.head_object().bucket(&bucket).key(key);
        match asked.send().await {
            Ok(_) => true,
            Err(error) => match error.as_service_error() {
                Some(HeadObjectError::NotFound(_)) => false,
                _ => panic!("{error:?}"),
            },
        }
    };
    contracts::image_store(&images, is_there).await;
}

#[tokio::test]
async fn a_picture_comes_back_with_its_type_and_may_be_kept_forever() {
    let engines = Engines::shared();
    let (aws, bucket) = (engines.aws(), engines.bucket().await);
    let client = aws.s3();
    let food = sample::food(&sample::public_user(sample::moment()));
    S3Images::new(&aws, bucket.clone())
        .put(&food.image, &sample::image())
        .await
        .unwrap();

    let asked = client.get_object().bucket(bucket).key(food.image.as_str());
    let object = asked.send().await.unwrap();
    assert_eq!(object.content_type(), Some("image/gif"));
    assert_eq!(
        object.cache_control(),
        Some("public, max-age=31536000, immutable")
    );
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(bytes, sample::GIF);
}
