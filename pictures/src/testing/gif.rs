//! GIF pictures, plain and with every block that tells something.

use image::ImageFormat;

use super::{PAGE, Sample, archive, drawn, film, xmp};
use crate::Kind;

const ANIMATED: &[u8] = include_bytes!("../../tests/samples/animated.gif");
const INTERLACED: &[u8] = include_bytes!("../../tests/samples/interlaced.gif");

/// Data in blocks of up to 255 bytes, and the one that ends them.
fn blocks(data: &[u8]) -> Vec<u8> {
    let mut blocks = Vec::new();
    for block in data.chunks(255) {
        blocks.push(u8::try_from(block.len()).expect("at most 255"));
        blocks.extend_from_slice(block);
    }
    blocks.push(0);
    blocks
}

/// Extensions behind the screen and its colours.
fn with_extensions(gif: &[u8], extensions: &[u8]) -> Vec<u8> {
    let colours = match gif[10] & 0x80 {
        0 => 0,
        _ => 3 << ((gif[10] & 0x07) + 1),
    };
    let (head, tail) = gif.split_at(13 + colours);
    [head, extensions, tail].concat()
}

fn everything() -> Vec<u8> {
    // XMP is not in blocks, but ends in bytes that lead out of it from wherever one is.
    let magic: Vec<u8> = (0..=255).rev().collect();
    let text = [
        b"\x0C\0\0\0\0\x10\0\x10\0\x08\x08\x01\0",
        &blocks(b"NEEDLE-PLAIN-TEXT")[..],
    ];
    [
        [b"!\xFE", &blocks(b"NEEDLE-COMMENT")[..]].concat(),
        [b"!\xFF\x0BXMP DataXMP", &xmp()[..], b"\x01", &magic, b"\0"].concat(),
        [
            b"!\xFF\x0BNETSCAPE2.0\x03\x01\x05\0\x0B",
            &b"NEEDLE-LOOP\0"[..],
        ]
        .concat(),
        [b"!\xFF\x0BNETSCAPE2.0", &blocks(b"\x02NEEDLE-BUFFER")[..]].concat(),
        [b"!\xFF\x0BICCRGBG1012", &blocks(b"NEEDLE-PROFILE")[..]].concat(),
        [b"!\xF9\x04\0\x0A\0\0\0!\x01", &text.concat()[..]].concat(),
        [b"!\xFE", &blocks(PAGE)[..]].concat(),
    ]
    .concat()
}

pub(super) fn samples() -> Vec<Sample> {
    let named = |name: &str, bytes: &[u8]| Sample::new(name, Kind::Gif, bytes);
    let drawn = drawn(ImageFormat::Gif, 24, 24);
    let mut samples = Vec::new();
    for (name, bytes) in [
        ("drawn", &drawn[..]),
        ("animated", ANIMATED),
        ("interlaced", INTERLACED),
    ] {
        samples.push(named(name, bytes));
        let everything = with_extensions(bytes, &everything());
        samples.push(named(&format!("{name}-everything"), &everything));
    }
    for (name, behind) in [
        ("film", film()),
        ("archive", archive()),
        ("page", PAGE.to_vec()),
    ] {
        samples.push(named(name, &[&drawn[..], &behind].concat()));
    }
    samples
}
