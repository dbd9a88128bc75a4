//! Generates image files of every format for tests.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage};

/// Returns an image with gradients of different colors along both axes.
pub(crate) fn gradient(width: u32, height: u32) -> DynamicImage {
    let level = |part: u32, whole: u32| u8::try_from((2 * part + 1) * 100 / whole).unwrap();
    let image = RgbImage::from_fn(width, height, |x, y| {
        Rgb([level(x, width), level(y, height), 255 - level(x, width)])
    });
    image.into()
}

/// Returns [`gradient`] with a transparent left half.
pub(crate) fn transparent(width: u32, height: u32) -> RgbaImage {
    let mut image = gradient(width, height).into_rgba8();
    for (x, _, Rgba([.., alpha])) in image.enumerate_pixels_mut() {
        *alpha = if x < width / 2 { 0 } else { 255 };
    }
    image
}

/// Returns EXIF data that contains only this orientation.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

pub(crate) fn jpeg(image: &DynamicImage, exif: &[u8], icc: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 95);
    write(image, exif, icc, encoder);
    file
}

pub(crate) fn png(image: &DynamicImage, exif: &[u8], icc: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    write(image, exif, icc, PngEncoder::new(&mut file));
    file
}

/// Encodes a lossless WebP with this EXIF data and color profile, unless they are empty.
pub(crate) fn webp(image: &DynamicImage, exif: &[u8], icc: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    write(image, exif, icc, WebPEncoder::new_lossless(&mut file));
    file
}

/// Encodes the image; omits EXIF data and a color profile that are empty.
fn write(image: &DynamicImage, exif: &[u8], icc: &[u8], mut encoder: impl ImageEncoder) {
    if !exif.is_empty() {
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
    }
    if !icc.is_empty() {
        encoder.set_icc_profile(icc.to_vec()).unwrap();
    }
    image.write_with_encoder(encoder).unwrap();
}

/// Inserts a chunk after the header chunk of a PNG; `kind` is its four-letter type.
pub(crate) fn with_chunk(png: &[u8], kind: &[u8], content: &[u8]) -> Vec<u8> {
    let (header, rest) = png.split_at(33);
    [header, &chunk(kind, content), rest].concat()
}

pub(crate) fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let checked = [kind, content].concat();
    let checksum = crc32fast::hash(&checked).to_be_bytes();
    [&length[..], &checked, &checksum].concat()
}

/// Encodes a GIF of these frames, each with its left and top offset.
pub(crate) fn gif(screen: (u16, u16), frames: &[(u16, u16, &RgbaImage)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, screen.0, screen.1, &[]).unwrap();
    for &(left, top, image) in frames {
        let (width, height) = image.dimensions();
        let mut pixels = image.as_raw().clone();
        let side = |side| u16::try_from(side).unwrap();
        let mut frame = gif::Frame::from_rgba(side(width), side(height), &mut pixels);
        (frame.left, frame.top) = (left, top);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}
