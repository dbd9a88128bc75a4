//! Generates images for uploads in tests.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};

/// Returns an image file of 16 × 16 pixels whose colours differ from call to call.
pub fn image(format: ImageFormat) -> Vec<u8> {
    use std::sync::atomic::{AtomicU8, Ordering};
    static SHADE: AtomicU8 = AtomicU8::new(0);

    let shade = SHADE.fetch_add(1, Ordering::Relaxed);
    let pixels = RgbImage::from_fn(16, 16, |x, y| {
        image::Rgb([shade, u8::try_from(x * 16).unwrap(), u8::try_from(y * 16).unwrap()])
    });
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Returns a JPEG file of 16 × 16 pixels.
pub fn jpeg() -> Vec<u8> {
    image(ImageFormat::Jpeg)
}

/// Returns a JPEG file padded to a length of `bytes`; decoders ignore bytes after the end marker.
pub fn jpeg_of(bytes: usize) -> Vec<u8> {
    let mut image = jpeg();
    assert!(image.len() <= bytes);
    image.resize(bytes, 0);
    image
}
