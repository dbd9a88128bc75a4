//! Pictures in several scans: all coefficients are kept until the last one came (T.81, annex G).

use super::decode::{Restarts, Tables, fit};
use super::huffman::{Bits, Decoder};
use super::parse::{Frame, ScanHeader};
use crate::{Error, MAX_MEMORY};

/// Eight by eight coefficients, in zigzag order.
type Block = [i16; 64];

/// All coefficients of a picture.
pub(super) struct Coefficients {
    planes: Vec<Plane>,
    /// How many MCUs there are along each side.
    mcus: (usize, usize),
}

struct Plane {
    horizontal: usize,
    vertical: usize,
    /// How many blocks a row has, with those that only fill up the last MCU.
    columns: usize,
    /// How many blocks its samples need along each side.
    needed: (usize, usize),
    blocks: Vec<Block>,
    /// For each coefficient how many low bits are still to come; `None` before its first scan.
    progress: [Option<u8>; 64],
}

impl Coefficients {
    /// All zeros.
    pub(super) fn new(frame: &Frame) -> Result<Self, Error> {
        let (max_horizontal, max_vertical) = frame.sampling();
        let (width, height) = (frame.size.width as usize, frame.size.height as usize);
        let columns = width.div_ceil(8 * usize::from(max_horizontal));
        let rows = height.div_ceil(8 * usize::from(max_vertical));
        let blocks: usize = frame
            .components
            .iter()
            .map(|part| usize::from(part.horizontal * part.vertical))
            .sum();
        let bytes = columns * rows * blocks * size_of::<Block>();
        if bytes as u64 > MAX_MEMORY {
            return Err(Error::TooLarge);
        }
        let mut planes = Vec::with_capacity(4);
        for part in &frame.components {
            let (horizontal, vertical) = (usize::from(part.horizontal), usize::from(part.vertical));
            let needed = |side: usize, factor: usize, max: u8| {
                (side * factor).div_ceil(usize::from(max)).div_ceil(8)
            };
            planes.push(Plane {
                horizontal,
                vertical,
                columns: columns * horizontal,
                needed: (
                    needed(width, horizontal, max_horizontal),
                    needed(height, vertical, max_vertical),
                ),
                blocks: vec![[0; 64]; columns * horizontal * rows * vertical],
                progress: [None; 64],
            });
        }
        Ok(Self {
            planes,
            mcus: (columns, rows),
        })
    }

    pub(super) fn block(&self, plane: usize, column: usize, row: usize) -> Option<&Block> {
        let plane = self.planes.get(plane)?;
        plane.blocks.get(row * plane.columns + column)
    }

    /// Whether each component had a scan.
    pub(super) fn check(&self) -> Result<(), Error> {
        let is_complete = self.planes.iter().all(|plane| plane.progress[0].is_some());
        is_complete.then_some(()).ok_or(Error::NotAPicture)
    }

    /// Adds what a scan says.
    pub(super) fn scan(
        &mut self,
        frame: &Frame,
        header: &ScanHeader,
        tables: &Tables,
        data: &[u8],
    ) -> Result<(), Error> {
        let pass = self.pass(frame, header)?;
        let mut state = State {
            bits: Bits::new(data),
            predicted: [0; 4],
            end_of_band: 0,
            pass,
            header,
        };
        let mut restarts = Restarts::new(tables.restart_interval);
        if let &[part] = header.components.as_slice() {
            // Alone, a component has only the blocks that it needs (A.2.2).
            let plane = self.planes.get_mut(part.index).ok_or(Error::NotAPicture)?;
            let codes = (tables.dc(part.dc_table), tables.ac(part.ac_table));
            for row in 0..plane.needed.1 {
                let blocks = plane.blocks.get_mut(row * plane.columns..);
                for block in blocks.unwrap_or_default().iter_mut().take(plane.needed.0) {
                    state.restart(&mut restarts)?;
                    state.block(0, codes, block)?;
                }
                state.bits.check()?;
            }
            return Ok(());
        }
        for row in 0..self.mcus.1 {
            for column in 0..self.mcus.0 {
                state.restart(&mut restarts)?;
                for (nth, part) in header.components.iter().enumerate() {
                    let plane = self.planes.get_mut(part.index).ok_or(Error::NotAPicture)?;
                    let codes = (tables.dc(part.dc_table), tables.ac(part.ac_table));
                    for y in 0..plane.vertical {
                        for x in 0..plane.horizontal {
                            let at = (row * plane.vertical + y) * plane.columns
                                + column * plane.horizontal
                                + x;
                            let block = plane.blocks.get_mut(at).ok_or(Error::NotAPicture)?;
                            state.block(nth & 3, codes, block)?;
                        }
                    }
                }
            }
            state.bits.check()?;
        }
        Ok(())
    }

    /// Whether this scan may come now, and what it is. That each bit of a coefficient comes once
    /// bounds the work that a few bytes can ask for.
    fn pass(&mut self, frame: &Frame, header: &ScanHeader) -> Result<Pass, Error> {
        let (first, last, high, low) = if frame.is_progressive {
            (header.first, header.last, header.high, header.low)
        } else {
            (0, 63, 0, 0)
        };
        let is_direct = first == 0;
        let is_band = if frame.is_progressive && is_direct {
            last == 0
        } else {
            header.components.len() == 1 || is_direct
        };
        let is_valid =
            is_band && first <= last && last <= 63 && low <= 13 && (high == 0 || high == low + 1);
        if !is_valid {
            return Err(Error::NotAPicture);
        }
        let before = (high > 0).then_some(high);
        for part in &header.components {
            let plane = self.planes.get_mut(part.index).ok_or(Error::NotAPicture)?;
            let progress = plane
                .progress
                .get_mut(usize::from(first)..=usize::from(last))
                .ok_or(Error::NotAPicture)?;
            for bits in progress {
                if *bits != before {
                    return Err(Error::NotAPicture);
                }
                *bits = Some(low);
            }
        }
        Ok(match (frame.is_progressive, is_direct, high) {
            (false, ..) => Pass::Sequential,
            (true, true, 0) => Pass::DirectFirst,
            (true, true, _) => Pass::DirectRefined,
            (true, false, 0) => Pass::AlternatingFirst,
            (true, false, _) => Pass::AlternatingRefined,
        })
    }
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
    pass: Pass,
    header: &'a ScanHeader,
}

impl State<'_> {
    #[inline]
    fn restart(&mut self, restarts: &mut Restarts) -> Result<(), Error> {
        if restarts.is_due(&mut self.bits)? {
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
    ) -> Result<(), Error> {
        let dc = dc.ok_or(Error::NotAPicture);
        let ac = ac.ok_or(Error::NotAPicture);
        match self.pass {
            Pass::Sequential => self.sequential(nth, dc?, ac?, block),
            Pass::DirectFirst => {
                block[0] = fit(self.direct(nth, dc?)?.wrapping_mul(1 << self.header.low));
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

    /// The average of a block, which is stored as the difference to the one before (F.2.2.1).
    #[inline]
    fn direct(&mut self, nth: usize, dc: &Decoder) -> Result<i32, Error> {
        let bits = self.bits.symbol(dc)?;
        if bits > 15 {
            return Err(Error::NotAPicture);
        }
        let difference = self.bits.signed(bits);
        let predicted = self.predicted.get_mut(nth).ok_or(Error::NotAPicture)?;
        *predicted = fit(predicted.wrapping_add(difference)).into();
        Ok(*predicted)
    }

    fn sequential(
        &mut self,
        nth: usize,
        dc: &Decoder,
        ac: &Decoder,
        block: &mut Block,
    ) -> Result<(), Error> {
        block[0] = fit(self.direct(nth, dc)?);
        let mut at = 1;
        while at < 64 {
            let (zeros, value) = self.bits.coefficient(ac)?;
            at += zeros;
            match block.get_mut(at) {
                Some(place) => *place = fit(value),
                None if value != 0 => return Err(Error::NotAPicture),
                None => break,
            }
            at += 1;
        }
        Ok(())
    }

    /// Begins a run of blocks that have nothing (more) in this band.
    fn begin_end_of_band(&mut self, bits: u8) {
        let more = self.bits.number(bits);
        self.end_of_band = (1 << bits) + u32::try_from(more).unwrap_or_default();
    }

    fn alternating_first(&mut self, ac: &Decoder, block: &mut Block) -> Result<(), Error> {
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
                return Err(Error::NotAPicture);
            }
            let number = self.bits.signed(bits) << self.header.low;
            *block.get_mut(at).ok_or(Error::NotAPicture)? = fit(number);
            at += 1;
        }
        Ok(())
    }

    /// One more bit for what is not 0 already, and new ones between them (G.1.2.3).
    fn alternating_refined(&mut self, ac: &Decoder, block: &mut Block) -> Result<(), Error> {
        let one = 1_i16 << self.header.low;
        let (first, last) = (
            usize::from(self.header.first),
            usize::from(self.header.last),
        );
        let mut band = block
            .get_mut(first..=last)
            .ok_or(Error::NotAPicture)?
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
                _ => return Err(Error::NotAPicture),
            }
            loop {
                let Some(coefficient) = band.next() else {
                    // The place of a new coefficient must be in the band.
                    if new != 0 {
                        return Err(Error::NotAPicture);
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
