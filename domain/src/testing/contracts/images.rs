use bytes::Bytes;

use crate::image::{ImageStore, RenditionKey};
use crate::testing::sample;

/// Generates the contract tests of an `ImageStore`.
#[macro_export]
macro_rules! image_store_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            images,
            $adapter,
            [
                image_deletion_removes_only_the_given_renditions,
                stored_renditions_are_listed_once_in_key_order,
            ]
        );
    };
}

/// Stores the renditions of a sample food and returns their keys.
async fn stored(images: &impl ImageStore) -> Vec<RenditionKey> {
    let food = sample::food(&sample::public_user(sample::timestamp()));
    let keys = food.rendition_keys();
    for key in &keys {
        let bytes = Bytes::from(key.to_string());
        images.put(*key, bytes).await.expect("stored");
    }
    keys
}

async fn list_all(images: &impl ImageStore) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().map(String::as_str);
        let objects = images.list(after).await.expect("listed");
        if objects.is_empty() {
            return all;
        }
        all.extend(objects.into_iter().map(|object| object.key));
    }
}

fn texts(keys: &[RenditionKey]) -> Vec<String> {
    let mut texts: Vec<_> = keys.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts
}

pub async fn image_deletion_removes_only_the_given_renditions(images: &impl ImageStore) {
    let keys = stored(images).await;
    let (deleted, remaining) = keys.split_at(1);
    for _ in 0..2 {
        images.delete(deleted).await.expect("deleted");
        assert_eq!(list_all(images).await, texts(remaining));
    }
}

pub async fn stored_renditions_are_listed_once_in_key_order(images: &impl ImageStore) {
    let mut keys = Vec::new();
    for _ in 0..10 {
        keys.extend(stored(images).await);
    }
    let keys = texts(&keys);
    assert_eq!(list_all(images).await, keys);
    let middle = images.list(Some(&keys[10])).await.expect("listed");
    assert_eq!(middle[0].key, keys[11]);
}
