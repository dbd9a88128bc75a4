//! Renders images: JPEG, PNG, WebP or GIF in, JPEG and WebP of several widths out.
//!
//! A rendition is upright, in sRGB with 8 bits a sample, and carries no metadata.

mod decode;
mod encode;
mod jpeg;
mod raster;
mod size;

use image::DynamicImage;
use thiserror::Error;

use size::Size;

/// Target widths of renditions, in pixels.
pub const WIDTHS: [u32; 4] = [320, 640, 1280, 2048];

/// Maximum width of the largest rendition, in pixels.
const MAX_WIDTH: u32 = WIDTHS[WIDTHS.len() - 1];

/// Maximum width × height of an image, in pixels.
pub const MAX_PIXELS: u64 = 52_000_000;

/// Maximum width and maximum height of an image in pixels: the most that WebP can store.
pub const MAX_SIDE: u32 = 16_383;

/// File format of a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `image/jpeg`, progressive. Transparent pixels are blended with white.
    Jpeg,
    /// `image/webp`, lossy, with an alpha channel if the image is transparent.
    WebP,
}

/// An image encoded in one size and one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Width in pixels: `target`, or less if the image is narrower.
    pub width: u32,
    /// Height in pixels, at most 4,096.
    pub height: u32,
    /// Target width of this rendition: an element of [`WIDTHS`].
    pub target: u32,
    /// Format of `bytes`.
    pub format: Format,
    /// The encoded file.
    pub bytes: Vec<u8>,
}

/// Why an image was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImageError {
    /// The file is not a JPEG, PNG, WebP or GIF.
    #[error("not a JPEG, PNG, WebP or GIF image")]
    UnsupportedFormat,
    /// The file is damaged, truncated or of a kind that browsers do not display.
    #[error("the image is malformed")]
    Malformed,
    /// The image exceeds [`MAX_PIXELS`] or [`MAX_SIDE`].
    #[error("the image has more than 52 megapixels or more than 16,383 pixels a side")]
    TooManyPixels,
    /// Decoding the image would take too much memory or time.
    #[error("the image takes too much memory or time to decode")]
    TooComplex,
}

/// Decodes an image and encodes its renditions: a JPEG and a WebP for each of [`WIDTHS`], up to the
/// first that is at least as wide as the image.
///
/// Renditions are sorted by width; of each width the JPEG comes first. None is larger than the image.
pub fn render(bytes: &[u8]) -> Result<Vec<Rendition>, ImageError> {
    let mut image = decode(bytes)?;
    let largest = Size::of(&image);
    let covering = WIDTHS.partition_point(|&target| target < largest.width);
    let mut renditions = Vec::with_capacity(2 * WIDTHS.len());
    for &target in WIDTHS[..=covering].iter().rev() {
        let size = largest.fit_within(target);
        image = raster::downscale(image, size)?;
        for (format, bytes) in
            [(Format::WebP, encode::webp(&image)?), (Format::Jpeg, encode::jpeg(&image)?)]
        {
            renditions.push(Rendition {
                width: size.width,
                height: size.height,
                target,
                format,
                bytes,
            });
        }
    }
    renditions.reverse();
    Ok(renditions)
}

/// Decodes an image to the pixels of its largest rendition: upright, 8-bit sRGB, with an alpha
/// channel if any pixel is transparent.
pub fn decode(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    decode::decode(bytes)?.into_srgb()
}
