//! Rejects files that are made to exhaust memory or time.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::io::{self, Read};

use flate2::Compression;
use flate2::read::ZlibEncoder;
use media::{ImageError, decode, render};
use proptest::prelude::*;

use support::{chunk, gif, gradient, jpeg, png, transparent, webp, with_chunk};

/// Asserts that the peak memory of this process is below 300 MB, enough for decoding one image.
#[track_caller]
fn assert_memory_is_bounded() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let (_, peak) = status.split_once("VmHWM:").unwrap();
    let peak: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    assert!(peak < 300_000, "{peak} kB");
}

fn zeros(length: u64) -> impl io::Read {
    io::repeat(0).take(length)
}

/// Returns an 8-bit RGBA PNG that declares this size and contains this compressed data.
fn png_of(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let header = [width.to_be_bytes(), height.to_be_bytes(), [8, 6, 0, 0]].concat();
    [
        &b"\x89PNG\r\n\x1A\n"[..],
        &chunk(b"IHDR", &[&header[..], &[0]].concat()),
        &chunk(b"IDAT", data),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}

fn deflate(bytes: impl Read) -> Vec<u8> {
    let mut deflated = Vec::new();
    ZlibEncoder::new(bytes, Compression::fast()).read_to_end(&mut deflated).unwrap();
    deflated
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &length[..], content].concat()
}

/// Returns a JPEG whose scans each cover all components and contain the same data. A scan is given by its
/// spectral and approximation parameters.
fn jpeg_of(process: u8, side: u16, components: u8, scans: &[[u8; 3]], data: &[u8]) -> Vec<u8> {
    let ids = 1..=components;
    let side = side.to_be_bytes();
    let mut frame = [&[8], &side[..], &side, &[components]].concat();
    frame.extend(ids.clone().flat_map(|id| [id, 0x11, 0]));
    let one_code = [&[1], &[0; 16][..]].concat();
    let mut file = [
        &b"\xFF\xD8"[..],
        &segment(0xDB, &[&[0], &[1; 64][..]].concat()),
        &segment(0xC4, &[&[0x00], &one_code[..], &[0x10], &one_code].concat()),
        &segment(process, &frame),
    ]
    .concat();
    for parameters in scans {
        let selectors: Vec<u8> = ids.clone().flat_map(|id| [id, 0]).collect();
        let header = [&[components], &selectors[..], parameters].concat();
        file.extend([&segment(0xDA, &header), data].concat());
    }
    file.extend(b"\xFF\xD9");
    file
}

/// Returns a lossless WebP that declares `side` as its width and height.
fn lossless_webp(side: u32) -> Vec<u8> {
    let mut file = webp(&gradient(8, 8), &[], &[]);
    file[21..25].copy_from_slice(&((side - 1) * 0x4001).to_le_bytes()); // twice 14 bits
    file
}

#[test]
fn image_with_too_many_pixels_is_rejected_before_decoding() {
    let frame = transparent(1, 1);
    for file in [
        jpeg_of(0xC0, 8000, 1, &[[0, 63, 0]], &vec![0; 40_000]),
        png_of(8000, 8000, &[]),
        png_of(16_384, 1, &[]),
        png_of(u32::MAX >> 1, u32::MAX >> 1, &[]),
        lossless_webp(16_383),
        gif((u16::MAX, u16::MAX), &[(0, 0, &frame)]),
        gif((1, 1), &[(u16::MAX, 0, &frame)]),
    ] {
        assert_eq!(render(&file), Err(ImageError::TooManyPixels));
    }
    assert_memory_is_bounded();
}

#[test]
fn file_without_data_for_its_declared_pixels_is_malformed() {
    for file in [
        jpeg_of(0xC0, 7000, 3, &[[0, 63, 0]], &vec![0; 20_000]),
        png_of(7000, 7000, &deflate(zeros(10))),
        gif((7000, 7000), &[]),
    ] {
        assert_eq!(render(&file), Err(ImageError::Malformed));
    }
    assert_memory_is_bounded();
}

#[test]
fn image_that_takes_too_much_memory_to_decode_is_rejected() {
    for file in [
        jpeg_of(0xC2, 7000, 3, &[[0, 0, 0]], &vec![0; 30_000]), // coefficients of 4:4:4
        png_of(5000, 10_200, &[]),                              // rows to scale
        lossless_webp(6800),
    ] {
        assert_eq!(render(&file), Err(ImageError::TooComplex));
    }
    assert_memory_is_bounded();
}

#[test]
fn jpeg_with_too_many_scans_is_rejected() {
    let scans = |count, parameters| vec![parameters; count];
    let render_scans = |process, side, components, scans: &[[u8; 3]]| {
        render(&jpeg_of(process, side, components, scans, &vec![0; 30_000]))
    };
    let too_complex = Err(ImageError::TooComplex);
    let many = scans(65, [0, 0, 0]);
    assert_eq!(render_scans(0xC2, 8, 1, &many), too_complex);
    assert!(render_scans(0xC2, 8, 1, &many[1..]).is_ok());
    // Few scans, but each visits all coefficients of a large image.
    let refinements = [vec![[0, 0, 0]], scans(9, [1, 63, 0x10])].concat();
    assert_eq!(render_scans(0xC2, 6000, 1, &refinements), too_complex);
    assert_eq!(render_scans(0xC0, 6000, 3, &scans(3, [0, 63, 0])), too_complex);
}

#[test]
fn compressed_png_chunks_take_limited_memory() {
    let image = png(&gradient(16, 16), &[], &[]);
    let bomb = deflate(zeros(310_000_000));
    for kind in [b"iCCP", b"zTXt"] {
        let content = [b"name\0\0", &bomb[..]].concat();
        let _ = render(&with_chunk(&image, kind, &content));
    }
    assert!(render(&png_of(16, 16, &bomb)).is_ok());
    assert_memory_is_bounded();
}

#[test]
fn only_the_first_of_many_gif_frames_is_decoded() {
    let image = transparent(16, 16);
    let frame = (0, 0, &image);
    let decoded = decode(&gif((16, 16), &vec![frame; 3000])).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (16, 16));
}

#[test]
fn unusable_color_profile_is_ignored() {
    let image = gradient(16, 16);
    let huge = [&[0; 36], &b"acsp"[..], &vec![0xFF; 4_000_000]].concat();
    for icc in [&b"no profile"[..], &huge] {
        assert_eq!(decode(&png(&image, &[], icc)).as_ref(), Ok(&image));
        let plain = decode(&jpeg(&image, &[], &[]));
        assert_eq!(decode(&jpeg(&image, &[], icc)), plain);
    }
    assert_memory_is_bounded();
}

fn samples() -> Vec<Vec<u8>> {
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let (exif, image) = (support::exif(6), transparent(24, 16));
    let gif = gif((30, 20), &[(2, 3, &image)]);
    let image = image.into();
    let mut samples = vec![
        jpeg(&image, &exif, &icc),
        png(&image, &exif, &icc),
        webp(&image, &exif, &icc),
        gif,
        include_bytes!("cases/cmyk-without-adobe-marker.jpg").to_vec(),
        include_bytes!("cases/mjpeg-no-dht.jpg").to_vec(),
        include_bytes!("cases/gray-gamma-1.75-profile.jpg").to_vec(),
    ];
    let renditions = render(&samples[1]).unwrap(); // progressive, lossy
    samples.extend(renditions.into_iter().map(|rendition| rendition.bytes));
    samples
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rendering_damaged_files_never_panics(
        sample in prop::sample::select(samples()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = sample;
        for (index, byte) in edits {
            let index = index.index(file.len());
            file[index] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let _ = render(&file);
    }
}
