//! From scans to coefficients (T.81, annexes F and G), sequential and progressive.

use std::rc::Rc;

use super::SOS;
use super::huffman::{Bits, Decoder};
use super::parse::{Frame, ScanHeader, Segments};
use super::scan::{Restarts, Tables, direct, fit, sequential};
use crate::{Invalid, MAX_PIXELS};

/// The most coefficients of a picture that has to be decoded: two for each pixel, as when colours have
/// half the resolution of brightness. At two bytes each this is what decoding takes of memory.
const MAX_COEFFICIENTS: u64 = 2 * MAX_PIXELS;

/// Scans of a progressive picture; encoders write about ten.
const MAX_SCANS: u32 = 200;

/// Eight by eight coefficients, in zigzag order.
pub type Block = [i16; 64];

/// A picture as coefficients.
pub struct Planes {
    pub(super) width: u16,
    pub(super) height: u16,
    /// One for each component of the frame.
    pub all: Vec<Plane>,
}

/// What a component of the frame is made of.
pub struct Plane {
    pub(super) id: u8,
    pub(super) horizontal: u8,
    pub(super) vertical: u8,
    /// The steps of its coefficients, in zigzag order.
    pub quantisation: [u16; 64],
    /// How many blocks a row has, with those that only fill up the last MCU.
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) coefficients: Vec<i16>,
}

impl Plane {
    /// The block at this place; there are as many as fill whole MCUs.
    #[inline]
    pub fn block(&self, column: usize, row: usize) -> Option<&Block> {
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

/// Decodes all scans of a picture whose components fit into one.
pub fn planes(bytes: &[u8], frame: &Frame) -> Result<Planes, Invalid> {
    frame.check_mcu()?;
    let mut planes = Planes {
        width: frame.width,
        height: frame.height,
        all: Vec::with_capacity(4),
    };
    for component in &frame.components {
        planes.all.push(Plane {
            id: component.id,
            horizontal: component.horizontal,
            vertical: component.vertical,
            quantisation: [0; 64],
            columns: 0,
            rows: 0,
            coefficients: Vec::new(),
        });
    }
    planes.allocate()?;
    let mut decoding = Decoding {
        frame,
        progress: vec![[None; 64]; planes.all.len()],
        planes,
        tables: Tables::default(),
    };
    let mut segments = Segments::of(bytes)?;
    let mut scans = 0;
    while let Some(segment) = segments.next()? {
        decoding.tables.read(&segment)?;
        if segment.marker == SOS {
            scans += 1;
            if scans > MAX_SCANS {
                return Err(Invalid::NotAPicture);
            }
            decoding.scan(&ScanHeader::parse(segment.body, frame)?, segment.data)?;
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
    tables: Tables,
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
    restarts: Restarts,
    predicted: [i32; 4],
    /// How many more blocks have nothing but zeros in this band (G.1.2.2).
    end_of_band: u32,
    pass: Pass,
    header: &'a ScanHeader,
}

impl Decoding<'_> {
    fn scan(&mut self, header: &ScanHeader, data: &[u8]) -> Result<(), Invalid> {
        let pass = self.pass(header)?;
        for component in &header.components {
            self.latch_quantisation(component.index)?;
        }
        let mut tables = Vec::with_capacity(4);
        for component in &header.components {
            let dc = self.tables.dc(component.dc_table).map(Rc::as_ref);
            let ac = self.tables.ac(component.ac_table).map(Rc::as_ref);
            tables.push((component.index, dc, ac));
        }
        let mut state = State {
            bits: Bits::new(data),
            restarts: Restarts::new(self.tables.restart_interval),
            predicted: [0; 4],
            end_of_band: 0,
            pass,
            header,
        };
        let planes = &mut self.planes;
        if let &[(index, dc, ac)] = tables.as_slice() {
            // Alone, a component has only the blocks that it needs (A.2.2).
            let plane = planes.all.get(index).ok_or(Invalid::NotAPicture)?;
            let (width, height) = planes.samples(plane);
            let plane = planes.all.get_mut(index).ok_or(Invalid::NotAPicture)?;
            for row in 0..height.div_ceil(8) {
                for column in 0..width.div_ceil(8) {
                    state.begin_mcu()?;
                    let block = plane.block_mut(column, row).ok_or(Invalid::NotAPicture)?;
                    state.block(0, (dc, ac), block)?;
                }
                state.bits.check()?;
            }
        } else {
            let (columns, rows) = planes.mcus();
            for row in 0..rows {
                for column in 0..columns {
                    state.begin_mcu()?;
                    for (nth, &(index, dc, ac)) in tables.iter().enumerate() {
                        let plane = planes.all.get_mut(index).ok_or(Invalid::NotAPicture)?;
                        let width = usize::from(plane.horizontal);
                        let height = usize::from(plane.vertical);
                        for y in row * height..(row + 1) * height {
                            for x in column * width..(column + 1) * width {
                                let block = plane.block_mut(x, y).ok_or(Invalid::NotAPicture)?;
                                state.block(nth & 3, (dc, ac), block)?;
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
            plane.quantisation = self.tables.quantisation(component.quantisation)?;
        }
        Ok(())
    }
}

impl State<'_> {
    #[inline]
    fn begin_mcu(&mut self) -> Result<(), Invalid> {
        if self.restarts.is_due(&mut self.bits)? {
            self.predicted = [0; 4];
            self.end_of_band = 0;
        }
        Ok(())
    }

    #[inline]
    fn block(
        &mut self,
        nth: usize,
        (dc, ac): (Option<&Decoder>, Option<&Decoder>),
        block: &mut Block,
    ) -> Result<(), Invalid> {
        let dc = dc.ok_or(Invalid::NotAPicture);
        let ac = ac.ok_or(Invalid::NotAPicture);
        match self.pass {
            Pass::Sequential => {
                let put = |at, value| block[at % 64] = fit(value);
                sequential(&mut self.bits, &mut self.predicted[nth], (dc?, ac?), put)?;
                Ok(())
            }
            Pass::DirectFirst => {
                let value = direct(&mut self.bits, &mut self.predicted[nth], dc?)?;
                block[0] = fit(value.wrapping_mul(1 << self.header.low));
                Ok(())
            }
            Pass::DirectRefined => {
                if self.bits.bit() {
                    block[0] |= 1 << self.header.low;
                }
                Ok(())
            }
            Pass::AlternatingFirst => self.alternating_first(ac?, block),
            Pass::AlternatingRefined => self.alternating_refined(ac?, block),
        }
    }

    /// Begins a run of blocks that have nothing (more) in this band.
    fn begin_end_of_band(&mut self, bits: u8) {
        let more = self.bits.number(bits);
        self.end_of_band = (1 << bits) + u32::try_from(more).unwrap_or_default();
    }

    fn alternating_first(&mut self, ac: &Decoder, block: &mut Block) -> Result<(), Invalid> {
        if self.end_of_band > 0 {
            self.end_of_band -= 1;
            return Ok(());
        }
        let (mut at, last) = (
            usize::from(self.header.first),
            usize::from(self.header.last),
        );
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
            let number = self.bits.signed(bits) << self.header.low;
            *block.get_mut(at).ok_or(Invalid::NotAPicture)? = fit(number);
            at += 1;
        }
        Ok(())
    }

    /// One more bit for what is not 0 already, and new ones between them (G.1.2.3).
    fn alternating_refined(&mut self, ac: &Decoder, block: &mut Block) -> Result<(), Invalid> {
        let one = 1_i16 << self.header.low;
        let (first, last) = (
            usize::from(self.header.first),
            usize::from(self.header.last),
        );
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
