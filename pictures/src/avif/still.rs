//! Where the picture of a file is, and how it is to be shown; for those who decode it.

use std::ops::Range;

use super::items::{self, Locations, Properties};
use super::{Boxes, Part};
use crate::cursor::Cursor;
use crate::{Invalid, check_size, icc};

const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
];

/// A picture that is one AV1 frame, with another for its opacity if it is transparent.
#[derive(Debug, Clone)]
pub struct Still<'a> {
    /// What is shown.
    pub colour: Frame<'a>,
    /// How opaque it is, as brightness.
    pub alpha: Option<Frame<'a>>,
}

/// An AV1 frame, and what the file says of it.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// Its parts, one behind the other.
    pub data: Vec<&'a [u8]>,
    /// How wide it is stored; a picture may have this size.
    pub width: u32,
    /// How high it is stored.
    pub height: u32,
    /// When it is not said, the frame says it.
    pub colours: Option<Colours>,
    /// The colour profile.
    pub profile: Option<&'a [u8]>,
    /// By how many quarters it is turned to the left.
    pub quarters: u8,
    /// What is exchanged when it is turned.
    pub mirrored: Option<Mirror>,
}

/// What colours mean, by the numbers of ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// How bright a value is.
    pub transfer: u16,
    /// How brightness and colours are made of red, green and blue.
    pub matrix: u16,
    /// Whether all values are used.
    pub is_full: bool,
}

/// How a picture is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirror {
    /// What is at the top is shown at the bottom.
    Vertically,
    /// What is to the left is shown to the right.
    Horizontally,
}

/// The picture of a file. What is put together from several frames, cut to a part, or multiplied with
/// its opacity is none.
pub fn read(file: &[u8]) -> Result<Still<'_>, Invalid> {
    let mut top = Boxes::top(file);
    let meta = loop {
        match top.next()? {
            Some(part) if &part.kind == b"meta" => break part,
            Some(_) => {}
            None => return Err(Invalid::NotAPicture),
        }
    };
    let parts = items::children(file, meta)?;
    let find = |kind: &[u8; 4]| parts.iter().find(|part| part.kind == *kind).copied();
    let required = |kind| find(kind).ok_or(Invalid::NotAPicture);
    let primary = items::primary(required(b"pitm")?.content(file))?;
    let references = match find(b"iref") {
        Some(part) => items::read_references(file, part)?,
        None => Vec::new(),
    };
    let infos = items::infos(file, required(b"iinf")?)?;
    let locations = items::locations(required(b"iloc")?.content(file))?;
    let properties = Properties::read(file, required(b"iprp")?)?;
    let idat = find(b"idat");
    let frame = |id| {
        if infos.get(&id).is_none_or(|(kind, _)| kind != b"av01") {
            return Err(Invalid::NotAPicture);
        }
        let mut frame = Frame::of(file, &properties, id)?;
        frame.data = data(file, &locations, idat, id)?;
        Ok(frame)
    };
    let is_alpha = |id| {
        properties.all_of(id).any(|(_, part)| {
            let kind = part.content(file).get(4..);
            &part.kind == b"auxC" && kind.is_some_and(|kind| ALPHA.contains(&kind))
        })
    };
    let mut alpha = None;
    for reference in &references {
        match &reference.kind {
            b"prem" if reference.from == primary => return Err(Invalid::NotAPicture),
            b"auxl" if reference.to.contains(&primary) && is_alpha(reference.from) => {
                alpha = alpha.or(Some(reference.from));
            }
            _ => {}
        }
    }
    Ok(Still {
        colour: frame(primary)?,
        alpha: alpha.map(frame).transpose()?,
    })
}

/// The parts of an item, which must not be more than the file.
fn data<'a>(
    file: &'a [u8],
    locations: &Locations<'_>,
    idat: Option<Part>,
    id: u32,
) -> Result<Vec<&'a [u8]>, Invalid> {
    let location = locations.by_item.get(&id).ok_or(Invalid::NotAPicture)?;
    let whole = match location.method {
        0 => Some(file),
        1 => idat.map(|part| part.content(file)),
        _ => None,
    };
    let whole = whole.ok_or(Invalid::NotAPicture)?;
    let mut left = file.len();
    let mut data = Vec::new();
    for (start, length) in items::extents(location, locations.sizes)? {
        let part = range(start, length).and_then(|range| whole.get(range));
        let part = part.ok_or(Invalid::NotAPicture)?;
        left = left.checked_sub(part.len()).ok_or(Invalid::NotAPicture)?;
        data.push(part);
    }
    Ok(data)
}

fn range(start: u64, length: u64) -> Option<Range<usize>> {
    let start = usize::try_from(start).ok()?;
    Some(start..start.checked_add(usize::try_from(length).ok()?)?)
}

impl<'a> Frame<'a> {
    /// What properties say (23008-12, 6.5); its data is not looked for.
    fn of(file: &'a [u8], properties: &Properties, id: u32) -> Result<Self, Invalid> {
        let mut frame = Self {
            data: Vec::new(),
            width: 0,
            height: 0,
            colours: None,
            profile: None,
            quarters: 0,
            mirrored: None,
        };
        for (is_essential, part) in properties.all_of(id) {
            let mut rest = Cursor::new(part.content(file));
            match &part.kind {
                b"ispe" => {
                    rest.take(4)?;
                    (frame.width, frame.height) = (rest.u32_be()?, rest.u32_be()?);
                }
                b"colr" => match &rest.array()? {
                    b"nclx" => {
                        rest.take(2)?;
                        frame.colours = Some(Colours {
                            transfer: rest.u16_be()?,
                            matrix: rest.u16_be()?,
                            is_full: rest.u8()? & 0x80 != 0,
                        });
                    }
                    b"prof" | b"rICC" => frame.profile = icc::profile(rest.rest()),
                    _ => {}
                },
                b"irot" => frame.quarters = rest.u8()? & 3,
                b"imir" => {
                    frame.mirrored = Some(if rest.u8()? & 1 == 0 {
                        Mirror::Vertically
                    } else {
                        Mirror::Horizontally
                    });
                }
                b"av1C" | b"auxC" | b"pixi" | b"pasp" | b"clli" | b"mdcv" | b"a1lx" => {}
                kind if is_essential || kind == b"clap" => return Err(Invalid::NotAPicture),
                _ => {}
            }
        }
        check_size(frame.width, frame.height)?;
        Ok(frame)
    }
}
