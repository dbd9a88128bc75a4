//! Renders generated images of every format.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage, RgbaImage};
use media::{Format, ImageError, WIDTHS, decode, render};
use moxcms::ColorProfile;

use support::{exif, gif, gradient, iccp, jpeg, jpeg_of, png, transparent, webp};

/// Asserts that two images have one size and, in most pixels, almost one color.
#[track_caller]
fn assert_similar(found: &DynamicImage, expected: &RgbImage) {
    let found = found.to_rgb8();
    assert_eq!(found.dimensions(), expected.dimensions());
    let differences = found.iter().zip(expected.iter());
    let sum: u64 = differences.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum / found.len() as u64;
    assert!(mean <= 3, "they differ by {mean} levels");
}

#[test]
fn image_has_a_jpeg_and_a_webp_for_each_target() {
    for (width, height, targets) in [
        (1, 1, 1),
        (320, 200, 1),
        (321, 200, 2),
        (1280, 700, 3),
        (1281, 700, 4),
        (2500, 500, 4),
    ] {
        let renditions = render(&jpeg(&gradient(width, height), None, None)).unwrap();
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
fn rendition_is_at_most_4096_high() {
    let renditions = render(&jpeg(&gradient(1000, 9000), None, None)).unwrap();
    let sizes: Vec<_> = renditions
        .iter()
        .map(|r| (r.target, r.width, r.height))
        .collect();
    let expected = [(320, 320, 2881), (640, 455, 4096)];
    assert_eq!(sizes, expected.map(|size| [size; 2]).concat());
}

#[test]
fn transparent_pixels_are_white_in_jpeg_and_kept_in_webp() {
    let image = transparent(64, 48);
    for file in [
        png(&image.clone().into(), &[]),
        webp(&image.clone().into(), None, None),
        gif((64, 48), &[(0, 0, &image)]),
    ] {
        let renditions = render(&file).unwrap();
        let [jpeg, webp] = [0, 1].map(|index| decode(&renditions[index].bytes).unwrap());
        let Rgb(corner) = *jpeg.to_rgb8().get_pixel(0, 0);
        assert!(corner.iter().all(|&sample| sample > 250), "{corner:?}");
        let alpha = |x| webp.as_rgba8().unwrap().get_pixel(x, 10).0[3];
        assert_eq!((alpha(0), alpha(63)), (0, 255));
    }
}

#[test]
fn opaque_alpha_channel_is_dropped() {
    let image = DynamicImage::from(gradient(64, 48));
    let file = png(&image.to_rgba8().into(), &[]);
    assert_eq!(decode(&file), Ok(image));
}

#[test]
fn every_orientation_is_applied() {
    let stored = DynamicImage::from(gradient(60, 40));
    for value in 0..=9 {
        let exif = exif(value);
        let mut upright = stored.clone();
        if let Some(orientation) = image::metadata::Orientation::from_exif(value) {
            upright.apply_orientation(orientation);
        }
        let prefixed = [b"Exif\0\0", &exif[..]].concat();
        for file in [
            jpeg(&stored.to_rgb8(), Some(&exif), None),
            png(&stored, &[(b"eXIf", &exif)]),
            webp(&stored, Some(&exif), None),
            webp(&stored, Some(&prefixed), None),
        ] {
            assert_similar(&decode(&file).unwrap(), &upright.to_rgb8());
        }
    }
}

#[test]
fn exif_after_the_pixels_of_a_png_is_applied() {
    let file = png(&gradient(60, 40).into(), &[]);
    let late = png(&gradient(1, 1).into(), &[(b"eXIf", &exif(6))]);
    let chunk = &late[33..late.len() - 12];
    let length = 12 + exif(6).len();
    let (start, end) = file.split_at(file.len() - 12);
    let decoded = decode(&[start, &chunk[..length], end].concat()).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (40, 60));
}

#[test]
fn rgb_profile_is_converted_to_srgb() {
    let image = RgbImage::from_pixel(16, 16, Rgb([100, 200, 60]));
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    for file in [
        jpeg(&image, None, Some(&icc)),
        png(&image.clone().into(), &[(b"iCCP", &iccp(&icc[..]))]),
        webp(&image.clone().into(), None, Some(&icc)),
    ] {
        let expected = RgbImage::from_pixel(16, 16, Rgb([45, 203, 6]));
        assert_similar(&decode(&file).unwrap(), &expected);
    }
}

#[test]
fn rgb_profile_applies_to_gray_images() {
    let image = GrayImage::from_pixel(16, 16, Luma([128]));
    let icc = ColorProfile::new_adobe_rgb().encode().unwrap();
    let file = png(&image.into(), &[(b"iCCP", &iccp(&icc[..]))]);
    let expected = RgbImage::from_pixel(16, 16, Rgb([129; 3]));
    assert_similar(&decode(&file).unwrap(), &expected);
}

#[test]
fn cmyk_is_converted_with_and_without_profile() {
    let cyan = [255, 0, 0, 0].repeat(256);
    for color_type in [
        jpeg_encoder::ColorType::Cmyk,
        jpeg_encoder::ColorType::CmykAsYcck,
    ] {
        let file = jpeg_of(&cyan, (16, 16), color_type, None, None);
        let expected = RgbImage::from_pixel(16, 16, Rgb([0, 255, 255]));
        assert_similar(&decode(&file).unwrap(), &expected);
    }
    let icc = middle_gray_cmyk_profile();
    let color_type = jpeg_encoder::ColorType::Cmyk;
    let file = jpeg_of(&cyan, (16, 16), color_type, None, Some(&icc));
    let expected = RgbImage::from_pixel(16, 16, Rgb([119; 3]));
    assert_similar(&decode(&file).unwrap(), &expected);
}

/// A CMYK profile that maps every color to L* = 50.
fn middle_gray_cmyk_profile() -> Vec<u8> {
    let ramp: Vec<u8> = (0..=255).collect();
    let identity = [1, 0, 0, 0, 1, 0, 0, 0, 1].map(|one: i32| (one << 16).to_be_bytes());
    let (grid, colors) = ([4, 3, 2, 0], [128; 3].repeat(16)); // 4 inks, L*a*b*, 2 points an axis
    let table = [
        b"mft1\0\0\0\0",
        &grid[..],
        &identity.concat(),
        &ramp.repeat(4),
        &colors,
        &ramp.repeat(3),
    ]
    .concat();
    let mut profile = vec![0; 144];
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let d50 = [0xF6D6, 0x1_0000, 0xD32D_u32]
        .map(u32::to_be_bytes)
        .concat();
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
    let image = DynamicImage::from(RgbImage::from_pixel(16, 16, Rgb([100, 200, 60])));
    let linear = &100_000_u32.to_be_bytes()[..];
    let file = png(&image, &[(b"gAMA", linear)]);
    let brighter = RgbImage::from_pixel(16, 16, Rgb([168, 229, 133]));
    assert_similar(&decode(&file).unwrap(), &brighter);
    let srgb = png(&image, &[(b"sRGB", &[0]), (b"gAMA", linear)]);
    assert_similar(&decode(&srgb).unwrap(), &image.to_rgb8());
    let p3 = [
        31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000_u32,
    ];
    let file = png(&image, &[(b"cHRM", &p3.map(u32::to_be_bytes).concat())]);
    let expected = RgbImage::from_pixel(16, 16, Rgb([45, 203, 6]));
    assert_similar(&decode(&file).unwrap(), &expected);
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
    let exif = exif(3);
    let image = DynamicImage::from(transparent(64, 48));
    for file in [
        jpeg(&image.to_rgb8(), Some(&exif), Some(&icc)),
        webp(&image, Some(&exif), Some(&icc)),
        png(
            &image,
            &[
                (b"iCCP", &iccp(&icc[..])),
                (b"eXIf", &exif),
                (b"tEXt", b"Author\0Ann"),
            ],
        ),
    ] {
        for rendition in render(&file).unwrap() {
            match rendition.format {
                Format::Jpeg => assert_eq!(jpeg_segments(&rendition.bytes), [0xE0]),
                Format::WebP => assert_eq!(metadata_chunks(&rendition.bytes), [0; 0]),
            }
        }
    }
}

/// Application and comment segments of a JPEG.
fn jpeg_segments(file: &[u8]) -> Vec<u8> {
    let pairs = file.windows(2).filter(|pair| pair[0] == 0xFF);
    let markers = pairs.map(|pair| pair[1]);
    markers
        .filter(|marker| matches!(marker, 0xE0..=0xEF | 0xFE))
        .collect()
}

/// Flags of a WebP that announce a profile, EXIF, XMP or an animation.
fn metadata_chunks(file: &[u8]) -> Vec<u8> {
    let is_extended = &file[12..16] == b"VP8X";
    let flags = is_extended.then(|| file[20] & 0b0010_1110);
    flags.into_iter().filter(|flags| *flags != 0).collect()
}

#[test]
fn other_formats_are_unsupported() {
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
fn truncated_files_are_malformed() {
    let image = DynamicImage::from(gradient(64, 48));
    for file in [
        jpeg(&image.to_rgb8(), None, None),
        png(&image, &[]),
        webp(&image, None, None),
        gif((64, 48), &[(0, 0, &image.to_rgba8())]),
    ] {
        for length in [12, file.len() / 4, file.len() / 2, file.len() * 3 / 4] {
            assert_eq!(decode(&file[..length]), Err(ImageError::Malformed));
        }
    }
}
