//! From a file to rows: a sequential scan MCU by MCU, without ever holding more than a row of them.

use bytes::Bytes;
use pictures::jpeg::{Frame, OnlyScan, Planes, planes, survey};

use super::dct::{Block, Inverse};
use crate::planes::{Canvas, Channel, Size};
use crate::resize::Grid;
use crate::{Decoded, Error, icc};

/// Decodes a file, in the size of its largest variant.
pub(crate) fn decode(file: Bytes) -> Result<Decoded, Error> {
    let survey = survey(&file)?;
    let colours = Colours::of(&survey.frame, survey.adobe_transform);
    let picture = if survey.is_one_scan {
        stream(&file, &survey.frame, colours)?
    } else {
        let planes = planes(&file, &survey.frame)?;
        // Coefficients and what becomes of them take more than either: the file goes first.
        drop(file);
        transform(&planes, &survey.frame, colours)?
    };
    let has_inks = matches!(colours, Colours::Inks { .. });
    let icc = survey.icc.filter(|_| !has_inks);
    Ok(Decoded {
        size: picture.size,
        picture: picture.canvas.finish()?,
        icc: icc.and_then(|profile| icc::kept(&profile)),
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

/// A component on its way to samples.
struct Part {
    horizontal: usize,
    vertical: usize,
    inverse: Inverse,
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
    fn new<'a>(
        frame: &Frame,
        colours: Colours,
        steps: impl Iterator<Item = &'a [u16; 64]>,
    ) -> Result<Self, Error> {
        let size = Size {
            width: frame.width.into(),
            height: frame.height.into(),
        };
        let width = crate::largest(size.width);
        let ratio = f64::from(size.width) / f64::from(width);
        let (horizontal, vertical) = frame.sampling();
        let (full_width, full_height) = (size.width as usize, size.height as usize);
        let columns = full_width.div_ceil(8 * usize::from(horizontal));
        let rows = full_height.div_ceil(8 * usize::from(vertical));
        let mut parts = Vec::with_capacity(4);
        let mut grids = Vec::with_capacity(4);
        for (nth, (component, steps)) in frame.components.iter().zip(steps).enumerate() {
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
                inverse: Inverse::new(steps, reduction),
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
fn stream(file: &[u8], frame: &Frame, colours: Colours) -> Result<Rows, Error> {
    let mut scan = OnlyScan::of(file, frame)?;
    let mut steps = [[0; 64]; 4];
    let mut order = Vec::with_capacity(4);
    for (index, table) in scan.parts() {
        *steps.get_mut(index).ok_or(Error::NotAPicture)? = *table;
        order.push(index);
    }
    let mut picture = Rows::new(frame, colours, steps.iter())?;
    for _ in 0..picture.rows {
        for column in 0..picture.columns {
            scan.begin_mcu()?;
            for (nth, &index) in order.iter().enumerate() {
                let part = picture.parts.get_mut(index).ok_or(Error::NotAPicture)?;
                for y in 0..part.vertical {
                    for x in 0..part.horizontal {
                        let mut block = Block::default();
                        let inverse = &part.inverse;
                        let last =
                            scan.block(nth, |at, value| inverse.put(&mut block, at, value))?;
                        let at = y * part.side * part.stride
                            + (column * part.horizontal + x) * part.side;
                        let out = part.strip.get_mut(at..).unwrap_or_default();
                        inverse.write(&mut block, last, out, part.stride);
                    }
                }
            }
        }
        scan.check()?;
        picture.finish_row();
    }
    Ok(picture)
}

/// Makes samples of coefficients that came in several scans.
fn transform(planes: &Planes, frame: &Frame, colours: Colours) -> Result<Rows, Error> {
    let steps = planes.all.iter().map(|plane| &plane.quantisation);
    let mut picture = Rows::new(frame, colours, steps)?;
    for row in 0..picture.rows {
        for (part, plane) in picture.parts.iter_mut().zip(&planes.all) {
            for y in 0..part.vertical {
                for x in 0..picture.columns * part.horizontal {
                    let mut block = Block::default();
                    let stored = plane.block(x, row * part.vertical + y);
                    let mut last = 0;
                    for (at, &value) in stored.ok_or(Error::NotAPicture)?.iter().enumerate() {
                        if value != 0 {
                            part.inverse.put(&mut block, at, value.into());
                            last = at;
                        }
                    }
                    let at = y * part.side * part.stride + x * part.side;
                    let out = part.strip.get_mut(at..).unwrap_or_default();
                    part.inverse.write(&mut block, last, out, part.stride);
                }
            }
        }
        picture.finish_row();
    }
    Ok(picture)
}
