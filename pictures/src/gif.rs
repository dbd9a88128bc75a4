//! GIF (`GIF89a`): blocks are kept or dropped.

use crate::cursor::Cursor;
use crate::{Invalid, Picture, check_frames, check_size};

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2C;
const TRAILER: u8 = 0x3B;
const GRAPHIC_CONTROL: u8 = 0xF9;
const APPLICATION: u8 = 0xFF;

pub(crate) fn clean(bytes: &[u8]) -> Result<Picture, Invalid> {
    let mut rest = Cursor::new(bytes);
    let head: [u8; 13] = rest.array()?;
    let mut screen = Cursor::new(head.get(6..).unwrap_or_default());
    let (mut width, mut height) = (screen.u16_le()?, screen.u16_le()?);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend(head);
    out.extend(colour_table(&mut rest, screen.u8()?)?);
    let mut frames = 0;
    // What a graphic control extension says about the picture behind it (section 23).
    let mut control = None;
    let mut loops = false;
    loop {
        match rest.u8()? {
            EXTENSION => match rest.u8()? {
                GRAPHIC_CONTROL => {
                    if let &[4, flags, time0, time1, colour, ..] = blocks(&mut rest)? {
                        // Without the bits that mean nothing yet.
                        control = Some([flags & 0x1F, time0, time1, colour]);
                    }
                }
                APPLICATION => {
                    if let Some((name, times)) = loop_block(blocks(&mut rest)?)
                        && !loops
                    {
                        loops = true;
                        out.extend([EXTENSION, APPLICATION, 11]);
                        out.extend(name);
                        out.extend([3, 1]);
                        out.extend(times);
                        out.push(0);
                    }
                }
                // Comments, plain text, and what nobody knows. A graphic control before them is for the
                // next picture in browsers, which show no text.
                _ => {
                    blocks(&mut rest)?;
                }
            },
            IMAGE => {
                frames += 1;
                check_frames(frames)?;
                if let Some(control) = control.take() {
                    out.extend([EXTENSION, GRAPHIC_CONTROL, 4]);
                    out.extend(control);
                    out.push(0);
                }
                let descriptor: [u8; 9] = rest.array()?;
                let (right, bottom, flags) = extent(descriptor)?;
                if frames == 1 {
                    // Browsers make the screen as large as the first picture needs.
                    width = width.max(right);
                    height = height.max(bottom);
                }
                check_size(width.into(), height.into())?;
                check_size(right.max(1).into(), bottom.max(1).into())?;
                out.push(IMAGE);
                out.extend(descriptor);
                out.extend(colour_table(&mut rest, flags)?);
                let code_size = rest.u8()?;
                if code_size > 11 {
                    return Err(Invalid::NotAPicture);
                }
                out.push(code_size);
                out.extend(blocks(&mut rest)?);
            }
            TRAILER if frames > 0 => break,
            _ => return Err(Invalid::NotAPicture),
        }
    }
    out.push(TRAILER);
    Ok(Picture {
        bytes: out,
        width: width.into(),
        height: height.into(),
    })
}

/// The colours that flags announce (sections 19 and 21), if they do.
fn colour_table<'a>(rest: &mut Cursor<'a>, flags: u8) -> Result<&'a [u8], Invalid> {
    match flags & 0x80 {
        0 => Ok(&[]),
        _ => rest.take(3 << ((flags & 0x07) + 1)),
    }
}

/// Where a picture ends on the screen, and its flags (section 20).
fn extent(descriptor: [u8; 9]) -> Result<(u16, u16, u8), Invalid> {
    let mut rest = Cursor::new(&descriptor);
    let (left, top) = (rest.u16_le()?, rest.u16_le()?);
    let (width, height) = (rest.u16_le()?, rest.u16_le()?);
    let right = left.checked_add(width).ok_or(Invalid::TooManyPixels)?;
    let bottom = top.checked_add(height).ok_or(Invalid::TooManyPixels)?;
    Ok((right, bottom, rest.u8()?))
}

/// The blocks up to and with the one of no bytes (section 16).
fn blocks<'a>(rest: &mut Cursor<'a>) -> Result<&'a [u8], Invalid> {
    let before = rest.rest();
    loop {
        let length = rest.u8()?;
        rest.take(length.into())?;
        if length == 0 {
            let length = before.len() - rest.rest().len();
            return Ok(before.get(..length).unwrap_or_default());
        }
    }
}

/// The name of an extension that says how often an animation is shown, and what it says.
fn loop_block(blocks: &[u8]) -> Option<(&[u8], [u8; 2])> {
    let (name, block) = blocks.strip_prefix(&[11])?.split_at_checked(11)?;
    match block {
        &[3, 1, low, high, ..] if name == b"NETSCAPE2.0" || name == b"ANIMEXTS1.0" => {
            Some((name, [low, high]))
        }
        _ => None,
    }
}
