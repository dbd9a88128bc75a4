//! What is left of pictures, and what must not be.

use bytes::Bytes;
use image::imageops::crop_imm;
use image::{AnimationDecoder, DynamicImage, ImageFormat, codecs};
use pictures::testing::{self, NEEDLES, Sample, samples};
use pictures::{Cleaned, Invalid, Kind, clean};

fn cleaned(sample: &Sample) -> Cleaned {
    clean(sample.bytes.clone().into()).unwrap_or_else(|e| panic!("{}: {e}", sample.name))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|at| at == needle)
}

fn decoded(kind: Kind, bytes: &[u8]) -> DynamicImage {
    let format = match kind {
        Kind::Jpeg => ImageFormat::Jpeg,
        Kind::Png => ImageFormat::Png,
        Kind::Webp => ImageFormat::WebP,
        Kind::Gif => ImageFormat::Gif,
        Kind::Avif => unreachable!("not decoded here"),
    };
    image::load_from_memory_with_format(bytes, format).expect("it is whole")
}

fn turned(picture: &DynamicImage, orientation: u16) -> DynamicImage {
    match orientation {
        1 => picture.clone(),
        2 => picture.fliph(),
        3 => picture.rotate180(),
        4 => picture.flipv(),
        5 => picture.rotate90().fliph(),
        6 => picture.rotate90(),
        7 => picture.rotate270().fliph(),
        8 => picture.rotate270(),
        other => unreachable!("orientation {other}"),
    }
}

/// The largest difference of a colour, and the average.
fn difference(one: &DynamicImage, other: &DynamicImage) -> (u8, f64) {
    let (one, other) = (one.to_rgb8(), other.to_rgb8());
    assert_eq!(one.dimensions(), other.dimensions());
    let differences = || one.iter().zip(other.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: u32 = differences().map(u32::from).sum();
    let count = u32::try_from(one.len()).expect("small");
    (
        differences().max().expect("it has pixels"),
        f64::from(sum) / f64::from(count),
    )
}

#[test]
fn every_sample_is_cleaned_and_keeps_its_kind() {
    let samples = samples();
    assert!(samples.len() > 200);
    for sample in &samples {
        let cleaned = cleaned(sample);
        assert_eq!(cleaned.kind, sample.kind, "{}", sample.name);
        assert_eq!(Kind::sniff(&cleaned.bytes), Some(sample.kind));
    }
}

#[test]
fn no_needle_is_left() {
    let mut found = [0; NEEDLES.len()];
    for sample in samples() {
        let cleaned = cleaned(&sample);
        for (found, needle) in found.iter_mut().zip(NEEDLES) {
            *found += u32::from(contains(&sample.bytes, needle));
            let name = needle.escape_ascii();
            assert!(!contains(&cleaned.bytes, needle), "{}: {name}", sample.name);
        }
    }
    // Each was there to begin with.
    for (found, needle) in found.iter().zip(NEEDLES) {
        assert!(*found > 0, "{}", needle.escape_ascii());
    }
}

#[test]
fn cleaning_again_changes_nothing() {
    for sample in samples() {
        let once = cleaned(&sample);
        let twice = clean(once.bytes.clone()).unwrap();
        assert!(once == twice, "{}", sample.name);
    }
}

#[test]
fn what_is_cut_short_anywhere_is_refused() {
    for sample in samples() {
        // What follows the picture may be cut, as it is dropped anyway.
        let cleaned = cleaned(&sample);
        for length in 0..cleaned.bytes.len() {
            assert_eq!(
                clean(cleaned.bytes.slice(..length)),
                Err(Invalid::NotAPicture),
                "{} of {length} bytes",
                sample.name
            );
        }
    }
}

#[test]
fn pixels_stay_as_they_are_and_are_turned_as_exif_says() {
    for sample in samples() {
        if matches!(sample.kind, Kind::Jpeg | Kind::Avif) {
            continue;
        }
        let before = turned(&decoded(sample.kind, &sample.bytes), sample.orientation);
        let cleaned = cleaned(&sample);
        let after = decoded(sample.kind, &cleaned.bytes);
        assert_eq!(
            (after.width(), after.height()),
            (cleaned.width, cleaned.height),
            "{}",
            sample.name
        );
        assert!(before.to_rgba16() == after.to_rgba16(), "{}", sample.name);
    }
}

#[test]
fn animations_keep_every_picture() {
    for sample in samples() {
        let cleaned = cleaned(&sample);
        let frames = |bytes: &[u8]| -> Vec<_> {
            let bytes = std::io::Cursor::new(bytes);
            let frames = match sample.kind {
                Kind::Gif => codecs::gif::GifDecoder::new(bytes).unwrap().into_frames(),
                Kind::Webp if sample.name.starts_with("animated") => {
                    codecs::webp::WebPDecoder::new(bytes).unwrap().into_frames()
                }
                Kind::Png if sample.name.starts_with("animated") => {
                    let decoder = codecs::png::PngDecoder::new(bytes).unwrap();
                    decoder.apng().unwrap().into_frames()
                }
                _ => return Vec::new(),
            };
            let frames = frames.collect_frames().unwrap();
            frames
                .into_iter()
                .map(|frame| (frame.delay(), frame.into_buffer()))
                .collect()
        };
        let before = frames(&sample.bytes);
        assert!(before == frames(&cleaned.bytes), "{}", sample.name);
        let is_animated = sample.name.starts_with("animated") && sample.kind != Kind::Avif;
        assert_eq!(before.len() > 1, is_animated, "{}", sample.name);
    }
}

#[test]
fn a_jpeg_is_turned_without_loss() {
    let mut cases = 0;
    for sample in samples() {
        if sample.kind != Kind::Jpeg {
            continue;
        }
        let cleaned = cleaned(&sample);
        let before = decoded(Kind::Jpeg, &sample.bytes);
        let after = decoded(Kind::Jpeg, &cleaned.bytes);
        let size = (cleaned.width, cleaned.height);
        assert_eq!((after.width(), after.height()), size, "{}", sample.name);
        // What is not shown of it: less than an MCU at the right and the bottom as it is stored.
        let back = match sample.orientation {
            6 => 8,
            8 => 6,
            other => other,
        };
        let stored = turned(&after, back);
        let (left_out_x, left_out_y) = (
            before.width() - stored.width(),
            before.height() - stored.height(),
        );
        let most = |side: u32| if side < 256 { 1 } else { 15 };
        assert!(left_out_x <= most(before.width()), "{}", sample.name);
        assert!(left_out_y <= most(before.height()), "{}", sample.name);
        let shown = crop_imm(&before, 0, 0, stored.width(), stored.height()).to_image();
        let (most, average) = difference(&shown.into(), &stored);
        let is_cut_anew = sample.name.starts_with("small") || sample.name.starts_with("wide");
        let allowed = match (sample.orientation, is_cut_anew) {
            (1, _) => (0, 0.0),
            // Colours at an edge that was left out were mixed into those beside it.
            (_, false) if left_out_x + left_out_y > 0 => (6, 0.1),
            (_, false) => (3, 0.5),
            (_, true) => (9, 1.0),
        };
        assert!(
            most <= allowed.0 && average <= allowed.1,
            "{}: {most} at most, {average} on average",
            sample.name
        );
        cases += 1;
    }
    assert!(cases > 120);
}

#[test]
fn colour_profiles_stay() {
    let icc = testing::icc_profile();
    let mut found = 0;
    for sample in samples() {
        let cleaned = cleaned(&sample);
        let profile = match sample.kind {
            Kind::Jpeg if sample.name.starts_with("camera") => {
                use image::ImageDecoder;
                let bytes = std::io::Cursor::new(&cleaned.bytes);
                let mut decoder = codecs::jpeg::JpegDecoder::new(bytes).unwrap();
                decoder.icc_profile().unwrap()
            }
            Kind::Png if sample.name.contains("everything") => {
                use image::ImageDecoder;
                let bytes = std::io::Cursor::new(&cleaned.bytes);
                let mut decoder = codecs::png::PngDecoder::new(bytes).unwrap();
                decoder.icc_profile().unwrap()
            }
            Kind::Webp if sample.name.contains("everything") => {
                use image::ImageDecoder;
                let bytes = std::io::Cursor::new(&cleaned.bytes);
                let mut decoder = codecs::webp::WebPDecoder::new(bytes).unwrap();
                decoder.icc_profile().unwrap()
            }
            Kind::Avif if sample.name.starts_with("items") => {
                contains(&cleaned.bytes, &icc).then(|| icc.clone())
            }
            _ => continue,
        };
        assert_eq!(profile.as_deref(), Some(&icc[..]), "{}", sample.name);
        found += 1;
    }
    assert!(found > 80);
}

#[test]
fn the_size_is_the_one_that_is_shown() {
    for (name, size) in [
        ("camera-1", (48, 32)),
        ("camera-6", (32, 48)),
        ("large-420-turned-2", (288, 277)),
        ("large-420-turned-6", (272, 301)),
        ("large-420-turned-5", (277, 301)),
        ("small-420-turned-3", (44, 34)),
        ("small-422-turned-3", (44, 33)),
        ("items", (32, 20)),
        ("items-rotated", (20, 32)),
        ("grid", (128, 64)),
        ("sequence", (24, 24)),
        ("still", (24, 24)),
        ("rgb-everything-8", (18, 24)),
        ("lossless-everything-5", (18, 24)),
        ("interlaced", (24, 16)),
    ] {
        let samples = samples();
        let sample = samples.iter().find(|sample| sample.name == name).unwrap();
        let cleaned = cleaned(sample);
        assert_eq!((cleaned.width, cleaned.height), size, "{name}");
    }
}

#[test]
fn what_an_avif_picture_is_made_of_stays() {
    for (name, kept) in [
        ("items", &[&b"auxl"[..], b"auxC", b"prof", b"nclx"][..]),
        ("items-rotated", &[b"irot"]),
        ("grid", &[b"grid", b"tmap", b"dimg", b"altr", b"idat"]),
        ("sequence-everything", &[b"moov", b"stco", b"av01", b"ccst"]),
    ] {
        let samples = samples();
        let sample = samples.iter().find(|sample| sample.name == name).unwrap();
        let cleaned = cleaned(sample).bytes;
        for kind in kept {
            assert!(contains(&cleaned, kind), "{name}: {}", kind.escape_ascii());
        }
    }
}

#[test]
fn bytes_that_are_clean_are_not_copied() {
    for sample in samples() {
        let once = cleaned(&sample).bytes;
        let twice = clean(once.clone()).unwrap().bytes;
        assert_eq!(once.as_ptr(), twice.as_ptr(), "{}", sample.name);
    }
}

#[test]
fn what_is_no_picture_we_take_is_refused() {
    for bytes in [
        b"".as_slice(),
        b"undefined",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>steal()</script></svg>",
        testing::PAGE,
        b"%PDF-1.7\n",
        b"PK\x03\x04\x14\0\0\0",
        b"BM\x46\0\0\0",
        b"II*\0\x08\0\0\0",
        b"\0\0\x01\0\x01\0",
        b"\x89PNG",
        b"GIF89a",
        b"GIF88a\x01\0\x01\0\0\0\0;",
        b"RIFF\x04\0\0\0WAVE",
        b"\xFF\xD8\xFF",
        &testing::film(),
    ] {
        assert_eq!(
            clean(Bytes::copy_from_slice(bytes)),
            Err(Invalid::NotAPicture),
            "{}",
            bytes.escape_ascii()
        );
    }
}
