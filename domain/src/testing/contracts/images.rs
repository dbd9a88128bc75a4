//! Contract of [`ImageStore`].

use bytes::Bytes;

use crate::image::{Format, ImageStore, RenditionKey};
use crate::testing::sample;

async fn put(images: &impl ImageStore, keys: &[RenditionKey]) {
    for key in keys {
        let bytes = Bytes::from(key.to_string());
        images.put(*key, bytes).await.expect("stored");
    }
}

/// Renditions; `exists` asks the store behind the port for a key. Wants an empty store.
pub async fn image_store(images: &impl ImageStore, exists: impl AsyncFn(&str) -> bool) {
    let food = sample::food(&sample::public_user(sample::moment()));
    let keys = food.rendition_keys();
    let other = RenditionKey {
        image: sample::image().id,
        width: 320,
        format: Format::Jpeg,
        ..keys[0]
    };
    put(images, &keys).await;
    put(images, &[other]).await;
    for key in &keys {
        assert!(exists(&key.to_string()).await);
    }
    for _ in 0..2 {
        images.delete(&keys).await.expect("deleted");
        for key in &keys {
            assert!(!exists(&key.to_string()).await);
        }
    }
    assert!(exists(&other.to_string()).await);

    // Every object is listed once, in the order of keys.
    let mut keys = vec![other.to_string()];
    for _ in 0..20 {
        let food = sample::food(&sample::public_user(sample::moment()));
        let key = food.rendition_keys()[0];
        put(images, &[key]).await;
        keys.push(key.to_string());
    }
    keys.sort_unstable();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let after = listed.last().map(String::as_str);
        let some = images.list(after).await.expect("listed");
        if some.is_empty() {
            break;
        }
        listed.extend(some.into_iter().map(|object| object.key));
    }
    assert_eq!(listed, keys);
    let middle = images.list(Some(&keys[10])).await.expect("listed");
    assert_eq!(middle[0].key, keys[11]);
}
