//! PNG, row by row; of animations what other viewers show.

use std::io::Cursor;

use bytes::Bytes;
use png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use crate::planes::{Canvas, Size};
use crate::{Decoded, Error, MAX_MEMORY, check_size, icc, largest};

/// What a colour profile and the like may take, uncompressed.
const MAX_CHUNKS: usize = 16 << 20;

/// Decodes a file, in the size of its largest variant.
pub(crate) fn decode(file: Bytes) -> Result<Decoded, Error> {
    let mut decoder = Decoder::new(Cursor::new(file));
    decoder.set_limits(Limits { bytes: MAX_CHUNKS });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let info = decoder.read_header_info().map_err(error)?;
    let size = Size {
        width: info.width,
        height: info.height,
    };
    let is_interlaced = info.interlaced;
    check_size(size)?;
    let mut reader = decoder.read_info().map_err(error)?;
    let (colours, _) = reader.output_color_type();
    let channels = colours.samples();
    let has_alpha = matches!(colours, ColorType::GrayscaleAlpha | ColorType::Rgba);
    let profile = reader.info().icc_profile.as_deref().and_then(icc::kept);
    let is_rgb = matches!(colours, ColorType::Rgb | ColorType::Rgba);
    let mut canvas = Canvas::rgb(size, largest(size.width), has_alpha)?;
    let mut push = |row: &[u8]| match colours {
        ColorType::Rgb => canvas.push_rgb(row.as_chunks().0.iter().copied()),
        ColorType::Rgba => canvas.push_rgba(row.as_chunks().0.iter().copied()),
        ColorType::GrayscaleAlpha => {
            let pixels = row.as_chunks().0.iter();
            canvas.push_rgba(pixels.map(|&[grey, alpha]| [grey, grey, grey, alpha]));
        }
        ColorType::Grayscale | ColorType::Indexed => {
            canvas.push_rgb(row.iter().map(|&grey| [grey; 3]));
        }
    };
    if is_interlaced {
        // The last pass adds to every other row, so nothing is known before.
        let bytes = size.pixels() * channels as u64;
        if bytes > MAX_MEMORY {
            return Err(Error::TooLarge);
        }
        let length = usize::try_from(bytes).map_err(|_| Error::TooLarge)?;
        let mut pixels = Vec::new();
        pixels
            .try_reserve_exact(length)
            .map_err(|_| Error::TooLarge)?;
        pixels.resize(length, 0);
        reader.next_frame(&mut pixels).map_err(error)?;
        drop(reader);
        for row in pixels.chunks_exact(size.width as usize * channels) {
            push(row);
        }
    } else {
        while let Some(row) = reader.next_row().map_err(error)? {
            push(row.data());
        }
        drop(reader);
    }
    Ok(Decoded {
        size,
        picture: canvas.finish()?,
        icc: profile.filter(|_| is_rgb),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn error(error: DecodingError) -> Error {
    match error {
        DecodingError::LimitsExceeded => Error::TooLarge,
        _ => Error::NotAPicture,
    }
}
