//! Decodes the files of `tests/cases`, which an earlier version decoded incorrectly. The expected colors are
//! those that Chromium shows.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use image::{GenericImageView as _, Rgb};
use media::{ImageError, decode};

type Color = [u8; 3];

const IMAGE: [Color; 4] = [[104, 48, 103], [190, 58, 128], [62, 178, 128], [190, 178, 128]];

/// Asserts that the file decodes to this size and that each quadrant has almost the expected mean color.
#[track_caller]
fn assert_decodes(file: &[u8], size: (u32, u32), expected: [Color; 4]) {
    let image = decode(file).unwrap().into_rgb8();
    assert_eq!(image.dimensions(), size);
    let (width, height) = (size.0 / 2, size.1 / 2);
    let corners = [(0, 0), (width, 0), (0, height), (width, height)];
    for ((x, y), expected) in corners.into_iter().zip(expected) {
        let mut sums = [0; 3];
        for (_, _, Rgb(color)) in image.view(x, y, width, height).pixels() {
            for (sum, sample) in sums.iter_mut().zip(color) {
                *sum += u32::from(sample);
            }
        }
        let mean = sums.map(|sum| sum / (width * height));
        let close = |(mean, expected): (u32, u8)| mean.abs_diff(expected.into()) <= 3;
        let is_close = mean.into_iter().zip(expected).all(close);
        assert!(is_close, "{mean:?} at {x}, {y} instead of {expected:?}");
    }
}

macro_rules! case {
    ($file:literal) => {
        include_bytes!(concat!("cases/", $file))
    };
}

#[test]
fn samples_of_cmyk_jpeg_without_adobe_marker_are_inverted() {
    assert_decodes(case!("cmyk-without-adobe-marker.jpg"), (64, 48), IMAGE);
}

#[test]
fn jpeg_with_jfif_and_adobe_marker_decodes_as_ycbcr() {
    assert_decodes(case!("jfif-and-adobe-transform-0.jpg"), (64, 48), IMAGE);
}

#[test]
fn color_profile_of_a_gray_jpeg_is_applied() {
    let expected = [[91; 3], [126; 3], [157; 3], [191; 3]];
    assert_decodes(case!("gray-gamma-1.75-profile.jpg"), (64, 48), expected);
}

#[test]
fn color_profile_over_64_kb_is_applied() {
    let expected = [[109, 44, 104], [214, 55, 131], [14, 179, 126], [189, 179, 126]];
    assert_decodes(case!("adobe-rgb-profile-over-64k.png"), (64, 48), expected);
}

#[test]
fn gif_canvas_grows_to_fit_a_larger_first_frame() {
    let (left, right) = ([200, 30, 20], [20, 90, 200]);
    let file = case!("gif-first-frame-larger-than-screen.gif");
    assert_decodes(file, (48, 40), [left, right, left, right]);
}

#[test]
fn rotated_jpeg_keeps_the_pixels_at_its_edge() {
    let expected = [[84, 163, 80], [63, 63, 90], [198, 163, 80], [191, 63, 90]];
    assert_decodes(case!("trimmed-edge-271.jpg"), (271, 320), expected);
}

#[test]
fn bytes_between_jpeg_segments_are_skipped() {
    assert_decodes(case!("bytes-between-segments.jpg"), (64, 48), IMAGE);
}

#[test]
fn wrong_checksum_of_ancillary_png_chunk_is_ignored() {
    assert_decodes(case!("crc-wrong-in-text-chunk.png"), (64, 48), IMAGE);
}

#[test]
fn png_and_gif_without_end_marker_are_decoded() {
    assert_decodes(case!("no-iend.png"), (64, 48), IMAGE);
    let expected = [[112, 47, 108], [181, 59, 128], [63, 177, 128], [189, 176, 128]];
    assert_decodes(case!("no-trailer.gif"), (64, 48), expected);
}

#[test]
fn jpeg_without_huffman_tables_uses_standard_tables() {
    assert_decodes(case!("mjpeg-no-dht.jpg"), (64, 48), IMAGE);
}

#[test]
fn rotated_23_megapixel_png_is_within_memory_limit() {
    let file = case!("png-23mp-orientation-6.png");
    assert_decodes(file, (2048, 2731), [[0; 3]; 4]);
}

#[test]
fn image_files_without_pixel_data_are_malformed() {
    for file in [&case!("idat-is-no-zlib.png")[..], case!("scan-is-empty.jpg")] {
        assert_eq!(decode(file), Err(ImageError::Malformed));
    }
}
