//! Contract of [`ImageStore`].

use bytes::Bytes;

use crate::image::{ImageKey, ImageStore, VariantStore};
use crate::testing::sample;

/// Pictures and their variants; `is_there` asks the store behind the port whether it holds the key. Wants
/// an empty store.
pub async fn image_store(
    images: &(impl ImageStore + VariantStore),
    is_there: impl AsyncFn(&str) -> bool,
) {
    let food = sample::food(&sample::public_user(sample::moment()));
    let other = ImageKey::new(food.id, sample::image().kind(), sample::moment());
    let (some, others) = (food.image.variants().nth(3), other.variants().nth(3));
    let (some, others) = (some.expect("a variant"), others.expect("a variant"));
    for (key, variant) in [(&food.image, &some), (&other, &others)] {
        assert!(!is_there(key.as_str()).await);
        assert_eq!(images.find_image(key).await.expect("asked"), None);
        images.put(key, &sample::image()).await.expect("kept");
        let found = images.find_image(key).await.expect("asked");
        assert_eq!(found.as_deref(), Some(sample::GIF));
        let bytes = Bytes::from_static(b"a variant");
        images.put_variant(variant, bytes).await.expect("kept");
        assert!(is_there(key.as_str()).await && is_there(variant.as_str()).await);
    }
    for _ in 0..2 {
        images.delete(&food.image).await.expect("removed");
        for key in [food.image.as_str(), some.as_str()] {
            assert!(!is_there(key).await);
        }
    }
    assert!(is_there(other.as_str()).await && is_there(others.as_str()).await);

    // What is kept is listed once, in the order of keys, however much there is.
    let mut keys = vec![other.as_str().to_owned(), others.as_str().to_owned()];
    for _ in 0..20 {
        let key = sample::food(&sample::public_user(sample::moment())).image;
        images.put(&key, &sample::image()).await.expect("kept");
        keys.push(key.as_str().to_owned());
    }
    keys.sort_unstable();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let after = listed.last().map(String::as_str);
        let some = images.list(after).await.expect("listed");
        if some.is_empty() {
            break;
        }
        listed.extend(some.into_iter().map(|stored| stored.key));
    }
    assert_eq!(listed, keys);
    let middle = images.list(Some(&keys[10])).await.expect("listed");
    assert_eq!(middle[0].key, keys[11]);
}
