//! What scans are read with, and a scan that is alone.

use std::rc::Rc;

use super::huffman::{Bits, Decoder};
use super::parse::{Frame, ScanHeader, Segment, Segments, huffman_tables, quantisation_tables};
use super::{DHT, DQT, DRI, SOS};
use crate::Invalid;
use crate::cursor::Cursor;

/// The tables that are there when a scan begins.
#[derive(Default)]
pub(super) struct Tables {
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Rc<Decoder>>; 4],
    ac: [Option<Rc<Decoder>>; 4],
    pub(super) restart_interval: u16,
}

impl Tables {
    /// Takes over what a segment defines.
    pub(super) fn read(&mut self, segment: &Segment) -> Result<(), Invalid> {
        match segment.marker {
            DQT => quantisation_tables(segment.body, |index, table| {
                if let Some(place) = self.quantisation.get_mut(usize::from(index)) {
                    *place = Some(table);
                }
            }),
            DHT => huffman_tables(segment.body, |head, codes| {
                let tables = if head >> 4 == 0 {
                    &mut self.dc
                } else {
                    &mut self.ac
                };
                if let Some(place) = tables.get_mut(usize::from(head & 3)) {
                    *place = Some(Rc::new(Decoder::new(&codes)?));
                }
                Ok(())
            }),
            DRI => {
                self.restart_interval = Cursor::new(segment.body).u16_be()?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn quantisation(&self, nth: u8) -> Result<[u16; 64], Invalid> {
        let table = self.quantisation.get(usize::from(nth)).copied().flatten();
        table.ok_or(Invalid::NotAPicture)
    }

    pub(super) fn dc(&self, nth: u8) -> Option<&Rc<Decoder>> {
        self.dc.get(usize::from(nth))?.as_ref()
    }

    pub(super) fn ac(&self, nth: u8) -> Option<&Rc<Decoder>> {
        self.ac.get(usize::from(nth))?.as_ref()
    }
}

/// Where restart markers come.
pub(super) struct Restarts {
    interval: u16,
    left: u16,
    next: u8,
}

impl Restarts {
    pub(super) fn new(interval: u16) -> Self {
        Self {
            interval,
            left: interval,
            next: 0,
        }
    }

    /// To be called before each MCU; says whether predictions begin anew.
    #[inline]
    pub(super) fn is_due(&mut self, bits: &mut Bits<'_>) -> Result<bool, Invalid> {
        if self.interval == 0 {
            return Ok(false);
        }
        let is_due = self.left == 0;
        if is_due {
            bits.restart(self.next)?;
            self.next = (self.next + 1) & 7;
            self.left = self.interval;
        }
        self.left -= 1;
        Ok(is_due)
    }
}

/// The only scan of a sequential picture, which need not be held as a whole.
pub struct OnlyScan<'a> {
    bits: Bits<'a>,
    restarts: Restarts,
    parts: Vec<Part>,
}

/// A component as the scan has it.
struct Part {
    component: usize,
    quantisation: [u16; 64],
    dc: Rc<Decoder>,
    ac: Rc<Decoder>,
    predicted: i32,
}

impl<'a> OnlyScan<'a> {
    /// The first scan of a picture that [`is_one_scan`](super::Survey::is_one_scan).
    pub fn of(bytes: &'a [u8], frame: &Frame) -> Result<Self, Invalid> {
        frame.check_mcu()?;
        let mut tables = Tables::default();
        let mut segments = Segments::of(bytes)?;
        let segment = loop {
            let segment = segments.next()?.ok_or(Invalid::NotAPicture)?;
            if segment.marker == SOS {
                break segment;
            }
            tables.read(&segment)?;
        };
        let mut parts = Vec::with_capacity(4);
        for part in ScanHeader::parse(segment.body, frame)?.components {
            let component = frame.components.get(part.index);
            let (Some(component), Some(dc), Some(ac)) = (
                component,
                tables.dc(part.dc_table),
                tables.ac(part.ac_table),
            ) else {
                return Err(Invalid::NotAPicture);
            };
            parts.push(Part {
                component: part.index,
                quantisation: tables.quantisation(component.quantisation)?,
                dc: Rc::clone(dc),
                ac: Rc::clone(ac),
                predicted: 0,
            });
        }
        Ok(Self {
            bits: Bits::new(segment.data),
            restarts: Restarts::new(tables.restart_interval),
            parts,
        })
    }

    /// In the order of each MCU: which component of the frame it is, and its quantisation table in
    /// zigzag order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = (usize, &[u16; 64])> {
        self.parts
            .iter()
            .map(|part| (part.component, &part.quantisation))
    }

    /// To be called before each MCU.
    #[inline]
    pub fn begin_mcu(&mut self) -> Result<(), Invalid> {
        if self.restarts.is_due(&mut self.bits)? {
            for part in &mut self.parts {
                part.predicted = 0;
            }
        }
        Ok(())
    }

    /// Reads the next block, which is of this part: tells `put` each coefficient that is not zero, and the
    /// first, with its place in zigzag order; returns the place of the last.
    #[inline]
    pub fn block(&mut self, part: usize, put: impl FnMut(usize, i32)) -> Result<usize, Invalid> {
        let part = self.parts.get_mut(part).ok_or(Invalid::NotAPicture)?;
        sequential(
            &mut self.bits,
            &mut part.predicted,
            (&part.dc, &part.ac),
            put,
        )
    }

    /// Whether all that was read was there; to be called now and then.
    pub fn check(&self) -> Result<(), Invalid> {
        self.bits.check()
    }
}

/// The average of a block, which is stored as the difference to the one before (F.2.2.1).
#[inline]
pub(super) fn direct(
    bits: &mut Bits<'_>,
    predicted: &mut i32,
    dc: &Decoder,
) -> Result<i32, Invalid> {
    let length = bits.symbol(dc)?;
    if length > 15 {
        return Err(Invalid::NotAPicture);
    }
    *predicted = fit(predicted.wrapping_add(bits.signed(length))).into();
    Ok(*predicted)
}

/// Reads a block, as [`OnlyScan::block`].
#[inline]
pub(super) fn sequential(
    bits: &mut Bits<'_>,
    predicted: &mut i32,
    (dc, ac): (&Decoder, &Decoder),
    mut put: impl FnMut(usize, i32),
) -> Result<usize, Invalid> {
    put(0, direct(bits, predicted, dc)?);
    let (mut at, mut last) = (1, 0);
    while at < 64 {
        let (zeros, value) = bits.coefficient(ac)?;
        at += zeros;
        if at > 63 {
            if value != 0 {
                return Err(Invalid::NotAPicture);
            }
            break;
        }
        put(at, value);
        last = at;
        at += 1;
    }
    Ok(last)
}

/// Hostile data can say more than fits; what pictures are made of does.
pub(super) fn fit(number: i32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    {
        number.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }
}
