//! What an AV1 stream says before its frame is decoded.

/// A stream that is one frame, which is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) width: u32,
    pub(super) height: u32,
    /// How many bytes of samples two pixels have, at most.
    pub(super) bytes_of_two: u64,
    /// By the numbers of ITU-T H.273; 2 is not said.
    pub(super) transfer: u16,
    pub(super) matrix: u16,
}

/// Reads the stream's header, and writes what a frame is decoded of: the decoder sees what was looked at, and
/// neither metadata nor padding. Those with more frames are none: what is hidden takes memory as well.
pub(super) fn read(mut stream: &[u8]) -> Option<(Sequence, Vec<u8>)> {
    let mut header = None;
    let mut frame = None;
    let mut needed = Vec::with_capacity(stream.len());
    while !stream.is_empty() {
        let unit = Unit::next(&mut stream)?;
        let is_first = match unit.kind {
            1 => frame.is_none() && header.replace(unit.body).is_none(),
            // A header of a frame, one that is told again, and a header with its frame.
            3 | 6 | 7 => frame.replace(unit.body).is_none(),
            // Tiles of the frame.
            4 => frame.is_some(),
            _ => continue,
        };
        if !is_first || unit.is_of_layer {
            return None;
        }
        unit.write(&mut needed);
    }
    let (sequence, is_short) = sequence(&mut Bits::of(header?))?;
    // A key frame (0), new and shown.
    let is_shown = is_short || Bits::of(frame?).take(4)? == 0b0001;
    is_shown.then_some((sequence, needed))
}

/// An open bitstream unit (AV1, 5.3).
struct Unit<'a> {
    kind: u8,
    is_of_layer: bool,
    body: &'a [u8],
}

impl<'a> Unit<'a> {
    fn next(stream: &mut &'a [u8]) -> Option<Self> {
        let (&head, mut rest) = stream.split_first()?;
        let is_of_layer = head & 4 != 0;
        if is_of_layer {
            rest = rest.get(1..)?;
        }
        let mut length = rest.len();
        if head & 2 != 0 {
            // Eight bytes may be (4.10.5), of which the last three say more than a file has.
            let last = rest.iter().take(5).position(|byte| byte & 0x80 == 0)?;
            let (digits, behind) = rest.split_at_checked(last + 1)?;
            rest = behind;
            let digits = digits.iter().rev().map(|byte| usize::from(byte & 0x7F));
            length = digits.fold(0, |length, digit| length << 7 | digit);
        }
        let (body, behind) = rest.split_at_checked(length)?;
        *stream = behind;
        Some(Self {
            kind: head >> 3 & 0x0F,
            is_of_layer,
            body,
        })
    }

    /// Without a layer, and with its length in as few bytes as can be.
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind << 3 | 2);
        let mut length = self.body.len();
        loop {
            let [low, ..] = length.to_le_bytes();
            length >>= 7;
            if length == 0 {
                out.push(low);
                break;
            }
            out.push(low | 0x80);
        }
        out.extend_from_slice(self.body);
    }
}

/// A sequence header (5.5), and whether it is of the short form, which only shown pictures have.
fn sequence(bits: &mut Bits<'_>) -> Option<(Sequence, bool)> {
    let profile = bits.take(3)?;
    bits.take(1)?;
    let is_short = bits.flag()?;
    if is_short {
        bits.take(5)?;
    } else {
        operating_points(bits)?;
    }
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    let (width, height) = (bits.take(width_bits)? + 1, bits.take(height_bits)? + 1);
    if !is_short && bits.flag()? {
        bits.take(7)?;
    }
    bits.take(3)?;
    if !is_short {
        tools(bits)?;
    }
    bits.take(3)?;
    // Colours (5.5.2).
    let is_deep = bits.flag()?;
    if profile == 2 && is_deep {
        bits.take(1)?;
    }
    let is_grey = profile != 1 && bits.flag()?;
    let samples = match (is_grey, profile) {
        (true, _) => 2,
        (false, 0) => 3,
        (false, _) => 6,
    };
    let (mut transfer, mut matrix) = (2, 2);
    if bits.flag()? {
        bits.take(8)?;
        (transfer, matrix) = (bits.take(8)?, bits.take(8)?);
    }
    let sequence = Sequence {
        width,
        height,
        bytes_of_two: if is_deep { 2 * samples } else { samples },
        transfer: u16::try_from(transfer).ok()?,
        matrix: u16::try_from(matrix).ok()?,
    };
    Some((sequence, is_short))
}

/// Times, and what is to be decoded of layers.
fn operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.take(32)?;
        bits.take(32)?;
        if bits.flag()? {
            // A number behind as many zeros as it has bits.
            let mut zeros = 0;
            while !bits.flag()? {
                zeros += 1;
            }
            bits.take((zeros < 32).then_some(zeros)?)?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? + 1);
            bits.take(32)?;
            bits.take(10)?;
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?;
        if bits.take(5)? > 7 {
            bits.take(1)?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.take(delay_bits)?;
            bits.take(delay_bits)?;
            bits.take(1)?;
        }
        if has_display_delay && bits.flag()? {
            bits.take(4)?;
        }
    }
    Some(())
}

/// What frames of a film may use.
fn tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.take(4)?;
    let has_order = bits.flag()?;
    if has_order {
        bits.take(2)?;
    }
    let is_screen_chosen_by_frame = bits.flag()?;
    if (is_screen_chosen_by_frame || bits.flag()?) && !bits.flag()? {
        bits.take(1)?;
    }
    if has_order {
        bits.take(3)?;
    }
    Some(())
}

/// Bits of a unit, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A number of at most 32 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &[u8] = include_bytes!("../../tests/avif/opaque.avif");

    /// A picture from a film, which has a header of the long form.
    fn film() -> Vec<u8> {
        let samples = pictures::testing::samples().into_iter();
        let mut samples = samples.filter(|sample| sample.name == "sequence");
        samples.next().expect("a film").bytes
    }

    fn stream(file: &[u8]) -> Vec<u8> {
        let still = pictures::avif::read(file).expect("a picture");
        still.colour.data.concat()
    }

    /// Where the units of this kind begin.
    fn units(stream: &[u8], kind: u8) -> Vec<usize> {
        let (mut rest, mut places) = (stream, Vec::new());
        while !rest.is_empty() {
            let at = stream.len() - rest.len();
            let unit = Unit::next(&mut rest).expect("a unit");
            if unit.kind == kind {
                places.push(at);
            }
        }
        places
    }

    #[test]
    fn both_forms_of_the_header_say_the_size() {
        for file in [SHORT, &film()] {
            let still = pictures::avif::read(file).expect("a picture");
            let (sequence, needed) = read(&stream(file)).expect("a stream");
            assert_eq!(
                read(&needed),
                Some((Sequence { ..sequence }, needed.clone()))
            );
            let expected = (still.colour.width, still.colour.height);
            assert_eq!((sequence.width, sequence.height), expected);
        }
    }

    #[test]
    fn times_and_layers_are_passed_over() {
        let mut bits = String::from("000 0 0");
        // Times with one number of two bits, of decoders with delays of three.
        bits.push_str("1 00000000000000000000000000000001 00000000000000000000000000000001 1 01 0");
        bits.push_str("1 00010 00000000000000000000000000000001 00000 00000");
        // Delays of what is shown, one point with a high level and both kinds of delay.
        bits.push_str("1 00000 000000000000 01000 0 1 111 111 0 1 1111");
        bits.push_str("0011 0010 1001 111 1 0000 000");
        // Tools with an order, screen content that is said, and its vectors.
        bits.push_str("000 0000 1 00 0 1 0 1 101 000");
        bits.push_str("1 0 1 00000001 00010000 00001001");
        let digits: Vec<u8> = bits.bytes().filter(|byte| *byte != b' ').collect();
        let byte = |bits: &[u8]| {
            let places = bits.iter().zip([128, 64, 32, 16, 8, 4, 2, 1]);
            places.map(|(bit, place)| (bit - b'0') * place).sum()
        };
        let bytes: Vec<u8> = digits.chunks(8).map(byte).collect();
        let expected = Sequence {
            width: 10,
            height: 8,
            bytes_of_two: 6,
            transfer: 16,
            matrix: 9,
        };
        let (found, is_short) = sequence(&mut Bits::of(&bytes)).expect("a header");
        assert_eq!((found, is_short), (expected, false));
        for length in 0..bytes.len() - 1 {
            assert!(sequence(&mut Bits::of(&bytes[..length])).is_none());
        }
    }

    #[test]
    fn more_frames_than_one_that_is_shown_are_refused() {
        let whole = stream(&film());
        assert!(read(&whole).is_some());
        let frame = units(&whole, 6)[0];
        let twice = [&whole[..], &whole[frame..]].concat();
        assert!(read(&twice).is_none());
        let headers = [&whole[..frame], &whole].concat();
        assert!(read(&headers).is_none());
        assert!(read(&whole[..frame]).is_none());
        let body = whole.len() - {
            let mut rest = &whole[frame..];
            let unit = Unit::next(&mut rest).expect("a unit");
            unit.body.len() + rest.len()
        };
        for bit in [0x80, 0x20, 0x10] {
            let mut hidden = whole.clone();
            hidden[body] ^= bit;
            assert!(read(&hidden).is_none());
        }
    }
}
