//! Decodes JPEG files.
//!
//! The crate jpeg-decoder decodes unusual sampling correctly, keeps CMYK samples for the color profile, and
//! scales while decoding. But the crate does not limit the number of scans, and handles missing Huffman tables
//! and color transforms unlike browsers; [`Header`] provides the data to correct that.

use std::borrow::Cow;

use image::metadata::Orientation;
use jpeg_decoder::{CodingProcess, ColorTransform, Decoder, PixelFormat};

use crate::ImageError;
use crate::decode::{check_memory, icc, malformed, orientation};
use crate::raster::{Raster, Samples, largest_rendition};
use crate::size::Size;

/// Maximum number of scans of a JPEG; encoders write about ten.
const MAX_SCANS: usize = 64;

/// Maximum number of DCT coefficients that all scans of a JPEG visit. Encoders of progressive images visit
/// each coefficient at most three times, which makes 234 million in 52 megapixels of 4:2:0.
const MAX_VISITED_COEFFICIENTS: u64 = 300_000_000;

/// Maximum number of pixels for each byte of the first scan; a file with fewer bytes is truncated. A block of
/// 64 samples takes at least one bit, and its component may be subsampled in both directions.
const MAX_PIXELS_PER_BYTE: u64 = 4 * 64 * 8;

pub(crate) fn decode(bytes: &[u8]) -> Result<Raster, ImageError> {
    let header = Header::parse(bytes);
    let bytes = if header.has_huffman_tables {
        Cow::Borrowed(bytes)
    } else {
        Cow::Owned(with_default_huffman_tables(bytes))
    };
    let mut decoder = Decoder::new(&*bytes);
    decoder.read_info().map_err(malformed)?;
    let info = decoder.info().ok_or(ImageError::Malformed)?;
    let size = Size::parse(info.width.into(), info.height.into())?;
    let samples = match (info.coding_process, info.pixel_format) {
        (CodingProcess::Lossless, _) | (_, PixelFormat::L16) => return Err(ImageError::Malformed),
        (_, PixelFormat::L8) => Samples::Gray,
        (_, PixelFormat::RGB24) => Samples::Rgb,
        (_, PixelFormat::CMYK32) => Samples::Cmyk,
    };
    if header.first_scan_bytes() < size.pixels().div_ceil(MAX_PIXELS_PER_BYTE) {
        return Err(ImageError::Malformed);
    }
    if header.scans().count() > MAX_SCANS
        || header.visited_coefficients(size) > MAX_VISITED_COEFFICIENTS
    {
        return Err(ImageError::TooComplex);
    }
    if samples == Samples::Rgb {
        decoder.set_color_transform(header.color_transform());
    }
    let orientation = orientation(decoder.exif_data());
    let scaled = scale(&mut decoder, size, orientation)?;
    let planes = header.sample_count(header.components, scaled) + samples.bytes() * scaled.pixels();
    let coefficients = match info.coding_process {
        CodingProcess::DctProgressive => 2 * header.sample_count(header.components, size),
        _ => 0,
    };
    check_memory(coefficients + planes, scaled, samples)?;
    let pixels = decoder.decode().map_err(malformed)?;
    let profile = decoder.icc_profile();
    Ok(Raster {
        declared: size,
        size: scaled,
        samples,
        pixels,
        profile: icc(profile.as_deref()),
        orientation,
    })
}

/// Lets the decoder scale by ½, ¼ or ⅛, as long as the result is no smaller than the largest rendition.
/// Returns the resulting size.
fn scale(
    decoder: &mut Decoder<&[u8]>,
    size: Size,
    orientation: Orientation,
) -> Result<Size, ImageError> {
    let needed = largest_rendition(size, orientation);
    let requested = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    // The decoder stops at a scale where either side is large enough; `u16::MAX` excludes the shorter side.
    let (width, height) = if needed.width < needed.height {
        decoder.scale(u16::MAX, requested(needed.height))
    } else {
        decoder.scale(requested(needed.width), u16::MAX)
    }
    .map_err(malformed)?;
    Ok(Size { width: width.into(), height: height.into() })
}

/// Properties of a JPEG file that the decoder does not report.
#[derive(Default)]
struct Header<'a> {
    is_jfif: bool,
    /// Color transform in the Adobe marker, 0 for none; `None` if the file has no such marker.
    adobe: Option<u8>,
    has_huffman_tables: bool,
    /// Components of the frame: identifier, sampling factors and quantization table.
    components: &'a [[u8; 3]],
    /// All bytes of the file from the marker of the first scan on.
    scans: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        let mut header = Self::default();
        let mut rest = bytes;
        // Like all decoders, skip bytes between segments.
        while let Some((at, marker)) = markers(rest).next() {
            let Some((segment, next)) = split_segment(&rest[at..]) else {
                break;
            };
            match (marker, segment) {
                (0xE0, [b'J', b'F', b'I', b'F', 0, ..]) => header.is_jfif |= segment.len() >= 14,
                (0xEE, [b'A', b'd', b'o', b'b', b'e', rest @ ..]) if rest.len() > 6 => {
                    header.adobe = Some(rest[6]);
                }
                (0xC0..=0xC2, [_, _, _, _, _, _, components @ ..]) => {
                    header.components = components.as_chunks().0;
                }
                (0xC4, _) => header.has_huffman_tables = true,
                (0xDA, _) => {
                    header.scans = &rest[at..];
                    break;
                }
                _ => (),
            }
            rest = next;
        }
        header
    }

    /// Returns the header of each scan together with all bytes of the file after that header.
    fn scans(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let starts = markers(self.scans).filter(|&(_, marker)| marker == 0xDA);
        starts.filter_map(|(at, _)| split_segment(&self.scans[at..]))
    }

    fn first_scan_bytes(&self) -> u64 {
        let length = |data| markers(data).next().map_or(data.len(), |(at, _)| at);
        self.scans().next().map_or(0, |(_, data)| length(data) as u64)
    }

    fn visited_coefficients(&self, size: Size) -> u64 {
        let visited = self.scans().filter_map(|(header, _)| {
            let (&count, rest) = header.split_first()?;
            let (selectors, parameters) = rest.split_at_checked(2 * usize::from(count))?;
            let &[start, end, ..] = parameters else {
                return None;
            };
            let is_selected = |[id, ..]: &&[u8; 3]| selectors.iter().step_by(2).any(|s| s == id);
            let components = self.components.iter().filter(is_selected);
            let band = u64::from(end.saturating_sub(start).min(63)) + 1;
            Some(self.sample_count(components, size) * band / 64)
        });
        visited.sum()
    }

    /// Returns the color transform of a file with three components: by the JFIF marker, else by the Adobe
    /// marker, else by the ids of the components, as in libjpeg.
    fn color_transform(&self) -> ColorTransform {
        let is_named_rgb = matches!(self.components, [[b'R', ..], [b'G', ..], [b'B', ..]]);
        let is_rgb = self.adobe.map_or(is_named_rgb, |transform| transform == 0);
        if is_rgb && !self.is_jfif { ColorTransform::RGB } else { ColorTransform::YCbCr }
    }

    /// Returns the number of samples in these components of an image of this size.
    fn sample_count(&self, components: impl IntoIterator<Item = &'a [u8; 3]>, size: Size) -> u64 {
        let horizontal = |&[_, factors, _]: &[u8; 3]| u64::from(factors >> 4);
        let vertical = |&[_, factors, _]: &[u8; 3]| u64::from(factors & 15);
        let columns = self.components.iter().map(horizontal).max().unwrap_or(1);
        let rows = self.components.iter().map(vertical).max().unwrap_or(1);
        let samples = components.into_iter().map(|c| horizontal(c) * vertical(c));
        samples.sum::<u64>() * size.pixels() / (columns * rows).max(1)
    }
}

/// Splits bytes that start with a marker into the content of its segment and the rest; `None` if truncated.
fn split_segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_, _, high, low, rest @ ..] = bytes else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    rest.split_at_checked(length.saturating_sub(2))
}

/// Returns the positions and codes of all markers. Skips stuffed bytes, fill bytes, restart markers and the
/// start of image.
fn markers(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let pairs = bytes.windows(2).enumerate();
    pairs.filter_map(|(at, pair)| match pair {
        [0xFF, 0 | 0xD0..=0xD8 | 0xFF] => None,
        [0xFF, marker] => Some((at, *marker)),
        _ => None,
    })
}

/// Adds the header of an AVI frame to a JPEG, which makes the decoder use the default Huffman tables of ITU
/// T.81, annex K.3. Frames of MJPEG videos rely on these tables.
fn with_default_huffman_tables(bytes: &[u8]) -> Vec<u8> {
    const AVI: &[u8] = b"\xFF\xE0\0\x10AVI1\0\0\0\0\0\0\0\0\0\0";
    let (start, rest) = bytes.split_at(2);
    [start, AVI, rest].concat()
}
