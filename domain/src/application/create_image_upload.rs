//! Getting leave to upload a picture.

use std::time::Duration;

use super::SignedIn;
use crate::clock::Clock;
use crate::id::ImageId;
use crate::image::{NewUpload, SignedUpload, UploadKey, UploadSigner};

/// How long an upload may be begun: enough for a slow network to get going, and no leave to keep.
pub const UPLOAD_LIFETIME: Duration = Duration::from_mins(15);

/// An upload that may begin.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageUpload {
    /// By which a food is given what was uploaded.
    pub id: ImageId,
    /// How to upload it.
    pub signed: SignedUpload,
}

/// Gives leave to upload this, and nothing else, into a place of the caller's own.
pub fn create_image_upload(
    uploads: &impl UploadSigner,
    clock: &impl Clock,
    who: SignedIn,
    new: &NewUpload,
) -> ImageUpload {
    let now = clock.now();
    let id = ImageId::new(now);
    let key = UploadKey::new(who.user, id);
    ImageUpload {
        id,
        signed: uploads.sign(&key, new, now, UPLOAD_LIFETIME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::test_support::signed_in;
    use crate::id::UserId;
    use crate::image::ImageKind;
    use crate::testing::{FixedClock, MemoryImages, sample};

    #[test]
    fn leave_is_for_one_place_of_the_callers_own_and_for_what_was_said() {
        let (images, clock) = (MemoryImages::default(), FixedClock::default());
        let user = UserId::new(sample::moment());
        let new = NewUpload {
            kind: ImageKind::Png,
            bytes: 77,
        };
        let upload = create_image_upload(&images, &clock, signed_in(user), &new);
        let key = UploadKey::new(user, upload.id);
        let until = clock.now().plus(UPLOAD_LIFETIME);
        let expected = [
            ("key", key.as_str().to_owned()),
            ("Content-Type", "image/png".to_owned()),
            ("bytes", "77".to_owned()),
            ("until", until.to_string()),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(upload.signed.fields, expected);
        let other = create_image_upload(&images, &clock, signed_in(user), &new);
        assert_ne!(other.id, upload.id);
    }
}
