//! From planes to a file: progressive as libjpeg writes it, or sequential, with the best Huffman codes (T.81, annexes F, G and K).
//!
//! Coefficients that are zero, which most are, are not stored: a progressive picture takes a fifth of
//! the memory it would take otherwise.

use pictures::jpeg::{
    APP0, BitWriter, Codes, DHT, DQT, EOI, Encoder, SOF0, SOF2, SOI, SOS, ZIGZAG, write_icc,
    write_segment,
};

use super::dct::{Block, Forward};
use crate::planes::Picture;

/// What sharp takes, and most others.
const QUALITY: u32 = 80;

/// Above this progressive was smaller for every picture we tried; below, both are written.
const PROGRESSIVE_PIXELS: u64 = 200_000;

/// Steps for brightness and colours at a quality of 50 (K.1), row by row.
const STEPS: [[u8; 64]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69,
        56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81,
        104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99,
        99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// The file; what is transparent becomes white.
pub(crate) fn encode(picture: &Picture, icc: Option<&[u8]>) -> Vec<u8> {
    let steps = STEPS.map(|steps| {
        let scale = 200 - 2 * QUALITY;
        ZIGZAG.map(|place| {
            let step = u32::from(steps[usize::from(place % 64)]);
            u8::try_from(((step * scale + 50) / 100).clamp(1, 255)).unwrap_or(u8::MAX)
        })
    });
    let flattened = picture.flattened();
    let y = flattened.as_deref().unwrap_or(&picture.y);
    let (width, height) = (picture.size.width as usize, picture.size.height as usize);
    let half = picture.size.half_grid();
    let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
    let planes = [
        Plane::new(y, (width, height), (columns * 2, rows * 2), &steps[0]),
        Plane::new(
            &picture.cb,
            (half.width, half.height),
            (columns, rows),
            &steps[1],
        ),
        Plane::new(
            &picture.cr,
            (half.width, half.height),
            (columns, rows),
            &steps[1],
        ),
    ];
    drop(flattened);
    let mut out = vec![0xFF, SOI];
    // JFIF 1.1, with square pixels and no thumbnail.
    write_segment(&mut out, APP0, &[b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"]);
    write_icc(&mut out, icc);
    for (index, steps) in (0..).zip(&steps) {
        write_segment(&mut out, DQT, &[&[index], steps]);
    }
    let head = out.len();
    let size = (picture.size.width, picture.size.height);
    progressive(&mut out, size, &planes);
    if picture.size.pixels() <= PROGRESSIVE_PIXELS {
        let mut other = out.get(..head).unwrap_or_default().to_vec();
        sequential(&mut other, size, &planes);
        if other.len() <= out.len() {
            out = other;
        }
    }
    out.shrink_to_fit();
    out
}

/// The coefficients of a plane.
struct Plane {
    /// How many blocks there are along each side, with those that only fill up the last MCU.
    columns: usize,
    /// How many blocks the samples need along each side.
    needed: (usize, usize),
    direct: Vec<i16>,
    /// For each block which coefficients are not zero, the first of the zigzag order in the lowest bit;
    /// never that one.
    used: Vec<u64>,
    /// Those coefficients.
    values: Vec<i16>,
}

impl Plane {
    fn new(
        samples: &[u8],
        (width, height): (usize, usize),
        (columns, rows): (usize, usize),
        steps: &[u8; 64],
    ) -> Self {
        let forward = Forward::new(steps);
        let needed = (width.div_ceil(8), height.div_ceil(8));
        let mut plane = Self {
            columns,
            needed,
            direct: Vec::with_capacity(columns * rows),
            used: Vec::with_capacity(columns * rows),
            values: Vec::new(),
        };
        for row in 0..rows {
            for column in 0..columns {
                if row >= needed.1 || column >= needed.0 {
                    // The same brightness again takes the fewest bits.
                    let before = plane.direct.last().copied().unwrap_or_default();
                    plane.direct.push(before);
                    plane.used.push(0);
                    continue;
                }
                let mut block = Block::default();
                for (nth, line) in block.iter_mut().enumerate() {
                    let start = (row * 8 + nth).min(height - 1) * width;
                    let samples = samples.get(start..start + width).unwrap_or_default();
                    let samples = samples.get(column * 8..).unwrap_or_default();
                    if let Some(samples) = samples.first_chunk::<8>() {
                        for (value, &sample) in line.iter_mut().zip(samples) {
                            *value = f32::from(sample) - 128.0;
                        }
                    } else {
                        // Beyond the edge the last sample goes on.
                        for (nth, value) in line.iter_mut().enumerate() {
                            let sample = samples.get(nth).or(samples.last());
                            *value = f32::from(sample.copied().unwrap_or_default()) - 128.0;
                        }
                    }
                }
                plane.push(forward.coefficients(&mut block));
            }
        }
        plane
    }

    fn push(&mut self, coefficients: [i16; 64]) {
        self.direct.push(coefficients[0]);
        let mut places = 0_u64;
        for (nth, eight) in coefficients.as_chunks::<8>().0.iter().enumerate() {
            // Most lines of a block are zero.
            if *eight != [0; 8] {
                for (bit, &coefficient) in eight.iter().enumerate() {
                    places |= u64::from(coefficient != 0) << (nth * 8 + bit);
                }
            }
        }
        places &= !1;
        let mut used = 0_u64;
        while places != 0 {
            used |= 1 << ORDER[places.trailing_zeros() as usize % 64];
            places &= places - 1;
        }
        self.used.push(used);
        let mut left = used;
        while left != 0 {
            let place = EXCHANGED[left.trailing_zeros() as usize % 64];
            self.values.push(coefficients[usize::from(place % 64)]);
            left &= left - 1;
        }
    }

    /// The blocks that the samples need, each as its place, what it uses, and those coefficients.
    fn blocks(&self) -> impl Iterator<Item = (u64, &[i16])> {
        let mut values = self.values.as_slice();
        let rows = self.used.chunks_exact(self.columns).take(self.needed.1);
        let used = rows.flat_map(|row| row.iter().take(self.needed.0));
        used.map(move |&used| {
            let count = used.count_ones() as usize;
            let (these, rest) = values.split_at_checked(count).unwrap_or_default();
            values = rest;
            (used, these)
        })
    }
}

/// For each place of a block with rows and columns exchanged its number in zigzag order.
const ORDER: [u8; 64] = {
    let mut order = [0; 64];
    let mut nth = 0;
    while nth < 64 {
        order[EXCHANGED[nth as usize] as usize] = nth;
        nth += 1;
    }
    order
};

/// The zigzag order of a block with rows and columns exchanged.
const EXCHANGED: [u8; 64] = {
    let mut exchanged = [0; 64];
    let mut nth = 0;
    while nth < 64 {
        exchanged[nth] = ZIGZAG[nth] % 8 * 8 + ZIGZAG[nth] / 8;
        nth += 1;
    }
    exchanged
};

/// How many bits a number has without its sign.
#[inline]
fn bits_of(number: u32) -> u32 {
    32 - number.leading_zeros()
}

/// The bits of a number with a sign, and how many (F.1.2.1).
#[inline]
fn magnitude(number: i32) -> (u32, u32) {
    let bits = bits_of(number.unsigned_abs());
    let stored = if number < 0 { number - 1 } else { number };
    (stored.cast_unsigned() & ((1 << bits) - 1), bits)
}

#[expect(clippy::cast_possible_truncation, reason = "at most four bits each")]
#[inline]
fn symbol(high: u32, low: u32) -> u8 {
    (high << 4 | low) as u8
}

/// Where symbols and the bits behind them go.
trait Sink {
    /// A symbol, and a number of up to 16 bits behind it.
    fn symbol(&mut self, symbol: u8, number: u32, bits: u32);
    /// A number of up to 16 bits alone.
    fn bits(&mut self, number: u32, bits: u32);
}

/// How often each symbol is used.
struct Counts([u32; 256]);

impl Sink for Counts {
    #[inline]
    fn symbol(&mut self, symbol: u8, _: u32, _: u32) {
        self.0[usize::from(symbol)] += 1;
    }

    #[inline]
    fn bits(&mut self, _: u32, _: u32) {}
}

/// Symbols of up to two tables with the bits behind them.
struct Writer<'a> {
    bits: BitWriter<'a>,
    encoder: Encoder,
}

impl Sink for Writer<'_> {
    #[inline]
    fn symbol(&mut self, symbol: u8, number: u32, bits: u32) {
        self.bits.symbol(&self.encoder, symbol, number, bits);
    }

    #[inline]
    fn bits(&mut self, number: u32, bits: u32) {
        self.bits.bits(number, bits);
    }
}

fn frame(out: &mut Vec<u8>, marker: u8, (width, height): (u32, u32)) {
    let side = |side: u32| u16::try_from(side).unwrap_or_default().to_be_bytes();
    let components = [1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    write_segment(
        out,
        marker,
        &[&[8], &side(height), &side(width), &[3], &components],
    );
}

fn codes(out: &mut Vec<u8>, head: u8, counts: &Counts) -> Encoder {
    let codes = Codes::optimal(&counts.0);
    write_segment(out, DHT, &[&[head], &codes.lengths, &codes.symbols]);
    Encoder::new(&codes)
}

/// The scans of libjpeg's `jpeg_simple_progression`: for brightness and colours which coefficients
/// come, and down to which bit; the averages go first, and are refined when it is `None`'s turn.
const SCANS: [Option<(usize, Band)>; 9] = [
    Some((0, Band::new(1, 5, 0, 2))),
    Some((2, Band::new(1, 63, 0, 1))),
    Some((1, Band::new(1, 63, 0, 1))),
    Some((0, Band::new(6, 63, 0, 2))),
    Some((0, Band::new(1, 63, 2, 1))),
    None,
    Some((2, Band::new(1, 63, 1, 0))),
    Some((1, Band::new(1, 63, 1, 0))),
    Some((0, Band::new(1, 63, 1, 0))),
];

#[derive(Clone, Copy)]
struct Band {
    first: u32,
    last: u32,
    high: u32,
    low: u32,
}

impl Band {
    const fn new(first: u32, last: u32, high: u32, low: u32) -> Self {
        Self {
            first,
            last,
            high,
            low,
        }
    }

    fn bits(self) -> u64 {
        (u64::MAX << self.first) & (u64::MAX >> (63 - self.last))
    }

    fn head(self) -> [u8; 3] {
        let byte = |number: u32| u8::try_from(number).unwrap_or_default();
        [
            byte(self.first),
            byte(self.last),
            symbol(self.high, self.low),
        ]
    }
}

fn progressive(out: &mut Vec<u8>, size: (u32, u32), planes: &[Plane; 3]) {
    frame(out, SOF2, size);
    // Brightness and colours have tables of their own, so each is counted on its own.
    let mut counts = [const { Counts([0; 256]) }; 2];
    direct(planes, 1, |nth, number, bits| {
        counts[usize::from(nth > 0)].symbol(symbol(0, bits), number, bits);
    });
    let encoders = [codes(out, 0, &counts[0]), codes(out, 1, &counts[1])];
    let all = [3, 1, 0x00, 2, 0x10, 3, 0x10];
    write_segment(out, SOS, &[&all, &[0, 0, 0x01]]);
    let mut writer = BitWriter::new(out);
    direct(planes, 1, |nth, number, bits| {
        writer.symbol(
            &encoders[usize::from(nth > 0)],
            symbol(0, bits),
            number,
            bits,
        );
    });
    writer.finish();

    for scan in SCANS {
        let Some((nth, band)) = scan else {
            write_segment(out, SOS, &[&all, &[0, 0, 0x10]]);
            let mut writer = BitWriter::new(out);
            direct_blocks(planes, |_, value| {
                writer.bits(u32::from(value & 1 != 0), 1);
            });
            writer.finish();
            continue;
        };
        let plane = &planes[nth % 3];
        let mut counts = Counts([0; 256]);
        alternating(plane, band, &mut counts);
        let table = u8::from(nth > 0);
        let encoder = codes(out, 0x10 | table, &counts);
        let id = u8::try_from(nth + 1).unwrap_or_default();
        write_segment(out, SOS, &[&[1, id, table], &band.head()]);
        let mut writer = Writer {
            bits: BitWriter::new(out),
            encoder,
        };
        alternating(plane, band, &mut writer);
        writer.bits.finish();
    }
    out.extend([0xFF, EOI]);
}

/// Each average of a block in the order of MCUs, with the number of its plane.
fn direct_blocks(planes: &[Plane; 3], mut each: impl FnMut(usize, i16)) {
    let [brightness, blue, red] = planes;
    let pairs = brightness.direct.chunks_exact(brightness.columns * 2);
    let colours = blue.direct.chunks_exact(blue.columns);
    let colours = colours.zip(red.direct.chunks_exact(red.columns));
    for (pair, (blue, red)) in pairs.zip(colours) {
        let (upper, lower) = pair.split_at(pair.len() / 2);
        let blocks = upper
            .as_chunks::<2>()
            .0
            .iter()
            .zip(lower.as_chunks::<2>().0);
        for ((upper, lower), (&blue, &red)) in blocks.zip(blue.iter().zip(red)) {
            for &value in upper.iter().chain(lower) {
                each(0, value);
            }
            each(1, blue);
            each(2, red);
        }
    }
}

/// Averages without their lowest bits, as differences.
fn direct(planes: &[Plane; 3], low: u32, mut each: impl FnMut(usize, u32, u32)) {
    let mut before = [0; 3];
    direct_blocks(planes, |nth, value| {
        let value = i32::from(value) >> low;
        let before = &mut before[nth % 3];
        let (number, bits) = magnitude(value - *before);
        *before = value;
        each(nth, number, bits);
    });
}

fn alternating(plane: &Plane, band: Band, sink: &mut impl Sink) {
    let mut run = Run::default();
    for (used, values) in plane.blocks() {
        let skipped = (used & !(u64::MAX << band.first)).count_ones() as usize;
        let values = values.get(skipped..).unwrap_or_default();
        let used = used & band.bits();
        if band.high == 0 {
            first(band, used, values, &mut run, sink);
        } else {
            refined(band, used, values, &mut run, sink);
        }
    }
    run.end(sink);
}

/// The places of a block with their coefficients.
#[inline]
fn places(mut used: u64, values: &[i16]) -> impl Iterator<Item = (u32, i32)> {
    values.iter().map_while(move |&value| {
        let place = used.trailing_zeros();
        used = used.checked_sub(1)? & used;
        Some((place, value.into()))
    })
}

/// Blocks that have nothing more in a band, and the bits that refine what they had before (G.1.2.2).
#[derive(Default)]
struct Run {
    blocks: u32,
    refining: Vec<bool>,
}

/// As many bits as wait at most, so that decoders need not, and those of a block.
const MAX_REFINING: usize = 1000 - 64;

impl Run {
    fn add(&mut self, refining: &[bool], sink: &mut impl Sink) {
        self.blocks += 1;
        self.refining.extend_from_slice(refining);
        if self.blocks == 0x7FFF || self.refining.len() > MAX_REFINING {
            self.end(sink);
        }
    }

    #[inline]
    fn end(&mut self, sink: &mut impl Sink) {
        if self.blocks > 0 {
            let bits = bits_of(self.blocks) - 1;
            sink.symbol(symbol(bits, 0), self.blocks & ((1 << bits) - 1), bits);
            self.blocks = 0;
            write_bits(&mut self.refining, sink);
        }
    }
}

fn write_bits(bits: &mut Vec<bool>, sink: &mut impl Sink) {
    for bit in bits.drain(..) {
        sink.bits(bit.into(), 1);
    }
}

fn first(band: Band, used: u64, values: &[i16], run: &mut Run, sink: &mut impl Sink) {
    let mut next = band.first;
    for (place, value) in places(used, values) {
        // Towards zero: what is less than the lowest bit comes later.
        let value = value.signum() * (value.abs() >> band.low);
        if value == 0 {
            continue;
        }
        run.end(sink);
        let mut zeros = place - next;
        while zeros > 15 {
            sink.symbol(0xF0, 0, 0);
            zeros -= 16;
        }
        let (number, bits) = magnitude(value);
        sink.symbol(symbol(zeros, bits), number, bits);
        next = place + 1;
    }
    if next <= band.last {
        run.add(&[], sink);
    }
}

fn refined(band: Band, used: u64, values: &[i16], run: &mut Run, sink: &mut impl Sink) {
    let new = |value: i32| value.unsigned_abs() >> band.low == 1;
    let last_new = places(used, values)
        .filter(|&(_, value)| new(value))
        .last()
        .map(|(place, _)| place);
    let mut refining = [false; 64];
    let mut waiting = 0;
    let (mut next, mut zeros) = (band.first, 0);
    for (place, value) in places(used, values) {
        zeros += place - next;
        next = place + 1;
        let magnitude = value.unsigned_abs() >> band.low;
        if magnitude == 0 {
            zeros += 1;
            continue;
        }
        while zeros > 15 && last_new.is_some_and(|last| place <= last) {
            run.end(sink);
            sink.symbol(0xF0, 0, 0);
            zeros -= 16;
            flush(&refining, &mut waiting, sink);
        }
        if magnitude > 1 {
            refining[waiting % 64] = magnitude & 1 != 0;
            waiting += 1;
            continue;
        }
        run.end(sink);
        sink.symbol(symbol(zeros, 1), u32::from(value > 0), 1);
        flush(&refining, &mut waiting, sink);
        zeros = 0;
    }
    if zeros > 0 || next <= band.last || waiting > 0 {
        run.add(refining.get(..waiting).unwrap_or_default(), sink);
    }
}

#[inline]
fn flush(refining: &[bool; 64], waiting: &mut usize, sink: &mut impl Sink) {
    for &bit in refining.iter().take(*waiting) {
        sink.bits(bit.into(), 1);
    }
    *waiting = 0;
}

fn sequential(out: &mut Vec<u8>, size: (u32, u32), planes: &[Plane; 3]) {
    frame(out, SOF0, size);
    let mut counts = [const { Counts([0; 256]) }; 4];
    whole_blocks(planes, |table, symbol, number, bits| {
        counts[table % 4].symbol(symbol, number, bits);
    });
    let mut encoders = Vec::with_capacity(4);
    for (head, counts) in [0x00, 0x10, 0x01, 0x11].into_iter().zip(&counts) {
        encoders.push(codes(out, head, counts));
    }
    write_segment(out, SOS, &[&[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]]);
    let mut writer = BitWriter::new(out);
    whole_blocks(planes, |table, symbol, number, bits| {
        if let Some(encoder) = encoders.get(table) {
            writer.symbol(encoder, symbol, number, bits);
        }
    });
    writer.finish();
    out.extend([0xFF, EOI]);
}

/// All symbols of a sequential scan: the table (twice the index, plus one for AC), the symbol, and the
/// bits behind it.
fn whole_blocks(planes: &[Plane; 3], mut each: impl FnMut(usize, u8, u32, u32)) {
    // Values lie in rows, and MCUs want two rows of brightness at once.
    let starts = planes.each_ref().map(|plane| {
        let mut start = 0;
        let used = plane.used.iter();
        used.map(|used| {
            let this = start;
            start += used.count_ones() as usize;
            this
        })
        .collect::<Vec<usize>>()
    });
    let [brightness, blue, _] = planes;
    let mut before = [0; 3];
    for row in 0..blue.used.len() / blue.columns {
        for column in 0..blue.columns {
            let upper = row * 2 * brightness.columns + column * 2;
            let lower = upper + brightness.columns;
            let colour = row * blue.columns + column;
            let blocks = [
                (0, upper),
                (0, upper + 1),
                (0, lower),
                (0, lower + 1),
                (1, colour),
                (2, colour),
            ];
            for (nth, at) in blocks {
                let plane = &planes[nth];
                let table = if nth == 0 { 0 } else { 2 };
                let value = i32::from(plane.direct.get(at).copied().unwrap_or_default());
                let (number, bits) = magnitude(value - before[nth]);
                before[nth] = value;
                each(table, symbol(0, bits), number, bits);
                let used = plane.used.get(at).copied().unwrap_or_default();
                let start = starts[nth].get(at).copied().unwrap_or_default();
                let values = plane.values.get(start..).unwrap_or_default();
                let mut next = 1;
                for (place, value) in places(used, values) {
                    let mut zeros = place - next;
                    while zeros > 15 {
                        each(table + 1, 0xF0, 0, 0);
                        zeros -= 16;
                    }
                    let (number, bits) = magnitude(value);
                    each(table + 1, symbol(zeros, bits), number, bits);
                    next = place + 1;
                }
                if next < 64 {
                    each(table + 1, 0, 0, 0);
                }
            }
        }
    }
}
