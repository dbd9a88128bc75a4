//! GIF: the first picture of an animation, where it is on its canvas.

use std::io::Cursor;
use std::num::NonZeroU64;

use bytes::Bytes;
use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use crate::planes::{Canvas, Size};
use crate::{Decoded, Error, MAX_MEMORY, check_size, largest};

/// Decodes a file, in the size of its largest variant.
pub(crate) fn decode(file: Bytes) -> Result<Decoded, Error> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    if let Some(limit) = NonZeroU64::new(MAX_MEMORY) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(Cursor::new(file)).map_err(error)?;
    let size = Size {
        width: decoder.width().into(),
        height: decoder.height().into(),
    };
    check_size(size)?;
    let common: Option<Vec<u8>> = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(error)?;
    let frame = frame.ok_or(Error::NotAPicture)?;
    let palette = frame.palette.as_ref().or(common.as_ref());
    let palette = palette.ok_or(Error::NotAPicture)?;
    // Black and opaque where the palette ends too early, as browsers have it.
    let mut colours = [[0, 0, 0, 255]; 256];
    for (colour, &[r, g, b]) in colours.iter_mut().zip(palette.as_chunks().0) {
        *colour = [r, g, b, 255];
    }
    if let Some(transparent) = frame.transparent {
        colours[usize::from(transparent)] = [0; 4];
    }
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    if width == 0 || height == 0 {
        return Err(Error::NotAPicture);
    }
    let mut canvas = Canvas::rgb(size, largest(size.width), true)?;
    for y in 0..size.height as usize {
        let start = y.checked_sub(top).filter(|&row| row < height);
        let row = start.and_then(|row| frame.buffer.get(row * width..(row + 1) * width));
        let row = row.unwrap_or_default();
        let inside = row.iter().map(|&index| colours[usize::from(index)]);
        let before = std::iter::repeat_n([0; 4], left);
        let pixels = before.chain(inside).chain(std::iter::repeat([0; 4]));
        canvas.push_rgba(pixels.take(size.width as usize));
    }
    Ok(Decoded {
        size,
        picture: canvas.finish()?,
        icc: None,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn error(error: DecodingError) -> Error {
    match error {
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => Error::TooLarge,
        _ => Error::NotAPicture,
    }
}
