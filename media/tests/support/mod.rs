//! Generates images of every format.

use std::io::Read;

use flate2::Compression;
use flate2::read::ZlibEncoder;
use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};

/// An image with gradients of different colors along both axes.
pub(crate) fn gradient(width: u32, height: u32) -> RgbImage {
    let level = |part: u32, whole: u32| u8::try_from((2 * part + 1) * 100 / whole).unwrap();
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([level(x, width), level(y, height), 255 - level(x, width)])
    })
}

/// The gradient, transparent on the left half.
pub(crate) fn transparent(width: u32, height: u32) -> RgbaImage {
    let mut image = DynamicImage::from(gradient(width, height)).into_rgba8();
    for (x, _, Rgba([.., alpha])) in image.enumerate_pixels_mut() {
        *alpha = if x < width / 2 { 0 } else { 255 };
    }
    image
}

/// EXIF data with an orientation.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

pub(crate) fn jpeg(image: &RgbImage, exif: Option<&[u8]>, icc: Option<&[u8]>) -> Vec<u8> {
    jpeg_of(
        image.as_raw(),
        image.dimensions(),
        jpeg_encoder::ColorType::Rgb,
        exif,
        icc,
    )
}

/// A baseline JPEG of pixels of any color type.
pub(crate) fn jpeg_of(
    pixels: &[u8],
    (width, height): (u32, u32),
    color_type: jpeg_encoder::ColorType,
    exif: Option<&[u8]>,
    icc: Option<&[u8]>,
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 95);
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).unwrap();
    }
    if let Some(icc) = icc {
        encoder.add_icc_profile(icc).unwrap();
    }
    let side = |side| u16::try_from(side).unwrap();
    encoder
        .encode(pixels, side(width), side(height), color_type)
        .unwrap();
    file
}

/// A PNG with chunks before its pixels.
pub(crate) fn png(image: &DynamicImage, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let color_type = match image {
        DynamicImage::ImageLuma8(_) => 0,
        DynamicImage::ImageRgba8(_) => 6,
        _ => 2,
    };
    let row = image.as_bytes().len() / image.height() as usize;
    let rows = image.as_bytes().chunks(row);
    let rows: Vec<u8> = rows.flat_map(|row| [&[0], row].concat()).collect();
    let size = (image.width(), image.height());
    png_of(size, color_type, &deflate(&rows[..]), chunks)
}

/// A PNG with 8 bits a sample and any compressed data.
pub(crate) fn png_of(
    (width, height): (u32, u32),
    color_type: u8,
    data: &[u8],
    chunks: &[(&[u8; 4], &[u8])],
) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, color_type, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1A\n".to_vec();
    let all = [(b"IHDR", &header[..])].into_iter();
    let all = all.chain(chunks.iter().copied());
    for (kind, content) in all.chain([(b"IDAT", data), (b"IEND", &[])]) {
        let checked = [kind, content].concat();
        file.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        file.extend(&checked);
        file.extend(crc32fast::hash(&checked).to_be_bytes());
    }
    file
}

/// Content of an `iCCP` chunk.
pub(crate) fn iccp(profile: impl Read) -> Vec<u8> {
    [b"profile\0\0", &deflate(profile)[..]].concat()
}

pub(crate) fn deflate(bytes: impl Read) -> Vec<u8> {
    let mut deflated = Vec::new();
    ZlibEncoder::new(bytes, Compression::fast())
        .read_to_end(&mut deflated)
        .unwrap();
    deflated
}

/// A lossless WebP.
pub(crate) fn webp(image: &DynamicImage, exif: Option<&[u8]>, icc: Option<&[u8]>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut file);
    encoder.set_exif_metadata(exif.unwrap_or_default().to_vec());
    encoder.set_icc_profile(icc.unwrap_or_default().to_vec());
    let color_type = if image.color().has_alpha() {
        image_webp::ColorType::Rgba8
    } else {
        image_webp::ColorType::Rgb8
    };
    encoder
        .encode(image.as_bytes(), image.width(), image.height(), color_type)
        .unwrap();
    file
}

/// A GIF of frames with their offsets.
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
