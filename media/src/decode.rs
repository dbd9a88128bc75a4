//! Decodes JPEG, PNG, WebP and GIF files.
//!
//! Calls the decoder of each format directly, because the crate `image` converts CMYK to RGB before the
//! color profile can be applied, and crops a GIF frame that is larger than the declared screen.

use std::borrow::Cow;
use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use image::metadata::Orientation;
use image_webp::WebPDecoder;
use moxcms::{Chromaticity, ColorPrimaries, ColorProfile, ToneReprCurve, XyY};

use crate::jpeg;
use crate::raster::{Raster, Samples};
use crate::size::Size;
use crate::{ImageError, MAX_WIDTH};

/// Limit in bytes for the memory that the pixels of an image and the buffers for decoding or scaling take.
const MAX_MEMORY: u64 = 285_000_000;

/// Limit in bytes for the memory of the PNG decoder besides the pixels: rows and the uncompressed profile.
const MAX_PNG_CHUNK_BYTES: usize = 8 << 20;

/// Decodes the first frame of a file. Checks its size and the memory needed before it decodes pixels.
pub(crate) fn decode(bytes: &[u8]) -> Result<Raster, ImageError> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => jpeg::decode(bytes),
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [b'R', b'I', b'F', b'F', ..] if bytes.get(8..12) == Some(&b"WEBP"[..]) => webp(bytes),
        [b'G', b'I', b'F', b'8', ..] => gif(bytes),
        _ => Err(ImageError::UnsupportedFormat),
    }
}

pub(crate) fn malformed<E>(_: E) -> ImageError {
    ImageError::Malformed
}

/// Rejects an image if decoding it, or scaling the decoded pixels, takes more than [`MAX_MEMORY`].
pub(crate) fn check_memory(decoding: u64, size: Size, samples: Samples) -> Result<(), ImageError> {
    let target = size.fit_within(MAX_WIDTH);
    let rows = u64::from(target.width) * u64::from(size.height); // after the horizontal pass
    let scaling = samples.bytes() * (size.pixels() + rows + target.pixels());
    if decoding.max(scaling) <= MAX_MEMORY { Ok(()) } else { Err(ImageError::TooComplex) }
}

/// Returns the orientation in EXIF data; `NoTransforms` if there is none. Accepts the prefix that EXIF data
/// has in JPEG, because some encoders also write it elsewhere.
pub(crate) fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}

pub(crate) fn icc(profile: Option<&[u8]>) -> Option<ColorProfile> {
    ColorProfile::new_from_slice(profile?).ok()
}

fn png(bytes: &[u8]) -> Result<Raster, ImageError> {
    const IEND: &[u8] = b"\0\0\0\0IEND\xAE\x42\x60\x82";
    // The decoder requires the last chunk, even if the pixels are complete.
    let bytes = if bytes.ends_with(IEND) {
        Cow::Borrowed(bytes)
    } else {
        Cow::Owned([bytes, IEND].concat())
    };
    let limits = png::Limits { bytes: MAX_PNG_CHUNK_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let info = decoder.read_header_info().map_err(malformed)?;
    let size = Size::parse(info.width, info.height)?;
    let mut reader = decoder.read_info().map_err(png_error)?;
    let samples = match reader.output_color_type().0 {
        png::ColorType::Grayscale => Samples::Gray,
        png::ColorType::GrayscaleAlpha => Samples::GrayAlpha,
        png::ColorType::Rgb => Samples::Rgb,
        png::ColorType::Rgba => Samples::Rgba,
        png::ColorType::Indexed => return Err(ImageError::Malformed), // unreachable: palettes are expanded
    };
    let length = reader.output_buffer_size().ok_or(ImageError::TooComplex)?;
    check_memory(length as u64, size, samples)?;
    let mut pixels = vec![0; length];
    reader.next_frame(&mut pixels).map_err(png_error)?;
    let _ = reader.finish(); // EXIF data may follow the pixels
    let info = reader.info();
    Ok(Raster {
        declared: size,
        size,
        samples,
        pixels,
        profile: icc(info.icc_profile.as_deref()).or_else(|| png_gamma(info)),
        orientation: orientation(info.exif_metadata.as_deref()),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn png_error(error: png::DecodingError) -> ImageError {
    match error {
        png::DecodingError::LimitsExceeded => ImageError::TooComplex,
        _ => ImageError::Malformed,
    }
}

/// Makes a color profile of the gamma or chromaticities that a PNG declares; `None` without them or for sRGB.
fn png_gamma(info: &png::Info) -> Option<ColorProfile> {
    const PLAUSIBLE: std::ops::RangeInclusive<f32> = 0.05..=20.0;
    if info.srgb.is_some() {
        return None;
    }
    let gamma = info.gama_chunk.map(png::ScaledFloat::into_value);
    let gamma = gamma.filter(|gamma| PLAUSIBLE.contains(gamma));
    if gamma.is_none() && info.chrm_chunk.is_none() {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None; // would take precedence over the curves
    if let Some(gamma) = gamma {
        let curve = ToneReprCurve::Parametric(vec![1.0 / gamma]);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
    }
    if let Some(declared) = info.chrm_chunk {
        let point = |(x, y): (png::ScaledFloat, png::ScaledFloat)| Chromaticity {
            x: x.into_value(),
            y: y.into_value(),
        };
        let white = point(declared.white);
        let primaries = ColorPrimaries {
            red: point(declared.red),
            green: point(declared.green),
            blue: point(declared.blue),
        };
        let white = XyY::new(white.x.into(), white.y.into(), 1.0);
        profile.update_rgb_colorimetry(white, primaries);
    }
    Some(profile)
}

fn webp(bytes: &[u8]) -> Result<Raster, ImageError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(malformed)?;
    let (width, height) = decoder.dimensions();
    let size = Size::parse(width, height)?;
    let samples = if decoder.has_alpha() { Samples::Rgba } else { Samples::Rgb };
    // Besides the pixels the decoder holds the canvas of an animation, planes of YUV and alpha, or ARGB.
    let bytes_per_pixel = match (decoder.is_animated(), decoder.is_lossy(), samples) {
        (true, ..) => 14,
        (_, true, Samples::Rgba) => 11,
        (_, true, _) | (_, false, Samples::Rgba) => 5,
        (_, false, _) => 8,
    };
    check_memory(bytes_per_pixel * size.pixels(), size, samples)?;
    decoder.set_memory_limit(bytes.len()); // of metadata, which is not compressed
    let profile = decoder.icc_profile().ok().flatten();
    let exif = decoder.exif_metadata().ok().flatten();
    let length = decoder.output_buffer_size().ok_or(ImageError::TooComplex)?;
    let mut pixels = vec![0; length];
    decoder.read_image(&mut pixels).map_err(malformed)?;
    Ok(Raster {
        declared: size,
        size,
        samples,
        pixels,
        profile: icc(profile.as_deref()),
        orientation: orientation(exif.as_deref()),
    })
}

/// Decodes the first frame of a GIF. As in browsers, a frame beyond the declared screen enlarges the image.
fn gif(bytes: &[u8]) -> Result<Raster, ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(MemoryLimit::Unlimited); // checked below
    let mut decoder = options.read_info(bytes).map_err(malformed)?;
    let screen = (decoder.width(), decoder.height());
    let frame = decoder.next_frame_info().map_err(malformed)?;
    let frame = frame.ok_or(ImageError::Malformed)?;
    let extent = |screen: u16, offset: u16, length: u16| {
        u32::from(screen).max(u32::from(offset) + u32::from(length))
    };
    let size = Size::parse(
        extent(screen.0, frame.left, frame.width),
        extent(screen.1, frame.top, frame.height),
    )?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let frame_size = Size::parse(frame.width.into(), frame.height.into())?;
    let canvas = if frame_size == size { 0 } else { size.pixels() };
    let samples = Samples::Rgba;
    check_memory(samples.bytes() * (frame_size.pixels() + canvas), size, samples)?;

    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels).map_err(malformed)?;
    if frame_size != size {
        let row = |width: u32| 4 * width as usize;
        let mut canvas = vec![0; row(size.width) * size.height as usize];
        let rows = canvas.chunks_exact_mut(row(size.width)).skip(top);
        for (target, source) in rows.zip(pixels.chunks_exact(row(frame_size.width))) {
            target[4 * left..][..source.len()].copy_from_slice(source);
        }
        pixels = canvas;
    }
    Ok(Raster {
        declared: size,
        size,
        samples,
        pixels,
        profile: icc(decoder.icc_profile()),
        orientation: Orientation::NoTransforms,
    })
}
