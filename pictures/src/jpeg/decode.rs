//! From scans to coefficients (T.81, annexes F and G), sequential and progressive.

use super::huffman::{Bits, Decoder};
use super::{
    DHT, DQT, DRI, Frame, SOS, ScanHeader, Segment, Segments, huffman_tables, quantisation_tables,
};
use crate::cursor::Cursor;
use crate::{Invalid, MAX_PIXELS};

/// The most coefficients of a picture that has to be turned: two for each pixel, as when colours have
/// half the resolution of brightness. At two bytes each this is what turning takes of memory.
const MAX_COEFFICIENTS: u64 = 2 * MAX_PIXELS;

/// Scans of a progressive picture; encoders write about ten.
const MAX_SCANS: u32 = 200;

/// Eight by eight coefficients, in zigzag order.
pub(super) type Block = [i16; 64];

/// A picture as coefficients.
pub(super) struct Planes {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) all: Vec<Plane>,
}

/// What a component of the frame is made of.
pub(super) struct Plane {
    pub(super) id: u8,
    pub(super) horizontal: u8,
    pub(super) vertical: u8,
    /// In zigzag order.
    pub(super) quantisation: [u16; 64],
    /// How many blocks a row has, with those that only fill up the last MCU.
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) coefficients: Vec<i16>,
}

impl Plane {
    #[inline]
    pub(super) fn block(&self, column: usize, row: usize) -> Option<&Block> {
        let at = (row * self.columns + column) * 64;
        self.coefficients.get(at..)?.first_chunk()
    }

    #[inline]
    pub(super) fn block_mut(&mut self, column: usize, row: usize) -> Option<&mut Block> {
        let at = (row * self.columns + column) * 64;
        self.coefficients.get_mut(at..)?.first_chunk_mut()
    }
}

impl Planes {
    /// The largest sampling factors: an MCU is as many blocks wide and high.
    pub(super) fn sampling(&self) -> (u8, u8) {
        let horizontal = self.all.iter().map(|plane| plane.horizontal).max();
        let vertical = self.all.iter().map(|plane| plane.vertical).max();
        (horizontal.unwrap_or(1), vertical.unwrap_or(1))
    }

    /// Pixels of a plane along each side (A.1.1).
    pub(super) fn samples(&self, plane: &Plane) -> (usize, usize) {
        let (horizontal, vertical) = self.sampling();
        let of = |pixels: u16, factor: u8, max: u8| {
            (usize::from(pixels) * usize::from(factor)).div_ceil(usize::from(max))
        };
        (
            of(self.width, plane.horizontal, horizontal),
            of(self.height, plane.vertical, vertical),
        )
    }

    /// How many MCUs it takes along each side (A.2).
    pub(super) fn mcus(&self) -> (usize, usize) {
        let (horizontal, vertical) = self.sampling();
        (
            usize::from(self.width).div_ceil(8 * usize::from(horizontal)),
            usize::from(self.height).div_ceil(8 * usize::from(vertical)),
        )
    }

    /// Gives each plane its coefficients, all 0.
    pub(super) fn allocate(&mut self) -> Result<(), Invalid> {
        let (columns, rows) = self.mcus();
        let mut total = 0;
        for plane in &mut self.all {
            plane.columns = columns * usize::from(plane.horizontal);
            plane.rows = rows * usize::from(plane.vertical);
            total += plane.columns as u64 * plane.rows as u64 * 64;
        }
        if total > MAX_COEFFICIENTS {
            return Err(Invalid::TooManyPixels);
        }
        for plane in &mut self.all {
            plane.coefficients = vec![0; plane.columns * plane.rows * 64];
        }
        Ok(())
    }
}

/// Decodes all scans.
pub(super) fn planes(bytes: &[u8], frame: &Frame) -> Result<Planes, Invalid> {
    let mut planes = Planes {
        width: frame.width,
        height: frame.height,
        all: Vec::with_capacity(4),
    };
    for component in &frame.components {
        // The only component has one block in an MCU, whatever its factors (A.2.2).
        let is_alone = frame.components.len() == 1;
        let factor = |factor: u8| if is_alone { 1 } else { factor };
        planes.all.push(Plane {
            id: component.id,
            horizontal: factor(component.horizontal),
            vertical: factor(component.vertical),
            quantisation: [0; 64],
            columns: 0,
            rows: 0,
            coefficients: Vec::new(),
        });
    }
    // An MCU has at most ten blocks (B.2.3); ours are all interleaved.
    let blocks: u32 = planes
        .all
        .iter()
        .map(|plane| u32::from(plane.horizontal) * u32::from(plane.vertical))
        .sum();
    if blocks > 10 {
        return Err(Invalid::NotAPicture);
    }
    planes.allocate()?;
    let mut decoding = Decoding {
        frame,
        progress: vec![[None; 64]; planes.all.len()],
        planes,
        quantisation: [None; 4],
        dc: Default::default(),
        ac: Default::default(),
        restart_interval: 0,
    };
    let mut segments = Segments::of(bytes)?;
    let mut scans = 0;
    while let Some(Segment { marker, body, data }) = segments.next()? {
        match marker {
            DQT => quantisation_tables(body, |index, table| {
                if let Some(place) = decoding.quantisation.get_mut(usize::from(index)) {
                    *place = Some(table);
                }
            })?,
            DHT => huffman_tables(body, |head, codes| {
                let tables = if head >> 4 == 0 {
                    &mut decoding.dc
                } else {
                    &mut decoding.ac
                };
                if let Some(place) = tables.get_mut(usize::from(head & 3)) {
                    *place = Some(Box::new(Decoder::new(&codes)?));
                }
                Ok(())
            })?,
            DRI => decoding.restart_interval = Cursor::new(body).u16_be()?,
            SOS => {
                scans += 1;
                if scans > MAX_SCANS {
                    return Err(Invalid::NotAPicture);
                }
                decoding.scan(&ScanHeader::parse(body, frame)?, data)?;
            }
            _ => {}
        }
    }
    if decoding
        .progress
        .iter()
        .any(|[direct, ..]| direct.is_none())
    {
        return Err(Invalid::NotAPicture);
    }
    Ok(decoding.planes)
}

struct Decoding<'a> {
    frame: &'a Frame,
    planes: Planes,
    /// For each plane and coefficient how many low bits are still to come; `None` before its first
    /// scan.
    progress: Vec<[Option<u8>; 64]>,
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Box<Decoder>>; 4],
    ac: [Option<Box<Decoder>>; 4],
    restart_interval: u16,
}

/// What a scan adds to each of its blocks.
#[derive(Clone, Copy)]
enum Pass {
    Sequential,
    DirectFirst,
    DirectRefined,
    AlternatingFirst,
    AlternatingRefined,
}

/// What goes on from block to block.
struct State<'a> {
    bits: Bits<'a>,
    predicted: [i32; 4],
    /// How many more blocks have nothing but zeros in this band (G.1.2.2).
    end_of_band: u32,
}

impl Decoding<'_> {
    fn scan(&mut self, header: &ScanHeader, data: &[u8]) -> Result<(), Invalid> {
        let pass = self.pass(header)?;
        for component in &header.components {
            self.latch_quantisation(component.index)?;
        }
        let mut tables = Vec::with_capacity(4);
        for component in &header.components {
            let dc = self.dc.get(usize::from(component.dc_table));
            let ac = self.ac.get(usize::from(component.ac_table));
            tables.push((
                component.index,
                dc.and_then(Option::as_deref),
                ac.and_then(Option::as_deref),
            ));
        }
        let mut state = State {
            bits: Bits::new(data),
            predicted: [0; 4],
            end_of_band: 0,
        };
        let restart_interval = usize::from(self.restart_interval);
        let mut until_restart = restart_interval;
        let mut restarts = 0_u8;
        let mut before_mcu = |state: &mut State| {
            if restart_interval > 0 {
                if until_restart == 0 {
                    state.bits.restart(restarts)?;
                    restarts = (restarts + 1) & 7;
                    state.predicted = [0; 4];
                    state.end_of_band = 0;
                    until_restart = restart_interval;
                }
                until_restart -= 1;
            }
            Ok(())
        };
        let planes = &mut self.planes;
        if let &[(index, dc, ac)] = tables.as_slice() {
            // Alone, a component has only the blocks that it needs (A.2.2).
            let plane = planes.all.get(index).ok_or(Invalid::NotAPicture)?;
            let (width, height) = planes.samples(plane);
            let plane = planes.all.get_mut(index).ok_or(Invalid::NotAPicture)?;
            for row in 0..height.div_ceil(8) {
                for column in 0..width.div_ceil(8) {
                    before_mcu(&mut state)?;
                    let block = plane.block_mut(column, row).ok_or(Invalid::NotAPicture)?;
                    state.block(pass, header, 0, (dc, ac), block)?;
                }
                state.bits.check()?;
            }
        } else {
            let (columns, rows) = planes.mcus();
            for row in 0..rows {
                for column in 0..columns {
                    before_mcu(&mut state)?;
                    for (nth, &(index, dc, ac)) in tables.iter().enumerate() {
                        let plane = planes.all.get_mut(index).ok_or(Invalid::NotAPicture)?;
                        let width = usize::from(plane.horizontal);
                        let height = usize::from(plane.vertical);
                        for y in row * height..(row + 1) * height {
                            for x in column * width..(column + 1) * width {
                                let block = plane.block_mut(x, y).ok_or(Invalid::NotAPicture)?;
                                state.block(pass, header, nth, (dc, ac), block)?;
                            }
                        }
                    }
                }
                state.bits.check()?;
            }
        }
        Ok(())
    }

    /// Whether this scan may come now, and what it is. That each bit of a coefficient comes once
    /// bounds the work that a few bytes can ask for.
    fn pass(&mut self, header: &ScanHeader) -> Result<Pass, Invalid> {
        let (first, last, high, low) = if self.frame.is_progressive {
            (header.first, header.last, header.high, header.low)
        } else {
            (0, 63, 0, 0)
        };
        let is_direct = first == 0;
        let is_band = if self.frame.is_progressive && is_direct {
            last == 0
        } else {
            header.components.len() == 1 || is_direct
        };
        let is_valid =
            is_band && first <= last && last <= 63 && low <= 13 && (high == 0 || high == low + 1);
        if !is_valid {
            return Err(Invalid::NotAPicture);
        }
        let before = (high > 0).then_some(high);
        for component in &header.components {
            let progress = self
                .progress
                .get_mut(component.index)
                .and_then(|progress| progress.get_mut(usize::from(first)..=usize::from(last)))
                .ok_or(Invalid::NotAPicture)?;
            for bits in progress {
                if *bits != before {
                    return Err(Invalid::NotAPicture);
                }
                *bits = Some(low);
            }
        }
        Ok(match (self.frame.is_progressive, is_direct, high) {
            (false, ..) => Pass::Sequential,
            (true, true, 0) => Pass::DirectFirst,
            (true, true, _) => Pass::DirectRefined,
            (true, false, 0) => Pass::AlternatingFirst,
            (true, false, _) => Pass::AlternatingRefined,
        })
    }

    /// A component keeps the table that is there when its first scan begins, should another come
    /// later.
    fn latch_quantisation(&mut self, index: usize) -> Result<(), Invalid> {
        let component = self.frame.components.get(index);
        let plane = self.planes.all.get_mut(index);
        let (Some(component), Some(plane)) = (component, plane) else {
            return Err(Invalid::NotAPicture);
        };
        if plane.quantisation == [0; 64] {
            plane.quantisation = self
                .quantisation
                .get(usize::from(component.quantisation))
                .copied()
                .flatten()
                .ok_or(Invalid::NotAPicture)?;
        }
        Ok(())
    }
}

/// Hostile data can say more than fits; what pictures are made of does.
fn fit(number: i32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    {
        number.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }
}

impl State<'_> {
    #[inline]
    fn block(
        &mut self,
        pass: Pass,
        header: &ScanHeader,
        nth: usize,
        (dc, ac): (Option<&Decoder>, Option<&Decoder>),
        block: &mut Block,
    ) -> Result<(), Invalid> {
        let dc = dc.ok_or(Invalid::NotAPicture);
        let ac = ac.ok_or(Invalid::NotAPicture);
        match pass {
            Pass::Sequential => self.sequential(nth, dc?, ac?, block),
            Pass::DirectFirst => {
                block[0] = fit(self.direct(nth, dc?)?.wrapping_mul(1 << header.low));
                Ok(())
            }
            Pass::DirectRefined => {
                if self.bits.bit() {
                    block[0] |= 1 << header.low;
                }
                Ok(())
            }
            Pass::AlternatingFirst => self.alternating_first(header, ac?, block),
            Pass::AlternatingRefined => self.alternating_refined(header, ac?, block),
        }
    }

    /// The average of a block, which is stored as the difference to the one before (F.2.2.1).
    #[inline]
    fn direct(&mut self, nth: usize, dc: &Decoder) -> Result<i32, Invalid> {
        let bits = self.bits.symbol(dc)?;
        if bits > 15 {
            return Err(Invalid::NotAPicture);
        }
        let difference = self.bits.signed(bits);
        let predicted = self.predicted.get_mut(nth).ok_or(Invalid::NotAPicture)?;
        *predicted = predicted.wrapping_add(difference);
        Ok(*predicted)
    }

    #[inline]
    fn sequential(
        &mut self,
        nth: usize,
        dc: &Decoder,
        ac: &Decoder,
        block: &mut Block,
    ) -> Result<(), Invalid> {
        block[0] = fit(self.direct(nth, dc)?);
        let mut at = 1;
        while at < 64 {
            let symbol = self.bits.symbol(ac)?;
            let (zeros, bits) = (usize::from(symbol >> 4), symbol & 0x0F);
            if bits == 0 {
                if zeros < 15 {
                    break;
                }
                at += 16;
                continue;
            }
            at += zeros;
            *block.get_mut(at).ok_or(Invalid::NotAPicture)? = fit(self.bits.signed(bits));
            at += 1;
        }
        Ok(())
    }

    /// Begins a run of blocks that have nothing (more) in this band.
    fn begin_end_of_band(&mut self, bits: u8) {
        let more = self.bits.number(bits);
        self.end_of_band = (1 << bits) + u32::try_from(more).unwrap_or_default();
    }

    fn alternating_first(
        &mut self,
        header: &ScanHeader,
        ac: &Decoder,
        block: &mut Block,
    ) -> Result<(), Invalid> {
        if self.end_of_band > 0 {
            self.end_of_band -= 1;
            return Ok(());
        }
        let (mut at, last) = (usize::from(header.first), usize::from(header.last));
        while at <= last {
            let symbol = self.bits.symbol(ac)?;
            let (zeros, bits) = (symbol >> 4, symbol & 0x0F);
            if bits == 0 {
                if zeros < 15 {
                    self.begin_end_of_band(zeros);
                    self.end_of_band -= 1;
                    break;
                }
                at += 16;
                continue;
            }
            at += usize::from(zeros);
            if at > last {
                return Err(Invalid::NotAPicture);
            }
            let number = self.bits.signed(bits) << header.low;
            *block.get_mut(at).ok_or(Invalid::NotAPicture)? = fit(number);
            at += 1;
        }
        Ok(())
    }

    /// One more bit for what is not 0 already, and new ones between them (G.1.2.3).
    fn alternating_refined(
        &mut self,
        header: &ScanHeader,
        ac: &Decoder,
        block: &mut Block,
    ) -> Result<(), Invalid> {
        let one = 1_i16 << header.low;
        let (first, last) = (usize::from(header.first), usize::from(header.last));
        let mut band = block
            .get_mut(first..=last)
            .ok_or(Invalid::NotAPicture)?
            .iter_mut();
        while self.end_of_band == 0 && band.len() > 0 {
            let symbol = self.bits.symbol(ac)?;
            let (mut zeros, bits) = (symbol >> 4, symbol & 0x0F);
            let mut new = 0;
            match bits {
                0 if zeros < 15 => {
                    self.begin_end_of_band(zeros);
                    break;
                }
                0 => {}
                1 => new = if self.bits.number(1) == 1 { one } else { -one },
                _ => return Err(Invalid::NotAPicture),
            }
            loop {
                let Some(coefficient) = band.next() else {
                    // The place of a new coefficient must be in the band.
                    if new != 0 {
                        return Err(Invalid::NotAPicture);
                    }
                    break;
                };
                if *coefficient != 0 {
                    self.refine(coefficient, one);
                } else if zeros == 0 {
                    *coefficient = new;
                    break;
                } else {
                    zeros -= 1;
                }
            }
        }
        if self.end_of_band > 0 {
            for coefficient in band.filter(|coefficient| **coefficient != 0) {
                self.refine(coefficient, one);
            }
            self.end_of_band -= 1;
        }
        Ok(())
    }

    fn refine(&mut self, coefficient: &mut i16, one: i16) {
        if self.bits.bit() && *coefficient & one == 0 {
            *coefficient = coefficient.saturating_add(if *coefficient > 0 { one } else { -one });
        }
    }
}
