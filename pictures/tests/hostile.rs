//! Bytes made to break what reads them: they are refused, or read, but never at the cost of a panic or of memory.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use image::ImageFormat;
use pictures::testing::{
    drawn, iso_box, jpeg_segment, jpeg_with_orientation, png_chunk, png_with_chunks, samples,
    webp_chunk, webp_extended, with_items,
};
use pictures::{Invalid, Kind, MAX_FRAMES, clean};

fn cleaned(bytes: &[u8]) -> Result<(u32, u32), Invalid> {
    clean(Bytes::copy_from_slice(bytes)).map(|cleaned| (cleaned.width, cleaned.height))
}

/// Whatever comes out can be cleaned again, and nothing changes then.
fn clean_twice(bytes: Vec<u8>, what: impl Fn() -> String) -> bool {
    let Ok(once) = clean(bytes.into()) else {
        return false;
    };
    let twice = clean(once.bytes.clone()).unwrap_or_else(|e| panic!("{}: {e}", what()));
    assert!(once == twice, "{}", what());
    true
}

/// The place of the only such bytes.
fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let mut places = bytes.windows(needle.len()).enumerate();
    places.find(|(_, at)| *at == needle).expect("it is there").0
}

/// Makes every checksum right.
fn with_checksums(png: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(checked) = png.get(at + 4..at + 8 + length) else {
            return;
        };
        let checksum = crc32fast::hash(checked).to_be_bytes();
        let Some(place) = png.get_mut(at + 8 + length..at + 12 + length) else {
            return;
        };
        place.copy_from_slice(&checksum);
        at += 12 + length;
    }
}

/// Pictures of each kind that say that they have this size.
fn sized(width: u32, height: u32) -> Vec<(&'static str, Vec<u8>)> {
    let (short_width, short_height) = (width.min(0xFFFF), height.min(0xFFFF));
    let be = |side: u32| u16::try_from(side).expect("small").to_be_bytes();
    let le = |side: u32| u16::try_from(side).expect("small").to_le_bytes();

    let mut jpeg = include_bytes!("samples/baseline-420.jpg").to_vec();
    let at = find(&jpeg, &[0xFF, 0xC0]) + 5;
    jpeg[at..at + 4].copy_from_slice(&[be(short_height), be(short_width)].concat());

    let mut png = drawn(ImageFormat::Png, 24, 18);
    png[16..24].copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat());
    with_checksums(&mut png);

    let mut gif = drawn(ImageFormat::Gif, 24, 18);
    let screen = [le(short_width), le(short_height)].concat();
    gif[6..10].copy_from_slice(&screen);
    let mut gif_frame = drawn(ImageFormat::Gif, 24, 18);
    let at = find(&gif_frame, &[0x2C, 0, 0, 0, 0, 24, 0, 18, 0]) + 5;
    gif_frame[at..at + 4].copy_from_slice(&screen);

    let picture = drawn(ImageFormat::WebP, 24, 18);
    let webp = webp_extended(0, (width.max(1), height.max(1)), &picture[12..]);

    let mut avif = with_items(false, 0);
    let at = find(&avif, b"ispe") + 8;
    avif[at..at + 8].copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat());

    vec![
        ("turned JPEG", jpeg_with_orientation(&jpeg, 6)),
        ("JPEG", jpeg),
        ("PNG", png),
        ("GIF", gif),
        ("frame of a GIF", gif_frame),
        ("WebP", webp),
        ("AVIF", avif),
    ]
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_by_its_header() {
    for (width, height) in [
        (65_000, 1),
        (1, 65_000),
        (16_384, 1),
        (65_535, 65_535),
        (16_383, 3_175),
        (8_000, 6_501),
    ] {
        for (name, bytes) in sized(width, height) {
            let start = Instant::now();
            let name = format!("{name} of {width} by {height}");
            assert_eq!(cleaned(&bytes), Err(Invalid::TooManyPixels), "{name}");
            assert!(start.elapsed() < Duration::from_secs(5), "{name}");
        }
    }
    for (name, bytes) in sized(0, 18).into_iter().chain(sized(24, 0)) {
        // A header of WebP cannot say 0, and a screen of GIF is as large as its first picture.
        if !matches!(name, "WebP" | "GIF" | "frame of a GIF") {
            assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture), "{name}");
        }
    }
}

#[test]
fn the_largest_picture_is_taken_if_it_need_not_be_turned() {
    for (name, bytes) in sized(16_383, 3_174) {
        let start = Instant::now();
        match name {
            // The data is not as much, which shows when it is read.
            "turned JPEG" | "WebP" => assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture)),
            "frame of a GIF" | "GIF" | "JPEG" | "PNG" | "AVIF" => {
                assert_eq!(cleaned(&bytes), Ok((16_383, 3_174)), "{name}");
            }
            other => unreachable!("{other}"),
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{name}");
    }
}

#[test]
fn more_pixels_than_can_be_turned_are_refused() {
    let exif = pictures::testing::exif(6, true);
    let mut png = png_with_chunks(
        &drawn(ImageFormat::Png, 24, 18),
        &png_chunk(*b"eXIf", &exif),
    );
    png[16..24].copy_from_slice(&[4_001_u32.to_be_bytes(), 4_000_u32.to_be_bytes()].concat());
    with_checksums(&mut png);
    assert_eq!(cleaned(&png), Err(Invalid::TooManyPixels));
    png[16..20].copy_from_slice(&4_000_u32.to_be_bytes());
    with_checksums(&mut png);
    assert_eq!(cleaned(&png), Err(Invalid::NotAPicture));

    // Four components at full resolution take twice as much as a photograph.
    let mut jpeg = include_bytes!("samples/cmyk.jpg").to_vec();
    let at = find(&jpeg, &[0xFF, 0xC0]) + 5;
    jpeg[at..at + 4].copy_from_slice(&[0x1F, 0x40, 0x0F, 0xA0]);
    assert_eq!(cleaned(&jpeg), Ok((4_000, 8_000)));
    let turned = jpeg_with_orientation(&jpeg, 6);
    assert_eq!(cleaned(&turned), Err(Invalid::TooManyPixels));
}

#[test]
fn an_animation_of_too_many_pictures_is_refused() {
    for (more, expected) in [(0, true), (1, false)] {
        let frames = MAX_FRAMES as usize + more;
        let expected = |result: Result<_, _>| {
            assert_eq!(result.is_ok(), expected);
            assert!(expected || result == Err(Invalid::TooManyFrames));
        };

        let gif = drawn(ImageFormat::Gif, 2, 2);
        let image = find(&gif, b"\x2C\0\0\0\0");
        let end = gif.len() - 1;
        let body = gif[image..end].repeat(frames);
        expected(cleaned(&[&gif[..image], &body, b";"].concat()));

        let webp = drawn(ImageFormat::WebP, 2, 2);
        let mut frame = vec![0; 16];
        (frame[6], frame[9]) = (1, 1);
        frame.extend(&webp[12..]);
        let chunks = [
            webp_chunk(*b"ANIM", &[0; 6]),
            webp_chunk(*b"ANMF", &frame).repeat(frames),
        ];
        expected(cleaned(&webp_extended(2, (2, 2), &chunks.concat())));

        let png = drawn(ImageFormat::Png, 2, 2);
        let count = u32::try_from(frames).unwrap();
        let control = [&count.to_be_bytes()[..], &[0; 4]].concat();
        expected(cleaned(&png_with_chunks(
            &png,
            &png_chunk(*b"acTL", &control),
        )));
    }
    let png = drawn(ImageFormat::Png, 2, 2);
    let mut chunks = png_chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    for sequence in 0..=MAX_FRAMES {
        let size = [0, 0, 0, 1, 0, 0, 0, 1];
        let frame = [&sequence.to_be_bytes()[..], &size, &[0; 14]].concat();
        chunks.extend(png_chunk(*b"fcTL", &frame));
    }
    assert_eq!(
        cleaned(&png_with_chunks(&png, &chunks)),
        Err(Invalid::TooManyFrames)
    );

    let mut sequence = include_bytes!("samples/sequence.avif").to_vec();
    let at = find(&sequence, b"stsz") + 12;
    sequence[at..at + 4].copy_from_slice(&(MAX_FRAMES + 1).to_be_bytes());
    assert_eq!(cleaned(&sequence), Err(Invalid::TooManyFrames));
}

#[test]
fn no_damage_makes_cleaning_panic() {
    let mut random = Rng::with_seed(1);
    let samples = samples();
    let (mut cases, mut taken) = (0, 0);
    for _ in 0..40 {
        for sample in &samples {
            let mut bytes = sample.bytes.clone();
            let flips = random.usize(1..4);
            for _ in 0..flips {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes[at] ^= 1 << random.u8(..8),
                    2 => bytes[at] = 0xFF,
                    _ => {
                        let from = random.usize(..bytes.len());
                        let length = random.usize(..20).min(bytes.len() - at.max(from));
                        bytes.copy_within(from..from + length, at);
                    }
                }
            }
            if sample.kind == Kind::Png && random.u8(..4) > 0 {
                with_checksums(&mut bytes);
            }
            let copy = bytes.clone();
            taken += u32::from(clean_twice(bytes, || {
                let file = std::env::temp_dir().join("pictures-hostile");
                std::fs::write(&file, &copy).unwrap();
                format!("{} as {}", sample.name, file.display())
            }));
            cases += 1;
        }
    }
    assert!(cases > 8_000 && taken > 2_000, "{taken} of {cases}");
}

#[test]
fn no_bytes_behind_a_signature_make_cleaning_panic() {
    let mut random = Rng::with_seed(2);
    let heads: [&[u8]; 9] = [
        b"\xFF\xD8\xFF",
        b"\xFF\xD8\xFF\xC0\0\x0B\x08\0\x10\0\x10\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0",
        b"\x89PNG\r\n\x1A\n",
        b"RIFF\x40\0\0\0WEBPVP8X",
        b"RIFF\xFF\xFF\xFF\xFFWEBP",
        b"GIF89a\x01\0\x01\0\xF7\0\0",
        b"\0\0\0\x10ftypavif\0\0\0\0",
        b"\0\0\0\x10ftypavif\0\0\0\0\0\0\0\x01mdat",
        b"\0\0\0\x01ftypavif",
    ];
    for _ in 0..400 {
        for head in heads {
            let tail = std::iter::repeat_with(|| random.u8(..));
            let mut bytes = head.to_vec();
            bytes.extend(tail.take(400));
            clean_twice(bytes, || "random".to_owned());
        }
    }
}

#[test]
fn chunks_of_no_length_are_no_picture() {
    let jpeg = drawn(ImageFormat::Jpeg, 24, 18);
    for inserted in [
        b"<script>".as_slice(),
        &[0xFF, 0xE0, 0, 0],
        &[0xFF, 0xE0, 0, 1],
        &[0xFF, 0xD9],
        &[0xFF, 0xD0],
        &[0xFF, 0x01],
        &jpeg_segment(0xC0, b""),
        &jpeg_segment(0xDA, b""),
        &jpeg_segment(0xDB, b"\0"),
        &jpeg_segment(0xC4, b"\0"),
        &jpeg_segment(0xDD, b""),
        &jpeg_segment(0xC9, b"\x08\0\x10\0\x10\x01\x01\x11\0"),
        &jpeg_segment(0xCC, b"\0\0"),
    ] {
        let bytes = [&jpeg[..2], inserted, &jpeg[2..]].concat();
        assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture), "{inserted:?}");
    }
    for inserted in [
        jpeg_segment(0xE1, b""),
        jpeg_segment(0xE2, b"ICC_PROFILE\0"),
        jpeg_segment(0xE2, b"ICC_PROFILE\0\0\0"),
        jpeg_segment(0xEE, b"Adobe"),
        jpeg_segment(0xE0, b"JFIF\0"),
        jpeg_segment(0xDB, b""),
        vec![0xFF; 9],
    ] {
        let bytes = [&jpeg[..2], &inserted[..], &jpeg[2..]].concat();
        assert_eq!(cleaned(&bytes), Ok((24, 18)), "{inserted:?}");
    }

    let png = drawn(ImageFormat::Png, 24, 18);
    for kind in [
        b"tRNS", b"pHYs", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"neEd",
    ] {
        let bytes = png_with_chunks(&png, &png_chunk(*kind, b""));
        assert_eq!(cleaned(&bytes), Ok((24, 18)));
    }
    let unknown = png_with_chunks(&png, &png_chunk(*b"NEED", b""));
    assert_eq!(cleaned(&unknown), Err(Invalid::NotAPicture));
    let without_data = [&png[..33], &png[png.len() - 12..]].concat();
    assert_eq!(cleaned(&without_data), Err(Invalid::NotAPicture));

    for kind in [b"VP8 ", b"VP8L", b"ANMF", b"ALPH", b"NEED"] {
        let bytes = webp_extended(0, (24, 18), &webp_chunk(*kind, b""));
        assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture));
    }
    assert!(cleaned(b"GIF89a\x01\0\x01\0\0\0\0;").is_err());
    assert!(cleaned(b"GIF89a\x01\0\x01\0\0\0\0<html>;").is_err());
    assert!(cleaned(b"GIF89a\x01\0\x01\0\0\0\0!\xF7\x01a\0,\0\0\0\0\x01\0\x01\0\0\x02\0;").is_ok());
}

#[test]
fn boxes_that_lie_about_their_size_are_no_picture() {
    let avif = with_items(false, 0);
    let meta = find(&avif, b"meta") - 4;
    let mdat = find(&avif, b"mdat") - 4;
    for at in [meta, mdat] {
        for size in [0, 1, 2, 7, 8, 9, 0x7FFF_FFFF, u32::MAX] {
            // To the end of the file is where data may reach.
            if at == mdat && size == 0 {
                continue;
            }
            let mut bytes = avif.clone();
            bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
            assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture), "{size}");
        }
    }
    let still = include_bytes!("samples/still.avif");
    for size in [0, 8, 15, 16, u64::MAX, u64::MAX - 15, 1 << 62] {
        let long = [b"\0\0\0\x01free", &size.to_be_bytes()[..]].concat();
        let expected = if size == 16 {
            Ok((24, 24))
        } else {
            Err(Invalid::NotAPicture)
        };
        assert_eq!(cleaned(&[&still[..], &long].concat()), expected, "{size}");
    }
    // The last box may reach to the end of the file, or say its length in eight bytes.
    let data = &still[0x113..];
    for (header, moves) in [
        (b"\0\0\0\0mdat".to_vec(), 0),
        (b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x80".to_vec(), 8),
    ] {
        let mut head = still[..0x10B].to_vec();
        let place = find(&head, &[0, 0, 1, 0x13]) + 3;
        head[place] += moves;
        let bytes = [&head[..], &header, data].concat();
        assert_eq!(cleaned(&bytes), Ok((24, 24)));
        assert!(clean_twice(bytes, || "the end".to_owned()));
    }
}

#[test]
fn items_outside_of_the_data_are_no_picture() {
    for moved in [1 << 20, 0xF000_0000, 20_000] {
        assert_eq!(
            cleaned(&with_items(false, moved)),
            Err(Invalid::NotAPicture)
        );
    }
    let still = include_bytes!("samples/still.avif");
    let place = find(still, &[0, 0, 1, 0x13, 0, 0, 0, 0x70]);
    for (offset, length) in [
        (0_u32, 0x70_u32),
        (0x20, 0x70),
        (0x112, 0x70),
        (0x113, 0x71),
        (0x113, 0),
        (0x113, u32::MAX),
        (u32::MAX, u32::MAX),
    ] {
        let mut bytes = still.to_vec();
        let extent = [offset.to_be_bytes(), length.to_be_bytes()].concat();
        bytes[place..place + 8].copy_from_slice(&extent);
        assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture), "{offset}");
    }
}

#[test]
fn boxes_in_boxes_without_end_are_no_picture() {
    for kind in [*b"meta", *b"moov", *b"trak", *b"iprp", *b"mdia"] {
        let mut nested = Vec::new();
        for _ in 0..3_000 {
            nested = iso_box(kind, &nested);
        }
        let movie = iso_box(*b"moov", &nested);
        let head = iso_box(*b"ftyp", b"avif\0\0\0\0");
        let bytes = [head, nested, movie].concat();
        assert_eq!(cleaned(&bytes), Err(Invalid::NotAPicture));
    }
}

/// Megabytes that keep a walker at work to the end: one that looked at all of them for each would
/// take an hour.
#[test]
fn hostile_bytes_are_walked_once() {
    const SIZE: usize = 2_000_000;
    let repeated = |head: &[u8], unit: &[u8]| {
        let mut bytes = head.to_vec();
        bytes.extend(unit.iter().cycle().take(SIZE - head.len()));
        bytes
    };
    let frame = jpeg_segment(0xC0, b"\x08\0\x10\0\x10\x01\x01\x11\0");
    let scan = jpeg_segment(0xDA, b"\x01\x01\0\0\x3F\0");
    let start = [&[0xFF, 0xD8][..], &frame].concat();
    let scanning = [&start[..], &scan].concat();
    let chunk = webp_chunk(*b"EXIF", b"");
    let header = iso_box(*b"ftyp", b"avif\0\0\0\0");
    for bytes in [
        repeated(&[0xFF, 0xD8], &[0xFF]),
        repeated(&scanning, &[0xFF]),
        repeated(&scanning, &[0x00]),
        repeated(&scanning, &[0xFF, 0x00]),
        repeated(&start, &scan),
        repeated(&start, &jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x01")),
        repeated(&start, &jpeg_segment(0xE1, b"")),
        repeated(b"\x89PNG\r\n\x1A\n", &[0]),
        repeated(b"RIFF\x78\x84\x1E\0WEBP", &chunk),
        repeated(
            &webp_extended(2, (24, 18), &[])[..30],
            &webp_chunk(*b"ANMF", b""),
        ),
        repeated(b"GIF89a\x01\0\x01\0\0\0\0", &[0x21, 0xFE, 0]),
        repeated(b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\0\0\0\0\0\x02", &[1]),
        repeated(&header, &iso_box(*b"free", b"")),
        repeated(&header, &iso_box(*b"mdat", b"")),
        repeated(&header, &iso_box(*b"meta", b"")),
        repeated(b"\x7F\xFF\xFF\xFFftypmif1", b"mif1"),
    ] {
        let start = Instant::now();
        let head = bytes[..24].escape_ascii().to_string();
        assert!(clean(bytes.into()).is_err(), "{head}");
        assert!(start.elapsed() < Duration::from_secs(5), "{head}");
    }
}
