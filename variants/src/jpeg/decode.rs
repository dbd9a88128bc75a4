//! From a file to rows: a sequential scan MCU by MCU, without ever holding more than a row of them.

use bytes::Bytes;

use super::dct::{Block, Inverse};
use super::huffman::{Bits, Decoder};
use super::parse::{
    Frame, ScanHeader, Segment, Segments, huffman_tables, quantisation_tables, survey,
};
use super::progressive::Coefficients;
use super::{DHT, DQT, DRI, SOS};
use crate::planes::{Canvas, Channel, Size};
use crate::resize::Grid;
use crate::{Decoded, Error};

/// Scans of a progressive picture; encoders write about ten.
const MAX_SCANS: u32 = 200;

/// Decodes a file, in the size of its largest variant.
pub(crate) fn decode(file: Bytes) -> Result<Decoded, Error> {
    let survey = survey(&file)?;
    let colours = Colours::of(&survey.frame, survey.adobe_transform);
    let mut picture = Rows::new(&survey.frame, colours)?;
    let mut tables = Tables::default();
    let mut coefficients = if survey.is_one_scan {
        None
    } else {
        Some(Coefficients::new(&survey.frame)?)
    };
    let mut segments = Segments::of(&file)?;
    let mut scans = 0;
    while let Some(Segment { marker, body, data }) = segments.next()? {
        match marker {
            DQT => quantisation_tables(body, &mut tables.quantisation)?,
            DHT => tables.add_codes(body)?,
            DRI => {
                let interval = body.first_chunk();
                tables.restart_interval = interval.map_or(0, |x| u16::from_be_bytes(*x));
            }
            SOS => {
                scans += 1;
                if scans > MAX_SCANS {
                    return Err(Error::NotAPicture);
                }
                let header = ScanHeader::parse(body, &survey.frame)?;
                picture.latch_quantisation(&survey.frame, &header, &tables)?;
                match &mut coefficients {
                    Some(coefficients) => {
                        coefficients.scan(&survey.frame, &header, &tables, data)?;
                    }
                    None => stream(&mut picture, &header, &tables, data)?,
                }
            }
            _ => {}
        }
    }
    // Coefficients and planes together take more than either: the file goes first.
    drop(file);
    if let Some(coefficients) = coefficients {
        transform(&mut picture, &coefficients)?;
        drop(coefficients);
    }
    let has_inks = matches!(colours, Colours::Inks { .. });
    Ok(Decoded {
        size: survey.frame.size,
        picture: picture.canvas.finish()?,
        icc: survey.icc.filter(|_| !has_inks),
    })
}

/// What components stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    /// Brightness, alone or with two colours: as we keep them.
    Ycbcr,
    Rgb,
    /// Cyan, magenta, yellow and black, or the first three as `Ycbcr`.
    Inks {
        is_ycck: bool,
        is_inverted: bool,
    },
}

impl Colours {
    fn of(frame: &Frame, adobe_transform: Option<u8>) -> Self {
        let ids: Vec<u8> = frame.components.iter().map(|part| part.id).collect();
        match (ids.as_slice(), adobe_transform) {
            ([_, _, _], Some(0)) | ([b'R', b'G', b'B'], None) => Self::Rgb,
            ([_, _, _, _], transform) => Self::Inks {
                is_ycck: transform == Some(2),
                // Photoshop's way, which everybody with that segment took over.
                is_inverted: transform.is_some(),
            },
            _ => Self::Ycbcr,
        }
    }
}

/// What scans are read with.
#[derive(Default)]
pub(super) struct Tables {
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Box<Decoder>>; 4],
    ac: [Option<Box<Decoder>>; 4],
    pub(super) restart_interval: u16,
}

impl Tables {
    fn add_codes(&mut self, body: &[u8]) -> Result<(), Error> {
        huffman_tables(body, |head, codes| {
            let tables = if head >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            if let Some(place) = tables.get_mut(usize::from(head & 3)) {
                *place = Some(Box::new(Decoder::new(codes)?));
            }
            Ok(())
        })
    }

    pub(super) fn dc(&self, nth: u8) -> Option<&Decoder> {
        self.dc.get(usize::from(nth))?.as_deref()
    }

    pub(super) fn ac(&self, nth: u8) -> Option<&Decoder> {
        self.ac.get(usize::from(nth))?.as_deref()
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
    pub(super) fn is_due(&mut self, bits: &mut Bits<'_>) -> Result<bool, Error> {
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

/// A component on its way to samples.
struct Part {
    horizontal: usize,
    vertical: usize,
    /// `None` before its first scan.
    inverse: Option<Inverse>,
    /// How many samples a block becomes along each side.
    side: usize,
    /// The samples of a row of MCUs.
    strip: Vec<u8>,
    stride: usize,
    /// Its samples along each side, without those that only fill up the last MCU.
    width: usize,
    height: usize,
}

/// The picture, which gets rows of MCUs.
#[expect(clippy::struct_field_names, reason = "MCUs have rows and columns")]
struct Rows {
    size: Size,
    colours: Colours,
    canvas: Canvas,
    parts: Vec<Part>,
    /// How many MCUs there are along each side.
    columns: usize,
    rows: usize,
    done: usize,
}

const CHANNELS: [Channel; 3] = [Channel::Y, Channel::Cb, Channel::Cr];

impl Rows {
    fn new(frame: &Frame, colours: Colours) -> Result<Self, Error> {
        let size = frame.size;
        let width = crate::largest(size.width);
        let ratio = f64::from(size.width) / f64::from(width);
        let (horizontal, vertical) = frame.sampling();
        let (full_width, full_height) = (size.width as usize, size.height as usize);
        let columns = full_width.div_ceil(8 * usize::from(horizontal));
        let rows = full_height.div_ceil(8 * usize::from(vertical));
        let mut parts = Vec::with_capacity(4);
        let mut grids = Vec::with_capacity(4);
        for (nth, component) in frame.components.iter().enumerate() {
            let of = |side: usize, factor: u8, max: u8| {
                (side * usize::from(factor)).div_ceil(usize::from(max))
            };
            let pitch = |factor: u8, max: u8| f64::from(max) / f64::from(factor);
            let pitch = (
                pitch(component.horizontal, horizontal),
                pitch(component.vertical, vertical),
            );
            // What will be halved anyway is never made in full.
            let wanted = if nth == 0 { ratio } else { 2.0 * ratio };
            let reduction = if colours == Colours::Ycbcr {
                let can_be = |reduction: &usize| {
                    let factor = f64::from(u8::try_from(8 / reduction).unwrap_or(1));
                    pitch.0.max(pitch.1) * factor <= wanted
                };
                [1, 2, 4].into_iter().find(can_be).unwrap_or(8)
            } else {
                8
            };
            let reduced = |samples: usize| (samples * reduction).div_ceil(8);
            let (across, down) = (
                usize::from(component.horizontal),
                usize::from(component.vertical),
            );
            let stride = columns * across * reduction;
            let part = Part {
                horizontal: across,
                vertical: down,
                inverse: None,
                side: reduction,
                strip: vec![0; stride * down * reduction],
                stride,
                width: reduced(of(full_width, component.horizontal, horizontal)),
                height: reduced(of(full_height, component.vertical, vertical)),
            };
            let factor = f64::from(u8::try_from(8 / reduction).unwrap_or(1));
            let grid = Grid {
                width: part.width,
                height: part.height,
                pitch: (pitch.0 * factor, pitch.1 * factor),
            };
            grids.extend(CHANNELS.get(nth).map(|&channel| (channel, grid)));
            parts.push(part);
        }
        let canvas = if colours == Colours::Ycbcr {
            Canvas::new(size, width, &grids)?
        } else {
            Canvas::rgb(size, width, false)?
        };
        Ok(Self {
            size,
            colours,
            canvas,
            parts,
            columns,
            rows,
            done: 0,
        })
    }

    /// A component keeps the table that is there when its first scan begins, should another come
    /// later.
    fn latch_quantisation(
        &mut self,
        frame: &Frame,
        header: &ScanHeader,
        tables: &Tables,
    ) -> Result<(), Error> {
        for scanned in &header.components {
            let component = frame.components.get(scanned.index);
            let (Some(part), Some(component)) = (self.parts.get_mut(scanned.index), component)
            else {
                return Err(Error::NotAPicture);
            };
            if part.inverse.is_none() {
                let steps = tables.quantisation.get(usize::from(component.quantisation));
                let steps = steps.and_then(Option::as_ref).ok_or(Error::NotAPicture)?;
                part.inverse = Some(Inverse::new(steps, part.side));
            }
        }
        Ok(())
    }

    /// Hands on the row of MCUs that is in the strips.
    fn finish_row(&mut self) {
        let row = self.done;
        self.done += 1;
        if self.colours == Colours::Ycbcr {
            for (part, channel) in self.parts.iter().zip(CHANNELS) {
                let lines = part.vertical * part.side;
                let left = part.height.saturating_sub(row * lines);
                for line in part.strip.chunks_exact(part.stride).take(lines.min(left)) {
                    self.canvas
                        .push(channel, line.get(..part.width).unwrap_or_default());
                }
            }
            return;
        }
        let across = self
            .parts
            .iter()
            .map(|part| part.horizontal)
            .max()
            .unwrap_or(1);
        let down = self
            .parts
            .iter()
            .map(|part| part.vertical)
            .max()
            .unwrap_or(1);
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let left = height.saturating_sub(row * down * 8);
        for y in 0..left.min(down * 8) {
            let lines: Vec<(&[u8], usize)> = self
                .parts
                .iter()
                .map(|part| {
                    let start = y * part.vertical / down * part.stride;
                    (part.strip.get(start..).unwrap_or_default(), part.horizontal)
                })
                .collect();
            let sample = |nth: usize, x: usize| {
                let line = lines.get(nth);
                line.and_then(|&(line, factor)| line.get(x * factor / across))
                    .copied()
                    .unwrap_or_default()
            };
            let colours = self.colours;
            self.canvas.push_rgb((0..width).map(|x| {
                let first = [sample(0, x), sample(1, x), sample(2, x)];
                match colours {
                    Colours::Ycbcr | Colours::Rgb => first,
                    Colours::Inks {
                        is_ycck,
                        is_inverted,
                    } => {
                        // Of YCCK the first three are the complement of what CMYK has.
                        let inks = if is_ycck {
                            rgb(first).map(|colour| 255 - colour)
                        } else {
                            first
                        };
                        let light = |ink: u8| u16::from(if is_inverted { ink } else { 255 - ink });
                        let black = light(sample(3, x));
                        inks.map(|ink| {
                            u8::try_from((light(ink) * black + 127) / 255).unwrap_or(255)
                        })
                    }
                }
            }));
        }
    }
}

fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let sums = [
        y + 91_881 * cr,
        y - 22_554 * cb - 46_802 * cr,
        y + 116_130 * cb,
    ];
    sums.map(|sum| u8::try_from(((sum + (1 << 15)) >> 16).clamp(0, 255)).unwrap_or_default())
}

/// Decodes the only scan, handing on row by row.
fn stream(
    picture: &mut Rows,
    header: &ScanHeader,
    tables: &Tables,
    data: &[u8],
) -> Result<(), Error> {
    let mut bits = Bits::new(data);
    let mut restarts = Restarts::new(tables.restart_interval);
    let mut predicted = [0_i32; 4];
    let mut order = Vec::with_capacity(4);
    for (component, nth) in header.components.iter().zip(0_usize..) {
        let (dc, ac) = (tables.dc(component.dc_table), tables.ac(component.ac_table));
        let (dc, ac) = (dc.ok_or(Error::NotAPicture)?, ac.ok_or(Error::NotAPicture)?);
        order.push((component.index, nth & 3, dc, ac));
    }
    for _ in 0..picture.rows {
        for column in 0..picture.columns {
            if restarts.is_due(&mut bits)? {
                predicted = [0; 4];
            }
            for &(index, nth, dc, ac) in &order {
                let part = picture.parts.get_mut(index).ok_or(Error::NotAPicture)?;
                let inverse = part.inverse.as_ref().ok_or(Error::NotAPicture)?;
                for y in 0..part.vertical {
                    for x in 0..part.horizontal {
                        let mut block = Block::default();
                        let last = read_block(
                            &mut bits,
                            &mut predicted[nth],
                            dc,
                            ac,
                            inverse,
                            &mut block,
                        )?;
                        let at = y * part.side * part.stride
                            + (column * part.horizontal + x) * part.side;
                        let out = part.strip.get_mut(at..).unwrap_or_default();
                        inverse.write(&mut block, last, out, part.stride);
                    }
                }
            }
        }
        bits.check()?;
        picture.finish_row();
    }
    Ok(())
}

/// Reads a block; says which of its coefficients is the last that is not zero.
#[inline]
fn read_block(
    bits: &mut Bits<'_>,
    predicted: &mut i32,
    dc: &Decoder,
    ac: &Decoder,
    inverse: &Inverse,
    block: &mut Block,
) -> Result<usize, Error> {
    let length = bits.symbol(dc)?;
    if length > 15 {
        return Err(Error::NotAPicture);
    }
    *predicted = fit(predicted.wrapping_add(bits.signed(length))).into();
    inverse.put(block, 0, *predicted);
    let (mut at, mut last) = (1, 0);
    while at < 64 {
        let (zeros, value) = bits.coefficient(ac)?;
        at += zeros;
        if at > 63 {
            if value != 0 {
                return Err(Error::NotAPicture);
            }
            break;
        }
        inverse.put(block, at, value);
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

/// Makes samples of coefficients that came in several scans.
fn transform(picture: &mut Rows, coefficients: &Coefficients) -> Result<(), Error> {
    coefficients.check()?;
    for row in 0..picture.rows {
        for (nth, part) in picture.parts.iter_mut().enumerate() {
            let inverse = part.inverse.as_ref().ok_or(Error::NotAPicture)?;
            for y in 0..part.vertical {
                for x in 0..picture.columns * part.horizontal {
                    let mut block = Block::default();
                    let stored = coefficients.block(nth, x, row * part.vertical + y);
                    let mut last = 0;
                    for (at, &value) in stored.ok_or(Error::NotAPicture)?.iter().enumerate() {
                        if value != 0 {
                            inverse.put(&mut block, at, value.into());
                            last = at;
                        }
                    }
                    let at = y * part.side * part.stride + x * part.side;
                    let out = part.strip.get_mut(at..).unwrap_or_default();
                    inverse.write(&mut block, last, out, part.stride);
                }
            }
        }
        picture.finish_row();
    }
    Ok(())
}
