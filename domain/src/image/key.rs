//! Where pictures are kept: the names of objects, each made here and read here.

use thiserror::Error;

use super::variant::{VariantKind, WIDTHS};
use super::{ImageKind, Size};
use crate::clock::Timestamp;
use crate::id::{FoodId, ImageId, UserId};

/// A text that is no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the key of a picture")]
pub struct InvalidKey;

/// Ids stand in keys in one spelling.
fn parse_id<Id: ToString, E>(raw: &str, parse: impl FnOnce(&str) -> Result<Id, E>) -> Option<Id> {
    parse(raw).ok().filter(|id| id.to_string() == raw)
}

/// Where the picture of a food is kept: `foods/<food id>/<picture id>.<extension>`.
///
/// Every picture that is saved has a key of its own, so that removing one can never take away the
/// picture that another save refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageKey(String);

impl ImageKey {
    const FOLDER: &str = "foods/";

    /// A key of its own for a picture of this food.
    pub fn new(food: FoodId, kind: ImageKind, now: Timestamp) -> Self {
        let (folder, picture) = (Self::FOLDER, ImageId::new(now));
        Self(format!("{folder}{food}/{picture}.{}", kind.extension()))
    }

    /// The only other way in: a key as `new` makes it.
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        let parsed = || -> Option<()> {
            let (food, file) = raw.strip_prefix(Self::FOLDER)?.split_once('/')?;
            let (picture, extension) = file.split_once('.')?;
            parse_id(food, FoodId::parse)?;
            parse_id(picture, ImageId::parse)?;
            let mut kinds = ImageKind::ALL.iter();
            kinds.find(|kind| kind.extension() == extension).map(|_| ())
        };
        parsed().map(|()| Self(raw.to_owned())).ok_or(InvalidKey)
    }

    /// Whose picture it is, or was to be.
    pub fn food(&self) -> FoodId {
        let mut parts = self.0.split('/');
        let id = parts.nth(1).and_then(|id| FoodId::parse(id).ok());
        id.expect("a key is made with an id, or read with one")
    }

    /// The keys of all variants that there may be.
    pub fn variants(&self) -> impl Iterator<Item = VariantKey> {
        WIDTHS.into_iter().flat_map(|width| {
            VariantKind::ALL.map(|kind| VariantKey {
                raw: format!(
                    "{}{}/{width}.{}",
                    VariantKey::FOLDER,
                    self.name(),
                    kind.extension()
                ),
                image: self.clone(),
                kind,
            })
        })
    }

    /// Without the folder that all have.
    fn name(&self) -> &str {
        &self.0[Self::FOLDER.len()..]
    }

    /// The key as the store and the URL have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a variant of a food's picture is kept: `variants/<food id>/<picture's file>/<width>.<extension>`,
/// in another folder than pictures, whose objects are what variants are made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantKey {
    raw: String,
    image: ImageKey,
    kind: VariantKind,
}

impl VariantKey {
    const FOLDER: &str = "variants/";

    /// The key of the variant of this size. It is named by the width that it was made for.
    pub fn new(image: &ImageKey, size: Size, kind: VariantKind) -> Self {
        let target = WIDTHS.into_iter().find(|width| *width >= size.width);
        let target = target.unwrap_or(size.width);
        let raw = format!(
            "{}{}/{target}.{}",
            Self::FOLDER,
            image.name(),
            kind.extension()
        );
        Self {
            raw,
            image: image.clone(),
            kind,
        }
    }

    /// The only other way in: one of [`ImageKey::variants`].
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        let image = || {
            let (name, _) = raw.strip_prefix(Self::FOLDER)?.rsplit_once('/')?;
            ImageKey::parse(&format!("{}{name}", ImageKey::FOLDER)).ok()
        };
        let mut variants = image().into_iter().flat_map(|image| {
            let variants: Vec<_> = image.variants().collect();
            variants
        });
        variants.find(|key| key.raw == raw).ok_or(InvalidKey)
    }

    /// What it is.
    pub fn kind(&self) -> VariantKind {
        self.kind
    }

    /// The picture it is a variant of.
    pub fn image(&self) -> &ImageKey {
        &self.image
    }

    /// The key as the store and the URL have it.
    pub fn as_str(&self) -> &str {
        &self.raw
    }
}

/// Where a picture is before it belongs to a food: `uploads/<user id>/<upload id>`. Nobody but its
/// owner can name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadKey {
    raw: String,
    id: ImageId,
}

impl UploadKey {
    const FOLDER: &str = "uploads/";

    /// The key of this user's upload.
    pub fn new(owner: UserId, id: ImageId) -> Self {
        let raw = format!("{}{owner}/{id}", Self::FOLDER);
        Self { raw, id }
    }

    /// The only other way in: a key as `new` makes it.
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        let parsed = || {
            let (owner, id) = raw.strip_prefix(Self::FOLDER)?.split_once('/')?;
            let owner = parse_id(owner, UserId::parse)?;
            Some(Self::new(owner, parse_id(id, ImageId::parse)?))
        };
        parsed().ok_or(InvalidKey)
    }

    /// Which upload it is.
    pub fn id(&self) -> ImageId {
        self.id
    }

    /// The key as the store has it.
    pub fn as_str(&self) -> &str {
        &self.raw
    }
}

/// The key of anything that we keep where pictures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKey {
    /// What somebody uploaded, not yet looked at: never shown.
    Upload(UploadKey),
    /// A food's picture.
    Image(ImageKey),
    /// A variant of one.
    Variant(VariantKey),
}

impl StoredKey {
    /// The only way in.
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        ImageKey::parse(raw)
            .map(Self::Image)
            .or_else(|_| VariantKey::parse(raw).map(Self::Variant))
            .or_else(|_| UploadKey::parse(raw).map(Self::Upload))
    }

    /// The key as the store has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Upload(key) => key.as_str(),
            Self::Image(key) => key.as_str(),
            Self::Variant(key) => key.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0192f1a0-0000-7000-8000-000000000001";
    const OTHER: &str = "0192f1a0-0000-7000-8000-000000000002";

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_792_002_005_007).unwrap()
    }

    #[test]
    fn a_key_names_its_food_and_its_kind() {
        let food = FoodId::new(now());
        for kind in ImageKind::ALL {
            let key = ImageKey::new(food, kind, now());
            assert!(key.as_str().starts_with(&format!("foods/{food}/")));
            assert!(key.as_str().ends_with(&format!(".{}", kind.extension())));
            assert_eq!(ImageKey::parse(key.as_str()), Ok(key));
        }
    }

    #[test]
    fn every_picture_has_a_key_of_its_own() {
        let food = FoodId::new(now());
        let new = || ImageKey::new(food, ImageKind::Png, now());
        assert_ne!(new(), new());
    }

    #[test]
    fn a_variant_is_named_by_the_width_it_was_made_for() {
        let image = ImageKey::parse(&format!("foods/{ID}/{OTHER}.png")).unwrap();
        for (width, name) in [(1, "320"), (320, "320"), (321, "640"), (2048, "2048")] {
            let size = Size { width, height: 7 };
            for (kind, extension) in [(VariantKind::Jpeg, "jpg"), (VariantKind::Webp, "webp")] {
                let key = VariantKey::new(&image, size, kind);
                let expected = format!("variants/{ID}/{OTHER}.png/{name}.{extension}");
                assert_eq!(key.as_str(), expected);
                assert!(image.variants().any(|variant| variant == key));
                assert_eq!(VariantKey::parse(&expected), Ok(key));
            }
        }
        assert_eq!(image.variants().count(), 8);
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for good in [
            format!("foods/{ID}/{OTHER}.jpg"),
            format!("variants/{ID}/{OTHER}.jpg/640.webp"),
            format!("uploads/{ID}/{OTHER}"),
        ] {
            let key = StoredKey::parse(&good).unwrap();
            assert_eq!(key.as_str(), good);
            for bad in [
                format!("/{good}"),
                format!("{good}/"),
                format!("{good} "),
                format!("{good}\0"),
                format!("../{good}"),
                good.replace('/', "//"),
                good.replace('/', "/../"),
                good.replace('-', ""),
                good.to_uppercase(),
                good.replace("s/", "/"),
            ] {
                assert_eq!(StoredKey::parse(&bad), Err(InvalidKey), "{bad}");
            }
        }
        for raw in [
            "",
            "foods",
            "foods/",
            "variants/",
            "uploads/",
            &format!("foods/{ID}"),
            &format!("foods/{ID}/{OTHER}"),
            &format!("foods/{ID}/{OTHER}."),
            &format!("foods/{ID}/{OTHER}.svg"),
            &format!("foods/{ID}/{OTHER}.JPG"),
            &format!("foods/{ID}/{OTHER}.jpg.png"),
            &format!("foods/../{OTHER}.jpg"),
            &format!(
                "foods/{}/{OTHER}.jpg",
                "0192F1A0-0000-7000-8000-000000000001"
            ),
            &format!("variants/{ID}/{OTHER}.jpg"),
            &format!("variants/{ID}/{OTHER}.jpg/"),
            &format!("variants/{ID}/{OTHER}.jpg/641.webp"),
            &format!("variants/{ID}/{OTHER}.jpg/640.png"),
            &format!("variants/{ID}/{OTHER}.svg/640.webp"),
            &format!("uploads/{ID}"),
            &format!("uploads/{ID}/{OTHER}.jpg"),
        ] {
            assert_eq!(StoredKey::parse(raw), Err(InvalidKey), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_key_survives_being_written_and_read(id: [u8; 16], nth in 0..5_usize, variant in 0..8_usize) {
            let food = FoodId::from_bytes(id);
            let key = ImageKey::new(food, ImageKind::ALL[nth], now());
            prop_assert_eq!(StoredKey::parse(key.as_str()), Ok(StoredKey::Image(key.clone())));
            prop_assert_eq!(key.food(), food);
            let variant = key.variants().nth(variant).unwrap();
            prop_assert_eq!(variant.image(), &key);
            prop_assert_eq!(StoredKey::parse(variant.as_str()), Ok(StoredKey::Variant(variant.clone())));
            let upload = UploadKey::new(UserId::from_bytes(id), ImageId::new(now()));
            prop_assert_eq!(StoredKey::parse(upload.as_str()), Ok(StoredKey::Upload(upload.clone())));
        }

        #[test]
        fn no_text_makes_parsing_a_key_panic(folder in prop::sample::select(vec!["", "foods/", "variants/", "uploads/"]), raw: String) {
            let _ = StoredKey::parse(&format!("{folder}{raw}"));
        }
    }
}
