//! JPEG (ITU-T T.81, JFIF): segments are kept or dropped, scans are copied or turned without decoding to pixels.

mod decode;
mod encode;
mod huffman;
mod regrid;
mod turn;

use crate::cursor::Cursor;
use crate::orientation::Orientation;
use crate::{Invalid, Picture, check_size, exif, icc};

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DHT: u8 = 0xC4;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;

/// Baseline, extended sequential and progressive frames, all with Huffman coding.
const SOF0: u8 = 0xC0;
const SOF1: u8 = 0xC1;
const SOF2: u8 = 0xC2;

const ICC: &[u8] = b"ICC_PROFILE\0";
/// What an APP2 segment holds beside its length, the name and two numbers.
const MAX_ICC_CHUNK: usize = 0xFFFF - 2 - ICC.len() - 2;

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

/// A marker with what belongs to it; `data` is the entropy-coded data behind a scan header.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
    data: &'a [u8],
}

/// The segments from the start of the image to its end (T.81, B.1).
struct Segments<'a> {
    rest: Cursor<'a>,
}

impl<'a> Segments<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(bytes);
        rest.take(2)?;
        Ok(Self { rest })
    }

    /// `None` behind the end-of-image marker. What follows that is not looked at: telephones append
    /// films.
    fn next(&mut self) -> Result<Option<Segment<'a>>, Invalid> {
        if self.rest.u8()? != 0xFF {
            return Err(Invalid::NotAPicture);
        }
        // Any number of 0xFF may stand before a marker (B.1.1.2).
        let marker = loop {
            match self.rest.u8()? {
                0xFF => {}
                marker => break marker,
            }
        };
        match marker {
            EOI => return Ok(None),
            // Markers without a segment, which have no place here.
            0x00 | 0x01 | 0xD0..=SOI => return Err(Invalid::NotAPicture),
            _ => {}
        }
        let length = usize::from(self.rest.u16_be()?);
        let body = self
            .rest
            .take(length.checked_sub(2).ok_or(Invalid::NotAPicture)?)?;
        let data = if marker == SOS {
            self.entropy_coded()?
        } else {
            &[]
        };
        Ok(Some(Segment { marker, body, data }))
    }

    /// Goes on to the next marker: a 0xFF that is followed neither by the 0x00 that says it is data,
    /// nor by a restart marker (B.1.1.5).
    fn entropy_coded(&mut self) -> Result<&'a [u8], Invalid> {
        let bytes = self.rest.rest();
        let mut at = 0;
        let end = loop {
            let behind = bytes.get(at..).unwrap_or_default();
            at += behind
                .iter()
                .position(|&byte| byte == 0xFF)
                .ok_or(Invalid::NotAPicture)?;
            match bytes.get(at + 1).ok_or(Invalid::NotAPicture)? {
                0x00 | 0xD0..=0xD7 => at += 2,
                0xFF => at += 1,
                _ => break at,
            }
        };
        let data = self.rest.take(end)?;
        let fill = data.iter().rev().take_while(|&&byte| byte == 0xFF).count();
        Ok(data.get(..end - fill).unwrap_or_default())
    }
}

/// A part of the picture with its own resolution: brightness, or one of the colours.
#[derive(Clone, Copy)]
struct Component {
    id: u8,
    horizontal: u8,
    vertical: u8,
    quantisation: u8,
}

/// The frame header (T.81, B.2.2).
struct Frame {
    is_progressive: bool,
    width: u16,
    height: u16,
    components: Vec<Component>,
}

impl Frame {
    fn parse(marker: u8, body: &[u8]) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(body);
        let precision = rest.u8()?;
        let height = rest.u16_be()?;
        let width = rest.u16_be()?;
        let count = rest.u8()?;
        // A height of 0 would be said after the first scan; browsers do not wait for it.
        check_size(width.into(), height.into())?;
        if precision != 8 || !matches!(count, 1 | 3 | 4) {
            return Err(Invalid::NotAPicture);
        }
        let mut components = Vec::with_capacity(4);
        for _ in 0..count {
            let [id, sampling, quantisation] = rest.array()?;
            let (horizontal, vertical) = (sampling >> 4, sampling & 0x0F);
            let is_valid = (1..=4).contains(&horizontal)
                && (1..=4).contains(&vertical)
                && quantisation <= 3
                && components.iter().all(|other: &Component| other.id != id);
            if !is_valid {
                return Err(Invalid::NotAPicture);
            }
            components.push(Component {
                id,
                horizontal,
                vertical,
                quantisation,
            });
        }
        if !rest.is_empty() {
            return Err(Invalid::NotAPicture);
        }
        Ok(Self {
            is_progressive: marker == SOF2,
            width,
            height,
            components,
        })
    }
}

/// The scan header (T.81, B.2.3).
struct ScanHeader {
    components: Vec<ScanComponent>,
    first: u8,
    last: u8,
    high: u8,
    low: u8,
}

struct ScanComponent {
    /// Its place in the frame.
    index: usize,
    dc_table: u8,
    ac_table: u8,
}

impl ScanHeader {
    fn parse(body: &[u8], frame: &Frame) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(body);
        let count = rest.u8()?;
        let mut components = Vec::with_capacity(4);
        for _ in 0..count {
            let [id, tables] = rest.array()?;
            let index = frame
                .components
                .iter()
                .position(|component| component.id == id)
                .ok_or(Invalid::NotAPicture)?;
            if components
                .iter()
                .any(|other: &ScanComponent| other.index == index)
            {
                return Err(Invalid::NotAPicture);
            }
            components.push(ScanComponent {
                index,
                dc_table: tables >> 4,
                ac_table: tables & 0x0F,
            });
        }
        let [first, last, approximation] = rest.array()?;
        if components.is_empty() || !rest.is_empty() {
            return Err(Invalid::NotAPicture);
        }
        Ok(Self {
            components,
            first,
            last,
            high: approximation >> 4,
            low: approximation & 0x0F,
        })
    }
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

/// What has to be known before a byte is written.
struct Survey {
    frame: Frame,
    orientation: Orientation,
    density: Option<Density>,
    icc: Option<Vec<u8>>,
    adobe_transform: Option<u8>,
}

fn survey(bytes: &[u8]) -> Result<Survey, Invalid> {
    let mut segments = Segments::of(bytes)?;
    let mut frame: Option<Frame> = None;
    let mut orientation = None;
    let (mut density, mut adobe_transform) = (None, None);
    let mut icc_chunks = Vec::new();
    let mut scans = 0_u32;
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
                ScanHeader::parse(body, frame.as_ref().ok_or(Invalid::NotAPicture)?)?;
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
    Ok(Survey {
        frame: frame.filter(|_| scans > 0).ok_or(Invalid::NotAPicture)?,
        orientation: orientation.unwrap_or_default(),
        density,
        icc: join_icc(icc_chunks),
        adobe_transform,
    })
}

/// How colours are stored, as the segment of Adobe says (Adobe Technical Note 5116).
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

fn write_icc(out: &mut Vec<u8>, profile: Option<&[u8]>) {
    let chunks = profile.unwrap_or_default().chunks(MAX_ICC_CHUNK);
    let count = u8::try_from(chunks.len()).unwrap_or_default();
    for (number, data) in (1..=count).zip(chunks) {
        write_segment(out, APP2, &[ICC, &[number, count], data]);
    }
}

/// Writes a segment whose parts are together shorter than 65,534 bytes.
fn write_segment(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
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

/// Reads quantisation tables (T.81, B.2.4.1), in zigzag order.
fn quantisation_tables(body: &[u8], mut each: impl FnMut(u8, [u16; 64])) -> Result<(), Invalid> {
    let mut rest = Cursor::new(body);
    while !rest.is_empty() {
        let head = rest.u8()?;
        let (precision, index) = (head >> 4, head & 0x0F);
        if precision > 1 || index > 3 {
            return Err(Invalid::NotAPicture);
        }
        let mut table = [0; 64];
        for step in &mut table {
            *step = if precision == 0 {
                u16::from(rest.u8()?)
            } else {
                rest.u16_be()?
            };
        }
        each(index, table);
    }
    Ok(())
}

/// Reads Huffman tables (T.81, B.2.4.2): class and index in one byte, and the codes.
fn huffman_tables(
    body: &[u8],
    mut each: impl FnMut(u8, huffman::Codes) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let mut rest = Cursor::new(body);
    while !rest.is_empty() {
        let head = rest.u8()?;
        let lengths: [u8; 16] = rest.array()?;
        let count = lengths.iter().map(|&count| usize::from(count)).sum();
        let symbols = rest.take(count)?;
        if count > 256 || head & 0xEC != 0 {
            return Err(Invalid::NotAPicture);
        }
        each(
            head,
            huffman::Codes {
                lengths,
                symbols: symbols.to_vec(),
            },
        )?;
    }
    Ok(())
}
