//! JPEG (ITU-T T.81, JFIF): segments are kept or dropped, scans are copied or turned without decoding to pixels.

//!
//! What decoding to pixels needs as well is public, for the crate `variants`.

mod decode;
mod encode;
mod huffman;
mod parse;
mod regrid;
mod scan;
mod turn;

pub use decode::{Block, Plane, Planes, planes};
pub use huffman::{BitWriter, Codes, Encoder};
pub use parse::{Component, Frame};
pub use scan::OnlyScan;

use parse::{ScanHeader, Segment, Segments, huffman_tables, quantisation_tables};

use crate::cursor::Cursor;
use crate::orientation::Orientation;
use crate::{Invalid, Picture, exif, icc};

/// Start of image.
pub const SOI: u8 = 0xD8;
/// End of image.
pub const EOI: u8 = 0xD9;
/// Start of scan.
pub const SOS: u8 = 0xDA;
/// Quantisation tables.
pub const DQT: u8 = 0xDB;
/// Huffman tables.
pub const DHT: u8 = 0xC4;
const DRI: u8 = 0xDD;
/// What JFIF says.
pub const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
/// A part of a colour profile.
pub const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

/// A baseline frame.
pub const SOF0: u8 = 0xC0;
const SOF1: u8 = 0xC1;
/// A progressive frame.
pub const SOF2: u8 = 0xC2;

const ICC: &[u8] = b"ICC_PROFILE\0";
/// What an APP2 segment holds beside its length, the name and two numbers.
const MAX_ICC_CHUNK: usize = 0xFFFF - 2 - ICC.len() - 2;

/// Where each coefficient of the zigzag order stands in a block (T.81, figure A.6).
pub const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

pub(crate) fn clean(bytes: &[u8]) -> Result<Picture, Invalid> {
    let survey = survey(bytes)?;
    if survey.orientation == Orientation::AsStored {
        return Ok(Picture {
            bytes: copy(bytes, &survey)?,
            width: u32::from(survey.frame.width),
            height: u32::from(survey.frame.height),
        });
    }
    let planes = decode::planes(bytes, &survey.frame)?;
    let (planes, turn) = turn::plan(planes, survey.orientation)?;
    let mut out = vec![0xFF, SOI];
    if let Some(density) = survey.density {
        density.turned(survey.orientation).write(&mut out);
    }
    write_icc(&mut out, survey.icc.as_deref());
    if let Some(transform) = survey.adobe_transform {
        write_adobe(&mut out, transform);
    }
    encode::write(&mut out, &planes, &turn)?;
    Ok(Picture {
        bytes: out,
        width: turn.width.into(),
        height: turn.height.into(),
    })
}

/// The shape of pixels, which JFIF says.
#[derive(Clone, Copy)]
struct Density {
    unit: u8,
    x: u16,
    y: u16,
}

impl Density {
    fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Cursor::new(body.strip_prefix(b"JFIF\0")?);
        let [_, _, unit] = rest.array().ok()?;
        let (x, y) = (rest.u16_be().ok()?, rest.u16_be().ok()?);
        rest.take(2).ok()?;
        Some(if unit > 2 || x == 0 || y == 0 {
            Self {
                unit: 0,
                x: 1,
                y: 1,
            }
        } else {
            Self { unit, x, y }
        })
    }

    fn turned(self, orientation: Orientation) -> Self {
        let (x, y) = orientation.turned(self.x, self.y);
        Self { x, y, ..self }
    }

    /// As JFIF 1.01 with a thumbnail of no pixels.
    fn write(self, out: &mut Vec<u8>) {
        let ([x0, x1], [y0, y1]) = (self.x.to_be_bytes(), self.y.to_be_bytes());
        out.extend([0xFF, APP0, 0, 16]);
        out.extend(b"JFIF\0\x01\x01");
        out.extend([self.unit, x0, x1, y0, y1, 0, 0]);
    }
}

/// What has to be known before a byte is written, or decoded.
pub struct Survey {
    /// Its size and components.
    pub frame: Frame,
    orientation: Orientation,
    density: Option<Density>,
    /// The colour profile, when it is whole.
    pub icc: Option<Vec<u8>>,
    /// How colours are stored, as the segment of Adobe says (Adobe Technical Note 5116).
    pub adobe_transform: Option<u8>,
    /// Whether all components come in one sequential scan, as [`OnlyScan`] reads it.
    pub is_one_scan: bool,
}

/// Reads all segments without decoding what is in scans.
pub fn survey(bytes: &[u8]) -> Result<Survey, Invalid> {
    let mut segments = Segments::of(bytes)?;
    let mut frame: Option<Frame> = None;
    let mut orientation = None;
    let (mut density, mut adobe_transform) = (None, None);
    let mut icc_chunks = Vec::new();
    let (mut scans, mut has_all) = (0_u32, false);
    while let Some(segment) = segments.next()? {
        let body = segment.body;
        match segment.marker {
            SOF0..=SOF2 => {
                if frame.is_some() {
                    return Err(Invalid::NotAPicture);
                }
                frame = Some(Frame::parse(segment.marker, body)?);
            }
            SOS => {
                let frame = frame.as_ref().ok_or(Invalid::NotAPicture)?;
                let header = ScanHeader::parse(body, frame)?;
                has_all = header.components.len() == frame.components.len();
                scans = scans.saturating_add(1);
            }
            DQT => quantisation_tables(body, |_, _| ())?,
            DHT => huffman_tables(body, |_, _| Ok(()))?,
            DRI if body.len() != 2 => return Err(Invalid::NotAPicture),
            // Lossless, hierarchical and arithmetic coding, which browsers do not show.
            0xC3 | 0xC5..=0xCF | 0xDE | 0xDF => return Err(Invalid::NotAPicture),
            APP0 if density.is_none() => density = Density::parse(body),
            APP1 if orientation.is_none() && body.starts_with(b"Exif\0\0") => {
                orientation = Some(exif::orientation(body));
            }
            APP2 => {
                if let Some([number, count, data @ ..]) = body.strip_prefix(ICC) {
                    icc_chunks.push((*number, *count, data));
                }
            }
            APP14 if adobe_transform.is_none() => adobe_transform = parse_adobe(body),
            _ => {}
        }
    }
    let frame = frame.filter(|_| scans > 0).ok_or(Invalid::NotAPicture)?;
    Ok(Survey {
        is_one_scan: scans == 1 && has_all && !frame.is_progressive,
        frame,
        orientation: orientation.unwrap_or_default(),
        density,
        icc: join_icc(icc_chunks),
        adobe_transform,
    })
}

/// What the segment of Adobe says of colours.
fn parse_adobe(body: &[u8]) -> Option<u8> {
    body.strip_prefix(b"Adobe")?.get(6).copied()
}

fn write_adobe(out: &mut Vec<u8>, transform: u8) {
    out.extend([0xFF, APP14, 0, 14]);
    out.extend(b"Adobe\0\x64\0\0\0\0");
    out.push(transform);
}

/// The profile, when every one of its chunks is there once (ICC.1, B.4).
fn join_icc(mut chunks: Vec<(u8, u8, &[u8])>) -> Option<Vec<u8>> {
    chunks.sort_by_key(|&(number, ..)| number);
    let is_complete = (1_usize..).zip(&chunks).all(|(nth, &(number, count, _))| {
        usize::from(number) == nth && usize::from(count) == chunks.len()
    });
    if !is_complete {
        return None;
    }
    let mut joined = Vec::new();
    for (.., data) in chunks {
        if joined.len() > icc::MAX_BYTES {
            return None;
        }
        joined.extend_from_slice(data);
    }
    let length = icc::profile(&joined)?.len();
    joined.truncate(length);
    Some(joined)
}

/// Writes a colour profile of up to 255 segments, or none.
pub fn write_icc(out: &mut Vec<u8>, profile: Option<&[u8]>) {
    let chunks = profile.unwrap_or_default().chunks(MAX_ICC_CHUNK);
    let count = u8::try_from(chunks.len()).unwrap_or_default();
    for (number, data) in (1..=count).zip(chunks) {
        write_segment(out, APP2, &[ICC, &[number, count], data]);
    }
}

/// Writes a segment whose parts are together shorter than 65,534 bytes.
pub fn write_segment(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
    out.extend([0xFF, marker]);
    out.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The picture as it is stored, without the segments that are not needed.
fn copy(bytes: &[u8], survey: &Survey) -> Result<Vec<u8>, Invalid> {
    let mut out = Vec::with_capacity(bytes.len());
    out.extend([0xFF, SOI]);
    let mut density = survey.density;
    let mut icc = survey.icc.as_deref();
    let mut adobe_transform = survey.adobe_transform;
    let mut segments = Segments::of(bytes)?;
    while let Some(Segment { marker, body, data }) = segments.next()? {
        match marker {
            SOF0..=SOF2 | DQT | DHT | DRI | SOS => {
                write_segment(&mut out, marker, &[body]);
                out.extend_from_slice(data);
            }
            APP0 => {
                if let Some(density) = density.take_if(|_| Density::parse(body).is_some()) {
                    density.write(&mut out);
                }
            }
            APP2 if body.starts_with(ICC) => write_icc(&mut out, icc.take()),
            APP14 => {
                let found = adobe_transform.take_if(|_| parse_adobe(body).is_some());
                if let Some(transform) = found {
                    write_adobe(&mut out, transform);
                }
            }
            _ => {}
        }
    }
    out.extend([0xFF, EOI]);
    Ok(out)
}
