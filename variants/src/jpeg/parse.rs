//! Segments, headers and tables (T.81, annex B).

use super::huffman::Codes;
use super::{APP2, APP14, DRI, EOI, ICC, SOF0, SOF2, SOI, SOS};
use crate::planes::Size;
use crate::{Error, icc};

/// A marker with what belongs to it; `data` is the entropy-coded data behind a scan header.
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) body: &'a [u8],
    pub(super) data: &'a [u8],
}

/// The segments from the start of the image to its end (B.1).
pub(super) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Error> {
        let rest = bytes.strip_prefix(&[0xFF, SOI]);
        Ok(Self {
            rest: rest.ok_or(Error::NotAPicture)?,
        })
    }

    /// `None` behind the end-of-image marker; what follows that is not looked at.
    pub(super) fn next(&mut self) -> Result<Option<Segment<'a>>, Error> {
        let [0xFF, rest @ ..] = self.rest else {
            return Err(Error::NotAPicture);
        };
        // Any number of 0xFF may stand before a marker (B.1.1.2).
        let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        let [marker, rest @ ..] = rest.get(fill..).unwrap_or_default() else {
            return Err(Error::NotAPicture);
        };
        match *marker {
            EOI => return Ok(None),
            // Markers without a segment, which have no place here.
            0x00 | 0x01 | 0xD0..=SOI => return Err(Error::NotAPicture),
            _ => {}
        }
        let (length, rest) = rest.split_first_chunk().ok_or(Error::NotAPicture)?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2);
        let (body, rest) = length
            .and_then(|length| rest.split_at_checked(length))
            .ok_or(Error::NotAPicture)?;
        let end = if *marker == SOS {
            entropy_coded(rest)?
        } else {
            0
        };
        let (data, rest) = rest.split_at_checked(end).ok_or(Error::NotAPicture)?;
        self.rest = rest;
        Ok(Some(Segment {
            marker: *marker,
            body,
            data,
        }))
    }
}

/// Where the next marker is: a 0xFF that is followed neither by the 0x00 that says it is data, nor by
/// a restart marker (B.1.1.5).
fn entropy_coded(bytes: &[u8]) -> Result<usize, Error> {
    let mut at = 0;
    loop {
        let behind = bytes.get(at..).unwrap_or_default();
        at += position_of_ff(behind).ok_or(Error::NotAPicture)?;
        match bytes.get(at + 1).ok_or(Error::NotAPicture)? {
            0x00 | 0xD0..=0xD7 => at += 2,
            0xFF => at += 1,
            _ => return Ok(at),
        }
    }
}

fn position_of_ff(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let whole = chunks
        .iter()
        .take_while(|chunk| {
            // Looking at all of them is quicker than stopping at the first.
            let found = chunk.iter().map(|&byte| u8::from(byte == 0xFF));
            found.fold(0, |all, found| all | found) == 0
        })
        .count()
        * 16;
    let rest = bytes.get(whole..)?;
    Some(whole + rest.iter().position(|&byte| byte == 0xFF)?)
}

/// A part of the picture with its own resolution: brightness, or one of the colours.
#[derive(Clone, Copy)]
pub(super) struct Component {
    pub(super) id: u8,
    pub(super) horizontal: u8,
    pub(super) vertical: u8,
    pub(super) quantisation: u8,
}

/// The frame header (B.2.2).
pub(super) struct Frame {
    pub(super) is_progressive: bool,
    pub(super) size: Size,
    pub(super) components: Vec<Component>,
}

impl Frame {
    fn parse(marker: u8, body: &[u8]) -> Result<Self, Error> {
        let ([precision, height0, height1, width0, width1, count], rest) =
            body.split_first_chunk().ok_or(Error::NotAPicture)?;
        let pixels = |high: u8, low: u8| u32::from(u16::from_be_bytes([high, low]));
        // A height of 0 would be said after the first scan; browsers do not wait for it.
        let size = Size {
            width: pixels(*width0, *width1),
            height: pixels(*height0, *height1),
        };
        crate::check_size(size)?;
        let (parts, left) = rest.as_chunks::<3>();
        let is_valid = *precision == 8
            && matches!(count, 1 | 3 | 4)
            && parts.len() == usize::from(*count)
            && left.is_empty();
        if !is_valid {
            return Err(Error::NotAPicture);
        }
        let is_alone = parts.len() == 1;
        let mut components = Vec::with_capacity(4);
        for &[id, sampling, quantisation] in parts {
            let (horizontal, vertical) = (sampling >> 4, sampling & 0x0F);
            let is_valid = (1..=4).contains(&horizontal)
                && (1..=4).contains(&vertical)
                && quantisation <= 3
                && components.iter().all(|other: &Component| other.id != id);
            if !is_valid {
                return Err(Error::NotAPicture);
            }
            // The only component has one block in an MCU, whatever its factors (A.2.2).
            components.push(Component {
                id,
                horizontal: if is_alone { 1 } else { horizontal },
                vertical: if is_alone { 1 } else { vertical },
                quantisation,
            });
        }
        // An MCU has at most ten blocks (B.2.3).
        let blocks: u8 = components
            .iter()
            .map(|component| component.horizontal * component.vertical)
            .sum();
        if blocks > 10 {
            return Err(Error::NotAPicture);
        }
        Ok(Self {
            is_progressive: marker == SOF2,
            size,
            components,
        })
    }

    /// The largest sampling factors: an MCU is as many blocks wide and high.
    pub(super) fn sampling(&self) -> (u8, u8) {
        let horizontal = self.components.iter().map(|component| component.horizontal);
        let vertical = self.components.iter().map(|component| component.vertical);
        (horizontal.max().unwrap_or(1), vertical.max().unwrap_or(1))
    }
}

/// The scan header (B.2.3).
pub(super) struct ScanHeader {
    pub(super) components: Vec<ScanComponent>,
    pub(super) first: u8,
    pub(super) last: u8,
    pub(super) high: u8,
    pub(super) low: u8,
}

#[derive(Clone, Copy)]
pub(super) struct ScanComponent {
    /// Its place in the frame.
    pub(super) index: usize,
    pub(super) dc_table: u8,
    pub(super) ac_table: u8,
}

impl ScanHeader {
    pub(super) fn parse(body: &[u8], frame: &Frame) -> Result<Self, Error> {
        let (count, rest) = body.split_first().ok_or(Error::NotAPicture)?;
        let (parts, rest) = rest
            .split_at_checked(usize::from(*count) * 2)
            .ok_or(Error::NotAPicture)?;
        let &[first, last, approximation] = rest else {
            return Err(Error::NotAPicture);
        };
        let mut components = Vec::with_capacity(4);
        for &[id, tables] in parts.as_chunks::<2>().0 {
            let index = frame
                .components
                .iter()
                .position(|component| component.id == id)
                .ok_or(Error::NotAPicture)?;
            if components
                .iter()
                .any(|other: &ScanComponent| other.index == index)
            {
                return Err(Error::NotAPicture);
            }
            components.push(ScanComponent {
                index,
                dc_table: tables >> 4,
                ac_table: tables & 0x0F,
            });
        }
        if components.is_empty() {
            return Err(Error::NotAPicture);
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

/// What has to be known before anything is decoded.
pub(super) struct Survey {
    pub(super) frame: Frame,
    pub(super) icc: Option<Vec<u8>>,
    /// How colours are stored, as the segment of Adobe says (Adobe Technical Note 5116).
    pub(super) adobe_transform: Option<u8>,
    /// Whether all components come in one sequential scan.
    pub(super) is_one_scan: bool,
}

pub(super) fn survey(bytes: &[u8]) -> Result<Survey, Error> {
    let mut segments = Segments::of(bytes)?;
    let mut frame: Option<Frame> = None;
    let mut adobe_transform = None;
    let mut icc_chunks = Vec::new();
    let (mut scans, mut has_all) = (0_u32, false);
    while let Some(Segment { marker, body, .. }) = segments.next()? {
        match marker {
            SOF0..=SOF2 => {
                if frame.is_some() {
                    return Err(Error::NotAPicture);
                }
                frame = Some(Frame::parse(marker, body)?);
            }
            SOS => {
                let frame = frame.as_ref().ok_or(Error::NotAPicture)?;
                let header = ScanHeader::parse(body, frame)?;
                has_all = header.components.len() == frame.components.len();
                scans = scans.saturating_add(1);
            }
            DRI if body.len() != 2 => return Err(Error::NotAPicture),
            // Lossless, hierarchical and arithmetic coding, which browsers do not show.
            0xC3 | 0xC5..=0xCF | 0xDE | 0xDF => return Err(Error::NotAPicture),
            APP2 => {
                if let Some([number, count, data @ ..]) = body.strip_prefix(ICC) {
                    icc_chunks.push((*number, *count, data));
                }
            }
            APP14 if adobe_transform.is_none() => {
                let adobe = body.strip_prefix(b"Adobe");
                adobe_transform = adobe.and_then(|body| body.get(6)).copied();
            }
            _ => {}
        }
    }
    let frame = frame.filter(|_| scans > 0).ok_or(Error::NotAPicture)?;
    Ok(Survey {
        is_one_scan: scans == 1 && has_all && !frame.is_progressive,
        frame,
        icc: join_icc(icc_chunks),
        adobe_transform,
    })
}

/// The profile, when every one of its chunks is there once (ICC.1, B.4).
fn join_icc(mut chunks: Vec<(u8, u8, &[u8])>) -> Option<Vec<u8>> {
    chunks.sort_by_key(|&(number, ..)| number);
    let is_complete = (1_usize..).zip(&chunks).all(|(nth, &(number, count, _))| {
        usize::from(number) == nth && usize::from(count) == chunks.len()
    });
    let length: usize = chunks.iter().map(|(.., data)| data.len()).sum();
    if !is_complete || length > 2 * icc::MAX_BYTES {
        return None;
    }
    let joined: Vec<u8> = chunks
        .into_iter()
        .flat_map(|(.., data)| data)
        .copied()
        .collect();
    icc::kept(&joined)
}

/// Reads quantisation tables (B.2.4.1), in zigzag order.
pub(super) fn quantisation_tables(
    mut body: &[u8],
    tables: &mut [Option<[u16; 64]>; 4],
) -> Result<(), Error> {
    while let Some((&head, rest)) = body.split_first() {
        let place = tables
            .get_mut(usize::from(head & 0x0F))
            .ok_or(Error::NotAPicture)?;
        let table = match head >> 4 {
            0 => {
                let (table, rest) = rest.split_first_chunk::<64>().ok_or(Error::NotAPicture)?;
                body = rest;
                table.map(u16::from)
            }
            1 => {
                let (table, rest) = rest.split_first_chunk::<128>().ok_or(Error::NotAPicture)?;
                body = rest;
                let mut steps = [0; 64];
                for (step, &pair) in steps.iter_mut().zip(table.as_chunks().0) {
                    *step = u16::from_be_bytes(pair);
                }
                steps
            }
            _ => return Err(Error::NotAPicture),
        };
        *place = Some(table);
    }
    Ok(())
}

/// Reads Huffman tables (B.2.4.2): class and index in one byte, and the codes.
pub(super) fn huffman_tables(
    mut body: &[u8],
    mut each: impl FnMut(u8, &Codes) -> Result<(), Error>,
) -> Result<(), Error> {
    while let Some(([head, lengths @ ..], rest)) = body.split_first_chunk::<17>() {
        let count = lengths.iter().map(|&count| usize::from(count)).sum();
        let (symbols, rest) = rest.split_at_checked(count).ok_or(Error::NotAPicture)?;
        if count > 256 || head & 0xEC != 0 {
            return Err(Error::NotAPicture);
        }
        body = rest;
        each(
            *head,
            &Codes {
                lengths: *lengths,
                symbols: symbols.to_vec(),
            },
        )?;
    }
    body.is_empty().then_some(()).ok_or(Error::NotAPicture)
}
