//! Pictures: recognising them by their bytes, and naming them.

mod key;
mod upload;
mod variant;

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

pub use key::{ImageKey, InvalidKey, StoredKey, UploadKey, VariantKey};
pub use upload::{GivenImage, InvalidUpload, InvalidUploadField, NewUpload, Upload};
pub use variant::{InvalidVariants, Size, VariantKind, Variants, WIDTHS};

/// The kinds of picture we take: those that browsers show and that carry no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
    /// `image/gif`
    Gif,
    /// `image/avif`
    Avif,
}

impl ImageKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Gif, Self::Avif];

    /// The kind these bytes are of, by their signature; `None` for anything else.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => is_avif(bytes).then_some(Self::Avif),
        }
    }

    /// The media type (IANA).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The kind with this media type, in any case.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let is_it = |kind: &Self| kind.media_type().eq_ignore_ascii_case(media_type);
        Self::ALL.into_iter().find(is_it)
    }

    /// The usual end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }

    /// Whether the file goes on to its own end: a picture cut short on the way is none.
    fn is_whole(self, bytes: &[u8]) -> bool {
        match self {
            Self::Jpeg => jpeg_is_whole(bytes),
            Self::Png => png_is_whole(bytes),
            Self::Webp => webp_is_whole(bytes),
            Self::Gif => gif_is_whole(bytes),
            Self::Avif => boxes_are_whole(bytes),
        }
        .unwrap_or(false)
    }
}

/// The `ftyp` box names AVIF, or an AVIF sequence, as its brand or as one it is compatible with
/// (AV1 Image File Format, section 8).
fn is_avif(bytes: &[u8]) -> bool {
    let Some(([size, kind], _)) = u32_pair(bytes) else {
        return false;
    };
    if kind != u32::from_be_bytes(*b"ftyp") {
        return false;
    }
    let end = (size as usize).min(bytes.len());
    let brands = bytes.get(8..end).unwrap_or_default();
    brands
        .chunks_exact(4)
        .enumerate()
        .any(|(nth, brand)| nth != 1 && (brand == b"avif" || brand == b"avis"))
}

fn u32_pair(bytes: &[u8]) -> Option<([u32; 2], &[u8])> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let first = u32::from_be_bytes(head[..4].try_into().ok()?);
    let second = u32::from_be_bytes(head[4..].try_into().ok()?);
    Some(([first, second], rest))
}

/// Walks the segments to the end-of-image marker (ITU-T T.81, annex B). What follows it is not ours
/// to judge: telephones append films.
fn jpeg_is_whole(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(2..)?;
    let mut scans = 0;
    loop {
        // Between segments stands 0xFF, any number of times, then the marker; inside a scan also
        // data, where 0xFF is followed by 0x00 or a restart marker.
        let at = rest
            .windows(2)
            .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF))?;
        if at > 0 && scans == 0 && rest[..at].iter().any(|&byte| byte != 0xFF) {
            return Some(false);
        }
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        if marker == 0xD9 {
            return Some(scans > 0);
        }
        // The length counts its own two bytes.
        let length = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
        if length < 2 {
            return Some(false);
        }
        rest = rest.get(usize::from(length)..)?;
        scans += u32::from(marker == 0xDA);
    }
}

/// Walks the chunks to `IEND` (PNG, section 5).
fn png_is_whole(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(8..)?;
    let mut data = false;
    loop {
        let ([length, kind], body) = u32_pair(rest)?;
        rest = body.get((length as usize).checked_add(4)?..)?;
        match &kind.to_be_bytes() {
            b"IDAT" => data = true,
            b"IEND" => return Some(data),
            _ => {}
        }
    }
}

/// The RIFF header says how long the file is; in it, walks the chunks to the first with a picture
/// (WebP container, "RIFF file format").
fn webp_is_whole(bytes: &[u8]) -> Option<bool> {
    let length = |at: &[u8]| Some(u32::from_le_bytes(at.get(4..8)?.try_into().ok()?) as usize);
    let end = length(bytes)?.checked_add(8)?;
    let mut rest = bytes.get(..end)?.get(12..)?;
    loop {
        let body = rest.get(8..)?;
        let length = length(rest)?;
        let behind = body.get(length..)?;
        if matches!(&rest[..4], b"VP8 " | b"VP8L" | b"ANMF") {
            return Some(length > 0);
        }
        // Chunks begin at even places.
        rest = behind.get(length % 2..)?;
    }
}

/// Walks the blocks to the trailer (`GIF89a`, section 27).
fn gif_is_whole(bytes: &[u8]) -> Option<bool> {
    let colour_table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 0x07) + 1),
    };
    let mut rest = bytes.get(13 + colour_table(*bytes.get(10)?)..)?;
    let mut pictures = 0;
    loop {
        let (&introducer, block) = rest.split_first()?;
        let mut data = match introducer {
            0x21 => block.get(1..)?,
            0x2C => {
                pictures += 1;
                block.get(9 + colour_table(*block.get(8)?) + 1..)?
            }
            0x3B => return Some(pictures > 0),
            _ => return Some(false),
        };
        loop {
            let (&length, after) = data.split_first()?;
            data = after.get(usize::from(length)..)?;
            if length == 0 {
                break;
            }
        }
        rest = data;
    }
}

/// Walks the boxes to the end of the file (ISO/IEC 14496-12, section 4.2).
fn boxes_are_whole(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes;
    let (mut meta, mut data) = (false, false);
    while !rest.is_empty() {
        let ([size, kind], body) = u32_pair(rest)?;
        let size = match size {
            0 => rest.len(), // to the end of the file
            1 => usize::try_from(u64::from_be_bytes(body.get(..8)?.try_into().ok()?)).ok()?,
            size => size as usize,
        };
        if size < 8 {
            return Some(false);
        }
        match &kind.to_be_bytes() {
            b"meta" | b"moov" => meta = true,
            b"mdat" => data = true,
            _ => {}
        }
        rest = rest.get(size..)?;
    }
    Some(meta && data)
}

/// A picture, recognised by its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    kind: ImageKind,
    bytes: Bytes,
}

/// Why bytes are no picture we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidImage {
    /// Not a whole picture of one of the kinds in [`ImageKind`].
    #[error("not a whole JPEG, PNG, WebP, GIF or AVIF picture")]
    Unrecognised,
    /// A picture, but not of the kind that it was said to be.
    #[error("the picture is {}, and was said to be something else", kind.media_type())]
    OtherKind {
        /// What it is.
        kind: ImageKind,
    },
    /// More bytes than we take.
    #[error("the picture is larger than {max_bytes} bytes")]
    TooLarge {
        /// How many we take.
        max_bytes: usize,
    },
}

impl Image {
    /// The only way in: at most `max_bytes` (the setting `MAX_IMAGE_BYTES`), and a picture from its
    /// first byte to its last.
    pub fn parse(bytes: Bytes, max_bytes: usize) -> Result<Self, InvalidImage> {
        if bytes.len() > max_bytes {
            return Err(InvalidImage::TooLarge { max_bytes });
        }
        ImageKind::sniff(&bytes)
            .filter(|kind| kind.is_whole(&bytes))
            .map(|kind| Self { kind, bytes })
            .ok_or(InvalidImage::Unrecognised)
    }

    /// What the bytes are.
    pub fn kind(&self) -> ImageKind {
        self.kind
    }

    /// The picture itself; cheap to clone.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, RgbImage};
    use proptest::prelude::*;

    use super::*;

    fn sniffed(bytes: &[u8]) -> Result<ImageKind, InvalidImage> {
        Image::parse(Bytes::copy_from_slice(bytes), bytes.len()).map(|image| image.kind())
    }

    fn is_refused(bytes: &[u8]) -> bool {
        sniffed(bytes) == Err(InvalidImage::Unrecognised)
    }

    /// A picture as a well-known library writes it.
    fn drawn(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(24, 24, |x, y| {
            image::Rgb([x * 11 + y * 3, y * 13 + x * y, x * y * 7].map(|c| c.to_le_bytes()[0]))
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(picture)
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    fn iso_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes(), &kind, body].concat()
    }

    fn iso_file(brand: [u8; 4], compatible: &[u8]) -> Vec<u8> {
        [
            iso_box(*b"ftyp", &[&brand, &[0; 4], compatible].concat()),
            iso_box(*b"meta", &[7; 24]),
            iso_box(*b"mdat", &[0xFF; 40]),
        ]
        .concat()
    }

    fn jpeg_segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(2 + body.len()).unwrap();
        [&[0xFF, marker], length.to_be_bytes().as_slice(), body].concat()
    }

    /// Puts bytes between the picture's start and the rest of it.
    fn after_start(jpeg: &[u8], inserted: &[u8]) -> Vec<u8> {
        [&jpeg[..2], inserted, &jpeg[2..]].concat()
    }

    // What the library does not write, as Pillow 13 does: 24 by 24 pixels.
    const PROGRESSIVE_JPEG: &[u8] = include_bytes!("../tests/pictures/progressive.jpg");
    const JPEG_WITH_RESTARTS: &[u8] = include_bytes!("../tests/pictures/restarts.jpg");
    const LOSSY_WEBP: &[u8] = include_bytes!("../tests/pictures/lossy.webp");
    const ANIMATED_WEBP: &[u8] = include_bytes!("../tests/pictures/animated.webp");
    const ANIMATED_GIF: &[u8] = include_bytes!("../tests/pictures/animated.gif");
    const AVIF: &[u8] = include_bytes!("../tests/pictures/still.avif");
    const AVIF_SEQUENCE: &[u8] = include_bytes!("../tests/pictures/sequence.avif");

    fn pictures() -> Vec<(&'static str, ImageKind, Vec<u8>)> {
        let jpeg = drawn(ImageFormat::Jpeg);
        let exif = [b"Exif\0\0".as_slice(), &jpeg].concat();
        let with_thumbnail = after_start(&jpeg, &jpeg_segment(0xE1, &exif));
        vec![
            ("JPEG", ImageKind::Jpeg, jpeg),
            ("JPEG with thumbnail", ImageKind::Jpeg, with_thumbnail),
            ("progressive JPEG", ImageKind::Jpeg, PROGRESSIVE_JPEG.into()),
            ("JPEG, restarts", ImageKind::Jpeg, JPEG_WITH_RESTARTS.into()),
            ("PNG", ImageKind::Png, drawn(ImageFormat::Png)),
            ("lossless WebP", ImageKind::Webp, drawn(ImageFormat::WebP)),
            ("lossy WebP", ImageKind::Webp, LOSSY_WEBP.into()),
            ("GIF", ImageKind::Gif, drawn(ImageFormat::Gif)),
            ("animated GIF", ImageKind::Gif, ANIMATED_GIF.into()),
            ("AVIF", ImageKind::Avif, AVIF.into()),
            ("AVIF by hand", ImageKind::Avif, iso_file(*b"avif", b"mif1")),
            (
                "AVIF, other brand",
                ImageKind::Avif,
                iso_file(*b"mif1", b"miafavif"),
            ),
            ("animated WebP", ImageKind::Webp, ANIMATED_WEBP.into()),
            ("AVIF sequence", ImageKind::Avif, AVIF_SEQUENCE.into()),
        ]
    }

    #[test]
    fn every_kind_is_recognised_by_its_bytes() {
        for (name, kind, bytes) in pictures() {
            assert_eq!(sniffed(&bytes), Ok(kind), "{name}");
        }
    }

    #[test]
    fn a_picture_cut_short_anywhere_is_refused() {
        for (name, _, bytes) in pictures() {
            for length in 0..bytes.len() {
                assert!(is_refused(&bytes[..length]), "{name} of {length} bytes");
            }
        }
    }

    #[test]
    fn the_samples_are_what_their_names_say() {
        let count = |bytes: &[u8], pair: [u8; 2]| bytes.windows(2).filter(|at| *at == pair).count();
        assert!(count(PROGRESSIVE_JPEG, [0xFF, 0xC2]) == 1);
        assert!(count(PROGRESSIVE_JPEG, [0xFF, 0xDA]) > 1);
        assert!(count(JPEG_WITH_RESTARTS, [0xFF, 0xD0]) > 0);
        let (_, _, thumbnail) = &pictures()[1];
        assert_eq!(count(thumbnail, [0xFF, 0xD9]), 2);
    }

    #[test]
    fn a_film_behind_a_jpeg_is_no_concern_of_ours() {
        let film = iso_file(*b"mp42", b"isom");
        let bytes = [drawn(ImageFormat::Jpeg), film].concat();
        assert_eq!(sniffed(&bytes), Ok(ImageKind::Jpeg));
    }

    #[test]
    fn fill_bytes_may_stand_before_a_jpeg_marker() {
        let jpeg = drawn(ImageFormat::Jpeg);
        assert_eq!(
            sniffed(&after_start(&jpeg, &[0xFF; 9])),
            Ok(ImageKind::Jpeg)
        );
        let behind_the_scan = [&jpeg[..jpeg.len() - 2], &[0xFF; 9], &[0xD9]].concat();
        assert_eq!(sniffed(&behind_the_scan), Ok(ImageKind::Jpeg));
    }

    #[test]
    fn a_jpeg_of_something_else_is_refused() {
        let jpeg = drawn(ImageFormat::Jpeg);
        for inserted in [
            b"<script>".as_slice(),
            &[0xFF, 0xE0, 0x00, 0x00],
            &[0xFF, 0xE0, 0x00, 0x01],
            &[0xFF, 0xD9],
            &[0xFF, 0xD0],
        ] {
            assert!(is_refused(&after_start(&jpeg, inserted)), "{inserted:?}");
        }
        assert!(is_refused(&[0xFF, 0xD8, 0xFF, 0xD9]));
    }

    #[test]
    fn a_picture_without_data_is_refused() {
        let png = drawn(ImageFormat::Png);
        let (head, tail) = (&png[..33], &png[png.len() - 12..]);
        assert!(is_refused(&[head, tail].concat()));

        assert!(is_refused(b"GIF89a\x01\0\x01\0\0\0\0;"));
        assert!(is_refused(b"GIF89a\x01\0\x01\0\0\0\0<html>;"));

        assert!(is_refused(b"RIFF\x0d\0\0\0WEBPVP8 \x05\0\0\0\0"));
        assert!(is_refused(b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0"));
        assert!(is_refused(b"RIFF\x0c\0\0\0WEBPEXIF\0\0\0\0"));

        let ftyp = iso_box(*b"ftyp", b"avif\0\0\0\0");
        let (meta, mdat) = (iso_box(*b"meta", &[]), iso_box(*b"mdat", &[]));
        assert!(is_refused(&[ftyp.as_slice(), &meta].concat()));
        assert!(is_refused(&[ftyp.as_slice(), &mdat].concat()));
        assert!(sniffed(&[ftyp, meta, mdat].concat()).is_ok());
    }

    #[test]
    fn a_box_may_be_large_or_reach_to_the_end() {
        let ftyp = iso_box(*b"ftyp", b"avif\0\0\0\0");
        let meta = iso_box(*b"meta", &[]);
        let large =
            |size: u64| [b"\0\0\0\x01mdat", size.to_be_bytes().as_slice(), &[9; 4]].concat();
        for (mdat, is_whole) in [
            (large(20), true),
            (large(21), false),
            (large(u64::MAX), false),
            (large(15), false),
            (large(0), false),
            (b"\0\0\0\0mdat\x01\x02".to_vec(), true),
            (b"\0\0\0\x07mdat".to_vec(), false),
        ] {
            let bytes = [ftyp.as_slice(), &meta, &mdat].concat();
            assert_eq!(sniffed(&bytes).is_ok(), is_whole, "{mdat:?}");
        }
    }

    #[test]
    fn what_is_no_picture_we_take_is_refused() {
        for bytes in [
            b"".as_slice(),
            b"undefined",
            b"just text",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>steal()</script></svg>",
            b"<?xml version=\"1.0\"?><svg/>",
            b"<!DOCTYPE html><html></html>",
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
            &iso_file(*b"heic", b"mif1heic"),
            &iso_file(*b"mp42", b"isomavc1"),
            // The second word is a version, no brand.
            &[
                iso_box(*b"ftyp", b"heicavif"),
                iso_box(*b"meta", &[]),
                iso_box(*b"mdat", &[]),
            ]
            .concat(),
        ] {
            assert!(is_refused(bytes), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_picture_may_have_as_many_bytes_as_the_setting_says() {
        let bytes = Bytes::from(drawn(ImageFormat::Png));
        let size = bytes.len();
        assert_eq!(Image::parse(bytes.clone(), size).unwrap().bytes(), &bytes);
        assert_eq!(
            Image::parse(bytes, size - 1),
            Err(InvalidImage::TooLarge {
                max_bytes: size - 1
            })
        );
        let text = Bytes::from_static(b"too long, whatever it is");
        assert_eq!(
            Image::parse(text, 23),
            Err(InvalidImage::TooLarge { max_bytes: 23 })
        );
    }

    #[test]
    fn debug_shows_no_bytes() {
        let image = Image::parse(Bytes::from(iso_file(*b"avif", b"")), 1_000).unwrap();
        assert_eq!(format!("{image:?}"), "Image(Avif, 96 bytes)");
    }

    #[test]
    fn kinds_are_named_apart() {
        for kind in ImageKind::ALL {
            assert!(kind.media_type().starts_with("image/"));
            let namesakes = ImageKind::ALL.iter().filter(|other| {
                other.media_type() == kind.media_type() || other.extension() == kind.extension()
            });
            assert_eq!(namesakes.count(), 1);
        }
    }

    /// Megabytes that keep a walker at work to the end: one that looked at all of them for each
    /// would take an hour.
    #[test]
    fn hostile_bytes_are_walked_once() {
        const SIZE: usize = 2_000_000;
        let repeated = |head: &[u8], unit: &[u8]| {
            let mut bytes = head.to_vec();
            bytes.extend(unit.iter().cycle().take(SIZE - head.len()));
            bytes
        };
        let scan = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2];
        for bytes in [
            repeated(&[0xFF, 0xD8], &[0xFF]),
            repeated(&scan, &[0xFF]),
            repeated(&scan, &[0x00]),
            repeated(&scan, &[0xFF, 0x00]),
            repeated(&scan, &[0xFF, 0xDA, 0, 2]),
            repeated(&[0xFF, 0xD8], &[0xFF, 0xE0, 0, 2]),
            repeated(b"\x89PNG\r\n\x1A\n", &[0]),
            repeated(b"RIFF\x78\x84\x1E\0WEBP", b"EXIF\0\0\0\0"),
            repeated(b"GIF89a\x01\0\x01\0\0\0\0", &[0x21, 0xFE, 0]),
            repeated(b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\0\0\0\0\0\x02", &[1]),
            repeated(&iso_file(*b"avif", b""), b"\0\0\0\x08free"),
            repeated(b"\x7F\xFF\xFF\xFFftypmif1", b"mif1"),
        ] {
            let head = bytes[..24].escape_ascii().to_string();
            let is_whole = bytes[..4] == *b"\0\0\0\x10";
            assert_eq!(Image::parse(bytes.into(), SIZE).is_ok(), is_whole, "{head}");
        }
    }

    fn signature() -> impl Strategy<Value = Vec<u8>> {
        prop::sample::select(vec![
            b"".to_vec(),
            vec![0xFF, 0xD8, 0xFF],
            vec![0xFF, 0xD8, 0xFF, 0xDA, 0, 2],
            b"\x89PNG\r\n\x1A\n".to_vec(),
            b"RIFF\x40\0\0\0WEBPVP8X".to_vec(),
            b"RIFF\xFF\xFF\xFF\xFFWEBP".to_vec(),
            b"GIF87a".to_vec(),
            b"GIF89a\x01\0\x01\0\xF7\0\0".to_vec(),
            b"\0\0\0\x10ftypavif".to_vec(),
            b"\0\0\0\x10ftypavif\0\0\0\0\0\0\0\x01mdat".to_vec(),
            b"\0\0\0\x01ftypavif".to_vec(),
        ])
    }

    proptest! {
        #[test]
        fn no_bytes_make_parsing_panic(head in signature(), tail: Vec<u8>) {
            let _ = sniffed(&[head, tail].concat());
        }

        #[test]
        fn no_damage_makes_parsing_panic(nth in 0..14_usize, at: prop::sample::Index, byte: u8) {
            let (_, _, mut bytes) = pictures().swap_remove(nth);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = sniffed(&bytes);
        }

        #[test]
        fn what_is_too_large_is_refused_by_its_size(nth in 0..14_usize, less in 0..40_usize) {
            let (_, _, bytes) = pictures().swap_remove(nth);
            let max_bytes = bytes.len() + 20 - less;
            let expected = less <= 20;
            prop_assert_eq!(Image::parse(bytes.into(), max_bytes).is_ok(), expected);
        }
    }
}
