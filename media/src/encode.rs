//! Encodes renditions.

use image::DynamicImage;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};
use webp::WebPConfig;

use crate::ImageError;

const JPEG_QUALITY: u8 = 80;
const WEBP_QUALITY: f32 = 80.0;

/// Compression effort of libwebp, from 0 (fast) to 6 (small files).
const WEBP_METHOD: i32 = 4;

/// Maximum number of pixels whose alpha is compressed: compressing takes 30 bytes of memory for each pixel.
const MAX_COMPRESSED_ALPHA_PIXELS: u32 = 6_000_000;

/// Encodes an image as progressive JPEG. Blends transparent pixels with white.
pub(crate) fn jpeg(image: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let side = |side| u16::try_from(side).map_err(|_| ImageError::TooManyPixels);
    let (width, height) = (side(image.width())?, side(image.height())?);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, JPEG_QUALITY);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_progressive_scans(2); // the default, 4, takes 6 % more bytes
    encoder.set_optimized_huffman_tables(true);
    let written = match image.as_rgba8() {
        Some(rgba) => encoder.encode(&blend_with_white(rgba), width, height, ColorType::Rgb),
        None => encoder.encode(image.as_bytes(), width, height, ColorType::Rgb),
    };
    written.map_err(|_| ImageError::TooComplex)?;
    Ok(file)
}

fn blend_with_white(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for &[red, green, blue, alpha] in rgba.as_chunks().0 {
        let white = 255 * (255 - u16::from(alpha));
        rgb.extend([red, green, blue].map(|sample| {
            let blended = (u16::from(sample) * u16::from(alpha) + white + 127) / 255;
            u8::try_from(blended).unwrap_or(u8::MAX)
        }));
    }
    rgb
}

/// Encodes an image as lossy WebP.
pub(crate) fn webp(image: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let (bytes, width, height) = (image.as_bytes(), image.width(), image.height());
    let mut config = WebPConfig::new().map_err(|()| ImageError::TooComplex)?;
    config.quality = WEBP_QUALITY;
    config.method = WEBP_METHOD;
    let encoder = if image.color().has_alpha() {
        if width * height > MAX_COMPRESSED_ALPHA_PIXELS {
            config.alpha_compression = 0;
            config.low_memory = 1;
        }
        webp::Encoder::from_rgba(bytes, width, height)
    } else {
        webp::Encoder::from_rgb(bytes, width, height)
    };
    let file = encoder.encode_advanced(&config);
    Ok(file.map_err(|_| ImageError::TooComplex)?.to_vec())
}
