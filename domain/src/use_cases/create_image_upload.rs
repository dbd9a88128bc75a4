//! Creating a presigned upload of an image.

use std::time::Duration;

use super::AuthenticatedUser;
use crate::clock::Clock;
use crate::id::ImageId;
use crate::image::{NewUpload, PresignedPost, UploadKey, UploadSigner};

/// How long an upload may be started: enough for a slow network, and too short to be passed on.
pub const UPLOAD_LIFETIME: Duration = Duration::from_mins(15);

/// A presigned upload.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageUpload {
    /// The id that attaches the upload to a food.
    pub id: ImageId,
    /// The form to post.
    pub post: PresignedPost,
}

/// Signs a form that uploads exactly `new` under a key that only the caller can attach.
pub fn create_image_upload(
    signer: &impl UploadSigner,
    clock: &impl Clock,
    who: AuthenticatedUser,
    new: &NewUpload,
) -> ImageUpload {
    let now = clock.now();
    let id = ImageId::new(now);
    let key = UploadKey {
        owner: who.user,
        id,
    };
    ImageUpload {
        id,
        post: signer.presign_post(key, new, now, UPLOAD_LIFETIME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::image::ImageKind;
    use crate::testing::{FixedClock, MemoryUploads, sample};
    use crate::use_cases::test_support::signed_in;

    #[test]
    fn presigned_post_is_limited_to_own_key_type_and_size() {
        let (uploads, clock) = (MemoryUploads::default(), FixedClock::default());
        let owner = UserId::new(sample::timestamp());
        let new = NewUpload {
            kind: ImageKind::Png,
            bytes: 77,
        };
        let upload = create_image_upload(&uploads, &clock, signed_in(owner), &new);
        let key = UploadKey {
            owner,
            id: upload.id,
        };
        let until = clock.now().plus(UPLOAD_LIFETIME);
        let expected = uploads.presign_post(key, &new, clock.now(), UPLOAD_LIFETIME);
        assert!(upload.post == expected);
        let fields = upload.post.fields;
        assert!(fields.contains(&("until".to_owned(), until.to_string())));
        let other = create_image_upload(&uploads, &clock, signed_in(owner), &new);
        assert_ne!(other.id, upload.id);
    }
}
