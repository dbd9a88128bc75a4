//! Pictures: recognising them by their bytes, and naming them.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::FoodId;

/// The kinds of picture we take: those that browsers show and that carry no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
    /// `image/gif`
    Gif,
    /// `image/avif`
    Avif,
}

impl ImageKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Gif, Self::Avif];

    /// The kind these bytes are of, by their signature; `None` for anything else.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => is_avif(bytes).then_some(Self::Avif),
        }
    }

    /// The media type (IANA).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The usual end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }

    /// Whether the file goes on to its own end: a picture cut short on the way is none.
    fn is_whole(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => jpeg_is_whole(bytes),
            Self::Png => png_is_whole(bytes),
            Self::Webp => webp_is_whole(bytes),
            Self::Gif => gif_is_whole(bytes),
            Self::Avif => boxes_are_whole(bytes),
        }
        .unwrap_or(false)
    }
}

/// The `ftyp` box names AVIF, or an AVIF sequence, as its brand or as one it is compatible with
/// (AV1 Image File Format, section 8).
fn is_avif(bytes: &[u8]) -> bool {
    let Some(([size, kind], _)) = u32_pair(bytes) else {
        return false;
    };
    if kind != u32::from_be_bytes(*b"ftyp") {
        return false;
    }
    let end = (size as usize).min(bytes.len());
    let brands = bytes.get(8..end).unwrap_or_default();
    brands
        .chunks_exact(4)
        .enumerate()
        .any(|(nth, brand)| nth != 1 && (brand == b"avif" || brand == b"avis"))
}

fn u32_pair(bytes: &[u8]) -> Option<([u32; 2], &[u8])> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let first = u32::from_be_bytes(head[..4].try_into().ok()?);
    let second = u32::from_be_bytes(head[4..].try_into().ok()?);
    Some(([first, second], rest))
}

/// Walks the segments to the end-of-image marker (ITU-T T.81, annex B). What follows it is not ours
/// to judge: telephones append films.
fn jpeg_is_whole(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(2..)?;
    let mut scans = 0;
    loop {
        // Between segments stands 0xFF, any number of times, then the marker; inside a scan also
        // data, where 0xFF is followed by 0x00 or a restart marker.
        let at = rest
            .windows(2)
            .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF))?;
        if at > 0 && scans == 0 && rest[..at].iter().any(|&byte| byte != 0xFF) {
            return Some(false);
        }
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        if marker == 0xD9 {
            return Some(scans > 0);
        }
        let length = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
        rest = rest.get(usize::from(length.max(2))..)?;
        scans += u32::from(marker == 0xDA);
    }
}

/// Walks the chunks to `IEND` (PNG, section 5).
fn png_is_whole(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(8..)?;
    let mut data = false;
    loop {
        let ([length, kind], body) = u32_pair(rest)?;
        rest = body.get((length as usize).checked_add(4)?..)?;
        match &kind.to_be_bytes() {
            b"IDAT" => data = true,
            b"IEND" => return Some(data),
            _ => {}
        }
    }
}

/// The RIFF header says how long the file is (WebP container, "RIFF file format").
fn webp_is_whole(bytes: &[u8]) -> Option<bool> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let end = (length as usize).checked_add(8)?;
    let first = bytes.get(12..16)?;
    Some(end > 20 && bytes.len() >= end && matches!(first, b"VP8 " | b"VP8L" | b"VP8X"))
}

/// Walks the blocks to the trailer (`GIF89a`, section 27).
fn gif_is_whole(bytes: &[u8]) -> Option<bool> {
    let colour_table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 0x07) + 1),
    };
    let mut rest = bytes.get(13 + colour_table(*bytes.get(10)?)..)?;
    let mut pictures = 0;
    loop {
        let (&introducer, block) = rest.split_first()?;
        let mut data = match introducer {
            0x21 => block.get(1..)?,
            0x2C => {
                pictures += 1;
                block.get(9 + colour_table(*block.get(8)?) + 1..)?
            }
            0x3B => return Some(pictures > 0),
            _ => return Some(false),
        };
        loop {
            let (&length, after) = data.split_first()?;
            data = after.get(usize::from(length)..)?;
            if length == 0 {
                break;
            }
        }
        rest = data;
    }
}

/// Walks the boxes to the end of the file (ISO/IEC 14496-12, section 4.2).
fn boxes_are_whole(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes;
    let (mut meta, mut data) = (false, false);
    while !rest.is_empty() {
        let ([size, kind], body) = u32_pair(rest)?;
        let size = match size {
            0 => rest.len(), // to the end of the file
            1 => usize::try_from(u64::from_be_bytes(body.get(..8)?.try_into().ok()?)).ok()?,
            size => size as usize,
        };
        if size < 8 {
            return Some(false);
        }
        match &kind.to_be_bytes() {
            b"meta" | b"moov" => meta = true,
            b"mdat" => data = true,
            _ => {}
        }
        rest = rest.get(size..)?;
    }
    Some(meta && data)
}

/// A picture, recognised by its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    kind: ImageKind,
    bytes: Bytes,
}

/// Why bytes are no picture we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidImage {
    /// Not a whole picture of one of the kinds in [`ImageKind`].
    #[error("not a whole JPEG, PNG, WebP, GIF or AVIF picture")]
    Unrecognised,
    /// More bytes than we take.
    #[error("the picture is larger than {max_bytes} bytes")]
    TooLarge {
        /// How many we take.
        max_bytes: usize,
    },
}

impl Image {
    /// The only way in: at most `max_bytes` (the setting `MAX_IMAGE_BYTES`), and a picture from its
    /// first byte to its last.
    pub fn parse(bytes: Bytes, max_bytes: usize) -> Result<Self, InvalidImage> {
        if bytes.len() > max_bytes {
            return Err(InvalidImage::TooLarge { max_bytes });
        }
        ImageKind::sniff(&bytes)
            .filter(|kind| kind.is_whole(&bytes))
            .map(|kind| Self { kind, bytes })
            .ok_or(InvalidImage::Unrecognised)
    }

    /// What the bytes are.
    pub fn kind(&self) -> ImageKind {
        self.kind
    }

    /// The picture itself; cheap to clone.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// Where a picture is kept: `foods/<food id>/<upload id>.<extension>`.
///
/// Every upload has a key of its own, so that removing one can never take away the picture that
/// another save refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageKey(String);

/// A text that is no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the key of a picture")]
pub struct InvalidImageKey;

impl ImageKey {
    /// The key of a new upload for this food.
    pub fn new(food: FoodId, kind: ImageKind, now: Timestamp) -> Self {
        // An upload id is made as a food id is.
        let upload = FoodId::new(now);
        Self(format!("foods/{food}/{upload}.{}", kind.extension()))
    }

    /// The only other way in: a key as `new` makes it.
    pub fn parse(raw: &str) -> Result<Self, InvalidImageKey> {
        let parsed = || -> Option<()> {
            let (food, file) = raw.strip_prefix("foods/")?.split_once('/')?;
            let (upload, extension) = file.split_once('.')?;
            let is_id = |id: &str| id.len() == 36 && Uuid::try_parse(id).is_ok();
            let known = ImageKind::ALL.iter().any(|k| k.extension() == extension);
            (is_id(food) && is_id(upload) && known).then_some(())
        };
        parsed()
            .map(|()| Self(raw.to_owned()))
            .ok_or(InvalidImageKey)
    }

    /// The key as the store and the URL have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
