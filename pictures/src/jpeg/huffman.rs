//! Huffman codes (T.81, annexes C, F and K.2) and the bits they are made of.

use crate::Invalid;

/// A table as it is stored: how many codes of each length from 1 to 16 bits there are, and what they
/// mean.
#[derive(Clone)]
pub struct Codes {
    /// For each length how many codes have it.
    pub lengths: [u8; 16],
    /// What they mean, short codes first.
    pub symbols: Vec<u8>,
}

impl Codes {
    /// Each symbol with its code and the code's length in bits (C.2); `None` when there are more
    /// codes than fit.
    fn assigned(&self) -> Option<Vec<(u8, u16, u8)>> {
        let mut symbols = self.symbols.iter();
        let mut assigned = Vec::with_capacity(self.symbols.len());
        let mut next = 0_u32;
        for (length, &count) in (1_u8..).zip(&self.lengths) {
            next <<= 1;
            for _ in 0..count {
                if next >> length != 0 {
                    return None;
                }
                assigned.push((*symbols.next()?, u16::try_from(next).ok()?, length));
                next += 1;
            }
        }
        Some(assigned)
    }

    /// The best codes for symbols that are used as often as counted (K.2).
    pub fn optimal(counts: &[u32; 256]) -> Self {
        // Each tree of symbols with its weight; the first stands for one more symbol, which takes the
        // code of ones only, which is not allowed.
        let mut trees: Vec<(u64, Vec<usize>)> = vec![(1, vec![256])];
        for (symbol, &count) in counts.iter().enumerate() {
            if count > 0 {
                trees.push((count.into(), vec![symbol]));
            }
        }
        let mut code_sizes = [0_usize; 257];
        // Of equal weights the last is taken, so that the made-up symbol gets the longest code.
        trees.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight));
        if let Some(at) = trees.iter().position(|(_, symbols)| *symbols == [256]) {
            let made_up = trees.remove(at);
            trees.push(made_up);
        }
        while let (Some((one, mut symbols)), Some((two, others))) = (trees.pop(), trees.pop()) {
            symbols.extend(others);
            for &symbol in &symbols {
                code_sizes[symbol] += 1;
            }
            let at = trees.partition_point(|&(weight, _)| weight > one + two);
            trees.insert(at, (one + two, symbols));
            if trees.len() == 1 {
                break;
            }
        }
        // No code is longer than 64 bits here: counts below 2^32 make a tree of at most 48 levels.
        let mut bits = [0_u32; 65];
        for &size in &code_sizes {
            bits[size.min(64)] += u32::from(size > 0);
        }
        // Codes longer than 16 bits go where a shorter one is split (K.3).
        for length in (17..=64).rev() {
            while bits[length] > 0 {
                let shorter = (1..length - 1).rev().find(|&shorter| bits[shorter] > 0);
                let Some(shorter) = shorter else { break };
                bits[length] -= 2;
                bits[length - 1] += 1;
                bits[shorter + 1] += 2;
                bits[shorter] -= 1;
            }
        }
        if let Some(longest) = (1..=16).rev().find(|&length| bits[length] > 0) {
            bits[longest] -= 1;
        }
        let mut lengths = [0; 16];
        for (length, &count) in lengths.iter_mut().zip(&bits[1..]) {
            *length = u8::try_from(count).unwrap_or_default();
        }
        let mut symbols: Vec<u8> = (0..=255)
            .filter(|&symbol| code_sizes[usize::from(symbol)] > 0)
            .collect();
        symbols.sort_by_key(|&symbol| code_sizes[usize::from(symbol)]);
        Self { lengths, symbols }
    }
}

/// How many bits are looked up at once; few codes are longer.
const LOOKUP_BITS: u32 = 10;

/// The end of a block, as zeros before the next coefficient: more than a block has.
const END: u8 = 64;

/// What the next bits say about a coefficient.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The coefficient, when its bits are looked up with its code.
    value: i16,
    /// How many zeros come before it.
    zeros: u8,
    /// How many bits this takes; 0 when they have to be looked up one by one.
    length: u8,
    /// How many bits of the coefficient follow.
    bits: u8,
}

/// Codes, ready to be read.
pub(super) struct Decoder {
    /// For each beginning of a code its symbol and length; length 0 for longer ones.
    lookup: [(u8, u8); 1 << LOOKUP_BITS],
    /// The same for codes of coefficients.
    coefficients: [Entry; 1 << LOOKUP_BITS],
    /// For each length above that: where its codes end, as 16 bits, and what to add to get to the
    /// symbol.
    longer: [(u32, i32); 17],
    symbols: [u8; 256],
}

impl Decoder {
    pub(super) fn new(codes: &Codes) -> Result<Self, Invalid> {
        let assigned = codes.assigned().ok_or(Invalid::NotAPicture)?;
        let mut decoder = Self {
            lookup: [(0, 0); 1 << LOOKUP_BITS],
            coefficients: [Entry::default(); 1 << LOOKUP_BITS],
            longer: [(0, 0); 17],
            symbols: [0; 256],
        };
        for (place, &symbol) in decoder.symbols.iter_mut().zip(&codes.symbols) {
            *place = symbol;
        }
        for (nth, &(symbol, code, length)) in (0_i32..).zip(&assigned) {
            let bits = u32::from(length);
            if let Some(more) = LOOKUP_BITS.checked_sub(bits) {
                let first = usize::from(code) << more;
                let entries = decoder.lookup.iter_mut().skip(first).take(1 << more);
                entries.for_each(|entry| *entry = (symbol, length));
            }
            if let Some(entry) = decoder.longer.get_mut(usize::from(length)) {
                *entry = ((u32::from(code) + 1) << (16 - bits), nth - i32::from(code));
            }
        }
        let lookup = decoder.lookup.iter().zip(0_u16..);
        for (entry, (&(symbol, length), beginning)) in decoder.coefficients.iter_mut().zip(lookup) {
            *entry = Entry::new(symbol, length, beginning);
        }
        Ok(decoder)
    }
}

impl Entry {
    fn new(symbol: u8, length: u8, beginning: u16) -> Self {
        let (zeros, bits) = (symbol >> 4, symbol & 0x0F);
        let left = LOOKUP_BITS - u32::from(length);
        if length == 0 {
            return Self::default();
        }
        if bits == 0 {
            // Sixteen zeros are fifteen before one more.
            let zeros = if zeros == 15 { 15 } else { END };
            return Self {
                zeros,
                length,
                ..Self::default()
            };
        }
        if u32::from(bits) > left {
            return Self {
                zeros,
                length,
                bits,
                value: 0,
            };
        }
        let number = beginning >> (left - u32::from(bits)) & ((1 << bits) - 1);
        Self {
            value: i16::try_from(extended(number.into(), bits.into())).unwrap_or_default(),
            zeros,
            length: length + bits,
            bits: 0,
        }
    }
}

/// A number of so many bits, with its sign (F.2.2.1).
#[inline]
fn extended(number: i32, bits: u32) -> i32 {
    if bits > 0 && number < 1 << (bits - 1) {
        number - (1 << bits) + 1
    } else {
        number
    }
}

/// The bits of entropy-coded data, with the restart markers in it.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the highest on.
    buffer: u64,
    count: u32,
    /// How many bits of the buffer the data did not have.
    made_up: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            buffer: 0,
            count: 0,
            made_up: 0,
        }
    }

    /// Has at least 32 bits ready, whatever they are.
    #[inline]
    fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        let next = self.data.get(self.at..).and_then(<[u8]>::first_chunk);
        if let Some(&next) = next {
            let word = u32::from_be_bytes(next);
            // No byte is 0xFF when none of the inverted ones is 0.
            let zeros = (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080;
            if zeros == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.refill_by_bytes();
    }

    #[inline(never)]
    fn refill_by_bytes(&mut self) {
        while self.count <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF) | None, _) => {
                    self.made_up = self.made_up.saturating_add(8);
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    #[inline]
    fn skip(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }

    #[inline]
    fn beginning(&self) -> usize {
        (self.buffer >> (64 - LOOKUP_BITS)) as usize // ten bits
    }

    /// The next symbol; after it there are 16 more bits for [`Bits::number`].
    #[inline]
    pub(super) fn symbol(&mut self, decoder: &Decoder) -> Result<u8, Invalid> {
        self.refill();
        let (symbol, length) = decoder.lookup[self.beginning() % (1 << LOOKUP_BITS)];
        if length > 0 {
            self.skip(u32::from(length));
            return Ok(symbol);
        }
        self.longer_symbol(decoder)
    }

    /// How many zeros come next, at least 64 for the end of the block, and the coefficient behind them.
    #[inline]
    pub(super) fn coefficient(&mut self, decoder: &Decoder) -> Result<(usize, i32), Invalid> {
        self.refill();
        let entry = decoder.coefficients[self.beginning() % (1 << LOOKUP_BITS)];
        if entry.length == 0 {
            let symbol = self.longer_symbol(decoder)?;
            let (zeros, bits) = (symbol >> 4, symbol & 0x0F);
            return Ok(if bits == 0 && zeros < 15 {
                (END.into(), 0)
            } else {
                (zeros.into(), self.signed(bits))
            });
        }
        self.skip(entry.length.into());
        let value = if entry.bits > 0 {
            self.signed(entry.bits)
        } else {
            entry.value.into()
        };
        Ok((entry.zeros.into(), value))
    }

    #[cold]
    fn longer_symbol(&mut self, decoder: &Decoder) -> Result<u8, Invalid> {
        let beginning = (self.buffer >> 48) as u32; // sixteen bits
        for (length, &(end, offset)) in (0..).zip(&decoder.longer).skip(LOOKUP_BITS as usize + 1) {
            if beginning < end {
                let code = i32::try_from(beginning >> (16 - length)).unwrap_or_default();
                self.skip(length);
                return usize::try_from(code + offset)
                    .ok()
                    .and_then(|nth| decoder.symbols.get(nth))
                    .copied()
                    .ok_or(Invalid::NotAPicture);
            }
        }
        Err(Invalid::NotAPicture)
    }

    /// A number of up to 15 bits, directly after a symbol.
    #[inline]
    pub(super) fn number(&mut self, bits: u8) -> i32 {
        if bits == 0 {
            return 0;
        }
        let bits = u32::from(bits & 15);
        #[expect(clippy::cast_possible_truncation, reason = "it has fifteen bits")]
        let number = (self.buffer >> (64 - bits)) as i32;
        self.skip(bits);
        number
    }

    /// A number of up to 15 bits with its sign, directly after a symbol.
    #[inline]
    pub(super) fn signed(&mut self, bits: u8) -> i32 {
        extended(self.number(bits), u32::from(bits & 15))
    }

    #[inline]
    pub(super) fn bit(&mut self) -> bool {
        self.refill();
        self.number(1) == 1
    }

    /// Whether all bits that were read were there.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        (self.made_up <= self.count)
            .then_some(())
            .ok_or(Invalid::NotAPicture)
    }

    /// Goes on behind the restart marker with this number (F.2.2.4).
    pub(super) fn restart(&mut self, number: u8) -> Result<(), Invalid> {
        self.check()?;
        loop {
            match self.data.get(self.at..) {
                Some([0xFF, 0, ..]) => self.at += 2,
                Some([0xFF, marker @ 0xD0..=0xD7, ..]) => {
                    if marker & 7 != number {
                        return Err(Invalid::NotAPicture);
                    }
                    *self = Self {
                        at: self.at + 2,
                        ..Self::new(self.data)
                    };
                    return Ok(());
                }
                Some([_, _, ..]) => self.at += 1,
                _ => return Err(Invalid::NotAPicture),
            }
        }
    }
}

/// Codes, ready to be written: for each symbol its code and how many bits that has.
pub struct Encoder([(u16, u8); 256]);

impl Encoder {
    /// Ready to write these; symbols without a code must not be written.
    pub fn new(codes: &Codes) -> Self {
        let mut table = [(0, 0); 256];
        for (symbol, code, length) in codes.assigned().unwrap_or_default() {
            table[usize::from(symbol)] = (code, length);
        }
        Self(table)
    }
}

/// Bits on their way into entropy-coded data.
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    buffer: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    /// Goes on behind what is there.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            buffer: 0,
            count: 0,
        }
    }

    /// A symbol, and a number of up to 16 bits behind it.
    #[inline]
    pub fn symbol(&mut self, encoder: &Encoder, symbol: u8, number: u32, bits: u32) {
        let (code, length) = encoder.0[usize::from(symbol)];
        let code = u32::from(code) << bits | number;
        self.bits(code, u32::from(length) + bits);
    }

    /// Up to 32 bits.
    #[inline]
    pub fn bits(&mut self, number: u32, bits: u32) {
        self.buffer = self.buffer << bits | u64::from(number);
        self.count += bits;
        if self.count >= 32 {
            self.count -= 32;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the bits above are written"
            )]
            let word = (self.buffer >> self.count) as u32;
            let has_ff = (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 != 0;
            if has_ff {
                self.bytes(word);
            } else {
                self.out.extend_from_slice(&word.to_be_bytes());
            }
        }
    }

    #[inline(never)]
    fn bytes(&mut self, word: u32) {
        for byte in word.to_be_bytes() {
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    pub fn finish(mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.bits((1 << missing) - 1, missing);
        while self.count > 0 {
            self.count -= 8;
            let [.., byte] = (self.buffer >> self.count).to_be_bytes();
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_with_the_best_codes_is_read_again() {
        let mut random = fastrand::Rng::with_seed(7);
        for kinds in [1_usize, 2, 3, 30, 256] {
            let mut counts = [0; 256];
            // As steep as possible, so that codes would be longer than 16 bits.
            let (mut one, mut two) = (1_u32, 1_u32);
            for count in counts.iter_mut().take(kinds) {
                *count = one;
                (one, two) = (two, one.saturating_add(two).min(100_000_000));
            }
            let codes = Codes::optimal(&counts);
            let (encoder, decoder) = (Encoder::new(&codes), Decoder::new(&codes).unwrap());
            let symbols: Vec<u8> = (0..3_000)
                .map(|_| u8::try_from(random.usize(..kinds)).unwrap())
                .collect();
            let mut out = Vec::new();
            let mut writer = BitWriter::new(&mut out);
            for &symbol in &symbols {
                writer.symbol(&encoder, symbol, u32::from(symbol), 8);
            }
            writer.finish();
            let mut bits = Bits::new(&out);
            for &symbol in &symbols {
                assert_eq!(bits.symbol(&decoder), Ok(symbol));
                assert_eq!(bits.number(8), i32::from(symbol));
            }
            bits.check().unwrap();
            let behind = (0..64).try_for_each(|_| bits.symbol(&decoder).map(|_| ()));
            assert!(behind.and(bits.check()).is_err());
        }
    }

    #[test]
    fn more_codes_than_fit_are_refused() {
        let mut lengths = [0; 16];
        lengths[0] = 3;
        let symbols = vec![1, 2, 3];
        assert!(Decoder::new(&Codes { lengths, symbols }).is_err());
    }
}
