//! `WebP` (RFC 9649), both ways.

use std::io::Cursor;

use bytes::Bytes;
use image_webp::{DecodingError, WebPDecoder};
use webp_encoder::{Planes, Settings};

use crate::planes::{Canvas, Picture, Size};
use crate::{Decoded, Error, MAX_MEMORY, check_size, icc, largest};

const QUALITY: f32 = 80.0;

/// Above this the encoder gets less memory: only what is far higher than wide is as large.
const LARGE_PIXELS: u64 = 6_000_000;

/// The file of a picture.
pub(crate) fn encode(picture: Picture, icc: Option<&[u8]>) -> Option<Vec<u8>> {
    let size = picture.size;
    let mut picture = picture.into_video_range();
    let planes = Planes {
        width: size.width,
        height: size.height,
        y: &mut picture.y,
        u: &mut picture.cb,
        v: &mut picture.cr,
        alpha: picture.alpha.as_deref_mut(),
    };
    let settings = Settings {
        quality: QUALITY,
        method: 4,
        low_memory: size.pixels() > LARGE_PIXELS,
        compress_alpha: size.pixels() <= LARGE_PIXELS,
    };
    let file = webp_encoder::encode(planes, settings)?;
    match icc {
        Some(icc) => with_profile(&file, size, icc),
        None => Some(file),
    }
}

/// The same file in the extended format (2.7), with a profile.
fn with_profile(file: &[u8], size: Size, icc: &[u8]) -> Option<Vec<u8>> {
    let mut chunks = file.get(12..)?;
    let mut flags = 0x20;
    // With opacity it is in that format already.
    if chunks.starts_with(b"VP8X") {
        flags |= chunks.get(8)?;
        chunks = chunks.get(18..)?;
    }
    let less_one = |pixels: u32| (pixels - 1).to_le_bytes();
    let ([w0, w1, w2, _], [h0, h1, h2, _]) = (less_one(size.width), less_one(size.height));
    let padding = icc.len() % 2;
    let length = 4 + 18 + 8 + icc.len() + padding + chunks.len();
    let mut out = Vec::with_capacity(length + 8);
    out.extend(b"RIFF");
    out.extend(u32::try_from(length).ok()?.to_le_bytes());
    out.extend(b"WEBPVP8X");
    out.extend([10, 0, 0, 0, flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
    out.extend(b"ICCP");
    out.extend(u32::try_from(icc.len()).ok()?.to_le_bytes());
    out.extend(icc);
    out.resize(out.len() + padding, 0);
    out.extend(chunks);
    Some(out)
}

/// Decodes a file, in the size of its largest variant; of animations the first picture.
pub(crate) fn decode(file: Bytes) -> Result<Decoded, Error> {
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(error)?;
    let (width, height) = decoder.dimensions();
    let size = Size { width, height };
    check_size(size)?;
    let has_alpha = decoder.has_alpha();
    // What the decoder has at the same time: planes or words of four bytes, opacity, the canvas of an
    // animation, and the pixels.
    let bytes = if decoder.is_animated() {
        14
    } else if has_alpha {
        11
    } else if decoder.is_lossy() {
        5
    } else {
        7
    };
    if size.pixels() * bytes > MAX_MEMORY {
        return Err(Error::TooLarge);
    }
    decoder.set_memory_limit(2 * icc::MAX_BYTES);
    let profile = decoder.icc_profile().ok().flatten();
    let length = decoder.output_buffer_size().ok_or(Error::TooLarge)?;
    let mut pixels = Vec::new();
    pixels
        .try_reserve_exact(length)
        .map_err(|_| Error::TooLarge)?;
    pixels.resize(length, 0);
    decoder.read_image(&mut pixels).map_err(error)?;
    drop(decoder);
    let mut canvas = Canvas::rgb(size, largest(width), has_alpha)?;
    if has_alpha {
        for row in pixels.chunks_exact(width as usize * 4) {
            canvas.push_rgba(row.as_chunks().0.iter().copied());
        }
    } else {
        for row in pixels.chunks_exact(width as usize * 3) {
            canvas.push_rgb(row.as_chunks().0.iter().copied());
        }
    }
    Ok(Decoded {
        size,
        picture: canvas.finish()?,
        icc: profile.and_then(|profile| icc::kept(&profile)),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn error(error: DecodingError) -> Error {
    match error {
        DecodingError::ImageTooLarge | DecodingError::MemoryLimitExceeded => Error::TooLarge,
        _ => Error::NotAPicture,
    }
}
