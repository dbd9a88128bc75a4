//! From coefficients to one sequential scan with the best Huffman codes (T.81, annexes F and K.2).

use super::decode::{Block, Planes};
use super::huffman::{BitWriter, Codes, Encoder};
use super::turn::Turn;
use super::{DHT, DQT, EOI, SOF0, SOF1, SOS, write_segment};
use crate::Invalid;

/// Writes tables, frame and scan.
pub(super) fn write(out: &mut Vec<u8>, planes: &Planes, turn: &Turn) -> Result<(), Invalid> {
    let mut quantisation: Vec<[u16; 64]> = Vec::with_capacity(4);
    let mut frame = vec![8];
    frame.extend(turn.height.to_be_bytes());
    frame.extend(turn.width.to_be_bytes());
    let count = u8::try_from(planes.all.len()).unwrap_or_default();
    frame.push(count);
    let mut scan = vec![count];
    for (nth, plane) in planes.all.iter().enumerate() {
        let table = turn.quantisation(plane);
        let known = quantisation.iter().position(|other| *other == table);
        let index = known.unwrap_or(quantisation.len());
        if known.is_none() {
            quantisation.push(table);
        }
        let (horizontal, vertical) = turn.factors(plane);
        let index = u8::try_from(index).unwrap_or_default();
        frame.extend([plane.id, horizontal << 4 | vertical, index]);
        scan.extend([plane.id, if is_colour(nth) { 0x11 } else { 0x00 }]);
    }
    scan.extend([0, 63, 0]);

    let is_baseline = quantisation.iter().flatten().all(|&step| step <= 0xFF);
    for (index, table) in (0..).zip(&quantisation) {
        let is_short = table.iter().all(|&step| step <= 0xFF);
        let mut body = vec![if is_short { index } else { 0x10 | index }];
        for step in table {
            let [high, low] = step.to_be_bytes();
            if !is_short {
                body.push(high);
            }
            body.push(low);
        }
        write_segment(out, DQT, &[&body]);
    }
    write_segment(out, if is_baseline { SOF0 } else { SOF1 }, &[&frame]);

    let mut counts = [[0_u32; 256]; 4];
    symbols(planes, turn, |table, symbol, _, _| {
        counts[table & 3][usize::from(symbol)] += 1;
    })?;
    let used = if planes.all.len() > 1 { 4 } else { 2 };
    let mut encoders = Vec::with_capacity(4);
    for (table, counts) in counts.iter().enumerate().take(used) {
        let codes = Codes::optimal(counts);
        // Class in the high half, index in the low one.
        let head = u8::try_from((table & 1) << 4 | table >> 1).unwrap_or_default();
        write_segment(out, DHT, &[&[head], &codes.lengths, &codes.symbols]);
        encoders.push(Encoder::new(&codes));
    }
    write_segment(out, SOS, &[&scan]);
    let mut writer = BitWriter::new(out);
    symbols(planes, turn, |table, symbol, number, bits| {
        if let Some(encoder) = encoders.get(table) {
            writer.symbol(encoder, symbol, number, bits);
        }
    })?;
    writer.finish();
    out.extend([0xFF, EOI]);
    Ok(())
}

/// Brightness, and the black of four inks, have one pair of tables, colours the other.
fn is_colour(nth: usize) -> bool {
    matches!(nth, 1 | 2)
}

/// All symbols in their order: the table (twice the index, plus one for AC), the symbol, and the bits
/// behind it.
fn symbols(
    planes: &Planes,
    turn: &Turn,
    mut each: impl FnMut(usize, u8, u32, u32),
) -> Result<(), Invalid> {
    let factors: Vec<_> = planes.all.iter().map(|plane| turn.factors(plane)).collect();
    let max = |of: fn(&(u8, u8)) -> u8| factors.iter().map(of).max().unwrap_or(1);
    let columns = usize::from(turn.width).div_ceil(8 * usize::from(max(|of| of.0)));
    let rows = usize::from(turn.height).div_ceil(8 * usize::from(max(|of| of.1)));
    let mut predicted = [0; 4];
    for row in 0..rows {
        for column in 0..columns {
            for (nth, (plane, &(width, height))) in planes.all.iter().zip(&factors).enumerate() {
                let (width, height) = (usize::from(width), usize::from(height));
                let table = if is_colour(nth) { 2 } else { 0 };
                for y in row * height..(row + 1) * height {
                    for x in column * width..(column + 1) * width {
                        let block = turn
                            .block(plane, (x, y), (columns * width, rows * height))
                            .ok_or(Invalid::NotAPicture)?;
                        let predicted = &mut predicted[nth & 3];
                        block_symbols(&block, predicted, |class, symbol, number, bits| {
                            each(table + class, symbol, number, bits);
                        });
                    }
                }
            }
        }
    }
    Ok(())
}

#[inline]
fn block_symbols(block: &Block, predicted: &mut i32, mut each: impl FnMut(usize, u8, u32, u32)) {
    // More than eight bits of precision can have does not fit into the tables (F.1.2).
    let direct = i32::from(block[0]).clamp(-1024, 1023);
    let (number, bits) = magnitude(direct - *predicted);
    *predicted = direct;
    each(0, bits, number, bits.into());

    let mut used = 0_u64;
    for (nth, &coefficient) in block.iter().enumerate().skip(1) {
        used |= u64::from(coefficient != 0) << nth;
    }
    let mut before = 0;
    while used != 0 {
        let at = used.trailing_zeros();
        used &= used - 1;
        let mut zeros = at - before - 1;
        before = at;
        while zeros > 15 {
            each(1, 0xF0, 0, 0);
            zeros -= 16;
        }
        let coefficient = i32::from(block[at as usize & 63]).clamp(-1023, 1023);
        let (number, bits) = magnitude(coefficient);
        #[expect(clippy::cast_possible_truncation, reason = "at most fifteen")]
        let zeros = zeros as u8;
        each(1, zeros << 4 | bits, number, bits.into());
    }
    if before < 63 {
        each(1, 0, 0, 0);
    }
}

/// The bits of a number with a sign, and how many (F.1.2.1).
#[inline]
fn magnitude(number: i32) -> (u32, u8) {
    let bits = 32 - number.unsigned_abs().leading_zeros();
    let stored = if number < 0 { number - 1 } else { number };
    #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
    let count = bits as u8;
    (stored.cast_unsigned() & ((1 << bits) - 1), count)
}
