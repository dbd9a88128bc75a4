//! Creating a presigned POST for an image upload.

use std::time::Duration;

use super::AuthenticatedUser;
use crate::clock::Clock;
use crate::id::ImageId;
use crate::image::{NewUpload, PresignedPost, UploadKey, UploadSigner};

/// How long a presigned POST is valid: long enough to upload over a slow network.
pub const UPLOAD_LIFETIME: Duration = Duration::from_mins(15);

/// A presigned POST and the id of its upload.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageUpload {
    /// The id by which a food request refers to the upload.
    pub id: ImageId,
    /// The form with which the client uploads the image.
    pub post: PresignedPost,
}

/// Signs a form that uploads an image of exactly this type and size. Only this user can attach it to a food.
pub fn create_image_upload(
    signer: &impl UploadSigner,
    clock: &impl Clock,
    user: AuthenticatedUser,
    new: &NewUpload,
) -> ImageUpload {
    let now = clock.now();
    let id = ImageId::new(now);
    let key = UploadKey { owner: user.id, id };
    ImageUpload { id, post: signer.presign_post(key, new, now, UPLOAD_LIFETIME) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::image::ImageKind;
    use crate::testing::{FixedClock, MemoryUploads, sample};
    use crate::use_cases::test_support::authenticated_user;

    #[test]
    fn presigned_post_allows_one_key_type_and_size_only() {
        let (uploads, clock) = (MemoryUploads::default(), FixedClock::default());
        let owner = UserId::new(sample::timestamp());
        let new = NewUpload { kind: ImageKind::Png, bytes: 77 };
        let upload = create_image_upload(&uploads, &clock, authenticated_user(owner), &new);
        let key = UploadKey { owner, id: upload.id };
        let until = clock.now().plus(UPLOAD_LIFETIME);
        let expected = uploads.presign_post(key, &new, clock.now(), UPLOAD_LIFETIME);
        assert!(upload.post == expected);
        let fields = upload.post.fields;
        assert!(fields.contains(&("until".to_owned(), until.to_string())));
        let other = create_image_upload(&uploads, &clock, authenticated_user(owner), &new);
        assert_ne!(other.id, upload.id);
    }
}
