//! PNG pictures, plain and with every chunk that tells something.

use std::io::Read;

use flate2::Compression;
use flate2::read::ZlibEncoder;
use image::{DynamicImage, ImageFormat};

use super::{PAGE, Sample, archive, drawn, encoded, exif, film, icc_profile, xmp};
use crate::Kind;

const ANIMATED: &[u8] = include_bytes!("../../tests/samples/animated.png");

/// A chunk with its checksum.
pub fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a chunk is short");
    let checked = [&kind, body].concat();
    let checksum = crc32fast::hash(&checked).to_be_bytes();
    [&length.to_be_bytes(), &checked[..], &checksum].concat()
}

/// Puts chunks behind the header.
pub fn with_chunks(png: &[u8], chunks: &[u8]) -> Vec<u8> {
    [&png[..33], chunks, &png[33..]].concat()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::new();
    ZlibEncoder::new(bytes, Compression::fast())
        .read_to_end(&mut deflated)
        .expect("memory can be read");
    deflated
}

fn everything(orientation: u16) -> Vec<u8> {
    let profile = [&icc_profile()[..], b"NEEDLE-BEHIND-PROFILE"].concat();
    let profile = [b"NEEDLE-PROFILE\0\0", &deflated(&profile)[..], b"NEEDLE"].concat();
    [
        chunk(*b"gAMA", &45_455_u32.to_be_bytes()),
        chunk(*b"iCCP", &profile),
        chunk(*b"pHYs", b"\0\0\x0B\x13\0\0\x16\x26\x01"),
        chunk(*b"tEXt", b"Author\0NEEDLE-TEXT"),
        chunk(
            *b"zTXt",
            &[b"Comment\0\0", &deflated(b"NEEDLE-ZTXT")[..]].concat(),
        ),
        chunk(
            *b"iTXt",
            &[&b"XML:com.adobe.xmp\0\0\0\0\0"[..], &xmp()].concat(),
        ),
        chunk(*b"tIME", b"\x07\xEA\x0B\x18\x0A\0\0"),
        chunk(*b"eXIf", &exif(orientation, true)),
        chunk(*b"prVt", b"NEEDLE-PRIVATE"),
        chunk(*b"caBX", b"NEEDLE-C2PA"),
        chunk(*b"tEXt", &[b"Comment\0", PAGE].concat()),
        chunk(*b"sRGB", b"NEEDLE-LONG"),
    ]
    .concat()
}

/// A palette of four colours, of which one is transparent, in two bits a pixel.
fn with_palette() -> Vec<u8> {
    let rows: Vec<u8> = (0..7_u8)
        .flat_map(|y| [0, 0x1B ^ y, 0xB1 ^ (y * 5), 0x40])
        .collect();
    [
        b"\x89PNG\r\n\x1A\n".to_vec(),
        chunk(*b"IHDR", b"\0\0\0\x09\0\0\0\x07\x02\x03\0\0\0"),
        chunk(*b"PLTE", b"\x10\x20\x30\xFF\0\0\0\xFF\0\0\0\xFF"),
        chunk(*b"tRNS", b"\x80"),
        chunk(*b"IDAT", &deflated(&rows)),
        chunk(*b"IEND", b""),
    ]
    .concat()
}

pub(super) fn samples() -> Vec<Sample> {
    let named = |name: &str, bytes: &[u8]| Sample::new(name, Kind::Png, bytes);
    let plain = drawn(ImageFormat::Png, 24, 18);
    let picture = image::load_from_memory(&plain).expect("it was drawn");
    let bases = [
        ("rgb", plain.clone()),
        (
            "rgba",
            encoded(
                &{
                    let mut picture = picture.to_rgba8();
                    for (x, y, pixel) in picture.enumerate_pixels_mut() {
                        pixel[3] = (x * y).to_le_bytes()[0];
                    }
                    DynamicImage::from(picture)
                },
                ImageFormat::Png,
            ),
        ),
        (
            "grey",
            encoded(&picture.to_luma8().into(), ImageFormat::Png),
        ),
        (
            "rgb16",
            encoded(&picture.to_rgb16().into(), ImageFormat::Png),
        ),
        (
            "grey-alpha16",
            encoded(&picture.to_luma_alpha16().into(), ImageFormat::Png),
        ),
        ("palette", with_palette()),
    ];
    let mut samples = Vec::new();
    for (name, base) in &bases {
        samples.push(named(name, base));
        for orientation in 1..=8 {
            let bytes = with_chunks(base, &everything(orientation));
            let sample = Sample::new(format!("{name}-everything-{orientation}"), Kind::Png, bytes);
            samples.push(sample.turned(orientation));
        }
    }
    let end = plain.len() - 12;
    let late = [
        &plain[..end],
        &chunk(*b"eXIf", &exif(8, false)),
        &plain[end..],
    ];
    samples.push(named("late-exif", &late.concat()).turned(8));
    samples.push(named("animated", ANIMATED));
    samples.push(named(
        "animated-everything",
        &with_chunks(ANIMATED, &everything(6)),
    ));
    for (name, behind) in [
        ("film", film()),
        ("archive", archive()),
        ("page", PAGE.to_vec()),
    ] {
        samples.push(named(name, &[plain.clone(), behind].concat()));
    }
    samples
}
