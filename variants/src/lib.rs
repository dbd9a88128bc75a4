//! A picture in the sizes that pages show, as JPEG and as `WebP`, in little time and less memory.

mod avif;
mod gif;
mod icc;
mod jpeg;
mod planes;
mod png;
mod resize;
mod webp;

use bytes::Bytes;
use pictures::{Invalid, MAX_PIXELS, MAX_SIDE};
use thiserror::Error;

use planes::{Picture, Size};

/// How wide variants are, in pixels.
pub const WIDTHS: [u32; 4] = [320, 640, 1280, 2048];

/// The most bytes that decoding a picture may take.
const MAX_MEMORY: u64 = 200_000_000;

/// The most pixels of a variant that is transparent: opacity of as many is stored as it is, a byte for
/// each, because compressing it takes 30 times that.
const MAX_TRANSPARENT_PIXELS: u64 = 16_000_000;

/// What a variant is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `image/jpeg`, on white where the picture is transparent.
    Jpeg,
    /// `image/webp`.
    Webp,
}

/// A picture made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Which of [`WIDTHS`] it is for.
    pub target: u32,
    /// How wide it is: `target`, or less when the picture is not that wide.
    pub width: u32,
    /// How high it is.
    pub height: u32,
    /// What `bytes` are.
    pub format: Format,
    /// The file, without metadata but with the picture's colour profile.
    pub bytes: Vec<u8>,
}

/// Why there are no variants of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Error {
    /// None of the kinds we take, or broken, or cut short.
    #[error("not a whole JPEG, PNG, WebP, GIF or AVIF picture")]
    NotAPicture,
    /// Too many pixels, or more memory than we have for them.
    #[error("the picture is too large")]
    TooLarge,
}

impl From<Invalid> for Error {
    fn from(e: Invalid) -> Self {
        match e {
            Invalid::NotAPicture => Self::NotAPicture,
            Invalid::TooManyPixels | Invalid::TooManyFrames => Self::TooLarge,
        }
    }
}

/// A JPEG and a `WebP` for each of [`WIDTHS`], narrow ones first, up to the first that is as wide as the
/// picture or wider. The picture must be the right way up; it is freed when it is decoded.
pub fn variants(picture: Bytes) -> Result<Vec<Variant>, Error> {
    let Decoded {
        size,
        mut picture,
        icc,
    } = decode(picture)?;
    if picture.alpha.is_some() && picture.size.pixels() > MAX_TRANSPARENT_PIXELS {
        return Err(Error::TooLarge);
    }
    let icc = icc.as_deref();
    let mut variants = Vec::with_capacity(2 * WIDTHS.len());
    let mut targets = targets(size.width).rev().peekable();
    while let Some(target) = targets.next() {
        let smaller = targets
            .peek()
            .map(|&target| picture.resized(size.narrowed(target)));
        let Size { width, height } = picture.size;
        let variant = |format, bytes| Variant {
            target,
            width,
            height,
            format,
            bytes,
        };
        let jpeg = jpeg::encode(&picture, icc);
        let webp = webp::encode(picture, icc).ok_or(Error::TooLarge)?;
        variants.push(variant(Format::Webp, webp));
        variants.push(variant(Format::Jpeg, jpeg));
        let Some(next) = smaller else { break };
        picture = next;
    }
    variants.reverse();
    Ok(variants)
}

/// A picture in the size of its largest variant, and the profile that its variants keep.
struct Decoded {
    /// The size it came in.
    size: Size,
    picture: Picture,
    icc: Option<Vec<u8>>,
}

fn decode(picture: Bytes) -> Result<Decoded, Error> {
    match picture.as_ref() {
        [0xFF, 0xD8, 0xFF, ..] => jpeg::decode(picture),
        [0x89, b'P', b'N', b'G', ..] => png::decode(picture),
        [b'G', b'I', b'F', b'8', ..] => gif::decode(picture),
        [b'R', b'I', b'F', b'F', ..] => webp::decode(picture),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => avif::decode(&picture),
        _ => Err(Error::NotAPicture),
    }
}

/// The widths for a picture of this width.
fn targets(width: u32) -> impl DoubleEndedIterator<Item = u32> {
    let count = WIDTHS.iter().take_while(|&&target| target < width).count();
    WIDTHS.into_iter().take(count + 1)
}

/// How wide the largest variant is.
fn largest(width: u32) -> u32 {
    targets(width).next_back().unwrap_or(width).min(width)
}

/// Whether a picture may have this size; called before anything is allocated for it.
fn check_size(size: Size) -> Result<(), Error> {
    if size.width == 0 || size.height == 0 {
        return Err(Error::NotAPicture);
    }
    let is_allowed = size.width.max(size.height) <= MAX_SIDE && size.pixels() <= MAX_PIXELS;
    is_allowed.then_some(()).ok_or(Error::TooLarge)
}
