//! Finding what somebody uploaded, to give it to a food.

use crate::id::{ImageId, UserId};
use crate::image::{GivenImage, UploadKey, UploadStore};
use crate::storage::StorageError;

/// What the user uploaded under this id. Somebody else's is not there for them.
pub async fn find_upload(
    uploads: &impl UploadStore,
    owner: UserId,
    raw_id: &str,
    max_bytes: usize,
) -> Result<GivenImage, StorageError> {
    let Ok(id) = ImageId::parse(raw_id) else {
        return Ok(GivenImage::NoSuchUpload);
    };
    let key = UploadKey::new(owner, id);
    let found = uploads.find_upload(&key, max_bytes).await?;
    Ok(found.map_or(GivenImage::NoSuchUpload, GivenImage::Upload))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::image::{ImageKind, Upload};
    use crate::testing::{MemoryImages, sample};

    #[tokio::test]
    async fn an_upload_is_found_by_its_owner_alone() {
        let images = MemoryImages::default();
        let (ada, eve) = (UserId::new(sample::moment()), UserId::new(sample::moment()));
        let id = ImageId::new(sample::moment());
        let upload = Upload {
            key: UploadKey::new(ada, id),
            declared: Some(ImageKind::Gif),
            bytes: Bytes::from_static(sample::GIF),
        };
        images.upload(upload.clone());
        let find = async |owner, raw: &str| find_upload(&images, owner, raw, 1_000).await.unwrap();
        let found = find(ada, &id.to_string()).await;
        assert_eq!(found, GivenImage::Upload(upload));
        for (owner, raw) in [
            (eve, id.to_string()),
            (ada, ImageId::new(sample::moment()).to_string()),
            (ada, String::new()),
            (ada, "../".to_owned() + &id.to_string()),
        ] {
            assert_eq!(find(owner, &raw).await, GivenImage::NoSuchUpload, "{raw}");
        }
    }
}
