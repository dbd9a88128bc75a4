//! What becomes of pictures of all kinds: how large variants are, what they look like, and what is not in them.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::io::Cursor;

use bytes::Bytes;
use image::imageops::FilterType;
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use pictures::Kind;
use pictures::testing::samples;
use support::{decoded, likeness};
use variants::{Error, Format, WIDTHS, variants};

/// Slopes, an edge, and a little grain.
fn photograph(width: u32, height: u32) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(7);
    RgbImage::from_fn(width, height, |x, y| {
        let edge = if x * 3 > y * 2 + width { 60 } else { 0 };
        let grain = random.u32(..6);
        let slope = |part: u32, whole: u32| part * 150 / whole.max(1);
        let channels = [
            slope(x, width) + edge + grain,
            slope(y, height) + grain,
            slope(x + y, width + height) + edge / 2 + grain,
        ];
        Rgb(channels.map(|channel| u8::try_from(channel).unwrap()))
    })
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Bytes {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner().into()
}

#[test]
fn there_is_a_jpeg_and_a_webp_of_each_width_and_none_is_enlarged() {
    for (width, height) in [
        (1, 1),
        (1, 700),
        (700, 1),
        (319, 200),
        (320, 200),
        (321, 200),
        (640, 480),
        (2_047, 30),
        (2_048, 30),
        (2_049, 30),
        (16_383, 2),
        (2, 16_383),
    ] {
        let picture = DynamicImage::from(photograph(width, height));
        let made = variants(encoded(&picture, ImageFormat::Png)).unwrap();
        let wider = WIDTHS.iter().position(|target| *target >= width);
        let targets = &WIDTHS[..=wider.unwrap_or(WIDTHS.len() - 1)];
        assert_eq!(made.len(), 2 * targets.len(), "{width} × {height}");
        for (nth, variant) in made.iter().enumerate() {
            let target = targets[nth / 2];
            let format = [Format::Jpeg, Format::Webp][nth % 2];
            assert_eq!((variant.target, variant.format), (target, format));
            let expected = target.min(width);
            let ratio = f64::from(expected) / f64::from(width);
            let shape = (f64::from(height) * ratio).max(1.0);
            assert_eq!(variant.width, expected);
            assert!(
                (f64::from(variant.height) - shape).abs() <= 0.5,
                "{variant:?}"
            );
            assert_eq!(
                decoded(variant).dimensions(),
                (variant.width, variant.height)
            );
        }
    }
}

#[test]
fn variants_look_like_the_picture() {
    for (width, height) in [(1_500, 900), (700, 1_100), (333, 77)] {
        let picture = DynamicImage::from(photograph(width, height));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            for variant in variants(encoded(&picture, format)).unwrap() {
                let (width, height) = (variant.width, variant.height);
                let expected = picture.resize_exact(width, height, FilterType::Lanczos3);
                let found = likeness(&decoded(&variant).to_rgb8(), &expected.to_rgb8());
                assert!(
                    found > 33.0,
                    "{format:?} {width} {:?}: {found}",
                    variant.format
                );
            }
        }
    }
}

#[test]
fn every_kind_of_file_has_variants() {
    for sample in samples() {
        let clean = pictures::clean(sample.bytes.into()).unwrap();
        let made = variants(clean.bytes.clone());
        // One frame is decoded, and not what is put together from several.
        if clean.kind == Kind::Avif && sample.name == "grid" {
            assert_eq!(made, Err(Error::NotAPicture));
            continue;
        }
        let made = made.unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert_eq!((made[0].width, made[0].height), (clean.width, clean.height));
        // What the library reads as well, and shows as one picture, looks the same.
        let Ok(expected) = image::load_from_memory(&clean.bytes) else {
            continue;
        };
        let mut white = RgbaImage::from_pixel(clean.width, clean.height, Rgba([255; 4]));
        image::imageops::overlay(&mut white, &expected.to_rgba8(), 0, 0);
        let expected = DynamicImage::from(white).to_rgb8();
        // Some are drawn to be hard: in brightness they are alike all the same.
        let grey = |picture: DynamicImage| DynamicImage::from(picture.to_luma8()).to_rgb8();
        let found = likeness(&grey(decoded(&made[0])), &grey(expected.into()));
        assert!(found > 20.0, "{}: {found}", sample.name);
    }
}

#[test]
fn nothing_is_in_a_variant_but_the_picture_and_its_profile() {
    let mut profiles = 0;
    for sample in samples() {
        let clean = pictures::clean(sample.bytes.into()).unwrap();
        for variant in variants(clean.bytes).unwrap_or_default() {
            let again = pictures::clean(variant.bytes.clone().into()).unwrap();
            assert_eq!(again.bytes, variant.bytes, "{}", sample.name);
            let has = |needle: &[u8]| variant.bytes.windows(needle.len()).any(|at| at == needle);
            profiles += usize::from(has(b"ICC_PROFILE\0") || has(b"ICCP"));
        }
    }
    assert!(profiles > 0);
}

#[test]
fn webp_keeps_transparency_and_jpeg_is_on_white() {
    let picture = RgbaImage::from_fn(500, 300, |x, _| {
        let alpha = if x < 250 { 0 } else { 255 };
        Rgba([200, 30, 30, alpha])
    });
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        for variant in variants(encoded(&picture.clone().into(), format)).unwrap() {
            let shown = decoded(&variant).to_rgba8();
            let left = shown.get_pixel(variant.width / 5, variant.height / 2).0;
            let right = shown.get_pixel(variant.width * 4 / 5, variant.height / 2).0;
            assert!(
                right[0] > 180 && right[1] < 60 && right[3] == 255,
                "{right:?}"
            );
            match variant.format {
                Format::Jpeg => assert!(left[..3].iter().all(|&channel| channel > 245), "{left:?}"),
                Format::Webp => assert_eq!(left[3], 0),
            }
        }
    }
}

#[test]
fn of_sixteen_bits_and_of_greys_eight_and_colours_are_made() {
    let picture = DynamicImage::from(photograph(400, 300));
    for other in [
        DynamicImage::from(picture.to_rgb16()),
        DynamicImage::from(picture.to_luma8()),
        DynamicImage::from(picture.to_luma16()),
        DynamicImage::from(picture.to_luma_alpha8()),
        DynamicImage::from(picture.to_rgba16()),
    ] {
        for variant in variants(encoded(&other, ImageFormat::Png)).unwrap() {
            let (width, height) = (variant.width, variant.height);
            let expected = other.resize_exact(width, height, FilterType::Lanczos3);
            let found = likeness(&decoded(&variant).to_rgb8(), &expected.to_rgb8());
            assert!(found > 33.0, "{:?}: {found}", other.color());
        }
    }
}

#[test]
fn a_large_jpeg_is_progressive_and_a_tiny_one_is_whatever_is_smaller() {
    let is_progressive = |bytes: &[u8]| bytes.windows(2).any(|pair| pair == [0xFF, 0xC2]);
    let picture = DynamicImage::from(photograph(640, 480));
    let made = variants(encoded(&picture, ImageFormat::Png)).unwrap();
    let widest = &made[made.len() - 2];
    assert_eq!((widest.format, widest.width), (Format::Jpeg, 640));
    assert!(is_progressive(&widest.bytes));
    let dot = variants(encoded(&photograph(8, 8).into(), ImageFormat::Png)).unwrap();
    assert!(!is_progressive(&dot[0].bytes));
}

#[test]
fn what_is_cut_short_or_broken_is_refused_or_made_and_never_a_panic() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut refused = 0;
    for sample in samples().into_iter().step_by(9) {
        let clean = pictures::clean(sample.bytes.into()).unwrap().bytes;
        for part in 1..8 {
            let length = clean.len() * part / 8;
            refused += u32::from(variants(clean.slice(..length)).is_err());
        }
        for _ in 0..12 {
            let mut broken = clean.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..broken.len());
                broken[at] = random.u8(..);
            }
            // One byte can make a picture large.
            let is_small = pictures::clean(broken.clone().into())
                .is_ok_and(|picture| picture.width * picture.height < 1_000_000);
            if is_small {
                let _ = variants(broken.into());
            }
        }
    }
    assert!(refused > 60, "{refused}");
}

#[test]
fn a_jpeg_whose_data_ends_early_is_refused() {
    let picture = DynamicImage::from(photograph(400, 300));
    let whole = encoded(&picture, ImageFormat::Jpeg);
    assert!(variants(whole.clone()).is_ok());
    let scan = whole
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDA])
        .unwrap();
    let mut cut = whole[..usize::midpoint(scan, whole.len())].to_vec();
    cut.extend([0xFF, 0xD9]);
    assert_eq!(variants(cut.into()), Err(Error::NotAPicture));
}

#[test]
fn what_would_be_too_large_is_refused_by_its_header() {
    let jpeg = encoded(&photograph(16, 16).into(), ImageFormat::Jpeg);
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    let sized = |width: u16, height: u16| {
        let mut bomb = jpeg.to_vec();
        bomb[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        bomb[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        variants(bomb.into())
    };
    for (width, height) in [(65_000, 1), (1, 65_000), (16_383, 16_383), (10_000, 6_000)] {
        assert_eq!(
            sized(width, height),
            Err(Error::TooLarge),
            "{width} × {height}"
        );
    }
    let mut gif = encoded(&photograph(4, 4).into(), ImageFormat::Gif).to_vec();
    gif[6..10].fill(0xFF);
    assert_eq!(variants(gif.into()), Err(Error::TooLarge));
    for nothing in [&b""[..], b"text", &[0xFF, 0xD8, 0xFF]] {
        let refused = variants(Bytes::from_static(nothing));
        assert_eq!(refused, Err(Error::NotAPicture));
    }
}

#[test]
fn what_is_transparent_is_refused_when_its_opacity_would_take_too_much() {
    let tall = |width, height| {
        let picture = RgbaImage::from_pixel(width, height, Rgba([9, 9, 9, 128]));
        variants(encoded(&picture.into(), ImageFormat::Png)).map(|made| made.len())
    };
    assert_eq!(tall(1_000, 16_100), Err(Error::TooLarge));
    // Its largest variant is small.
    assert_eq!(tall(8_200, 2_000), Ok(8));
}
