//! Pictures, freed of what they tell about the person who took them and turned the right way up.

pub mod avif;
mod cursor;
mod exif;
mod gif;
mod icc;
pub mod jpeg;
mod orientation;
mod png;
mod webp;

use bytes::Bytes;
use thiserror::Error;

/// Pictures full of metadata, and what of it must not be left.
#[cfg(feature = "testing")]
pub mod testing;

/// The most pixels a picture, or the canvas of an animation, may have.
pub const MAX_PIXELS: u64 = 52_000_000;

/// The most pixels along one side: what `WebP` can hold.
pub const MAX_SIDE: u32 = 16_383;

/// The most pictures an animation may have.
pub const MAX_FRAMES: u32 = 1_000;

/// The most pixels of a picture that has to be decoded to be turned.
const MAX_TURNED_PIXELS: u64 = 16_000_000;

/// The kinds of picture we take: those that browsers show and that carry no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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

impl Kind {
    /// The kind these bytes are of, by their signature; `None` for anything else.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => {
                Some(Self::Webp)
            }
            _ => avif::has_brand(bytes).then_some(Self::Avif),
        }
    }
}

/// A picture without metadata, the right way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// What the bytes are: the kind they came as.
    pub kind: Kind,
    /// The picture; cleaning it again changes nothing.
    pub bytes: Bytes,
    /// How wide it is shown.
    pub width: u32,
    /// How high it is shown.
    pub height: u32,
}

/// Why bytes are no picture we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// None of the kinds in [`Kind`], or broken, or cut short.
    #[error("not a whole JPEG, PNG, WebP, GIF or AVIF picture")]
    NotAPicture,
    /// More pixels than [`MAX_PIXELS`] or [`MAX_SIDE`] allow, or than we can turn.
    #[error("the picture has too many pixels")]
    TooManyPixels,
    /// More pictures in an animation than [`MAX_FRAMES`].
    #[error("the animation has more than {MAX_FRAMES} pictures")]
    TooManyFrames,
}

/// The same picture with nothing in it but what it takes to show it: no metadata, thumbnails or
/// trailing data, turned as its EXIF orientation says, its colour profile kept.
pub fn clean(bytes: Bytes) -> Result<Cleaned, Invalid> {
    let kind = Kind::sniff(&bytes).ok_or(Invalid::NotAPicture)?;
    let picture = match kind {
        Kind::Jpeg => jpeg::clean(&bytes),
        Kind::Png => png::clean(&bytes),
        Kind::Webp => webp::clean(&bytes),
        Kind::Gif => gif::clean(&bytes),
        Kind::Avif => avif::clean(&bytes),
    }?;
    Ok(Cleaned {
        kind,
        // What was clean already keeps its buffer, and the copy is freed.
        bytes: if picture.bytes == bytes {
            bytes
        } else {
            picture.bytes.into()
        },
        width: picture.width,
        height: picture.height,
    })
}

/// What the file of each format makes of its bytes.
struct Picture {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
}

/// Whether a picture may have this size; called before anything is allocated for it.
fn check_size(width: u32, height: u32) -> Result<(), Invalid> {
    if width == 0 || height == 0 {
        return Err(Invalid::NotAPicture);
    }
    check_pixels(width, height, MAX_PIXELS)
}

/// Whether a picture may be decoded to turn it.
fn check_turned_size(width: u32, height: u32) -> Result<(), Invalid> {
    check_pixels(width, height, MAX_TURNED_PIXELS)
}

fn check_pixels(width: u32, height: u32, max: u64) -> Result<(), Invalid> {
    let is_allowed = width.max(height) <= MAX_SIDE && u64::from(width) * u64::from(height) <= max;
    is_allowed.then_some(()).ok_or(Invalid::TooManyPixels)
}

/// Whether an animation may have as many pictures.
fn check_frames(frames: u32) -> Result<(), Invalid> {
    (frames <= MAX_FRAMES)
        .then_some(())
        .ok_or(Invalid::TooManyFrames)
}
