//! `WebP` pictures, plain and with every chunk that tells something.

use image::ImageFormat;

use super::{PAGE, Sample, archive, drawn, exif, film, icc_profile, xmp};
use crate::Kind;

const LOSSY: &[u8] = include_bytes!("../../tests/samples/lossy.webp");
const ANIMATED: &[u8] = include_bytes!("../../tests/samples/animated.webp");
const ALPHA_LOSSY: &[u8] = include_bytes!("../../tests/samples/alpha-lossy.webp");
const ALPHA_LOSSLESS: &[u8] = include_bytes!("../../tests/samples/alpha-lossless.webp");

/// A chunk, filled up to an even length.
pub fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a chunk is short");
    let mut chunk = [&kind, &length.to_le_bytes()[..], body].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// A file of an extended header with these flags and size, which is no less than one, and these chunks.
pub fn extended(flags: u8, (width, height): (u32, u32), chunks: &[u8]) -> Vec<u8> {
    let mut header = vec![flags, 0, 0, 0];
    header.extend(&(width - 1).to_le_bytes()[..3]);
    header.extend(&(height - 1).to_le_bytes()[..3]);
    let inside = [&b"WEBP"[..], &chunk(*b"VP8X", &header), chunks].concat();
    chunk(*b"RIFF", &inside)
}

fn everything(flags: u8, size: (u32, u32), picture: &[u8], orientation: u16) -> Vec<u8> {
    let profile = [&icc_profile()[..], b"NEEDLE-BEHIND-PROFILE"].concat();
    let chunks = [
        chunk(*b"ICCP", &profile),
        chunk(*b"NEED", b"NEEDLE-UNKNOWN"),
        picture.to_vec(),
        chunk(*b"EXIF", &exif(orientation, false)),
        chunk(*b"XMP ", &xmp()),
        chunk(*b"page", PAGE),
    ];
    extended(flags | 0x2C, size, &chunks.concat())
}

pub(super) fn samples() -> Vec<Sample> {
    let named = |name, bytes: &[u8]| Sample::new(name, Kind::Webp, bytes);
    let lossless = drawn(ImageFormat::WebP, 24, 18);
    let mut samples = vec![
        named("lossless", &lossless),
        named("lossy", LOSSY),
        named("animated", ANIMATED),
        named("alpha-lossy", ALPHA_LOSSY),
        named("alpha-lossless", ALPHA_LOSSLESS),
    ];
    for orientation in 1..=8 {
        // Behind the header of the file, and of `VP8X` where there is one.
        for (name, flags, size, picture) in [
            ("lossless", 0, (24, 18), &lossless[12..]),
            ("lossy", 0, (24, 24), &LOSSY[12..]),
            ("alpha-lossy", 0x10, (32, 20), &ALPHA_LOSSY[30..]),
            ("alpha-lossless", 0x10, (32, 20), &ALPHA_LOSSLESS[12..]),
        ] {
            let bytes = everything(flags, size, picture, orientation);
            let name = format!("{name}-everything-{orientation}");
            samples.push(Sample::new(name, Kind::Webp, bytes).turned(orientation));
        }
    }
    let bytes = everything(0x02, (24, 24), &ANIMATED[30..], 6);
    samples.push(named("animated-everything", &bytes));
    for (name, behind) in [
        ("film", film()),
        ("archive", archive()),
        ("page", PAGE.to_vec()),
    ] {
        samples.push(named(name, &[lossless.clone(), behind].concat()));
    }
    samples
}
