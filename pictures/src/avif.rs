//! AVIF (ISO/IEC 14496-12, 23008-12; AV1 Image File Format): what is dropped becomes empty space, so that what is kept stays where it is.

mod items;
mod still;
mod tracks;

use std::ops::Range;

pub use still::{Colours, Frame, Mirror, Still, read};

use crate::cursor::Cursor;
use crate::{Invalid, Picture};

/// The `ftyp` box names AVIF, or an AVIF sequence, as its brand or as one it is compatible with
/// (AV1 Image File Format, section 8).
pub(crate) fn has_brand(bytes: &[u8]) -> bool {
    let mut rest = Cursor::new(bytes);
    let (Ok(size), Ok(kind)) = (rest.u32_be(), rest.array()) else {
        return false;
    };
    if &kind != b"ftyp" {
        return false;
    }
    let end = usize::try_from(size).map_or(bytes.len(), |size| size.min(bytes.len()));
    let brands = bytes.get(8..end).unwrap_or_default();
    brands
        .chunks_exact(4)
        .enumerate()
        .any(|(nth, brand)| nth != 1 && (brand == b"avif" || brand == b"avis"))
}

/// Where a box stands in the file, and its content in it.
#[derive(Debug, Clone, Copy)]
struct Part {
    kind: [u8; 4],
    start: usize,
    body: usize,
    end: usize,
}

impl Part {
    fn content<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        file.get(self.body..self.end).unwrap_or_default()
    }

    fn whole<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        file.get(self.start..self.end).unwrap_or_default()
    }

    /// The boxes in this one, behind as many bytes of its own.
    fn boxes<'a>(&self, file: &'a [u8], behind: usize) -> Boxes<'a> {
        Boxes {
            file,
            at: self.body.saturating_add(behind),
            end: self.end,
            is_top: false,
        }
    }
}

/// The boxes in a part of the file (14496-12, 4.2).
struct Boxes<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
    is_top: bool,
}

impl<'a> Boxes<'a> {
    /// Those of the file itself.
    fn top(file: &'a [u8]) -> Self {
        Self {
            file,
            at: 0,
            end: file.len(),
            is_top: true,
        }
    }

    fn next(&mut self) -> Result<Option<Part>, Invalid> {
        if self.at == self.end {
            return Ok(None);
        }
        let rest = self.file.get(self.at..self.end);
        let rest = rest.ok_or(Invalid::NotAPicture)?;
        let mut cursor = Cursor::new(rest);
        let size = cursor.u32_be()?;
        let kind = cursor.array()?;
        let size = match size {
            // To the end of the file, and so only at the top.
            0 if self.is_top => rest.len() as u64,
            1 => cursor.uint_be(8)?,
            size => size.into(),
        };
        let header = rest.len() - cursor.rest().len();
        let size = usize::try_from(size)
            .ok()
            .filter(|size| (header..=rest.len()).contains(size))
            .ok_or(Invalid::NotAPicture)?;
        let start = self.at;
        self.at += size;
        Ok(Some(Part {
            kind,
            start,
            body: start + header,
            end: start + size,
        }))
    }
}

/// Replaces a box by empty space of the same size.
fn blank(out: &mut [u8], part: Part) {
    let Some(bytes) = out.get_mut(part.start..part.end) else {
        return;
    };
    bytes.fill(0);
    // A file has less than 4 GB.
    let size = u32::try_from(bytes.len()).unwrap_or_default();
    if let Some(header) = bytes.first_chunk_mut() {
        let [a, b, c, d] = size.to_be_bytes();
        *header = [a, b, c, d, b'f', b'r', b'e', b'e'];
    }
}

/// The places in the file that pictures are made of.
struct Used {
    data: Vec<Part>,
    ranges: Vec<Range<usize>>,
}

impl Used {
    /// Notes a place, which must be in the content of one `mdat` box.
    fn add(&mut self, start: u64, length: u64) -> Result<(), Invalid> {
        let range = || {
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            let nth = self.data.partition_point(|part| part.end <= start);
            let part = self.data.get(nth)?;
            (part.body <= start && start < end && end <= part.end).then_some(start..end)
        };
        let range = range().ok_or(Invalid::NotAPicture)?;
        self.ranges.push(range);
        Ok(())
    }

    /// Whether there is one in this box; they are sorted.
    fn is_in(&self, part: &Part) -> bool {
        let nth = self.ranges.partition_point(|range| range.start < part.body);
        let next = self.ranges.get(nth);
        next.is_some_and(|range| range.start < part.end)
    }
}

/// Makes everything in `part` that is in none of the sorted `ranges` zero; says where the last of
/// them ends.
fn blank_between(out: &mut [u8], part: Range<usize>, ranges: &[Range<usize>]) -> usize {
    let first = ranges.partition_point(|range| range.start < part.start);
    let inside = ranges.get(first..).unwrap_or_default();
    let mut at = part.start;
    for range in inside.iter().take_while(|range| range.start < part.end) {
        if let Some(gap) = out.get_mut(at..range.start) {
            gap.fill(0);
        }
        at = at.max(range.end);
    }
    if let Some(gap) = out.get_mut(at..part.end) {
        gap.fill(0);
    }
    at
}

pub(crate) fn clean(file: &[u8]) -> Result<Picture, Invalid> {
    if u32::try_from(file.len()).is_err() {
        return Err(Invalid::NotAPicture);
    }
    let mut top = Boxes::top(file);
    let mut parts = Vec::new();
    while let Some(part) = top.next()? {
        parts.push(part);
    }
    let first = |kind: &[u8; 4]| parts.iter().position(|part| part.kind == *kind);
    let mut used = Used {
        data: parts
            .iter()
            .filter(|part| &part.kind == b"mdat")
            .copied()
            .collect(),
        ranges: Vec::new(),
    };
    let mut out = file.to_vec();
    let meta = first(b"meta").and_then(|nth| Some((nth, *parts.get(nth)?)));
    let items = match meta {
        Some((_, part)) => items::clean(file, part, &mut used)?,
        None => None,
    };
    let moov = first(b"moov").and_then(|nth| Some((nth, *parts.get(nth)?)));
    let movie = match moov {
        Some((_, part)) => tracks::clean(file, &mut out, part, &mut used)?,
        None => None,
    };
    let (width, height) = items
        .as_ref()
        .map(|items| (items.width, items.height))
        .or(movie)
        .ok_or(Invalid::NotAPicture)?;

    used.ranges.sort_unstable_by_key(|range| range.start);
    let new_meta = items.as_ref().map(|items| items.meta.as_slice());
    let is_kept = |nth: usize, part: &Part| match &part.kind {
        b"ftyp" => nth == 0,
        b"meta" => meta.is_some_and(|(meta, _)| meta == nth) && items.is_some(),
        b"moov" => moov.is_some_and(|(moov, _)| moov == nth) && movie.is_some(),
        b"mdat" => used.is_in(part),
        _ => false,
    };
    let last = parts
        .iter()
        .enumerate()
        .rposition(|(nth, part)| is_kept(nth, part))
        .unwrap_or_default();
    // Where what is kept ends; the rest of the file is cut off.
    let mut end = 0;
    for (nth, &part) in parts.iter().enumerate().take(last + 1) {
        end = part.end;
        if !is_kept(nth, &part) {
            blank(&mut out, part);
            continue;
        }
        match &part.kind {
            b"meta" => end = replace(&mut out, part, new_meta.unwrap_or_default()),
            b"mdat" => {
                let used_end = blank_between(&mut out, part.body..part.end, &used.ranges);
                if nth == last {
                    shorten(&mut out, part, used_end);
                    end = used_end;
                }
            }
            _ => {}
        }
    }
    out.truncate(end);
    Ok(Picture {
        bytes: out,
        width,
        height,
    })
}

/// Puts a shorter box and empty space where a box was; says where the shorter one ends.
fn replace(out: &mut [u8], part: Part, new: &[u8]) -> usize {
    let end = part.start + new.len();
    blank(out, Part { start: end, ..part });
    if let Some(place) = out.get_mut(part.start..end) {
        place.copy_from_slice(new);
    }
    end
}

/// Writes into the header of the last box where it ends.
fn shorten(out: &mut [u8], part: Part, end: usize) {
    let size = end - part.start;
    let Some(header) = out.get_mut(part.start..part.body) else {
        return;
    };
    match header {
        // A box to the end of the file says so still.
        [0, 0, 0, 0, ..] => {}
        [_, _, _, _, _, _, _, _, long @ ..] if long.len() == 8 => {
            long.copy_from_slice(&(size as u64).to_be_bytes());
        }
        [short @ .., _, _, _, _] => {
            let size = u32::try_from(size).unwrap_or_default();
            if short.len() == 4 {
                short.copy_from_slice(&size.to_be_bytes());
            }
        }
        _ => {}
    }
}
