//! AVIF pictures: what their variants look like, and which have none.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "in tests, also outside of their functions"
)]

mod support;

use bytes::Bytes;
use image::{DynamicImage, Rgb, RgbImage};
use pictures::testing::samples;
use support::{decoded, likeness};
use variants::{Error, Format, variants};

const OPAQUE: &[u8] = include_bytes!("avif/opaque.avif");
const FULL_COLOURS: &[u8] = include_bytes!("avif/full-colours.avif");
const TEN_BITS: &[u8] = include_bytes!("avif/ten-bits.avif");
const GREY: &[u8] = include_bytes!("avif/grey.avif");
const TRANSPARENT: &[u8] = include_bytes!("avif/transparent.avif");
/// `OPAQUE` with metadata of no content, at which the decoder ends the process.
const EMPTY_METADATA: &[u8] = include_bytes!("avif/empty-metadata.avif");
/// `OPAQUE` to whom reads lengths of five bytes, and `TEN_BITS` in what looks like padding then to whom reads eight.
const HIDDEN_HEADER: &[u8] = include_bytes!("avif/hidden-header.avif");

/// What is in each of the files, in its own way.
fn original() -> RgbImage {
    let (width, height) = (96, 72);
    RgbImage::from_fn(width, height, |x, y| {
        let wave = |along: f32, across: f32| {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            (127.5 + 90.0 * ((x * along + y * across) * 6.0).sin()) as u8
        };
        Rgb([wave(1.0, 0.3), wave(0.5, 1.0), wave(0.2, 0.7)])
    })
}

fn grey(picture: &RgbImage) -> RgbImage {
    DynamicImage::from(DynamicImage::from(picture.clone()).to_luma8()).to_rgb8()
}

/// The variants of a file that is not wider than the narrowest.
fn made(file: impl Into<Bytes>) -> Result<[DynamicImage; 2], Error> {
    let made = variants(file.into())?;
    let [jpeg, webp] = made.as_slice() else {
        panic!("{} variants", made.len());
    };
    assert_eq!((jpeg.format, webp.format), (Format::Jpeg, Format::Webp));
    Ok([jpeg, webp].map(decoded))
}

/// Where a box begins.
fn place(file: &[u8], kind: [u8; 4]) -> usize {
    let found = file.windows(4).position(|bytes| bytes == kind);
    found.unwrap() - 4
}

fn grow(file: &mut [u8], at: usize, by: u32) {
    let number = file[at..].first_chunk_mut().unwrap();
    *number = (u32::from_be_bytes(*number) + by).to_be_bytes();
}

/// A file of one item with one more property, which it must not be shown without.
fn with_property(file: &[u8], kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let length = 8 + body.len() as u32;
    for kind in [*b"meta", *b"iprp"] {
        let at = place(&file, kind);
        grow(&mut file, at, length + 1);
    }
    let properties = place(&file, *b"ipco");
    grow(&mut file, properties, length);
    let associations = place(&file, *b"ipma");
    grow(&mut file, associations, 1);
    // Behind the head of the box come one item, its number, and how many properties it has.
    file[associations + 18] += 1;
    let end = associations + 19 + usize::from(file[associations + 18]) - 1;
    file.insert(end, 0x84);
    let property = [&length.to_be_bytes(), &kind, body].concat();
    file.splice(associations..associations, property);
    let data = place(&file, *b"iloc") + 20;
    grow(&mut file, data, length + 1);
    file
}

/// With what its colours mean: transfer, matrix, and whether all values are used.
fn with_colours(file: &[u8], transfer: u8, matrix: u8, is_full: bool) -> Vec<u8> {
    let range = u8::from(is_full) << 7;
    let body = [*b"nclx", [0, 1, 0, transfer], [0, matrix, range, 0]].concat();
    with_property(file, *b"colr", &body[..11])
}

#[test]
fn variants_look_like_the_picture() {
    let original = original();
    for (name, file, expected, least) in [
        ("opaque", OPAQUE, &original, 32.0),
        ("full colours", FULL_COLOURS, &original, 32.0),
        ("ten bits", TEN_BITS, &original, 32.0),
        ("grey", GREY, &grey(&original), 26.0),
    ] {
        for variant in made(file).unwrap() {
            let found = likeness(&variant.to_rgb8(), expected);
            assert!(found > least, "{name}: {found}");
        }
    }
}

#[test]
fn webp_keeps_transparency_and_jpeg_is_on_white() {
    let [jpeg, webp] = made(TRANSPARENT).unwrap();
    let original = original();
    for (x, jpeg) in jpeg.to_rgb8().rows().nth(20).unwrap().enumerate() {
        let x = x as u32;
        let alpha = 255 - x * 255 / 96;
        let webp = webp.as_rgba8().unwrap().get_pixel(x, 20).0;
        assert!(u32::from(webp[3]).abs_diff(alpha) < 12, "{x}: {webp:?}");
        for (nth, colour) in original.get_pixel(x, 20).0.into_iter().enumerate() {
            let on_white = (u32::from(colour) * alpha + 255 * (255 - alpha)) / 255;
            assert!(
                u32::from(jpeg.0[nth]).abs_diff(on_white) < 25,
                "{x}: {jpeg:?}"
            );
        }
    }
}

#[test]
fn a_frame_without_colours_is_grey() {
    // The picture is the opacity of another then.
    let mut file = TRANSPARENT.to_vec();
    let primary = place(&file, *b"pitm") + 13;
    file[primary] = 2;
    for variant in made(file).unwrap() {
        for (x, y, pixel) in variant.to_rgb8().enumerate_pixels() {
            let expected = 255 - x * 255 / 96;
            let is_near = |&channel: &u8| u32::from(channel).abs_diff(expected) < 12;
            assert!(pixel.0.iter().all(is_near), "{x} {y}: {pixel:?}");
        }
    }
}

/// The file holds BT.601's colours with all values: what others are seen in them is computed.
#[test]
fn colours_are_what_the_file_says_they_are() {
    for (matrix, red, blue) in [
        (1, 0.2126, 0.0722),
        (5, 0.299, 0.114),
        (6, 0.299, 0.114),
        (9, 0.2627, 0.0593),
    ] {
        for is_full in [true, false] {
            let mut expected = original();
            for pixel in expected.pixels_mut() {
                let [r, g, b] = pixel.0.map(f64::from);
                let luma = 0.299 * r + 0.587 * g + 0.114 * b;
                let colours = [(b - luma) / 1.772, (r - luma) / 1.402];
                let (luma, [more_blue, more_red]) = if is_full {
                    (luma, colours)
                } else {
                    let luma = (luma - 16.0) * 255.0 / 219.0;
                    (luma, colours.map(|colour| colour * 255.0 / 224.0))
                };
                let r = luma + 2.0 * (1.0 - red) * more_red;
                let b = luma + 2.0 * (1.0 - blue) * more_blue;
                let g = (luma - red * r - blue * b) / (1.0 - red - blue);
                pixel.0 = [r, g, b].map(|colour| colour.round().clamp(0.0, 255.0) as u8);
            }
            for file in [FULL_COLOURS, OPAQUE, TEN_BITS] {
                for variant in made(with_colours(file, 13, matrix, is_full)).unwrap() {
                    let found = likeness(&variant.to_rgb8(), &expected);
                    assert!(found > 29.0, "{matrix} {is_full}: {found}");
                }
            }
        }
    }
}

#[test]
fn it_is_turned_and_mirrored_as_the_file_says() {
    let original = DynamicImage::from(original());
    for (kind, body, expected) in [
        (*b"irot", 0, original.clone()),
        (*b"irot", 1, original.rotate270()),
        (*b"irot", 2, original.rotate180()),
        (*b"irot", 3, original.rotate90()),
        (*b"imir", 0, original.flipv()),
        (*b"imir", 1, original.fliph()),
    ] {
        for file in [OPAQUE, TEN_BITS] {
            for variant in made(with_property(file, kind, &[body])).unwrap() {
                let found = likeness(&variant.to_rgb8(), &expected.to_rgb8());
                assert!(found > 31.0, "{kind:?} {body}: {found}");
            }
        }
    }
}

#[test]
fn what_we_would_show_in_other_colours_or_parts_is_refused() {
    for file in [
        // For brighter screens, with two transfers; of unknown colours, and of green, blue and red that have not all their samples; cut to a part.
        with_colours(OPAQUE, 16, 9, true),
        with_colours(OPAQUE, 18, 9, true),
        with_colours(OPAQUE, 13, 8, true),
        with_colours(OPAQUE, 13, 0, true),
        with_property(OPAQUE, *b"clap", &[0; 32]),
        with_property(OPAQUE, *b"what", &[]),
    ] {
        assert_eq!(made(file).unwrap_err(), Error::NotAPicture);
    }
}

#[test]
fn a_frame_has_the_size_that_the_file_says() {
    let sized = |width: u32, height: u32| {
        let mut file = OPAQUE.to_vec();
        let at = place(&file, *b"ispe") + 12;
        file[at..at + 4].copy_from_slice(&width.to_be_bytes());
        file[at + 4..at + 8].copy_from_slice(&height.to_be_bytes());
        made(file).map(|_| ())
    };
    assert_eq!(sized(96, 72), Ok(()));
    for (width, height) in [
        (96, 73),
        (97, 72),
        (72, 96),
        (1, 1),
        (4_000, 4_000),
        (0, 72),
    ] {
        assert_eq!(
            sized(width, height),
            Err(Error::NotAPicture),
            "{width} × {height}"
        );
    }
    for (width, height) in [(16_384, 1), (1, u32::MAX), (10_000, 5_300)] {
        assert_eq!(
            sized(width, height),
            Err(Error::TooLarge),
            "{width} × {height}"
        );
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_before_it_is_decoded() {
    let announced = |side: u32, is_deep: bool| {
        let mut file = OPAQUE.to_vec();
        let at = place(&file, *b"ispe") + 12;
        file[at..at + 8].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
        // A still picture of whole colours, with 16 bits for each side, and a frame that is none.
        let last = u64::from(side - 1);
        let header = 0x0_E0FF << 40 | last << 24 | last << 8;
        let header = (header | u64::from(is_deep) << 1) << 6;
        let stream = [&[0x0A, 8][..], &header.to_be_bytes(), &[0x30]].concat();
        let at = place(&file, *b"mdat") + 8;
        file[at..at + stream.len()].copy_from_slice(&stream);
        made(file).unwrap_err()
    };
    for (side, is_deep, expected) in [
        (4_900, true, Error::NotAPicture),
        (5_100, true, Error::TooLarge),
        (6_200, false, Error::NotAPicture),
        (6_400, false, Error::TooLarge),
    ] {
        assert_eq!(announced(side, is_deep), expected, "{side} {is_deep}");
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    for file in [OPAQUE, TEN_BITS, GREY, TRANSPARENT] {
        for length in 0..file.len() {
            let refused = variants(Bytes::from_static(&file[..length]));
            assert_eq!(refused, Err(Error::NotAPicture), "{length}");
        }
    }
}

#[test]
fn the_decoder_sees_only_what_was_looked_at() {
    assert_eq!(variants(EMPTY_METADATA.into()), variants(OPAQUE.into()));
    assert_eq!(variants(HIDDEN_HEADER.into()), Err(Error::NotAPicture));
}

#[test]
fn what_is_broken_is_refused_or_made_and_never_a_panic() {
    let mut random = fastrand::Rng::with_seed(1);
    let film = samples()
        .into_iter()
        .find(|sample| sample.name == "sequence");
    let film = film.unwrap().bytes;
    for file in [OPAQUE, TEN_BITS, GREY, TRANSPARENT, &film] {
        for _ in 0..600 {
            let mut broken = file.to_vec();
            for _ in 0..random.usize(1..5) {
                let at = random.usize(..broken.len());
                broken[at] = if random.bool() {
                    random.u8(..)
                } else {
                    broken[at] ^ 1 << random.u8(..8)
                };
            }
            let _ = variants(broken.into());
        }
    }
}
