//! PNG (third edition): chunks are kept or dropped; a picture with an orientation is decoded, turned and encoded.

use std::io::{Cursor as Buffer, Read};

use ::png::{Decoder, Encoder, Limits, Transformations};
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};

use crate::cursor::Cursor;
use crate::orientation::Orientation;
use crate::{Invalid, Picture, check_frames, check_size, check_turned_size, exif, icc};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

pub(crate) fn clean(bytes: &[u8]) -> Result<Picture, Invalid> {
    let mut chunks = Chunks::of(bytes)?;
    let (kind, body) = chunks.next()?;
    let header = Header::parse(kind, body)?;
    let mut cleaning = Cleaning::new(header);
    cleaning.out.reserve(bytes.len());
    write_chunk(&mut cleaning.out, kind, body);
    loop {
        let (kind, body) = chunks.next()?;
        if &kind == b"IEND" {
            break;
        }
        cleaning.chunk(kind, body)?;
    }
    if !cleaning.has_data {
        return Err(Invalid::NotAPicture);
    }
    write_chunk(&mut cleaning.out, *b"IEND", &[]);
    let Cleaning {
        out,
        header,
        orientation,
        is_animated,
        ..
    } = cleaning;
    let orientation = orientation.unwrap_or_default();
    if orientation == Orientation::AsStored || is_animated {
        return Ok(Picture {
            bytes: out,
            width: header.width,
            height: header.height,
        });
    }
    check_turned_size(header.width, header.height)?;
    turn(&out, orientation)
}

/// The chunks behind the signature (PNG, 5.3); their checksums are right.
struct Chunks<'a> {
    rest: Cursor<'a>,
}

impl<'a> Chunks<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(bytes);
        let signature = rest.take(SIGNATURE.len())?;
        (signature == SIGNATURE)
            .then_some(Self { rest })
            .ok_or(Invalid::NotAPicture)
    }

    fn next(&mut self) -> Result<([u8; 4], &'a [u8]), Invalid> {
        let length = usize::try_from(self.rest.u32_be()?).map_err(|_| Invalid::NotAPicture)?;
        let kind: [u8; 4] = self.rest.array()?;
        let body = self.rest.take(length)?;
        (checksum(kind, body) == self.rest.u32_be()?)
            .then_some((kind, body))
            .ok_or(Invalid::NotAPicture)
    }
}

fn checksum(kind: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&kind);
    hasher.update(body);
    hasher.finalize()
}

/// Writes a chunk that is no longer than one that was read.
fn write_chunk(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    out.extend(u32::try_from(body.len()).unwrap_or_default().to_be_bytes());
    out.extend(kind);
    out.extend_from_slice(body);
    out.extend(checksum(kind, body).to_be_bytes());
}

/// What `IHDR` says (PNG, 11.2.1).
#[derive(Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    colour: u8,
}

impl Header {
    fn parse(kind: [u8; 4], body: &[u8]) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(body);
        let (width, height) = (rest.u32_be()?, rest.u32_be()?);
        let [depth, colour, compression, filter, interlace] = rest.array()?;
        check_size(width, height)?;
        let is_depth = match colour {
            0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
            2 | 4 | 6 => matches!(depth, 8 | 16),
            3 => matches!(depth, 1 | 2 | 4 | 8),
            _ => false,
        };
        (&kind == b"IHDR" && rest.is_empty() && is_depth)
            .then_some(())
            .filter(|()| compression == 0 && filter == 0 && interlace <= 1)
            .map(|()| Self {
                width,
                height,
                colour,
            })
            .ok_or(Invalid::NotAPicture)
    }
}

struct Cleaning {
    out: Vec<u8>,
    header: Header,
    orientation: Option<Orientation>,
    /// Chunks that may come once and before the data, as far as they came.
    seen: Vec<[u8; 4]>,
    has_data: bool,
    /// Whether the data is behind us.
    is_past_data: bool,
    is_animated: bool,
    frames: u32,
    next_in_sequence: u32,
}

impl Cleaning {
    fn new(header: Header) -> Self {
        Self {
            out: SIGNATURE.to_vec(),
            header,
            orientation: None,
            seen: Vec::new(),
            has_data: false,
            is_past_data: false,
            is_animated: false,
            frames: 0,
            next_in_sequence: 0,
        }
    }

    fn chunk(&mut self, kind: [u8; 4], body: &[u8]) -> Result<(), Invalid> {
        match &kind {
            b"IDAT" => {
                let has_colours = self.header.colour != 3 || self.seen.contains(b"PLTE");
                if self.is_past_data || !has_colours {
                    return Err(Invalid::NotAPicture);
                }
                self.has_data = true;
                write_chunk(&mut self.out, kind, body);
            }
            b"fcTL" if self.is_animated => {
                self.is_past_data = self.has_data;
                self.frame(body)?;
                write_chunk(&mut self.out, kind, body);
            }
            b"fdAT" if self.is_animated => {
                if !self.is_past_data {
                    return Err(Invalid::NotAPicture);
                }
                self.in_sequence(&mut Cursor::new(body))?;
                write_chunk(&mut self.out, kind, body);
            }
            b"eXIf" => {
                let orientation = exif::orientation(body);
                self.orientation.get_or_insert(orientation);
            }
            b"PLTE" | b"tRNS" | b"cHRM" | b"gAMA" | b"sRGB" | b"iCCP" | b"cICP" | b"sBIT"
            | b"bKGD" | b"pHYs" | b"acTL" => self.once(kind, body)?,
            // A chunk without which the picture cannot be shown (5.4), and which nobody knows.
            [b'A'..=b'Z', ..] => return Err(Invalid::NotAPicture),
            _ => {}
        }
        Ok(())
    }

    /// Whether the chunk is as long as it must be for pictures with these colours (11.2, 11.3).
    fn is_valid(&self, kind: [u8; 4], body: &[u8]) -> bool {
        let (colour, length) = (self.header.colour, body.len());
        match &kind {
            b"PLTE" => {
                matches!(colour, 2 | 3 | 6)
                    && length.is_multiple_of(3)
                    && (3..=768).contains(&length)
            }
            b"tRNS" => match colour {
                0 => length == 2,
                2 => length == 6,
                3 => self.seen.contains(b"PLTE") && (1..=256).contains(&length),
                _ => false,
            },
            b"sBIT" => match colour {
                0 => length == 1,
                4 => length == 2,
                2 | 3 => length == 3,
                _ => length == 4,
            },
            b"bKGD" => match colour {
                0 | 4 => length == 2,
                3 => length == 1,
                _ => length == 6,
            },
            b"cHRM" => length == 32,
            b"gAMA" | b"cICP" => length == 4,
            b"sRGB" => length == 1,
            b"pHYs" => length == 9,
            b"acTL" => length == 8,
            _ => true,
        }
    }

    /// Keeps a chunk that belongs before the data, once.
    fn once(&mut self, kind: [u8; 4], body: &[u8]) -> Result<(), Invalid> {
        if self.has_data || self.seen.contains(&kind) || !self.is_valid(kind, body) {
            return Ok(());
        }
        if &kind == b"iCCP" {
            let Some(body) = profile_chunk(body) else {
                return Ok(());
            };
            write_chunk(&mut self.out, kind, &body);
        } else {
            if &kind == b"acTL" {
                check_frames(Cursor::new(body).u32_be()?)?;
                self.is_animated = true;
            }
            write_chunk(&mut self.out, kind, body);
        }
        self.seen.push(kind);
        Ok(())
    }

    /// What `fcTL` says (11.3.6.2).
    fn frame(&mut self, body: &[u8]) -> Result<(), Invalid> {
        self.frames += 1;
        check_frames(self.frames)?;
        let mut rest = Cursor::new(body);
        self.in_sequence(&mut rest)?;
        let (width, height) = (rest.u32_be()?, rest.u32_be()?);
        let (left, top) = (rest.u32_be()?, rest.u32_be()?);
        rest.take(6)?;
        let is_inside = |at: u32, size: u32, all: u32| {
            size > 0 && at.checked_add(size).is_some_and(|end| end <= all)
        };
        (rest.is_empty()
            && is_inside(left, width, self.header.width)
            && is_inside(top, height, self.header.height))
        .then_some(())
        .ok_or(Invalid::NotAPicture)
    }

    fn in_sequence(&mut self, rest: &mut Cursor<'_>) -> Result<(), Invalid> {
        if rest.u32_be()? != self.next_in_sequence {
            return Err(Invalid::NotAPicture);
        }
        self.next_in_sequence = self.next_in_sequence.saturating_add(1);
        Ok(())
    }
}

/// The chunk with a colour profile (11.3.2.3), compressed anew so that nothing hides behind it, and
/// without its name; `None` when it has no whole profile.
fn profile_chunk(body: &[u8]) -> Option<Vec<u8>> {
    let name = body.iter().take(80).position(|&byte| byte == 0)?;
    let compressed = body.get(name + 1..)?.strip_prefix(&[0])?;
    let mut block = Vec::new();
    let limit = u64::try_from(icc::MAX_BYTES).ok()?;
    // Of a stream that breaks behind the profile, the profile is whole.
    let _ = ZlibDecoder::new(compressed)
        .take(limit)
        .read_to_end(&mut block);
    let profile = icc::profile(&block)?;
    let mut chunk = b"icc\0\0".to_vec();
    ZlibEncoder::new(profile, Compression::default())
        .read_to_end(&mut chunk)
        .ok()?;
    Some(chunk)
}

/// Turns the pixels of a picture that is clean already.
fn turn(bytes: &[u8], orientation: Orientation) -> Result<Picture, Invalid> {
    let broken = |_| Invalid::NotAPicture;
    // The size was checked; what else is allocated depends on chunks, of which few are left.
    let limits = Limits { bytes: 256 << 20 };
    let mut decoder = Decoder::new_with_limits(Buffer::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(broken)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(Invalid::NotAPicture)?];
    let info = reader.next_frame(&mut pixels).map_err(broken)?;
    let unit = info.color_type.samples() * (info.bit_depth as usize).div_ceil(8);
    let size = (info.width as usize, info.height as usize);
    let turned = orientation
        .turn(&pixels, size, unit)
        .ok_or(Invalid::NotAPicture)?;
    drop(pixels);

    let (width, height) = orientation.turned(info.width, info.height);
    let mut file = Vec::new();
    let broken = |_| Invalid::NotAPicture;
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(info.color_type);
    encoder.set_depth(info.bit_depth);
    let mut writer = encoder.write_header().map_err(broken)?;
    writer.write_image_data(&turned).map_err(broken)?;
    writer.finish().map_err(broken)?;
    drop(turned);

    let mut out = SIGNATURE.to_vec();
    let mut chunks = Chunks::of(&file)?;
    loop {
        let (kind, body) = chunks.next()?;
        write_chunk(&mut out, kind, body);
        match &kind {
            b"IHDR" => colour_chunks(&mut out, bytes, orientation)?,
            b"IEND" => break,
            _ => {}
        }
    }
    Ok(Picture {
        bytes: out,
        width,
        height,
    })
}

/// Copies the chunks that stay right whatever the pixels are stored as.
fn colour_chunks(out: &mut Vec<u8>, from: &[u8], orientation: Orientation) -> Result<(), Invalid> {
    let mut chunks = Chunks::of(from)?;
    loop {
        let (kind, body) = chunks.next()?;
        match (&kind, body) {
            (b"cHRM" | b"gAMA" | b"sRGB" | b"iCCP" | b"cICP", _) => write_chunk(out, kind, body),
            (b"pHYs", &[x0, x1, x2, x3, y0, y1, y2, y3, unit]) => {
                let (x, y) = orientation.turned([x0, x1, x2, x3], [y0, y1, y2, y3]);
                write_chunk(out, kind, &[&x[..], &y, &[unit]].concat());
            }
            (b"IDAT", _) => return Ok(()),
            _ => {}
        }
    }
}
