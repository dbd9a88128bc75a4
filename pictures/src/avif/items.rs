//! The items of a `meta` box (ISO/IEC 14496-12, 8.11; 23008-12): those that the picture is made of are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::{Part, Used, blank, blank_between};
use crate::cursor::Cursor;
use crate::{Invalid, check_size};

/// Kinds of item that are shown, or that pictures are put together from; everything else, as `Exif`,
/// `mime` (XMP) and `uri `, is dropped.
const PICTURES: [[u8; 4]; 6] = [*b"av01", *b"grid", *b"iovl", *b"iden", *b"tmap", *b"sato"];

/// Properties that say how to decode or to show an item.
const PROPERTIES: [[u8; 4]; 18] = [
    *b"ispe", *b"pixi", *b"av1C", *b"colr", *b"irot", *b"imir", *b"clap", *b"pasp", *b"auxC",
    *b"a1op", *b"a1lx", *b"lsel", *b"clli", *b"mdcv", *b"cclv", *b"amve", *b"reve", *b"ndwt",
];

/// What is left of the items.
pub(super) struct Items {
    /// The new `meta` box, not longer than the old one.
    pub(super) meta: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
}

pub(super) struct Reference {
    pub(super) kind: [u8; 4],
    pub(super) from: u32,
    pub(super) to: Vec<u32>,
}

/// Where an item is stored (8.11.3).
pub(super) struct Location<'a> {
    /// As it stands in the file.
    bytes: &'a [u8],
    pub(super) method: u16,
    base: u64,
    extents: &'a [u8],
    count: usize,
}

pub(super) struct Locations<'a> {
    /// Version, flags and how long numbers are.
    head: &'a [u8],
    pub(super) sizes: [u8; 4],
    pub(super) by_item: BTreeMap<u32, Location<'a>>,
}

/// Which properties an item has, and whether it cannot be shown without.
type Associations = BTreeMap<u32, Vec<(bool, u16)>>;

/// `None` when the box has no picture, and is to be dropped.
pub(super) fn clean(file: &[u8], meta: Part, used: &mut Used) -> Result<Option<Items>, Invalid> {
    let order = children(file, meta)?;
    let find = |kind: &[u8; 4]| order.iter().find(|part| part.kind == *kind).copied();
    let (Some(handler), Some(pitm)) = (find(b"hdlr"), find(b"pitm")) else {
        return Ok(None);
    };
    if handler.content(file).get(8..12) != Some(b"pict") {
        return Ok(None);
    }
    let required = |kind| find(kind).ok_or(Invalid::NotAPicture);
    let primary = primary(pitm.content(file))?;
    let infos = infos(file, required(b"iinf")?)?;
    let references = match find(b"iref") {
        Some(part) => read_references(file, part)?,
        None => Vec::new(),
    };
    let kept = kept(primary, &infos, &references)?;
    let locations = locations(required(b"iloc")?.content(file))?;
    let iprp = required(b"iprp")?;
    let properties = Properties::read(file, iprp)?;
    let (width, height) = properties.size(file, primary, &kept)?;

    let idat = find(b"idat");
    let mut inside = Used {
        data: idat.into_iter().collect(),
        ranges: Vec::new(),
    };
    for id in &kept {
        let location = locations.by_item.get(id).ok_or(Invalid::NotAPicture)?;
        for (start, length) in extents(location, locations.sizes)? {
            match location.method {
                0 => used.add(start, length)?,
                1 => {
                    let body = idat.map_or(0, |part| part.body as u64);
                    inside.add(start.saturating_add(body), length)?;
                }
                // In another item, which no browser reads.
                _ => return Err(Invalid::NotAPicture),
            }
        }
    }
    inside.ranges.sort_unstable_by_key(|range| range.start);

    let mut children = Vec::new();
    for &part in &order {
        let child = match &part.kind {
            b"hdlr" => written(*b"hdlr", &[&handler_without_name(part.content(file))]),
            b"pitm" => part.whole(file).to_vec(),
            b"iloc" => locations.write(&kept)?,
            b"iinf" => write_infos(file, part, &infos, &kept)?,
            b"iref" => write_references(part.content(file), &references, &kept)?,
            b"iprp" => properties.write(file, iprp, &kept)?,
            b"idat" => {
                let mut content = part.content(file).to_vec();
                for range in &mut inside.ranges {
                    *range = range.start - part.body..range.end - part.body;
                }
                let all = 0..content.len();
                blank_between(&mut content, all, &inside.ranges);
                written(*b"idat", &[&content])
            }
            _ => write_groups(file, part, &infos, &kept)?,
        };
        children.push((part.kind, child));
    }
    let old = meta.end - meta.start;
    let length = |children: &[([u8; 4], Vec<u8>)]| {
        12 + children.iter().map(|(_, child)| child.len()).sum::<usize>()
    };
    let gap = old
        .checked_sub(length(&children))
        .ok_or(Invalid::NotAPicture)?;
    if gap < 8 {
        // Too little for a box: the name of the handler gets longer, and is zeros as well.
        for (_, child) in children.iter_mut().filter(|(kind, _)| kind == b"hdlr") {
            child.resize(child.len() + gap, 0);
            resize(child);
        }
    }
    let mut new = Vec::with_capacity(old);
    new.extend([0; 4]);
    new.extend(b"meta");
    new.extend(meta.content(file).get(..4).unwrap_or_default());
    for (_, child) in children {
        new.extend(child);
    }
    resize(&mut new);
    Ok(Some(Items {
        meta: new,
        width,
        height,
    }))
}

/// The first box of each kind that says something of pictures.
pub(super) fn children(file: &[u8], meta: Part) -> Result<Vec<Part>, Invalid> {
    let kinds: [&[u8; 4]; 8] = [
        b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"grpl",
    ];
    let mut found: Vec<Part> = Vec::new();
    let mut boxes = meta.boxes(file, 4);
    while let Some(part) = boxes.next()? {
        let is_first = found.iter().all(|other| other.kind != part.kind);
        if kinds.contains(&&part.kind) && is_first {
            found.push(part);
        }
    }
    Ok(found)
}

/// Writes its length into the header of a box.
fn resize(bytes: &mut [u8]) {
    let size = u32::try_from(bytes.len()).unwrap_or_default();
    if let Some(place) = bytes.first_chunk_mut() {
        *place = size.to_be_bytes();
    }
}

fn written(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [[0; 4], kind].concat();
    for part in parts {
        bytes.extend_from_slice(part);
    }
    resize(&mut bytes);
    bytes
}

/// What a handler box says (8.4.3): behind its kind come 12 reserved bytes and a name for people.
pub(super) fn handler_without_name(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    if let Some(name) = bytes.get_mut(12..) {
        name.fill(0);
    }
    bytes
}

/// A number of two bytes, or of four in later versions.
fn id(rest: &mut Cursor<'_>, is_long: bool) -> Result<u32, Invalid> {
    if is_long {
        rest.u32_be()
    } else {
        rest.u16_be().map(u32::from)
    }
}

fn push_id(out: &mut Vec<u8>, id: u32, is_long: bool) {
    let bytes = id.to_be_bytes();
    out.extend(bytes.iter().skip(if is_long { 0 } else { 2 }));
}

/// The version of a full box; its flags are the last of them.
fn version(rest: &mut Cursor<'_>) -> Result<(u8, u8), Invalid> {
    let [version, _, _, flags] = rest.array()?;
    Ok((version, flags))
}

/// Which item is the picture (8.11.4).
pub(super) fn primary(content: &[u8]) -> Result<u32, Invalid> {
    let mut rest = Cursor::new(content);
    let (version, _) = version(&mut rest)?;
    id(&mut rest, version > 0)
}

/// The kind of each item, and where that is said (8.11.6).
pub(super) type Infos = BTreeMap<u32, ([u8; 4], Part)>;

pub(super) fn infos(file: &[u8], iinf: Part) -> Result<Infos, Invalid> {
    let long_count = iinf
        .content(file)
        .first()
        .is_some_and(|&version| version > 0);
    let mut boxes = iinf.boxes(file, if long_count { 8 } else { 6 });
    let mut infos = Infos::new();
    while let Some(part) = boxes.next()? {
        let mut rest = Cursor::new(part.content(file));
        let (version, _) = version(&mut rest)?;
        if &part.kind != b"infe" || !matches!(version, 2 | 3) {
            continue;
        }
        let id = id(&mut rest, version == 3)?;
        let protection = rest.u16_be()?;
        let kind = rest.array()?;
        // Nobody has the key to what is encrypted.
        if protection == 0 && infos.insert(id, (kind, part)).is_some() {
            return Err(Invalid::NotAPicture);
        }
    }
    Ok(infos)
}

fn write_infos(
    file: &[u8],
    iinf: Part,
    infos: &Infos,
    kept: &BTreeSet<u32>,
) -> Result<Vec<u8>, Invalid> {
    let head: [u8; 4] = Cursor::new(iinf.content(file)).array()?;
    let [version, ..] = head;
    let mut body = head.to_vec();
    let count = u32::try_from(kept.len()).map_err(|_| Invalid::NotAPicture)?;
    push_id(&mut body, count, version > 0);
    // In the order of the file, so that nothing moves without need.
    let mut entries: Vec<&Part> = infos
        .iter()
        .filter(|(id, _)| kept.contains(id))
        .map(|(_, (_, part))| part)
        .collect();
    entries.sort_by_key(|part| part.start);
    for part in entries {
        let mut entry = part.whole(file).to_vec();
        let is_long = part.content(file).first() == Some(&3);
        // Behind the kind comes a name for people.
        let name = part.body - part.start + if is_long { 14 } else { 12 };
        if let Some(name) = entry.get_mut(name..) {
            name.fill(0);
        }
        body.extend(entry);
    }
    Ok(written(*b"iinf", &[&body]))
}

/// Which items belong to others (8.11.12).
pub(super) fn read_references(file: &[u8], iref: Part) -> Result<Vec<Reference>, Invalid> {
    let is_long = iref
        .content(file)
        .first()
        .is_some_and(|&version| version > 0);
    let mut boxes = iref.boxes(file, 4);
    let mut references = Vec::new();
    while let Some(part) = boxes.next()? {
        let mut rest = Cursor::new(part.content(file));
        let from = id(&mut rest, is_long)?;
        let count = rest.u16_be()?;
        let to = (0..count)
            .map(|_| id(&mut rest, is_long))
            .collect::<Result<_, _>>()?;
        references.push(Reference {
            kind: part.kind,
            from,
            to,
        });
    }
    Ok(references)
}

fn write_references(
    content: &[u8],
    references: &[Reference],
    kept: &BTreeSet<u32>,
) -> Result<Vec<u8>, Invalid> {
    let head: [u8; 4] = Cursor::new(content).array()?;
    let [version, ..] = head;
    let is_long = version > 0;
    let mut body = head.to_vec();
    let is_kept = |reference: &&Reference| {
        matches!(&reference.kind, b"dimg" | b"auxl" | b"prem") && kept.contains(&reference.from)
    };
    for reference in references.iter().filter(is_kept) {
        let to: Vec<u32> = reference
            .to
            .iter()
            .copied()
            .filter(|id| kept.contains(id))
            .collect();
        if to.is_empty() {
            continue;
        }
        let mut ids = Vec::new();
        push_id(&mut ids, reference.from, is_long);
        ids.extend(u16::try_from(to.len()).unwrap_or_default().to_be_bytes());
        for id in to {
            push_id(&mut ids, id, is_long);
        }
        body.extend(written(reference.kind, &[&ids]));
    }
    // Without an entry there is no need for the box.
    Ok(if body.len() > 4 {
        written(*b"iref", &[&body])
    } else {
        Vec::new()
    })
}

/// The picture, what it is put together from, what is added to it, as transparency, and the one that
/// makes it brighter on screens that can. Thumbnails are none of these.
fn kept(primary: u32, infos: &Infos, references: &[Reference]) -> Result<BTreeSet<u32>, Invalid> {
    let is_picture = |id: &u32| {
        infos
            .get(id)
            .is_some_and(|(kind, _)| PICTURES.contains(kind))
    };
    let is_tone_map = |id: &u32| infos.get(id).is_some_and(|(kind, _)| kind == b"tmap");
    let mut needs: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for Reference { kind, from, to } in references {
        match kind {
            b"dimg" => {
                needs.entry(*from).or_default().extend(to);
                if let Some(base) = to.first().filter(|_| is_tone_map(from)) {
                    needs.entry(*base).or_default().push(*from);
                }
            }
            b"auxl" if is_picture(from) => {
                for to in to {
                    needs.entry(*to).or_default().push(*from);
                }
            }
            _ => {}
        }
    }
    let mut kept = BTreeSet::new();
    let mut next = vec![primary];
    while let Some(id) = next.pop() {
        if kept.contains(&id) {
            continue;
        }
        if !is_picture(&id) {
            return Err(Invalid::NotAPicture);
        }
        kept.insert(id);
        next.extend(needs.get(&id).into_iter().flatten());
    }
    Ok(kept)
}

pub(super) fn locations(content: &[u8]) -> Result<Locations<'_>, Invalid> {
    let mut rest = Cursor::new(content);
    let (version, _) = version(&mut rest)?;
    let [first, second] = rest.array()?;
    let sizes = [first >> 4, first & 0x0F, second >> 4, second & 0x0F];
    let [offset, length, base, mut index] = sizes;
    if version == 0 {
        index = 0;
    }
    let is_valid = version <= 2 && sizes.iter().all(|size| matches!(size, 0 | 4 | 8));
    if !is_valid {
        return Err(Invalid::NotAPicture);
    }
    let count = id(&mut rest, version == 2)?;
    let mut by_item = BTreeMap::new();
    for _ in 0..count {
        let before = rest.rest();
        let id = id(&mut rest, version == 2)?;
        let method = if version > 0 {
            rest.u16_be()? & 0x0F
        } else {
            0
        };
        // The data of an item that is in another file is none of ours.
        let in_other_file = rest.u16_be()? != 0;
        let base = rest.uint_be(base)?;
        let count = usize::from(rest.u16_be()?);
        let extents = rest.take(count * usize::from(offset + length + index))?;
        let bytes = before.get(..before.len() - rest.rest().len());
        let location = Location {
            bytes: bytes.unwrap_or_default(),
            method: if in_other_file { u16::MAX } else { method },
            base,
            extents,
            count,
        };
        if by_item.insert(id, location).is_some() {
            return Err(Invalid::NotAPicture);
        }
    }
    Ok(Locations {
        head: content.get(..6).unwrap_or_default(),
        sizes: [offset, length, base, index],
        by_item,
    })
}

impl Locations<'_> {
    fn write(&self, kept: &BTreeSet<u32>) -> Result<Vec<u8>, Invalid> {
        let mut body = self.head.to_vec();
        let count = u32::try_from(kept.len()).map_err(|_| Invalid::NotAPicture)?;
        push_id(&mut body, count, self.head.first() == Some(&2));
        for id in kept {
            let location = self.by_item.get(id).ok_or(Invalid::NotAPicture)?;
            body.extend_from_slice(location.bytes);
        }
        Ok(written(*b"iloc", &[&body]))
    }
}

/// Where the parts of an item begin, and how long they are.
pub(super) fn extents(
    location: &Location<'_>,
    [offset, length, _, index]: [u8; 4],
) -> Result<Vec<(u64, u64)>, Invalid> {
    // Without a length it would be all of the file, and its parts could be any number without a byte
    // for each.
    if length == 0 || location.count == 0 {
        return Err(Invalid::NotAPicture);
    }
    let mut rest = Cursor::new(location.extents);
    (0..location.count)
        .map(|_| {
            rest.uint_be(index)?;
            let start = location.base.checked_add(rest.uint_be(offset)?);
            Ok((start.ok_or(Invalid::NotAPicture)?, rest.uint_be(length)?))
        })
        .collect()
}

/// The properties of all items (23008-12, 9.3).
pub(super) struct Properties {
    container: Part,
    all: Vec<Part>,
    /// Each box that says which item has which, and what it says.
    associations: Vec<(Part, Associations)>,
}

impl Properties {
    pub(super) fn read(file: &[u8], iprp: Part) -> Result<Self, Invalid> {
        let mut container = None;
        let mut associations = Vec::new();
        let mut boxes = iprp.boxes(file, 0);
        while let Some(part) = boxes.next()? {
            match &part.kind {
                b"ipco" if container.is_none() => container = Some(part),
                b"ipma" => associations.push((part, read_associations(part.content(file))?)),
                _ => {}
            }
        }
        let container = container.ok_or(Invalid::NotAPicture)?;
        let mut all = Vec::new();
        let mut boxes = container.boxes(file, 0);
        while let Some(part) = boxes.next()? {
            all.push(part);
        }
        Ok(Self {
            container,
            all,
            associations,
        })
    }

    /// The property with this number, which counts from 1, if it is one of those that are kept.
    fn get(&self, number: u16) -> Option<&Part> {
        self.all
            .get(usize::from(number).checked_sub(1)?)
            .filter(|part| PROPERTIES.contains(&part.kind))
    }

    fn of(&self, id: u32) -> impl Iterator<Item = &Part> {
        self.numbers(id).filter_map(|(_, number)| self.get(number))
    }

    /// All properties of an item, and whether it cannot be shown without.
    pub(super) fn all_of(&self, id: u32) -> impl Iterator<Item = (bool, &Part)> {
        self.numbers(id).filter_map(|(is_essential, number)| {
            let part = self.all.get(usize::from(number).checked_sub(1)?)?;
            Some((is_essential, part))
        })
    }

    fn numbers(&self, id: u32) -> impl Iterator<Item = (bool, u16)> {
        let items = self.associations.iter().map(|(_, items)| items);
        items
            .filter_map(move |items| items.get(&id))
            .flatten()
            .copied()
    }

    /// The size at which the picture is shown; the size of everything that is kept is checked.
    fn size(&self, file: &[u8], primary: u32, kept: &BTreeSet<u32>) -> Result<(u32, u32), Invalid> {
        let mut shown = None;
        for &id in kept {
            let mut size = None;
            let mut is_turned = false;
            for part in self.of(id) {
                let mut rest = Cursor::new(part.content(file));
                match &part.kind {
                    b"ispe" => {
                        rest.take(4)?;
                        let (width, height) = (rest.u32_be()?, rest.u32_be()?);
                        check_size(width, height)?;
                        size = Some((width, height));
                    }
                    b"irot" => is_turned = rest.u8()? & 1 == 1,
                    _ => {}
                }
            }
            if id == primary {
                shown = size.map(|(width, height)| {
                    if is_turned {
                        (height, width)
                    } else {
                        (width, height)
                    }
                });
            }
        }
        shown.ok_or(Invalid::NotAPicture)
    }

    /// Properties have numbers, so what is dropped leaves a gap.
    fn write(&self, file: &[u8], iprp: Part, kept: &BTreeSet<u32>) -> Result<Vec<u8>, Invalid> {
        let used: BTreeSet<usize> = kept
            .iter()
            .flat_map(|&id| self.of(id))
            .map(|part| part.start)
            .collect();
        let mut container = self.container.content(file).to_vec();
        let start = self.container.body;
        for &part in self.all.iter().filter(|part| !used.contains(&part.start)) {
            let moved = Part {
                start: part.start - start,
                end: part.end - start,
                ..part
            };
            blank(&mut container, moved);
        }
        let mut body = Vec::with_capacity(iprp.end - iprp.start);
        body.extend(written(*b"ipco", &[&container]));
        for (part, items) in &self.associations {
            body.extend(self.write_associations(part.content(file), items, kept)?);
        }
        Ok(written(*b"iprp", &[&body]))
    }

    fn write_associations(
        &self,
        content: &[u8],
        items: &Associations,
        kept: &BTreeSet<u32>,
    ) -> Result<Vec<u8>, Invalid> {
        let head: [u8; 4] = Cursor::new(content).array()?;
        let [version, _, _, flags] = head;
        let mut entries = Vec::new();
        let mut count = 0_u32;
        for (id, numbers) in items.iter().filter(|(id, _)| kept.contains(id)) {
            let numbers: Vec<_> = numbers
                .iter()
                .filter(|&&(_, number)| self.get(number).is_some())
                .collect();
            count += 1;
            push_id(&mut entries, *id, version > 0);
            entries.push(u8::try_from(numbers.len()).map_err(|_| Invalid::NotAPicture)?);
            for &&(is_essential, number) in &numbers {
                if flags & 1 == 1 {
                    let bit = if is_essential { 0x8000 } else { 0 };
                    entries.extend((bit | number).to_be_bytes());
                } else {
                    let bit = if is_essential { 0x80 } else { 0 };
                    entries.push(bit | u8::try_from(number).unwrap_or_default());
                }
            }
        }
        Ok(written(*b"ipma", &[&head, &count.to_be_bytes(), &entries]))
    }
}

fn read_associations(content: &[u8]) -> Result<Associations, Invalid> {
    let mut rest = Cursor::new(content);
    let (version, flags) = version(&mut rest)?;
    let count = rest.u32_be()?;
    let mut items = Associations::new();
    for _ in 0..count {
        let id = id(&mut rest, version > 0)?;
        let numbers = (0..rest.u8()?)
            .map(|_| {
                Ok(if flags & 1 == 1 {
                    let bits = rest.u16_be()?;
                    (bits & 0x8000 != 0, bits & 0x7FFF)
                } else {
                    let bits = rest.u8()?;
                    (bits & 0x80 != 0, u16::from(bits & 0x7F))
                })
            })
            .collect::<Result<_, _>>()?;
        if items.insert(id, numbers).is_some() {
            return Err(Invalid::NotAPicture);
        }
    }
    Ok(items)
}

/// Items of which one is shown instead of another (23008-12, 9.4); of other groups nothing is left.
fn write_groups(
    file: &[u8],
    grpl: Part,
    infos: &Infos,
    kept: &BTreeSet<u32>,
) -> Result<Vec<u8>, Invalid> {
    let mut body = Vec::new();
    let mut boxes = grpl.boxes(file, 0);
    while let Some(part) = boxes.next()? {
        if &part.kind != b"altr" {
            continue;
        }
        let mut rest = Cursor::new(part.content(file));
        let head: [u8; 8] = rest.array()?;
        let count = rest.u32_be()?;
        let mut ids = Vec::new();
        let mut left = 0_u32;
        for _ in 0..count {
            let id = rest.u32_be()?;
            // What is no item is a track.
            if kept.contains(&id) || !infos.contains_key(&id) {
                left += 1;
                push_id(&mut ids, id, true);
            }
        }
        if left > 1 {
            body.extend(written(*b"altr", &[&head, &left.to_be_bytes(), &ids]));
        }
    }
    Ok(if body.is_empty() {
        body
    } else {
        written(*b"grpl", &[&body])
    })
}
