//! Huffman codes (T.81, annexes C, F and K.2) and the bits they are made of.

use crate::Invalid;

/// A table as it is stored: how many codes of each length from 1 to 16 bits there are, and what they
/// mean.
#[derive(Clone)]
pub(super) struct Codes {
    pub(super) lengths: [u8; 16],
    pub(super) symbols: Vec<u8>,
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
    pub(super) fn optimal(counts: &[u32; 256]) -> Self {
        // One more symbol takes the code of ones only, which is not allowed. No code can be longer
        // than 64 bits here: counts below 2^32 make a tree of at most 48 levels.
        let mut weights: Vec<u64> = counts.iter().copied().map(u64::from).collect();
        weights.push(1);
        let mut code_sizes = [0_usize; 257];
        let mut next_in_tree = [None::<usize>; 257];
        loop {
            let smallest = |without: Option<usize>| {
                (0..weights.len())
                    .filter(|&nth| weights[nth] > 0 && Some(nth) != without)
                    .min_by_key(|&nth| (weights[nth], std::cmp::Reverse(nth)))
            };
            let Some(first) = smallest(None) else { break };
            let Some(second) = smallest(Some(first)) else {
                break;
            };
            weights[first] += weights[second];
            weights[second] = 0;
            let mut last = first;
            code_sizes[last] += 1;
            while let Some(next) = next_in_tree[last] {
                last = next;
                code_sizes[last] += 1;
            }
            next_in_tree[last] = Some(second);
            last = second;
            code_sizes[last] += 1;
            while let Some(next) = next_in_tree[last] {
                last = next;
                code_sizes[last] += 1;
            }
        }
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

/// Codes, ready to be read.
pub(super) struct Decoder {
    /// For each beginning of a code its symbol and length; length 0 for longer ones.
    lookup: [(u8, u8); 1 << LOOKUP_BITS],
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
        Ok(decoder)
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

    /// Has at least 48 bits ready, whatever they are.
    #[inline]
    fn refill(&mut self) {
        if self.count >= 48 {
            return;
        }
        let next = self.data.get(self.at..).and_then(|rest| rest.first_chunk());
        if let Some(next) = next {
            let word = u64::from_be_bytes(*next);
            // No byte is 0xFF when none of the inverted ones is 0.
            let inverted = !word;
            let zeros = inverted.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
            if zeros == 0 {
                let bytes = (64 - self.count) / 8;
                self.buffer |= (word >> (64 - bytes * 8)) << (64 - bytes * 8) >> self.count;
                self.count += bytes * 8;
                self.at += bytes as usize;
                return;
            }
        }
        self.refill_by_bytes();
    }

    fn refill_by_bytes(&mut self) {
        while self.count <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF) | None, _) => {
                    self.made_up += 8;
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

    /// The next symbol; after it there are 32 more bits for [`Bits::number`].
    #[inline]
    pub(super) fn symbol(&mut self, decoder: &Decoder) -> Result<u8, Invalid> {
        self.refill();
        let beginning = self.buffer >> (64 - LOOKUP_BITS);
        let beginning = beginning as usize;
        let (symbol, length) = decoder.lookup.get(beginning).copied().unwrap_or_default();
        if length > 0 {
            self.skip(u32::from(length));
            return Ok(symbol);
        }
        self.longer_symbol(decoder)
    }

    #[cold]
    fn longer_symbol(&mut self, decoder: &Decoder) -> Result<u8, Invalid> {
        let beginning = (self.buffer >> 48) as u32;
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
        let bits = u32::from(bits.min(15));
        #[expect(clippy::cast_possible_truncation, reason = "it has fifteen bits")]
        let number = (self.buffer >> (64 - bits)) as i32;
        self.skip(bits);
        number
    }

    /// A number of up to 15 bits with its sign, directly after a symbol (F.2.2.1).
    #[inline]
    pub(super) fn signed(&mut self, bits: u8) -> i32 {
        let number = self.number(bits);
        if bits > 0 && number < 1 << (bits.min(15) - 1) {
            number - (1 << bits.min(15)) + 1
        } else {
            number
        }
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
pub(super) struct Encoder([(u16, u8); 256]);

impl Encoder {
    pub(super) fn new(codes: &Codes) -> Self {
        let mut table = [(0, 0); 256];
        for (symbol, code, length) in codes.assigned().unwrap_or_default() {
            table[usize::from(symbol)] = (code, length);
        }
        Self(table)
    }
}

/// Bits on their way into entropy-coded data.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    buffer: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            buffer: 0,
            count: 0,
        }
    }

    /// Writes a symbol and a number of up to 16 bits behind it.
    #[inline]
    pub(super) fn write(&mut self, encoder: &Encoder, symbol: u8, number: u32, bits: u8) {
        let (code, length) = encoder.0[usize::from(symbol)];
        let total = u32::from(length) + u32::from(bits);
        self.buffer = self.buffer << total | u64::from(code) << bits | u64::from(number);
        self.count += total;
        if self.count > 31 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.buffer >> self.count).to_be_bytes();
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    pub(super) fn finish(mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.buffer = self.buffer << missing | ((1 << missing) - 1);
        self.count += missing;
        self.flush();
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
                writer.write(&encoder, symbol, u32::from(symbol), 8);
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
