//! Cutting the blocks of a small picture anew, where its last columns or rows become the first.
//!
//! Samples are computed component by component, so that colours stay as they are stored, and get
//! finer steps than they had: no eye sees the difference.

use std::f32::consts::PI;

use super::ZIGZAG;
use super::decode::{Block, Plane, Planes};
use super::turn::reversed;
use crate::Invalid;
use crate::orientation::Orientation;

/// The largest step between two values of a coefficient.
const MAX_STEP: u16 = 2;

type Samples = [f32; 64];

/// The planes of what is shown.
pub(super) fn turn(mut planes: Planes, orientation: Orientation) -> Result<Planes, Invalid> {
    let (horizontal, vertical) = planes.sampling();
    let (starts_at_right, starts_at_bottom) = reversed(orientation);
    // Where a sample of colour stands for two columns it must not stand for others than before: the
    // odd one is left out.
    let even = |side: u16, factor: u8, is_reversed: bool| {
        let rest = side % u16::from(factor);
        if is_reversed && rest < side {
            side - rest
        } else {
            side
        }
    };
    planes.width = even(planes.width, horizontal, starts_at_right);
    planes.height = even(planes.height, vertical, starts_at_bottom);
    let (width, height) = orientation.turned(planes.width, planes.height);
    let cosines = cosines();
    let mut turned = Planes {
        width,
        height,
        all: Vec::with_capacity(4),
    };
    for plane in &planes.all {
        let (horizontal, vertical) = orientation.turned(plane.horizontal, plane.vertical);
        turned.all.push(Plane {
            id: plane.id,
            horizontal,
            vertical,
            quantisation: plane.quantisation.map(|step| step.clamp(1, MAX_STEP)),
            columns: 0,
            rows: 0,
            coefficients: Vec::new(),
        });
    }
    turned.allocate()?;
    for (nth, plane) in planes.all.iter().enumerate() {
        let size = planes.samples(plane);
        let samples = samples(plane, size, &cosines).ok_or(Invalid::NotAPicture)?;
        let samples = orientation
            .turn(&samples, size, 1)
            .ok_or(Invalid::NotAPicture)?;
        let (width, height) = orientation.turned(size.0, size.1);
        let plane = turned.all.get_mut(nth).ok_or(Invalid::NotAPicture)?;
        for row in 0..plane.rows {
            for column in 0..plane.columns {
                let mut block = [0.0; 64];
                for (at, sample) in block.iter_mut().enumerate() {
                    // Beyond the edge the last samples go on, which costs the fewest bits.
                    let x = (column * 8 + at % 8).min(width - 1);
                    let y = (row * 8 + at / 8).min(height - 1);
                    *sample = samples.get(y * width + x).copied().unwrap_or_default();
                }
                let block = quantised(&transformed(&block, &cosines), &plane.quantisation);
                *plane.block_mut(column, row).ok_or(Invalid::NotAPicture)? = block;
            }
        }
    }
    Ok(turned)
}

/// The samples of a plane, row by row.
fn samples(plane: &Plane, (width, height): (usize, usize), cosines: &Samples) -> Option<Vec<f32>> {
    let mut samples = vec![0.0; width.checked_mul(height)?];
    // From frequencies to samples with the same steps, only with the table the other way round.
    let mut inverse = [0.0; 64];
    for (at, cosine) in inverse.iter_mut().enumerate() {
        *cosine = *cosines.get(at % 8 * 8 + at / 8)?;
    }
    for row in 0..height.div_ceil(8) {
        for column in 0..width.div_ceil(8) {
            let stored = plane.block(column, row)?;
            let mut block = [0.0; 64];
            for ((&place, &coefficient), &step) in
                ZIGZAG.iter().zip(stored).zip(&plane.quantisation)
            {
                *block.get_mut(usize::from(place))? = f32::from(coefficient) * f32::from(step);
            }
            let block = transformed(&block, &inverse);
            for (y, line) in block.chunks_exact(8).enumerate() {
                let from = (row * 8 + y) * width + column * 8;
                let end = from + (width - column * 8).min(8);
                if row * 8 + y < height {
                    for (sample, value) in samples.get_mut(from..end)?.iter_mut().zip(line) {
                        *sample = value.clamp(-128.0, 127.0);
                    }
                }
            }
        }
    }
    Some(samples)
}

/// For each frequency and sample what one adds to the other (T.81, A.3.3).
fn cosines() -> Samples {
    let mut table = [0.0; 64];
    for (at, cosine) in (0_u8..).zip(&mut table) {
        let (frequency, sample) = (f32::from(at / 8), f32::from(at % 8));
        let scale = if at < 8 { 0.125_f32.sqrt() } else { 0.5 };
        *cosine = scale * ((2.0 * sample + 1.0) * frequency * PI / 16.0).cos();
    }
    table
}

/// `table` × `block` × `table` transposed.
fn transformed(block: &Samples, table: &Samples) -> Samples {
    let once = |block: &Samples| {
        let mut out = [0.0; 64];
        // Each row of the block with each row of the table; written in columns, so that the second
        // time rows and columns are as they were.
        for (nth, row) in block.chunks_exact(8).enumerate() {
            for (factors, line) in table.chunks_exact(8).zip(out.chunks_exact_mut(8)) {
                let sum = factors.iter().zip(row).map(|(a, b)| a * b).sum();
                if let Some(place) = line.get_mut(nth) {
                    *place = sum;
                }
            }
        }
        out
    };
    once(&once(block))
}

fn quantised(block: &Samples, steps: &[u16; 64]) -> Block {
    let mut quantised = [0; 64];
    for ((coefficient, &place), &step) in quantised.iter_mut().zip(&ZIGZAG).zip(steps) {
        let value = block.get(usize::from(place)).copied().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let value = (value / f32::from(step)).round().clamp(-1024.0, 1023.0) as i16;
        *coefficient = value;
    }
    quantised
}
