//! WebP (container specification, RFC 9649): chunks are kept or dropped; a picture with an orientation is decoded, turned and encoded.

use std::io::Cursor as Buffer;

use image_webp::{ColorType, WebPDecoder, WebPEncoder};

use crate::cursor::Cursor;
use crate::orientation::Orientation;
use crate::{Invalid, Picture, check_frames, check_size, check_turned_size, exif, icc};

/// Flags of `VP8X` (section 2.7).
const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const IS_ANIMATED: u8 = 0x02;

pub(crate) fn clean(bytes: &[u8]) -> Result<Picture, Invalid> {
    let file = File::parse(bytes)?;
    let out = file.write();
    if file.orientation == Orientation::AsStored || file.is_animated() {
        return Ok(Picture {
            bytes: out,
            width: file.width,
            height: file.height,
        });
    }
    check_turned_size(file.width, file.height)?;
    turn(&out, &file)
}

/// Its name and its content.
type Chunk<'a> = ([u8; 4], &'a [u8]);

struct Chunks<'a> {
    rest: Cursor<'a>,
}

impl<'a> Chunks<'a> {
    /// `None` at the end; chunks begin at even places (section 2.3).
    fn next(&mut self) -> Result<Option<Chunk<'a>>, Invalid> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let kind = self.rest.array()?;
        let length = usize::try_from(self.rest.u32_le()?).map_err(|_| Invalid::NotAPicture)?;
        let body = self.rest.take(length)?;
        // Some leave the last one out.
        if length % 2 == 1 && !self.rest.is_empty() {
            self.rest.take(1)?;
        }
        Ok(Some((kind, body)))
    }
}

/// One picture: bits of `VP8 ` with or without `ALPH`, or of `VP8L`.
struct Still<'a> {
    alpha: Option<&'a [u8]>,
    kind: [u8; 4],
    data: &'a [u8],
    width: u32,
    height: u32,
}

/// A picture of an animation (section 2.7.1.1): its place, and how it is shown.
struct Frame<'a> {
    head: [u8; 16],
    still: Still<'a>,
}

enum Content<'a> {
    Still(Still<'a>),
    Animation {
        /// Background and loops.
        head: [u8; 6],
        frames: Vec<Frame<'a>>,
    },
}

struct File<'a> {
    /// The flags of `VP8X`, where there is one.
    flags: Option<u8>,
    width: u32,
    height: u32,
    profile: Option<&'a [u8]>,
    content: Content<'a>,
    orientation: Orientation,
}

impl<'a> File<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(bytes);
        rest.take(4)?;
        let length = usize::try_from(rest.u32_le()?).map_err(|_| Invalid::NotAPicture)?;
        let mut inside = Cursor::new(rest.take(length)?);
        inside.take(4)?;
        let mut chunks = Chunks { rest: inside };
        let (kind, body) = chunks.next()?.ok_or(Invalid::NotAPicture)?;
        if &kind != b"VP8X" {
            let still = Still::parse(None, kind, body)?;
            return Ok(Self {
                flags: None,
                width: still.width,
                height: still.height,
                profile: None,
                content: Content::Still(still),
                orientation: Orientation::AsStored,
            });
        }
        let mut rest = Cursor::new(body);
        let [flags, ..] = rest.array::<4>()?;
        let (width, height) = (rest.u24_le()? + 1, rest.u24_le()? + 1);
        check_size(width, height)?;
        Self::parse_extended(chunks, flags, (width, height))
    }

    fn parse_extended(
        mut chunks: Chunks<'a>,
        flags: u8,
        (width, height): (u32, u32),
    ) -> Result<Self, Invalid> {
        let is_animated = flags & IS_ANIMATED != 0;
        let (mut profile, mut orientation) = (None, None);
        let (mut alpha, mut still) = (None, None);
        let (mut head, mut frames) = (None, Vec::new());
        while let Some((kind, body)) = chunks.next()? {
            match &kind {
                b"ICCP" if profile.is_none() => profile = icc::profile(body),
                b"EXIF" if orientation.is_none() => orientation = Some(exif::orientation(body)),
                b"ALPH" if still.is_none() => alpha = Some(body),
                b"VP8 " | b"VP8L" if !is_animated && still.is_none() => {
                    still = Some(Still::parse(alpha, kind, body)?);
                }
                b"ANIM" if head.is_none() => head = body.first_chunk().copied(),
                b"ANMF" if is_animated => {
                    let counted = u32::try_from(frames.len() + 1);
                    check_frames(counted.unwrap_or(u32::MAX))?;
                    frames.push(Frame::parse(body, (width, height))?);
                }
                _ => {}
            }
        }
        let content = if is_animated {
            let head = head.filter(|_| !frames.is_empty());
            head.map(|head| Content::Animation { head, frames })
        } else {
            still
                .filter(|still| (still.width, still.height) == (width, height))
                .map(Content::Still)
        };
        Ok(Self {
            flags: Some(flags),
            width,
            height,
            profile,
            content: content.ok_or(Invalid::NotAPicture)?,
            orientation: orientation.unwrap_or_default(),
        })
    }

    fn is_animated(&self) -> bool {
        matches!(self.content, Content::Animation { .. })
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(flags) = self.flags {
            let mut kept = flags & HAS_ALPHA;
            if self.profile.is_some() {
                kept |= HAS_PROFILE;
            }
            if self.is_animated() {
                kept |= IS_ANIMATED;
            }
            write_extended(&mut out, kept, self.width, self.height);
        }
        if let Some(profile) = self.profile {
            write_chunk(&mut out, *b"ICCP", &[profile]);
        }
        match &self.content {
            Content::Still(still) => still.write(&mut out),
            Content::Animation { head, frames } => {
                write_chunk(&mut out, *b"ANIM", &[head]);
                for frame in frames {
                    let mut still = Vec::new();
                    frame.still.write(&mut still);
                    write_chunk(&mut out, *b"ANMF", &[&frame.head, &still]);
                }
            }
        }
        wrapped(&out)
    }
}

impl<'a> Still<'a> {
    fn parse(alpha: Option<&'a [u8]>, kind: [u8; 4], data: &'a [u8]) -> Result<Self, Invalid> {
        let (width, height) = match &kind {
            b"VP8 " => lossy_size(data)?,
            b"VP8L" => lossless_size(data)?,
            _ => return Err(Invalid::NotAPicture),
        };
        check_size(width, height)?;
        Ok(Self {
            alpha: alpha.filter(|_| &kind == b"VP8 "),
            kind,
            data,
            width,
            height,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        if let Some(alpha) = self.alpha {
            write_chunk(out, *b"ALPH", &[alpha]);
        }
        write_chunk(out, self.kind, &[self.data]);
    }
}

/// The size in the header of a key frame (RFC 6386, 9.1).
fn lossy_size(data: &[u8]) -> Result<(u32, u32), Invalid> {
    let mut rest = Cursor::new(data);
    let tag = rest.u24_le()?;
    let start: [u8; 3] = rest.array()?;
    let (width, height) = (rest.u16_le()? & 0x3FFF, rest.u16_le()? & 0x3FFF);
    let is_key_frame = tag & 1 == 0 && start == [0x9D, 0x01, 0x2A];
    let first_partition = usize::try_from(tag >> 5).map_err(|_| Invalid::NotAPicture)?;
    (is_key_frame && first_partition <= rest.rest().len())
        .then_some((width.into(), height.into()))
        .ok_or(Invalid::NotAPicture)
}

/// The size in the header of the lossless format (RFC 9649, 3.4).
fn lossless_size(data: &[u8]) -> Result<(u32, u32), Invalid> {
    let mut rest = Cursor::new(data);
    let signature = rest.u8()?;
    let bits = rest.u32_le()?;
    (signature == 0x2F && bits >> 29 == 0 && !rest.is_empty())
        .then_some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        .ok_or(Invalid::NotAPicture)
}

impl<'a> Frame<'a> {
    fn parse(body: &'a [u8], canvas: (u32, u32)) -> Result<Self, Invalid> {
        let mut rest = Cursor::new(body);
        let mut head: [u8; 16] = rest.array()?;
        // Only two of the flags mean something.
        head[15] &= 0x03;
        let mut numbers = Cursor::new(&head);
        let (left, top) = (numbers.u24_le()? * 2, numbers.u24_le()? * 2);
        let (width, height) = (numbers.u24_le()? + 1, numbers.u24_le()? + 1);
        let (mut alpha, mut still) = (None, None);
        let mut chunks = Chunks { rest };
        while let Some((kind, body)) = chunks.next()? {
            match &kind {
                b"ALPH" if still.is_none() => alpha = Some(body),
                b"VP8 " | b"VP8L" if still.is_none() => {
                    still = Some(Still::parse(alpha, kind, body)?);
                }
                _ => {}
            }
        }
        still
            .filter(|still| (still.width, still.height) == (width, height))
            .filter(|_| left + width <= canvas.0 && top + height <= canvas.1)
            .map(|still| Self { head, still })
            .ok_or(Invalid::NotAPicture)
    }
}

fn write_chunk(out: &mut Vec<u8>, kind: [u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend(kind);
    out.extend(u32::try_from(length).unwrap_or_default().to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    if length % 2 == 1 {
        out.push(0);
    }
}

fn write_extended(out: &mut Vec<u8>, flags: u8, width: u32, height: u32) {
    let [w0, w1, w2, _] = (width - 1).to_le_bytes();
    let [h0, h1, h2, _] = (height - 1).to_le_bytes();
    write_chunk(out, *b"VP8X", &[&[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]]);
}

/// A file of these chunks.
fn wrapped(chunks: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(chunks.len() + 12);
    write_chunk(&mut out, *b"RIFF", &[b"WEBP", chunks]);
    out
}

/// Turns the pixels of a picture that is clean already.
fn turn(bytes: &[u8], file: &File<'_>) -> Result<Picture, Invalid> {
    let broken = |_| Invalid::NotAPicture;
    let mut decoder = WebPDecoder::new(Buffer::new(bytes)).map_err(broken)?;
    let (colour, unit) = if decoder.has_alpha() {
        (ColorType::Rgba8, 4)
    } else {
        (ColorType::Rgb8, 3)
    };
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or(Invalid::NotAPicture)?];
    decoder.read_image(&mut pixels).map_err(broken)?;
    let turned = file
        .orientation
        .turn(&pixels, (file.width as usize, file.height as usize), unit)
        .ok_or(Invalid::NotAPicture)?;
    drop(pixels);

    let (width, height) = file.orientation.turned(file.width, file.height);
    let mut encoded = Vec::new();
    WebPEncoder::new(&mut encoded)
        .encode(&turned, width, height, colour)
        .map_err(|_| Invalid::NotAPicture)?;
    let mut out = File::parse(&encoded)?;
    if file.profile.is_some() {
        out.flags = Some(if unit == 4 { HAS_ALPHA } else { 0 });
        out.profile = file.profile;
    }
    Ok(Picture {
        bytes: out.write(),
        width,
        height,
    })
}
