//! The tracks of a `moov` box (ISO/IEC 14496-12, 8.1 to 8.8): those with pictures are kept, without times and names.

use super::{Part, Used, blank, items};
use crate::cursor::Cursor;
use crate::{Invalid, check_frames, check_size};

/// Boxes whose content is kept as it is.
const TABLES: [[u8; 4]; 11] = [
    *b"stts", *b"ctts", *b"cslg", *b"stss", *b"stsc", *b"stsz", *b"stco", *b"co64", *b"sdtp",
    *b"vmhd", *b"elst",
];

/// Boxes of a sample entry that say how to decode or to show it.
const PROPERTIES: [[u8; 4]; 10] = [
    *b"av1C", *b"colr", *b"pasp", *b"clap", *b"ccst", *b"auxi", *b"btrt", *b"clli", *b"mdcv",
    *b"cclv",
];

/// What a sample entry with pictures begins with (12.1.3), and where in it the name of the encoder is.
const VISUAL: usize = 78;
const COMPRESSOR: std::ops::Range<usize> = 42..74;

/// A `dinf` box that says that the data is in this file.
const DATA_HERE: usize = 36;

/// Cleans the box in its place; the size of the pictures, `None` when it has none and is to be dropped.
pub(super) fn clean(
    file: &[u8],
    out: &mut [u8],
    moov: Part,
    used: &mut Used,
) -> Result<Option<(u32, u32)>, Invalid> {
    let mut size = None;
    let noted_before = used.ranges.len();
    let mut boxes = moov.boxes(file, 0);
    while let Some(part) = boxes.next()? {
        match &part.kind {
            b"mvhd" => blank_times(file, out, part),
            b"trak" => match Track::read(file, part)? {
                Some(track) => {
                    let shown = track.size(file)?;
                    track.note_samples(file, used)?;
                    if track.is_shown {
                        size.get_or_insert(shown);
                    }
                    filter(file, out, part)?;
                }
                None => blank(out, part),
            },
            _ => blank(out, part),
        }
    }
    if size.is_none() {
        // Transparency of nothing goes as well, with its samples.
        used.ranges.truncate(noted_before);
    }
    Ok(size)
}

/// Drops what is not needed from a box and the boxes in it.
fn filter(file: &[u8], out: &mut [u8], container: Part) -> Result<(), Invalid> {
    let mut boxes = container.boxes(file, 0);
    while let Some(part) = boxes.next()? {
        match &part.kind {
            // None of these is in itself, so this ends.
            b"mdia" | b"edts" | b"tref" if &container.kind == b"trak" => filter(file, out, part)?,
            b"minf" if &container.kind == b"mdia" => filter(file, out, part)?,
            b"stbl" if &container.kind == b"minf" => filter(file, out, part)?,
            b"auxl" | b"prem" if &container.kind == b"tref" => {}
            b"tkhd" | b"mdhd" => blank_times(file, out, part),
            b"hdlr" => {
                let new = items::handler_without_name(part.content(file));
                if let Some(place) = out.get_mut(part.body..part.end) {
                    place.copy_from_slice(&new);
                }
            }
            b"dinf" if part.end - part.start <= DATA_HERE => {}
            b"stsd" => {
                let mut entries = part.boxes(file, 8);
                while let Some(entry) = entries.next()? {
                    filter_entry(file, out, entry)?;
                }
            }
            kind if TABLES.contains(kind) => {}
            _ => blank(out, part),
        }
    }
    Ok(())
}

fn filter_entry(file: &[u8], out: &mut [u8], entry: Part) -> Result<(), Invalid> {
    if &entry.kind != b"av01" {
        blank(out, entry);
        return Ok(());
    }
    let content = out.get_mut(entry.body..entry.end);
    if let Some(name) = content.and_then(|content| content.get_mut(COMPRESSOR)) {
        name.fill(0);
    }
    let mut boxes = entry.boxes(file, VISUAL);
    while let Some(part) = boxes.next()? {
        if !PROPERTIES.contains(&part.kind) {
            blank(out, part);
        }
    }
    Ok(())
}

/// When a movie, track or medium was made and changed: the first two numbers (8.2.2).
fn blank_times(file: &[u8], out: &mut [u8], part: Part) {
    let is_long = part.content(file).first() == Some(&1);
    let length = if is_long { 16 } else { 8 };
    let end = (part.body + 4 + length).min(part.end);
    if let Some(times) = out.get_mut(part.body + 4..end) {
        times.fill(0);
    }
}

struct Track {
    /// Not transparency only.
    is_shown: bool,
    header: Part,
    entry: Part,
    sizes: Part,
    chunks: Part,
    in_chunks: Part,
}

impl Track {
    /// `None` for tracks without pictures, and for thumbnails.
    fn read(file: &[u8], trak: Part) -> Result<Option<Self>, Invalid> {
        let find = |within: Part, kind: &[u8; 4]| {
            let mut boxes = within.boxes(file, 0);
            while let Some(part) = boxes.next()? {
                if part.kind == *kind {
                    return Ok(Some(part));
                }
            }
            Ok(None)
        };
        let required = |within, kind| find(within, kind)?.ok_or(Invalid::NotAPicture);
        let media = required(trak, b"mdia")?;
        let handler = required(media, b"hdlr")?;
        let handler = handler.content(file).get(8..12).unwrap_or_default();
        let is_shown = handler == b"pict" || handler == b"vide";
        let is_thumbnail = match find(trak, b"tref")? {
            Some(references) => find(references, b"thmb")?.is_some(),
            None => false,
        };
        if is_thumbnail || !(is_shown || handler == b"auxv") {
            return Ok(None);
        }
        let table = required(required(media, b"minf")?, b"stbl")?;
        let mut entries = required(table, b"stsd")?.boxes(file, 8);
        let mut entry = None;
        while let Some(part) = entries.next()? {
            if &part.kind == b"av01" {
                entry.get_or_insert(part);
            }
        }
        let Some(entry) = entry else { return Ok(None) };
        let chunks = match find(table, b"stco")? {
            Some(part) => part,
            None => required(table, b"co64")?,
        };
        Ok(Some(Self {
            is_shown,
            header: required(trak, b"tkhd")?,
            entry,
            sizes: required(table, b"stsz")?,
            chunks,
            in_chunks: required(table, b"stsc")?,
        }))
    }

    /// The size that the header says, in 65,536ths of a pixel (8.3.2), or else that of the samples.
    fn size(&self, file: &[u8]) -> Result<(u32, u32), Invalid> {
        let mut rest = Cursor::new(self.entry.content(file));
        rest.take(24)?;
        let (width, height) = (u32::from(rest.u16_be()?), u32::from(rest.u16_be()?));
        check_size(width, height)?;
        let header = self.header.content(file);
        let mut rest = Cursor::new(header);
        rest.take(header.len().saturating_sub(8))?;
        let (shown_width, shown_height) = (rest.u32_be()? >> 16, rest.u32_be()? >> 16);
        if shown_width == 0 || shown_height == 0 {
            return Ok((width, height));
        }
        check_size(shown_width, shown_height)?;
        Ok((shown_width, shown_height))
    }

    /// Where the samples are: in chunks, one behind the other (8.7).
    fn note_samples(&self, file: &[u8], used: &mut Used) -> Result<(), Invalid> {
        let mut sizes = Cursor::new(self.sizes.content(file));
        sizes.take(4)?;
        let common = sizes.u32_be()?;
        let count = sizes.u32_be()?;
        check_frames(count)?;
        let mut left = count;

        let mut offsets = Cursor::new(self.chunks.content(file));
        offsets.take(4)?;
        let chunks = offsets.u32_be()?;
        let offset_size = if &self.chunks.kind == b"co64" { 8 } else { 4 };

        let mut runs = Cursor::new(self.in_chunks.content(file));
        runs.take(8)?;
        let run = |rest: &mut Cursor<'_>| {
            if rest.is_empty() {
                return Ok((u32::MAX, 0));
            }
            let (first, samples) = (rest.u32_be()?, rest.u32_be()?);
            rest.take(4)?;
            Ok((first, samples))
        };
        let (mut next_run, mut next_samples) = run(&mut runs)?;
        let mut in_chunk = 0;
        for chunk in 1..=chunks {
            if chunk == next_run {
                in_chunk = next_samples;
                (next_run, next_samples) = run(&mut runs)?;
            }
            let mut offset = offsets.uint_be(offset_size)?;
            for _ in 0..in_chunk.min(left) {
                let size = if common == 0 { sizes.u32_be()? } else { common };
                used.add(offset, size.into())?;
                offset = offset.saturating_add(size.into());
                left -= 1;
            }
        }
        // A sample that is nowhere is one that is missing.
        (left == 0 && count > 0)
            .then_some(())
            .ok_or(Invalid::NotAPicture)
    }
}
