//! AVIF pictures, plain and with every item, property and box that tells something.

use super::{PAGE, Sample, archive, exif, film, icc_profile, xmp};
use crate::Kind;

const STILL: &[u8] = include_bytes!("../../tests/samples/still.avif");
const ALPHA: &[u8] = include_bytes!("../../tests/samples/alpha.avif");
const TILE: &[u8] = include_bytes!("../../tests/samples/tile.avif");
const SEQUENCE: &[u8] = include_bytes!("../../tests/samples/sequence.avif");

/// A box with its size.
pub fn iso_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + body.len()).expect("a box is small");
    [&size.to_be_bytes(), &kind, body].concat()
}

fn full_box(kind: [u8; 4], version: u8, body: &[u8]) -> Vec<u8> {
    iso_box(kind, &[&[version, 0, 0, 0], body].concat())
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("small").to_be_bytes()
}

fn long(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("small").to_be_bytes()
}

/// An item on its way into a file.
struct Item {
    kind: [u8; 4],
    /// What follows the kind.
    info: &'static [u8],
    data: Vec<u8>,
    is_in_idat: bool,
    /// Numbers of properties; the highest bit says that it cannot be shown without.
    properties: &'static [u8],
}

/// A picture with transparency, a profile, items for EXIF and XMP, a thumbnail and empty space that
/// is none; turned by a quarter if asked to. What is in `moved` is added to every place in the file
/// that the picture says.
pub fn with_items(is_rotated: bool, moved: usize) -> Vec<u8> {
    let item = |kind, info, data: &[u8], properties| Item {
        kind,
        info,
        data: data.to_vec(),
        is_in_idat: false,
        properties,
    };
    let exif = [&[0; 4][..], &exif(6, true)].concat();
    let colour: &[u8] = if is_rotated {
        &[1, 2, 0x83, 4, 8, 0x8A, 9]
    } else {
        &[1, 2, 0x83, 4, 8, 9]
    };
    let items = [
        item(*b"Exif", b"\0", &exif, &[]),
        item(*b"av01", b"NEEDLE-NAME\0", &ALPHA[0x1CD..0x267], colour),
        item(*b"mime", b"XMP\0application/rdf+xml\0", &xmp(), &[]),
        Item {
            is_in_idat: true,
            ..item(*b"uri ", b"\0urn:NEEDLE\0", b"NEEDLE-URI", &[])
        },
        item(*b"av01", b"\0", &ALPHA[0x1AE..0x1CD], &[1, 5, 0x86, 7]),
        item(*b"av01", b"\0", &ALPHA[0x1CD..0x267], &[1, 2, 0x83]),
        item(*b"jpeg", b"\0", b"NEEDLE-PREVIEW", &[1]),
    ];
    let group = [long(1), long(2), long(2), long(6)].concat();
    let altr = full_box(*b"altr", 0, &group);
    file(&items, &properties(), &references(), &altr, moved)
}

/// Two tiles side by side, with the picture that makes them brighter on screens that can.
fn grid() -> Vec<u8> {
    let tile = |kind, data: &[u8], properties| Item {
        kind,
        info: b"NEEDLE-TILE\0",
        data: data.to_vec(),
        is_in_idat: &kind == b"grid" || &kind == b"tmap",
        properties,
    };
    let data = &TILE[0x113..];
    let items = [
        tile(*b"av01", data, &[2, 3, 0x84]),
        tile(*b"grid", b"\0\0\0\x01\0\x80\0\x40", &[1, 3]),
        tile(*b"av01", data, &[2, 3, 0x84]),
        Item {
            info: b"XMP\0application/rdf+xml\0",
            ..tile(*b"mime", &xmp(), &[])
        },
        tile(*b"tmap", &[0; 8], &[1, 3]),
        tile(*b"av01", data, &[2, 3, 0x84]),
        tile(*b"av01", b"NEEDLE-HIDDEN", &[2, 3, 0x84]),
    ];
    let properties = [
        full_box(*b"ispe", 0, &[long(128), long(64)].concat()),
        full_box(*b"ispe", 0, &[long(64), long(64)].concat()),
        full_box(*b"pixi", 0, &[3, 8, 8, 8]),
        iso_box(*b"av1C", b"\x81\0\x0C\0"),
    ];
    let reference = |kind, ids: [usize; 3]| {
        let [from, first, second] = ids.map(short);
        iso_box(kind, &[from, short(2), first, second].concat())
    };
    let references = [
        reference(*b"dimg", [2, 1, 3]),
        reference(*b"dimg", [5, 2, 6]),
        reference(*b"cdsc", [4, 2, 5]),
    ];
    let group = [long(1), long(3), long(5), long(2), long(7)].concat();
    let altr = full_box(*b"altr", 0, &group);
    file(&items, &properties.concat(), &references.concat(), &altr, 0)
}

/// A file of these items, of which the second is the picture.
fn file(
    items: &[Item],
    properties: &[u8],
    references: &[u8],
    groups: &[u8],
    moved: usize,
) -> Vec<u8> {
    let ftyp = STILL[..0x20].to_vec();
    let free = iso_box(*b"free", b"NEEDLE-FREE");
    let uuid = iso_box(
        *b"uuid",
        b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xACNEEDLE-UUID",
    );
    let mut data = b"NEEDLE-BEFORE".to_vec();
    let mut idat = b"NEEDLE-IDAT".to_vec();
    let mut places = Vec::new();
    for item in items {
        let to = if item.is_in_idat {
            &mut idat
        } else {
            &mut data
        };
        places.push(to.len());
        to.extend_from_slice(&item.data);
    }
    data.extend(b"NEEDLE-AFTER");

    let meta = |data_at: usize| {
        let (mut iloc, mut iinf, mut ipma) = (vec![0x44, 0], Vec::new(), Vec::new());
        iloc.extend(short(items.len()));
        iinf.extend(short(items.len()));
        ipma.extend(long(items.len()));
        for (nth, (item, &place)) in items.iter().zip(&places).enumerate() {
            let id = short(nth + 1);
            iloc.extend(id);
            iloc.extend(short(usize::from(item.is_in_idat)));
            iloc.extend([0, 0, 0, 1]);
            let from = if item.is_in_idat { 0 } else { data_at + moved };
            iloc.extend(long(from + place));
            iloc.extend(long(item.data.len()));
            let info = [&id[..], &[0, 0], &item.kind, item.info].concat();
            iinf.extend(full_box(*b"infe", 2, &info));
            ipma.extend(id);
            ipma.push(u8::try_from(item.properties.len()).expect("few"));
            ipma.extend(item.properties);
        }
        let iprp = [iso_box(*b"ipco", properties), full_box(*b"ipma", 0, &ipma)];
        let children = [
            full_box(
                *b"hdlr",
                0,
                b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0NEEDLE-HANDLER\0",
            ),
            full_box(*b"pitm", 0, &short(2)),
            full_box(*b"iloc", 1, &iloc),
            full_box(*b"iinf", 0, &iinf),
            full_box(*b"iref", 0, references),
            iso_box(*b"iprp", &iprp.concat()),
            iso_box(*b"idat", &idat),
            iso_box(*b"grpl", groups),
            full_box(*b"xml ", 0, b"<NEEDLE/>"),
        ];
        full_box(*b"meta", 0, &children.concat())
    };
    let data_at = ftyp.len() + free.len() + meta(0).len() + uuid.len() + 8;
    [
        ftyp,
        free,
        meta(data_at),
        uuid,
        iso_box(*b"mdat", &data),
        iso_box(*b"skip", b"NEEDLE-SKIP"),
    ]
    .concat()
}

/// What items can have, counted from 1.
fn properties() -> Vec<u8> {
    [
        full_box(*b"ispe", 0, &[long(32), long(20)].concat()),
        full_box(*b"pixi", 0, &[3, 8, 8, 8]),
        iso_box(*b"av1C", b"\x81\0\x0C\0"),
        iso_box(*b"colr", b"nclx\0\x01\0\x0D\0\x06\x80"),
        full_box(*b"pixi", 0, &[1, 8]),
        iso_box(*b"av1C", b"\x81\0\x1C\0"),
        full_box(
            *b"auxC",
            0,
            b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
        ),
        iso_box(*b"colr", &[b"prof", &icc_profile()[..]].concat()),
        full_box(*b"udes", 0, b"en\0NEEDLE-USER-DESCRIPTION\0\0\0"),
        iso_box(*b"irot", b"\x01"),
        full_box(*b"crtt", 0, b"NEEDLE-T"),
    ]
    .concat()
}

/// What belongs to what: the second item is the picture.
fn references() -> Vec<u8> {
    let reference = |kind, from: usize| iso_box(kind, &[short(from), short(1), short(2)].concat());
    [
        reference(*b"cdsc", 1),
        reference(*b"cdsc", 3),
        reference(*b"auxl", 5),
        reference(*b"thmb", 6),
        reference(*b"thmb", 7),
    ]
    .concat()
}

/// The sequence with what phones write into a movie.
fn sequence() -> Vec<u8> {
    let (head, moov, mdat) = (
        &SEQUENCE[..0x117],
        &SEQUENCE[0x117..0x3E1],
        &SEQUENCE[0x3E1..],
    );
    let place = b"\xA9xyz\0\x12\x15\xC7+52.52+013.405/NEEDLE";
    let more = [
        iso_box(*b"udta", &iso_box(*b"\xA9mak", place)),
        full_box(*b"meta", 0, b"NEEDLE-MOVIE-META"),
        iso_box(*b"trak", &sound()),
    ]
    .concat();
    let moov = iso_box(*b"moov", &[&moov[8..], &more].concat());
    let uuid = iso_box(*b"uuid", b"NEEDLE-UUID-16BYNEEDLE");
    // Items and chunks say where the data is: both say the same.
    let from = long(0x3E9);
    let to = long(0x3E9 + more.len() + uuid.len());
    let mut bytes = [head, &moov, &uuid, mdat].concat();
    let mut at = 0;
    while at + 4 <= 0x117 + moov.len() {
        if bytes[at..at + 4] == from {
            bytes[at..at + 4].copy_from_slice(&to);
        }
        at += 1;
    }
    bytes
}

/// A track that is none of pictures.
fn sound() -> Vec<u8> {
    let handler = full_box(
        *b"hdlr",
        0,
        b"\0\0\0\0soun\0\0\0\0\0\0\0\0\0\0\0\0NEEDLE-SOUND\0",
    );
    iso_box(*b"mdia", &handler)
}

pub(super) fn samples() -> Vec<Sample> {
    let named = |name: &str, bytes: &[u8]| Sample::new(name, Kind::Avif, bytes);
    let mut samples = vec![
        named("still", STILL),
        named("alpha", ALPHA),
        named("sequence", SEQUENCE),
        named("items", &with_items(false, 0)),
        named("items-rotated", &with_items(true, 0)),
        named("grid", &grid()),
        named("sequence-everything", &sequence()),
        named(
            "film-inside",
            &[ALPHA, &film(), &iso_box(*b"meta", b"NEEDLE")].concat(),
        ),
    ];
    for (name, behind) in [
        ("film", film()),
        ("archive", iso_box(*b"free", &archive())),
        ("page", iso_box(*b"uuid", PAGE)),
    ] {
        samples.push(named(name, &[STILL, &behind].concat()));
    }
    samples
}
