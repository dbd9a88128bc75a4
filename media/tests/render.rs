//! Renders generated images of every format.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use image::metadata::Orientation;
use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::ColorType;
use media::{Format, ImageError, Rendition, WIDTHS, decode, render};
use moxcms::ColorProfile;

use support::{chunk, exif, gif, gradient, jpeg, png, transparent, webp, with_chunk};

/// Asserts that two images have the same size and that their samples differ by at most 3 of 255 on average.
#[track_caller]
fn assert_similar(found: &DynamicImage, expected: &DynamicImage) {
    let (found, expected) = (found.to_rgb8(), expected.to_rgb8());
    assert_eq!(found.dimensions(), expected.dimensions());
    let differences = found.iter().zip(expected.iter());
    let sum: u64 = differences.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum / found.len() as u64;
    assert!(mean <= 3, "they differ by {mean} levels");
}

#[test]
fn rendering_returns_a_jpeg_and_a_webp_for_each_width() {
    for (width, height, targets) in
        [(1, 1, 1), (320, 200, 1), (321, 200, 2), (1280, 700, 3), (1281, 700, 4), (2500, 500, 4)]
    {
        let renditions = render(&jpeg(&gradient(width, height), &[], &[])).unwrap();
        assert_eq!(renditions.len(), 2 * targets, "{width} × {height}");
        for (index, rendition) in renditions.iter().enumerate() {
            assert_eq!(rendition.target, WIDTHS[index / 2]);
            assert_eq!(rendition.format, [Format::Jpeg, Format::WebP][index % 2]);
            assert_eq!(rendition.width, rendition.target.min(width));
            let expected = gradient(rendition.width, rendition.height);
            assert_similar(&decode(&rendition.bytes).unwrap(), &expected);
        }
    }
}

#[test]
fn rendition_is_at_most_4096_pixels_high() {
    let renditions = render(&jpeg(&gradient(1000, 9000), &[], &[])).unwrap();
    let sizes = renditions.iter().map(|r| (r.target, r.width, r.height));
    let sizes: Vec<_> = sizes.collect();
    let expected = [(320, 320, 2881), (640, 455, 4096)];
    assert_eq!(sizes, expected.map(|size| [size; 2]).concat());
}

fn uniform(color: [u8; 3]) -> DynamicImage {
    RgbImage::from_pixel(16, 16, Rgb(color)).into()
}

#[test]
fn transparent_pixels_are_white_in_jpeg_and_kept_in_webp() {
    let image = DynamicImage::from(transparent(64, 48));
    for file in
        [png(&image, &[], &[]), webp(&image, &[], &[]), gif((64, 48), &[(0, 0, &image.to_rgba8())])]
    {
        let renditions = render(&file).unwrap();
        let [jpeg, webp] = [0, 1].map(|index| decode(&renditions[index].bytes).unwrap());
        let Rgb(corner) = *jpeg.to_rgb8().get_pixel(0, 0);
        assert!(corner.iter().all(|&sample| sample > 250), "{corner:?}");
        let alpha = |x| webp.as_rgba8().unwrap().get_pixel(x, 10).0[3];
        assert_eq!((alpha(0), alpha(63)), (0, 255));
    }
}

#[test]
fn large_transparent_image_keeps_its_alpha_in_webp() {
    let image = RgbaImage::from_pixel(2048, 3000, Rgba([200, 100, 50, 128]));
    let renditions = render(&webp(&image.into(), &[], &[])).unwrap();
    let largest = decode(&renditions.last().unwrap().bytes).unwrap();
    let Rgba(pixel) = *largest.as_rgba8().unwrap().get_pixel(1000, 1000);
    assert_eq!(pixel[3], 128);
}

#[test]
fn alpha_channel_of_opaque_image_is_dropped() {
    let image = gradient(64, 48);
    let file = png(&image.to_rgba8().into(), &[], &[]);
    assert_eq!(decode(&file), Ok(image));
}

#[test]
fn every_exif_orientation_is_applied() {
    let stored = gradient(60, 40);
    for value in 0..=9 {
        let exif = exif(value);
        let mut upright = stored.clone();
        if let Some(orientation) = Orientation::from_exif(value) {
            upright.apply_orientation(orientation);
        }
        let plain = png(&stored, &[], &[]);
        let (pixels, end) = plain.split_at(plain.len() - 12);
        for file in [
            jpeg(&stored, &exif, &[]),
            png(&stored, &exif, &[]),
            [pixels, &chunk(b"eXIf", &exif), end].concat(),
            webp(&stored, &exif, &[]),
            webp(&stored, &[b"Exif\0\0", &exif[..]].concat(), &[]),
        ] {
            assert_similar(&decode(&file).unwrap(), &upright);
        }
    }
}

#[test]
fn image_with_rgb_profile_is_converted_to_srgb() {
    let image = uniform([100, 200, 60]);
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    for file in [jpeg(&image, &[], &icc), png(&image, &[], &icc), webp(&image, &[], &icc)] {
        assert_similar(&decode(&file).unwrap(), &uniform([45, 203, 6]));
    }
}

#[test]
fn rgb_profile_of_a_gray_image_is_applied() {
    let mut linear = ColorProfile::new_srgb();
    linear.cicp = None;
    let curve = moxcms::ToneReprCurve::Lut(Vec::new());
    linear.red_trc = Some(curve.clone());
    linear.green_trc = Some(curve.clone());
    linear.blue_trc = Some(curve);
    let gray = uniform([100; 3]).into_luma8().into();
    let file = png(&gray, &[], &linear.encode().unwrap());
    assert_similar(&decode(&file).unwrap(), &uniform([168; 3]));
}

#[test]
fn cmyk_jpeg_is_converted_to_rgb_with_and_without_profile() {
    let encode = |color_type, icc: Option<&[u8]>| {
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 95);
        if let Some(icc) = icc {
            encoder.add_icc_profile(icc).unwrap();
        }
        let cyan = [255, 0, 0, 0].repeat(256);
        encoder.encode(&cyan, 16, 16, color_type).unwrap();
        decode(&file).unwrap()
    };
    assert_similar(&encode(ColorType::Cmyk, None), &uniform([0, 255, 255]));
    assert_similar(&encode(ColorType::CmykAsYcck, None), &uniform([0, 255, 255]));
    let profile = middle_gray_cmyk_profile();
    let with_profile = encode(ColorType::Cmyk, Some(&profile));
    assert_similar(&with_profile, &uniform([119; 3]));
}

/// Returns a CMYK profile that maps every color to a middle gray of L* = 50.
fn middle_gray_cmyk_profile() -> Vec<u8> {
    let ramp: Vec<u8> = (0..=255).collect();
    let identity = [1, 0, 0, 0, 1, 0, 0, 0, 1].map(|one: i32| (one << 16).to_be_bytes());
    let (grid, colors) = ([4, 3, 2, 0], [128; 3].repeat(16)); // 4 inks, L*a*b*, 2 points an axis
    let table =
        [b"mft1\0\0\0\0", &grid[..], &identity.concat(), &ramp.repeat(4), &colors, &ramp.repeat(3)]
            .concat();
    let mut profile = vec![0; 144];
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let d50 = [0xF6D6, 0x1_0000, 0xD32D_u32].map(u32::to_be_bytes).concat();
    for (offset, field) in [
        (0, &length(144 + table.len())[..]),
        (8, &[2, 0x40]),
        (12, b"prtrCMYKLab "),
        (36, b"acsp"),
        (68, &d50),
        (128, &length(1)),
        (132, b"A2B0"),
        (136, &length(144)),
        (140, &length(table.len())),
    ] {
        profile[offset..offset + field.len()].copy_from_slice(field);
    }
    [profile, table].concat()
}

#[test]
fn png_gamma_and_chromaticities_are_applied_without_profile() {
    let image = uniform([100, 200, 60]);
    let file = png(&image, &[], &[]);
    let gamma = with_chunk(&file, b"gAMA", &100_000_u32.to_be_bytes());
    assert_similar(&decode(&gamma).unwrap(), &uniform([168, 229, 133]));
    let srgb = with_chunk(&gamma, b"sRGB", &[0]);
    assert_similar(&decode(&srgb).unwrap(), &image);
    let display_p3 = [31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000_u32];
    let display_p3 = display_p3.map(u32::to_be_bytes).concat();
    let chromaticities = with_chunk(&file, b"cHRM", &display_p3);
    assert_similar(&decode(&chromaticities).unwrap(), &uniform([45, 203, 6]));
}

#[test]
fn first_frame_of_an_animation_is_rendered() {
    let (first, second) = (transparent(30, 20), RgbaImage::new(50, 40));
    let decoded = decode(&gif((50, 40), &[(10, 5, &first), (0, 0, &second)])).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (50, 40));
    let decoded = decoded.into_rgba8();
    let alphas = [(0, 0), (10, 5), (39, 24), (40, 24), (39, 25)];
    let alphas = alphas.map(|(x, y)| decoded.get_pixel(x, y).0[3]);
    assert_eq!(alphas, [0, 0, 255, 0, 0]);
}

#[test]
fn renditions_contain_no_metadata() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let (exif, image) = (exif(3), DynamicImage::from(transparent(64, 48)));
    for file in [
        jpeg(&image, &exif, &icc),
        webp(&image, &exif, &icc),
        with_chunk(&png(&image, &exif, &icc), b"tEXt", b"Author\0Ann"),
    ] {
        for Rendition { format, bytes, .. } in render(&file).unwrap() {
            if format == Format::Jpeg {
                let mut pairs = bytes.windows(2).filter(|pair| pair[0] == 0xFF);
                assert!(!pairs.any(|pair| matches!(pair[1], 0xE1..=0xEF | 0xFE)));
            } else if bytes[12..16] == *b"VP8X" {
                let flags = bytes[20] & 0b0010_1110; // profile, EXIF, XMP, animation
                assert_eq!(flags, 0);
            }
        }
    }
}

#[test]
fn formats_besides_jpeg_png_webp_gif_are_unsupported() {
    for file in [
        &b""[..],
        b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"BM\x46\0\0\0\0\0\0\0",
        b"II*\0\x08\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt ",
    ] {
        assert_eq!(render(file), Err(ImageError::UnsupportedFormat));
    }
}

#[test]
fn truncated_image_files_are_malformed() {
    let image = gradient(64, 48);
    for file in [
        jpeg(&image, &[], &[]),
        png(&image, &[], &[]),
        webp(&image, &[], &[]),
        gif((64, 48), &[(0, 0, &image.to_rgba8())]),
    ] {
        for length in [12, file.len() / 4, file.len() / 2, file.len() * 3 / 4] {
            assert_eq!(decode(&file[..length]), Err(ImageError::Malformed));
        }
    }
}
