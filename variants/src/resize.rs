//! Making planes smaller, row by row, with Lanczos's filter of three lobes.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sides have at most 14 bits, weights and samples at most 16"
)]

use std::f64::consts::PI;

/// Lobes of the filter.
const LOBES: f64 = 3.0;

/// A weight of one.
const ONE: i32 = 1 << 14;

/// What a sample has between the two passes, in bits behind the point.
const FRACTION: u32 = 6;

/// How many samples are added up at once; a row may need room for as many behind it.
pub(crate) const LANES: usize = 16;

/// Weights along a row are as many as fit so often.
const STEP: usize = 8;

/// A resolution of a plane: samples along each side, and how many pixels of the picture one stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pitch: (f64, f64),
}

/// Which samples along one side make a new one, and how much each counts.
struct Axis {
    /// How many there are for each, with those that count nothing.
    taps: usize,
    starts: Vec<usize>,
    weights: Vec<i16>,
}

impl Axis {
    /// `ratio` is how many old samples a new one stands for; `multiple` of how many each is made.
    fn new(old: usize, new: usize, ratio: f64, multiple: usize) -> Self {
        let scale = ratio.max(1.0);
        let support = LOBES * scale;
        let most = (2.0 * support).ceil() as usize + 1;
        let taps = if multiple == 1 {
            most.min(old)
        } else {
            most.next_multiple_of(multiple)
        };
        // Rows may be read past their end, where there is room for it, but columns of rows may not.
        let last_start = if multiple == 1 {
            old - taps
        } else {
            old.saturating_sub(1)
        };
        let mut axis = Self {
            taps,
            starts: Vec::with_capacity(new),
            weights: vec![0; taps * new],
        };
        let mut exact = vec![0.0; taps];
        for (nth, weights) in axis.weights.chunks_exact_mut(taps).enumerate() {
            let end = old as f64 - 1.0;
            let centre = ((nth as f64 + 0.5) * ratio - 0.5).clamp(0.0, end);
            let first = ((centre - support).ceil().max(0.0) as usize).min(last_start);
            axis.starts.push(first);
            for (at, weight) in (first..).zip(&mut exact) {
                *weight = if at < old {
                    lanczos((at as f64 - centre) / scale)
                } else {
                    0.0
                };
            }
            let sum: f64 = exact.iter().sum();
            let mut rest = ONE;
            for (weight, exact) in weights.iter_mut().zip(&exact) {
                *weight = (exact / sum * f64::from(ONE)).round() as i16;
                rest -= i32::from(*weight);
            }
            // What rounding took: a plain surface must stay as it is.
            if let Some(largest) = weights.iter_mut().max() {
                *largest += rest as i16;
            }
        }
        axis
    }
}

fn lanczos(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else if x.abs() >= LOBES {
        0.0
    } else {
        let x = x * PI;
        LOBES * x.sin() * (x / LOBES).sin() / (x * x)
    }
}

/// Takes the rows of a plane and gives those of a smaller one, as soon as they can be known.
pub(crate) struct Resizer {
    new: Grid,
    /// `None` when nothing changes.
    axes: Option<(Axis, Axis)>,
    /// The row that was taken last, with room behind it.
    row: Vec<i16>,
    /// The last rows with their new width, as many as make a new one.
    window: Vec<i16>,
    stride: usize,
    taken: usize,
    given: usize,
}

impl Resizer {
    pub(crate) fn new(old: Grid, new: Grid) -> Self {
        let ratio = (new.pitch.0 / old.pitch.0, new.pitch.1 / old.pitch.1);
        let is_same = (old.width, old.height) == (new.width, new.height)
            && (ratio.0 - 1.0).abs() < 1e-3
            && (ratio.1 - 1.0).abs() < 1e-3;
        let mut resizer = Self {
            new,
            axes: None,
            row: Vec::new(),
            window: Vec::new(),
            stride: new.width.next_multiple_of(LANES),
            taken: 0,
            given: 0,
        };
        if !is_same {
            let horizontal = Axis::new(old.width, new.width, ratio.0, STEP);
            let vertical = Axis::new(old.height, new.height, ratio.1, 1);
            resizer.row = vec![0; old.width + horizontal.taps];
            resizer.window = vec![0; vertical.taps * resizer.stride];
            resizer.axes = Some((horizontal, vertical));
        }
        resizer
    }

    /// Takes the next row, which has as many samples as the old grid says, and appends new rows.
    pub(crate) fn push(&mut self, row: &[u8], out: &mut Vec<u8>) {
        let Some((horizontal, vertical)) = &self.axes else {
            if self.given < self.new.height {
                self.given += 1;
                out.extend_from_slice(row);
            }
            return;
        };
        for (wide, &sample) in self.row.iter_mut().zip(row) {
            *wide = sample.into();
        }
        let at = self.taken % vertical.taps * self.stride;
        self.taken += 1;
        if let Some(line) = self.window.get_mut(at..at + self.stride) {
            match horizontal.taps {
                8 => narrow::<8>(horizontal, &self.row, line),
                16 => narrow::<16>(horizontal, &self.row, line),
                24 => narrow::<24>(horizontal, &self.row, line),
                _ => narrow_any(horizontal, &self.row, line),
            }
        }
        while let Some(&start) = vertical.starts.get(self.given) {
            if start + vertical.taps > self.taken {
                break;
            }
            let weights = vertical.weights.chunks_exact(vertical.taps).nth(self.given);
            self.given += 1;
            // The window is a ring, so weights are turned to where their rows are.
            let first = start % vertical.taps;
            let weights = weights.unwrap_or_default();
            let (before, behind) = weights.split_at(vertical.taps - first);
            let weights = behind.iter().chain(before);
            let lines: Vec<(&[i16], i16)> = self
                .window
                .chunks_exact(self.stride)
                .zip(weights.copied())
                .filter(|&(_, weight)| weight != 0)
                .collect();
            let end = out.len() + self.new.width;
            for column in (0..self.stride).step_by(LANES) {
                let mut sums = [1_i32 << (13 + FRACTION); LANES];
                for &(line, weight) in &lines {
                    let samples = line.get(column..).and_then(<[i16]>::first_chunk);
                    let samples: &[i16; LANES] = samples.unwrap_or(&[0; LANES]);
                    for (sum, &sample) in sums.iter_mut().zip(samples) {
                        *sum += i32::from(sample) * i32::from(weight);
                    }
                }
                let samples = sums.map(|sum| (sum >> (14 + FRACTION)).clamp(0, 255) as u8);
                out.extend_from_slice(&samples);
            }
            out.truncate(end);
        }
    }
}

/// One row with its new width.
fn narrow<const TAPS: usize>(axis: &Axis, row: &[i16], out: &mut [i16]) {
    let weights = axis.weights.as_chunks::<TAPS>().0;
    for ((out, weights), &start) in out.iter_mut().zip(weights).zip(&axis.starts) {
        let samples: Option<&[i16; TAPS]> = row.get(start..).and_then(<[i16]>::first_chunk);
        if let Some(samples) = samples {
            let sum: i32 = samples
                .iter()
                .zip(weights)
                .map(|(&sample, &weight)| i32::from(sample) * i32::from(weight))
                .sum();
            *out = rounded(sum);
        }
    }
}

fn narrow_any(axis: &Axis, row: &[i16], out: &mut [i16]) {
    let weights = axis.weights.chunks_exact(axis.taps);
    for ((out, weights), &start) in out.iter_mut().zip(weights).zip(&axis.starts) {
        let samples = row.get(start..).unwrap_or_default();
        let sum: i32 = samples
            .iter()
            .zip(weights)
            .map(|(&sample, &weight)| i32::from(sample) * i32::from(weight))
            .sum();
        *out = rounded(sum);
    }
}

#[inline]
fn rounded(sum: i32) -> i16 {
    ((sum + (1 << (13 - FRACTION))) >> (14 - FRACTION)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(width: usize, height: usize, pitch: (f64, f64)) -> Grid {
        Grid {
            width,
            height,
            pitch,
        }
    }

    fn resized(old: Grid, new: Grid, sample: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let mut resizer = Resizer::new(old, new);
        let mut out = Vec::new();
        for y in 0..old.height {
            let row: Vec<u8> = (0..old.width).map(|x| sample(x, y)).collect();
            resizer.push(&row, &mut out);
        }
        out
    }

    #[test]
    fn a_plain_surface_stays_plain_whatever_its_size() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..300 {
            let (width, height) = (random.usize(1..90), random.usize(1..90));
            let (new_width, new_height) = (random.usize(1..=width), random.usize(1..=height));
            let pitch = (
                width as f64 / new_width as f64,
                height as f64 / new_height as f64,
            );
            let old = grid(width, height, (1.0, 1.0));
            let new = grid(new_width, new_height, pitch);
            for level in [0, 1, 77, 128, 254, 255] {
                assert_eq!(
                    resized(old, new, |_, _| level),
                    vec![level; new_width * new_height],
                    "{width}x{height} to {new_width}x{new_height}"
                );
            }
        }
    }

    #[test]
    fn a_slope_keeps_its_place_at_half_the_resolution() {
        let old = grid(200, 200, (1.0, 1.0));
        let new = grid(50, 50, (4.0, 4.0));
        let out = resized(old, new, |x, y| (x / 2 + y / 2) as u8);
        for y in 5..45 {
            for x in 5..45 {
                let expected = (x * 4 + y * 4 + 3) as f64 / 2.0 - 0.5;
                let is = f64::from(out[y * 50 + x]);
                assert!((is - expected).abs() <= 1.0, "{is} {expected}");
            }
        }
    }

    #[test]
    fn sides_of_one_sample_work() {
        let old = grid(16_383, 1, (1.0, 1.0));
        assert_eq!(
            resized(old, grid(2048, 1, (8.0, 1.0)), |_, _| 9).len(),
            2048
        );
        let old = grid(1, 16_383, (1.0, 1.0));
        assert_eq!(
            resized(old, grid(1, 16_383, (2.0, 2.0)), |_, _| 9).len(),
            16_383
        );
    }
}
