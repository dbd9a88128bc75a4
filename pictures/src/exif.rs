//! The one thing of EXIF that changes how a picture is shown: its orientation.

use crate::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// What the orientation tag of a TIFF block says (Exif 2.32, 4.6.4.A, in the first directory); as
/// stored where there is none or it makes no sense. The block may begin with `Exif\0\0`, as some
/// write it into PNG and `WebP` too.
pub(crate) fn orientation(block: &[u8]) -> Orientation {
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    read(tiff)
        .and_then(Orientation::from_exif)
        .unwrap_or_default()
}

fn read(tiff: &[u8]) -> Option<u32> {
    let is_little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    if short(2)? != 42 {
        return None;
    }
    let directory = usize::try_from(long(4)?).ok()?;
    let first = directory.checked_add(2)?;
    (0..usize::from(short(directory)?))
        .map_while(|nth| first.checked_add(nth * 12))
        .map_while(|entry| Some((entry, short(entry)?)))
        .find(|&(_, tag)| tag == ORIENTATION)
        .and_then(|(entry, _)| match short(entry + 2)? {
            SHORT => short(entry + 8).map(u32::from),
            LONG => long(entry + 8),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn both_byte_orders_are_read() {
        for value in 1..=8 {
            let expected = Orientation::from_exif(u32::from(value)).unwrap();
            for is_little in [true, false] {
                let block = testing::exif(value, is_little);
                assert_eq!(orientation(&block), expected);
                assert_eq!(orientation(&[b"Exif\0\0", &block[..]].concat()), expected);
            }
        }
    }

    #[test]
    fn nonsense_is_as_stored() {
        let block = testing::exif(6, true);
        for value in [0, 9, 0x0600, u16::MAX] {
            assert_eq!(
                orientation(&testing::exif(value, false)),
                Orientation::default()
            );
        }
        for length in 0..10 {
            assert_eq!(orientation(&block[..length]), Orientation::default());
        }
        for far in [0x7FFF_FFFF_u32, u32::MAX, u32::MAX - 1] {
            let mut block = block.clone();
            block[4..8].copy_from_slice(&far.to_le_bytes());
            assert_eq!(orientation(&block), Orientation::default());
        }
    }
}
