//! Cosine transforms of eight by eight samples, after Arai, Agui and Nakajima, in single precision: exact to less than a rounding, and as quick as what is not.

use std::f32::consts::{PI, SQRT_2};

use pictures::jpeg::ZIGZAG;

/// Eight by eight samples or coefficients.
pub(super) type Block = [[f32; 8]; 8];

/// What the fast transforms leave each row and column multiplied with.
const SCALES: [f32; 8] = [
    1.0,
    1.387_039_8,
    1.306_563,
    1.175_875_6,
    1.0,
    0.785_695,
    0.541_196_1,
    0.275_899_38,
];

/// How a block of coefficients becomes samples: all of them, or one for each two, four or eight along
/// each side.
pub(super) struct Inverse {
    /// How many samples there are along each side.
    pub(super) side: usize,
    /// For each coefficient in zigzag order what it is multiplied with, and where it belongs.
    places: [(f32, u8); 64],
    /// For less than eight samples, what each frequency adds to each.
    basis: [[f32; 4]; 4],
}

impl Inverse {
    /// For quantisation steps in zigzag order, and 8, 4, 2 or 1 samples along each side.
    pub(super) fn new(steps: &[u16; 64], side: usize) -> Self {
        let mut places = [(0.0, 0); 64];
        for ((place, &at), &step) in places.iter_mut().zip(&ZIGZAG).zip(steps) {
            let (row, column) = (at / 8, at % 8);
            let scale = |nth: u8| SCALES[usize::from(nth % 8)];
            let factor = if side == 8 {
                f32::from(step) * scale(row) * scale(column) / 8.0
            } else {
                f32::from(step)
            };
            // With rows and columns exchanged: the first pass is along rows, where it works on eight
            // columns at once.
            *place = (factor, column * 8 + row);
        }
        let mut basis = [[0.0; 4]; 4];
        let side_as_float = f32::from(u8::try_from(side).unwrap_or(8));
        for (frequency, line) in (0_u8..).zip(&mut basis).take(side) {
            for (sample, place) in (0_u8..).zip(line).take(side) {
                let angle = (2.0 * f32::from(sample) + 1.0) * f32::from(frequency) * PI;
                let norm = if frequency == 0 { 1.0_f32 } else { 2.0 };
                *place = (norm / 8.0).sqrt() * (angle / (2.0 * side_as_float)).cos();
            }
        }
        Self {
            side,
            places,
            basis,
        }
    }

    /// Puts a coefficient, by its place in zigzag order, where it belongs in a block.
    #[inline]
    pub(super) fn put(&self, block: &mut Block, at: usize, coefficient: i32) {
        let (factor, place) = self.places[at % 64];
        #[expect(clippy::cast_precision_loss, reason = "it has sixteen bits")]
        let value = coefficient as f32 * factor;
        block[usize::from(place / 8 % 8)][usize::from(place % 8)] = value;
    }

    /// Writes the samples of a block into rows of `stride`; `last` is the last coefficient that is not
    /// zero.
    #[inline]
    pub(super) fn write(&self, block: &mut Block, last: usize, out: &mut [u8], stride: usize) {
        if last == 0 && self.side > 1 {
            // The transform would divide by 8 here as well, but not in `places` for smaller sides.
            let level = if self.side == 8 {
                block[0][0]
            } else {
                block[0][0] / 8.0
            };
            let level = to_u8(level + 128.0);
            for line in out.chunks_mut(stride).take(self.side) {
                if let Some(line) = line.get_mut(..self.side) {
                    line.fill(level);
                }
            }
            return;
        }
        if self.side == 8 {
            inverse_pass(block);
            transpose(block);
            inverse_pass(block);
            for (line, samples) in out.chunks_mut(stride).zip(block.iter()) {
                if let Some(line) = line.first_chunk_mut::<8>() {
                    for (sample, &value) in line.iter_mut().zip(samples) {
                        *sample = to_u8(value + 128.0);
                    }
                }
            }
            return;
        }
        self.write_reduced(block, out, stride);
    }

    fn write_reduced(&self, block: &Block, out: &mut [u8], stride: usize) {
        let mut half = [[0.0_f32; 4]; 4];
        // Lines of `block` are columns of coefficients; those of `half` are frequencies along a row.
        for (line, column) in half.iter_mut().zip(block).take(self.side) {
            for (&coefficient, basis) in column.iter().zip(&self.basis) {
                for (sum, &factor) in line.iter_mut().zip(basis) {
                    *sum += coefficient * factor;
                }
            }
        }
        for (y, out) in out.chunks_mut(stride).enumerate().take(self.side) {
            let mut sums = [128.0_f32; 4];
            for (line, basis) in half.iter().zip(&self.basis) {
                for (sum, &factor) in sums.iter_mut().zip(basis) {
                    *sum += line[y % 4] * factor;
                }
            }
            for (sample, &sum) in out.iter_mut().zip(&sums).take(self.side) {
                *sample = to_u8(sum);
            }
        }
    }
}

/// Rounds to a whole number: this big, a float has no bits behind the point.
#[inline]
fn to_i32(value: f32) -> i32 {
    const BIG: f32 = 12_582_912.0;
    (value + BIG).to_bits().cast_signed() - BIG.to_bits().cast_signed()
}

#[inline]
fn to_u8(value: f32) -> u8 {
    // Not `clamp`, which keeps what is no number.
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    {
        to_i32(value) as u8
    }
}

#[inline]
fn transpose(block: &mut Block) {
    let old = *block;
    for (x, line) in block.iter_mut().enumerate() {
        for (value, old) in line.iter_mut().zip(&old) {
            *value = old[x % 8];
        }
    }
}

#[inline]
fn inverse_pass(block: &mut Block) {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = block;
    for nth in 0..8 {
        let (even0, even1) = (r0[nth] + r4[nth], r0[nth] - r4[nth]);
        let even3 = r2[nth] + r6[nth];
        let even2 = (r2[nth] - r6[nth]) * SQRT_2 - even3;
        let (a0, a3) = (even0 + even3, even0 - even3);
        let (a1, a2) = (even1 + even2, even1 - even2);

        let (z13, z10) = (r5[nth] + r3[nth], r5[nth] - r3[nth]);
        let (z11, z12) = (r1[nth] + r7[nth], r1[nth] - r7[nth]);
        let b7 = z11 + z13;
        let z5 = (z10 + z12) * 1.847_759;
        let b6 = z5 - z10 * 2.613_126 - b7;
        let b5 = (z11 - z13) * SQRT_2 - b6;
        let b4 = z5 - z12 * 1.082_392_2 - b5;

        (r0[nth], r7[nth]) = (a0 + b7, a0 - b7);
        (r1[nth], r6[nth]) = (a1 + b6, a1 - b6);
        (r2[nth], r5[nth]) = (a2 + b5, a2 - b5);
        (r3[nth], r4[nth]) = (a3 + b4, a3 - b4);
    }
}

#[inline]
fn forward_pass(block: &mut Block) {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = block;
    for nth in 0..8 {
        let (s0, d7) = (r0[nth] + r7[nth], r0[nth] - r7[nth]);
        let (s1, d6) = (r1[nth] + r6[nth], r1[nth] - r6[nth]);
        let (s2, d5) = (r2[nth] + r5[nth], r2[nth] - r5[nth]);
        let (s3, d4) = (r3[nth] + r4[nth], r3[nth] - r4[nth]);

        let (e0, e3) = (s0 + s3, s0 - s3);
        let (e1, e2) = (s1 + s2, s1 - s2);
        (r0[nth], r4[nth]) = (e0 + e1, e0 - e1);
        let z1 = (e2 + e3) * 0.707_106_77;
        (r2[nth], r6[nth]) = (e3 + z1, e3 - z1);

        let (o0, o1, o2) = (d4 + d5, d5 + d6, d6 + d7);
        let z5 = (o0 - o2) * 0.382_683_43;
        let z2 = 0.541_196_1 * o0 + z5;
        let z4 = 1.306_563 * o2 + z5;
        let z3 = o1 * 0.707_106_77;
        let (z11, z13) = (d7 + z3, d7 - z3);
        (r5[nth], r3[nth]) = (z13 + z2, z13 - z2);
        (r1[nth], r7[nth]) = (z11 + z4, z11 - z4);
    }
}

/// How samples become a block of coefficients in zigzag order.
pub(super) struct Forward {
    /// With rows and columns exchanged, as the block is after the second pass.
    factors: Block,
}

impl Forward {
    /// For quantisation steps in zigzag order.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let mut factors = [[0.0; 8]; 8];
        for (&place, &step) in ZIGZAG.iter().zip(steps) {
            let (row, column) = (usize::from(place / 8 % 8), usize::from(place % 8));
            let scale = SCALES[row] * SCALES[column] * 8.0;
            factors[column][row] = 1.0 / (f32::from(step) * scale);
        }
        Self { factors }
    }

    /// The coefficients of samples less 128, with rows and columns exchanged.
    #[inline]
    pub(super) fn coefficients(&self, block: &mut Block) -> [i16; 64] {
        forward_pass(block);
        transpose(block);
        forward_pass(block);
        let mut out = [0; 64];
        let lines = block.iter().zip(&self.factors);
        for ((line, factors), out) in lines.zip(out.as_chunks_mut::<8>().0) {
            for ((out, &value), &factor) in out.iter_mut().zip(line).zip(factors) {
                #[expect(clippy::cast_possible_truncation, reason = "at most eleven bits")]
                {
                    *out = to_i32(value * factor) as i16;
                }
            }
        }
        out
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "numbers below 16")]
mod tests {
    use super::*;

    fn slow_inverse(coefficients: &[i32; 64], side: usize) -> Vec<f64> {
        let pi = std::f64::consts::PI;
        let mut out = vec![0.0; side * side];
        for y in 0..side {
            for x in 0..side {
                for (at, &coefficient) in coefficients.iter().enumerate() {
                    let (v, u) = (usize::from(ZIGZAG[at]) / 8, usize::from(ZIGZAG[at]) % 8);
                    if v >= side || u >= side {
                        continue;
                    }
                    let of = |frequency: usize, sample: usize| {
                        let norm: f64 = if frequency == 0 { 1.0 } else { 2.0 };
                        let angle = (2 * sample + 1) as f64 * frequency as f64 * pi;
                        (norm / 8.0).sqrt() * (angle / (2 * side) as f64).cos()
                    };
                    out[y * side + x] += f64::from(coefficient) * of(v, y) * of(u, x);
                }
            }
        }
        out
    }

    #[test]
    fn samples_are_exact_at_every_size() {
        let mut random = fastrand::Rng::with_seed(3);
        for side in [8, 4, 2, 1] {
            for round in 0..300 {
                let mut coefficients = [0; 64];
                let count = [1, 2, 10, 64][round % 4];
                for coefficient in &mut coefficients[..count] {
                    *coefficient = random.i32(-60..60);
                }
                let inverse = Inverse::new(&[2; 64], side);
                let mut block = Block::default();
                for (at, &coefficient) in coefficients.iter().enumerate() {
                    inverse.put(&mut block, at, coefficient);
                }
                let mut out = vec![0; side * 10];
                inverse.write(&mut block, count - 1, &mut out, 10);
                let expected = slow_inverse(&coefficients.map(|value| value * 2), side);
                for (nth, value) in expected.iter().enumerate() {
                    let is = f64::from(out[nth / side * 10 + nth % side]);
                    let expected = (value + 128.0).clamp(0.0, 255.0);
                    assert!((is - expected).abs() < 0.51, "{side} {is} {expected}");
                }
            }
        }
    }

    #[test]
    fn coefficients_lead_back_to_the_samples() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..300 {
            let mut block = Block::default();
            block
                .as_flattened_mut()
                .fill_with(|| f32::from(random.u8(..)) - 128.0);
            let samples = block;
            let coefficients = Forward::new(&[1; 64]).coefficients(&mut block);
            let inverse = Inverse::new(&[1; 64], 8);
            let mut block = Block::default();
            for (at, &place) in ZIGZAG.iter().enumerate() {
                let exchanged = usize::from(place % 8 * 8 + place / 8);
                inverse.put(&mut block, at, coefficients[exchanged].into());
            }
            let mut out = vec![0; 64];
            inverse.write(&mut block, 63, &mut out, 8);
            for (is, expected) in out.iter().zip(samples.as_flattened()) {
                assert!((f32::from(*is) - 128.0 - expected).abs() <= 2.0);
            }
        }
    }

    #[test]
    fn what_is_no_number_is_no_danger() {
        let inverse = Inverse::new(&[u16::MAX; 64], 8);
        let mut block = Block::default();
        for at in 0..64 {
            inverse.put(&mut block, at, i32::from(i16::MIN));
        }
        block[0][0] = f32::NAN;
        inverse.write(&mut block, 63, &mut [0; 64], 8);
    }
}
