//! Segments, headers and tables (T.81, annex B).

use super::huffman::Codes;
use super::{EOI, SOF2, SOI, SOS};
use crate::cursor::Cursor;
use crate::{Invalid, check_size};

/// A marker with what belongs to it; `data` is the entropy-coded data behind a scan header.
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) body: &'a [u8],
    pub(super) data: &'a [u8],
}

/// The segments from the start of the image to its end (B.1).
pub(super) struct Segments<'a> {
    rest: Cursor<'a>,
}

impl<'a> Segments<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(bytes);
        rest.take(2)?;
        Ok(Self { rest })
    }

    /// `None` behind the end-of-image marker. What follows that is not looked at: telephones append
    /// films.
    pub(super) fn next(&mut self) -> Result<Option<Segment<'a>>, Invalid> {
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
            at += position_of_ff(behind).ok_or(Invalid::NotAPicture)?;
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
pub struct Component {
    /// What scans call it.
    pub id: u8,
    /// How many of its blocks are side by side in an MCU.
    pub horizontal: u8,
    /// How many of its blocks are on top of each other in an MCU.
    pub vertical: u8,
    pub(super) quantisation: u8,
}

/// The frame header (B.2.2).
pub struct Frame {
    pub(super) is_progressive: bool,
    /// How wide the picture is.
    pub width: u16,
    /// How high the picture is.
    pub height: u16,
    /// One, three or four parts.
    pub components: Vec<Component>,
}

impl Frame {
    pub(super) fn parse(marker: u8, body: &[u8]) -> Result<Self, Invalid> {
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
            // The only component has one block in an MCU, whatever its factors (A.2.2).
            let factor = |factor: u8| if count == 1 { 1 } else { factor };
            components.push(Component {
                id,
                horizontal: factor(horizontal),
                vertical: factor(vertical),
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

    /// The largest sampling factors: an MCU is as many blocks wide and high.
    pub fn sampling(&self) -> (u8, u8) {
        let horizontal = self.components.iter().map(|component| component.horizontal);
        let vertical = self.components.iter().map(|component| component.vertical);
        (horizontal.max().unwrap_or(1), vertical.max().unwrap_or(1))
    }

    /// Whether one scan can hold all components: an MCU has at most ten blocks (B.2.3).
    pub(super) fn check_mcu(&self) -> Result<(), Invalid> {
        let blocks = self
            .components
            .iter()
            .map(|component| component.horizontal * component.vertical);
        (blocks.sum::<u8>() <= 10)
            .then_some(())
            .ok_or(Invalid::NotAPicture)
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

pub(super) struct ScanComponent {
    /// Its place in the frame.
    pub(super) index: usize,
    pub(super) dc_table: u8,
    pub(super) ac_table: u8,
}

impl ScanHeader {
    pub(super) fn parse(body: &[u8], frame: &Frame) -> Result<Self, Invalid> {
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

/// Reads quantisation tables (B.2.4.1), in zigzag order.
pub(super) fn quantisation_tables(
    body: &[u8],
    mut each: impl FnMut(u8, [u16; 64]),
) -> Result<(), Invalid> {
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

/// Reads Huffman tables (B.2.4.2): class and index in one byte, and the codes.
pub(super) fn huffman_tables(
    body: &[u8],
    mut each: impl FnMut(u8, Codes) -> Result<(), Invalid>,
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
            Codes {
                lengths,
                symbols: symbols.to_vec(),
            },
        )?;
    }
    Ok(())
}
