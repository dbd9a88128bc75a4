//! JPEG pictures, plain and with everything that cameras and editors add.

use image::ImageFormat;

use super::{PAGE, Sample, archive, drawn, exif, film, icc_profile, xmp};
use crate::Kind;

/// As Pillow 13 writes them; `small` and `wide` have sides that are no multiple of an MCU.
const PLAIN: [(&str, &[u8]); 15] = [
    (
        "baseline-444",
        include_bytes!("../../tests/samples/baseline-444.jpg"),
    ),
    (
        "baseline-422",
        include_bytes!("../../tests/samples/baseline-422.jpg"),
    ),
    (
        "baseline-420",
        include_bytes!("../../tests/samples/baseline-420.jpg"),
    ),
    (
        "baseline-grey",
        include_bytes!("../../tests/samples/baseline-grey.jpg"),
    ),
    (
        "baseline-420-restarts",
        include_bytes!("../../tests/samples/baseline-420-restarts.jpg"),
    ),
    (
        "progressive-444",
        include_bytes!("../../tests/samples/progressive-444.jpg"),
    ),
    (
        "progressive-422",
        include_bytes!("../../tests/samples/progressive-422.jpg"),
    ),
    (
        "progressive-420",
        include_bytes!("../../tests/samples/progressive-420.jpg"),
    ),
    (
        "progressive-grey",
        include_bytes!("../../tests/samples/progressive-grey.jpg"),
    ),
    (
        "progressive-422-restarts",
        include_bytes!("../../tests/samples/progressive-422-restarts.jpg"),
    ),
    ("cmyk", include_bytes!("../../tests/samples/cmyk.jpg")),
    (
        "small-420",
        include_bytes!("../../tests/samples/small-420.jpg"),
    ),
    (
        "small-422",
        include_bytes!("../../tests/samples/small-422.jpg"),
    ),
    (
        "large-420",
        include_bytes!("../../tests/samples/large-420.jpg"),
    ),
    (
        "wide-420",
        include_bytes!("../../tests/samples/wide-420.jpg"),
    ),
];

/// A segment; its content is shorter than 65,534 bytes.
pub fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(2 + body.len()).expect("a segment is short");
    [&[0xFF, marker], length.to_be_bytes().as_slice(), body].concat()
}

/// Puts bytes between the picture's start and the rest of it.
fn after_start(jpeg: &[u8], inserted: &[u8]) -> Vec<u8> {
    [&jpeg[..2], inserted, &jpeg[2..]].concat()
}

/// The same picture with EXIF that says how to turn it.
pub fn with_orientation(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let exif = exif(orientation, orientation.is_multiple_of(2));
    after_start(jpeg, &segment(0xE1, &[b"Exif\0\0", &exif[..]].concat()))
}

/// What stands for the picture in EXIF.
pub(super) fn thumbnail() -> Vec<u8> {
    let comment = segment(0xFE, b"NEEDLE-THUMBNAIL");
    after_start(&drawn(ImageFormat::Jpeg, 16, 8), &comment)
}

/// The profile in two parts.
fn icc_segments() -> Vec<u8> {
    let profile = icc_profile();
    let (first, second) = profile.split_at(200);
    let chunk = |number: u8, data: &[u8]| {
        let body = [b"ICC_PROFILE\0", &[number, 2][..], data].concat();
        segment(0xE2, &body)
    };
    [chunk(2, second), chunk(1, first)].concat()
}

/// What cameras write in front of a picture.
fn camera(orientation: u16) -> Vec<u8> {
    let exif = exif(orientation, orientation % 2 == 1);
    let mut jfif = b"JFIF\0\x01\x02\x01\0\x48\0\x60\x02\x02".to_vec();
    jfif.extend([b"NEEDLE-JFIF", &[0; 1][..]].concat());
    let mut jfxx = b"JFXX\0\x10".to_vec();
    jfxx.extend(thumbnail());
    [
        segment(0xE0, &jfif),
        segment(0xE0, &jfxx),
        segment(0xE1, &[b"Exif\0\0", &exif[..]].concat()),
        segment(0xE1, &[&b"http://ns.adobe.com/xap/1.0/\0"[..], &xmp()].concat()),
        segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0NEEDLE-EXTENDED-0123456789ABCDEF\0\0\0\x04\0\0\0\0<a/>",
        ),
        icc_segments(),
        segment(0xE2, b"MPF\0MM\0*\0\0\0\x08NEEDLE-MPF"),
        segment(0xE4, b"NEEDLE-APP4"),
        // A caption (2:120) and a city (2:90) as IPTC in a resource of Photoshop.
        segment(
            0xED,
            b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x23\x1C\x02\x78\0\x0ENEEDLE-CAPTION\x1C\x02\x5A\0\x0BNEEDLE-CITY\0",
        ),
        segment(0xFE, b"NEEDLE-COMMENT"),
    ]
    .concat()
}

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (name, bytes) in PLAIN {
        samples.push(Sample::new(name, Kind::Jpeg, bytes));
        for orientation in 2..=8 {
            let name = format!("{name}-turned-{orientation}");
            let bytes = with_orientation(bytes, orientation);
            samples.push(Sample::new(name, Kind::Jpeg, bytes).turned(orientation));
        }
    }
    let named = |name, bytes: &[u8]| Sample::new(name, Kind::Jpeg, bytes);
    let (_, base) = PLAIN[2];
    let drawn = drawn(ImageFormat::Jpeg, 24, 24);
    samples.push(named("drawn", &drawn));
    samples.push(named(
        "old-progressive",
        include_bytes!("../../tests/samples/progressive.jpg"),
    ));
    samples.push(named(
        "old-restarts",
        include_bytes!("../../tests/samples/restarts.jpg"),
    ));
    for orientation in 1..=8 {
        let bytes = after_start(base, &camera(orientation));
        let sample = Sample::new(format!("camera-{orientation}"), Kind::Jpeg, bytes);
        samples.push(sample.turned(orientation));
    }
    // Between the scans of a progressive picture as well.
    let (_, progressive) = PLAIN[7];
    let scan = progressive
        .windows(2)
        .rposition(|pair| pair == [0xFF, 0xDA]);
    let (head, tail) = progressive.split_at(scan.expect("it has scans"));
    let between = [
        head,
        &segment(0xFE, b"NEEDLE-BETWEEN"),
        &segment(0xE1, b"Exif\0\0NEEDLE"),
        tail,
    ];
    samples.push(named("between-scans", &between.concat()));
    samples.push(named(
        "motion-photo",
        &[&after_start(base, &camera(1)), &film()[..]].concat(),
    ));
    samples.push(named("archive", &[base, &archive()].concat()));
    samples.push(named(
        "page",
        &[&after_start(base, &segment(0xFE, PAGE)), PAGE].concat(),
    ));
    samples.push(named(
        "second-picture",
        &[base, &after_start(base, &camera(6))].concat(),
    ));
    samples
}
