//! Pictures full of metadata, and what of it must not be left.

mod avif;
mod gif;
mod jpeg;
mod png;
mod webp;

pub use avif::{iso_box, with_items};
pub use jpeg::{segment as jpeg_segment, with_orientation as jpeg_with_orientation};
pub use png::{chunk as png_chunk, with_chunks as png_with_chunks};
pub use webp::{chunk as webp_chunk, extended as webp_extended};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::Kind;

/// A picture as somebody may upload it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What is special about it; good for the name of a file.
    pub name: String,
    /// What its bytes are.
    pub kind: Kind,
    /// The picture with everything that is in it.
    pub bytes: Vec<u8>,
    /// How it has to be turned, as EXIF counts.
    pub orientation: u16,
}

impl Sample {
    fn new(name: impl Into<String>, kind: Kind, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            kind,
            bytes: bytes.into(),
            orientation: 1,
        }
    }

    fn turned(self, orientation: u16) -> Self {
        Self {
            orientation,
            ..self
        }
    }

    /// The usual end of the name of such a file.
    pub fn extension(&self) -> &'static str {
        match self.kind {
            Kind::Jpeg => "jpg",
            Kind::Png => "png",
            Kind::Webp => "webp",
            Kind::Gif => "gif",
            Kind::Avif => "avif",
        }
    }
}

/// What is in none of the pictures, but in what is added to them: texts, the place where they were
/// taken, and the beginnings of what holds such things.
pub const NEEDLES: [&[u8]; 27] = [
    b"NEEDLE",
    // 52 degrees and 31 minutes north, in either byte order.
    b"\x34\0\0\0\x01\0\0\0\x1F\0\0\0\x01\0\0\0",
    b"\0\0\0\x34\0\0\0\x01\0\0\0\x1F\0\0\0\x01",
    b"Exif",
    b"EXIF",
    b"eXIf",
    b"http://ns.adobe.com",
    b"x:xmpmeta",
    b"XMP",
    b"Photoshop",
    b"8BIM",
    b"MPF\0",
    b"JFXX",
    b"ftypmp42",
    b"PK\x03\x04",
    b"<html",
    b"<script",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"tIME",
    b"mime",
    b"thmb",
    b"udta",
    b"uuid",
    b"cdsc",
    // When the sequence was made.
    b"\xE7\x28\xF3\x9A",
];

/// Every sample of every format.
pub fn samples() -> Vec<Sample> {
    [
        jpeg::samples(),
        png::samples(),
        webp::samples(),
        gif::samples(),
        avif::samples(),
    ]
    .concat()
}

/// A picture that looks different whichever way it is turned, as a well-known library writes it.
pub fn drawn(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        Rgb([x * 11 + y * 3, y * 13 + x * y, x * y * 7].map(|c| c.to_le_bytes()[0]))
    });
    encoded(&picture.into(), format)
}

/// A picture as bytes of this format.
pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .expect("memory can be written to");
    bytes.into_inner()
}

/// A TIFF block as cameras write it: who and where, an orientation, and a thumbnail with metadata of
/// its own.
pub fn exif(orientation: u16, is_little: bool) -> Vec<u8> {
    let short = |number: u16| {
        if is_little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        }
    };
    let long = |number: usize| {
        let number = u32::try_from(number).expect("it is small");
        if is_little {
            number.to_le_bytes()
        } else {
            number.to_be_bytes()
        }
    };
    let thumbnail = jpeg::thumbnail();
    let texts: [(u16, &[u8]); 4] = [
        (0x010E, b"NEEDLE-DESCRIPTION\0"),
        (0x010F, b"NEEDLE-MAKE\0"),
        (0x0110, b"NEEDLE-MODEL\0"),
        (0x0132, b"2026:11:24 10:00:00\0"),
    ];
    // The directory, the one of the thumbnail, and the one of the place; then what they point to.
    let (first, second) = (8, 8 + 2 + 6 * 12 + 4);
    let place = second + 2 + 3 * 12 + 4;
    let mut data_at = place + 2 + 4 * 12 + 4;
    let mut data = Vec::new();
    let mut entry = |tag: u16, kind: u16, count: usize, bytes: &[u8]| {
        let mut entry = [short(tag), short(kind)].concat();
        entry.extend(long(count));
        if bytes.len() > 4 {
            entry.extend(long(data_at));
            data.extend_from_slice(bytes);
            data_at += bytes.len();
        } else {
            entry.extend_from_slice(bytes);
            entry.resize(12, 0);
        }
        entry
    };
    let rationals = |numbers: [usize; 3]| numbers.map(|number| [long(number), long(1)].concat());
    let mut entries: Vec<Vec<u8>> = texts
        .iter()
        .map(|(tag, text)| entry(*tag, 2, text.len(), text))
        .collect();
    entries.insert(3, entry(0x0112, 3, 1, &short(orientation)));
    entries.push(entry(0x8825, 4, 1, &long(place)));
    let of_place = [
        entry(1, 2, 2, b"N\0"),
        entry(2, 5, 3, &rationals([52, 31, 12]).concat()),
        entry(3, 2, 2, b"E\0"),
        entry(4, 5, 3, &rationals([13, 24, 18]).concat()),
    ];
    let whole =
        |tag: u16, number: usize| [&short(tag)[..], &short(4), &long(1), &long(number)].concat();
    let of_thumbnail = [
        whole(0x0103, 6),
        whole(0x0201, data_at),
        whole(0x0202, thumbnail.len()),
    ];

    let mut block = if is_little { *b"II" } else { *b"MM" }.to_vec();
    block.extend(short(42));
    block.extend(long(first));
    for (entries, next) in [
        (entries.as_slice(), second),
        (of_thumbnail.as_slice(), 0),
        (of_place.as_slice(), 0),
    ] {
        block.extend(short(u16::try_from(entries.len()).expect("few")));
        block.extend(entries.concat());
        block.extend(long(next));
    }
    block.extend(data);
    block.extend(thumbnail);
    block
}

/// A packet of XMP with a name and a place.
pub fn xmp() -> Vec<u8> {
    br#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="52,31.2N" dc:creator="NEEDLE-XMP"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#.to_vec()
}

/// A film, as telephones append it to a picture.
pub fn film() -> Vec<u8> {
    [
        iso_box(*b"ftyp", b"mp42\0\0\0\0isommp42"),
        iso_box(*b"mdat", b"NEEDLE-FILM"),
    ]
    .concat()
}

/// An archive with nothing in it but a name.
pub fn archive() -> Vec<u8> {
    b"PK\x03\x04\x0A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0A\0\0\0NEEDLE-ZIP".to_vec()
}

/// A page that would run if the bytes were taken for one.
pub const PAGE: &[u8] = b"<html><script>alert('NEEDLE-HTML')</script></html>";

/// The profile of a screen with the colours of Display P3 (ICC.1, version 2).
pub fn icc_profile() -> Vec<u8> {
    fn fixed(number: f64) -> [u8; 4] {
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let number = (number * 65_536.0).round() as i32;
        number.to_be_bytes()
    }
    fn xyz([x, y, z]: [f64; 3]) -> Vec<u8> {
        [&b"XYZ \0\0\0\0"[..], &fixed(x), &fixed(y), &fixed(z)].concat()
    }
    let mut name = b"desc\0\0\0\0\0\0\0\x03P3\0".to_vec();
    name.resize(name.len() + 78, 0);
    let curve = b"curv\0\0\0\0\0\0\0\x01\x02\x33\0\0".to_vec();
    let tags: [(&[u8; 4], Vec<u8>); 9] = [
        (b"desc", name),
        (b"cprt", b"text\0\0\0\0CC0\0".to_vec()),
        (b"wtpt", xyz([0.9642, 1.0, 0.8249])),
        (b"rXYZ", xyz([0.5151, 0.2412, -0.0011])),
        (b"gXYZ", xyz([0.2919, 0.6922, 0.0419])),
        (b"bXYZ", xyz([0.1572, 0.0666, 0.7841])),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve.clone()),
        (b"bTRC", curve),
    ];
    let count = u32::try_from(tags.len()).expect("nine");
    let mut table = count.to_be_bytes().to_vec();
    let mut data = Vec::new();
    for (tag, body) in &tags {
        let at = 128 + 4 + tags.len() * 12 + data.len();
        table.extend_from_slice(*tag);
        table.extend(u32::try_from(at).expect("small").to_be_bytes());
        table.extend(u32::try_from(body.len()).expect("small").to_be_bytes());
        data.extend_from_slice(body);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut profile = vec![0; 128];
    profile[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    profile[12..24].copy_from_slice(b"mntrRGB XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&xyz([0.9642, 1.0, 0.8249])[8..]);
    profile.extend(table);
    profile.extend(data);
    let length = u32::try_from(profile.len()).expect("small");
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}
