//! AVIF: one AV1 frame, and one of opacity where there is any.

mod sequence;

use bytes::Bytes;
use pictures::avif::{Frame, Mirror, Still};
use re_rav1d::dav1d::pixel::YUVRange;
use re_rav1d::dav1d::{self, Decoder, PixelLayout, PlanarImageComponent, Settings};

use sequence::Sequence;

use crate::planes::{Canvas, Channel, Picture, Size};
use crate::resize::Grid;
use crate::{Decoded, Error, MAX_MEMORY, check_size, icc, largest};

/// What is noted of a pixel while it is decoded, as of blocks and filters, in bytes and rounded up.
const NOTES: u64 = 2;

/// Transfers of screens that are brighter than paper: shown on others, colours would be pale.
const BRIGHT: [u16; 2] = [16, 18];

/// Decodes a file, in the size of its largest variant.
pub(crate) fn decode(file: &Bytes) -> Result<Decoded, Error> {
    let Still { colour, alpha } = pictures::avif::read(file)?;
    let stored = Size {
        width: colour.width,
        height: colour.height,
    };
    check_size(stored)?;
    let colour = Stream::of(&colour, stored)?;
    let alpha = match &alpha {
        Some(alpha) => Some(Stream::of(alpha, stored)?),
        None => None,
    };
    let bytes_of_two = |stream: &Stream<'_>| stream.sequence.bytes_of_two;
    let bytes_of_two = bytes_of_two(&colour) + alpha.as_ref().map_or(0, bytes_of_two);
    if stored.pixels() * (bytes_of_two + 2 * NOTES) / 2 > MAX_MEMORY {
        return Err(Error::TooLarge);
    }
    let turn = Turn {
        quarters: colour.frame.quarters,
        mirrored: colour.frame.mirrored,
    };
    let (planes, matrix) = colour.planes(turn)?;
    let opacity = match alpha {
        Some(alpha) => Some(alpha.opacity(turn)?),
        None => None,
    };
    let (width, height) = turn.size((stored.width, stored.height));
    let size = Size { width, height };
    let picture = match (planes.as_slice(), opacity) {
        ([_], None) => resized(size, &planes)?,
        (_, None) if matrix == Matrix::Bt601 => resized(size, &planes)?,
        (_, opacity) => rgb(size, &planes, matrix, opacity.as_ref())?,
    };
    Ok(Decoded {
        size,
        picture,
        icc: colour.frame.profile.and_then(icc::kept),
    })
}

/// How colours are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matrix {
    /// As in JPEG.
    Bt601,
    Bt709,
    Bt2020,
    /// Green, blue and red.
    Identity,
}

impl Matrix {
    /// By the number of ITU-T H.273.
    fn of(coefficients: u16) -> Result<Self, Error> {
        match coefficients {
            0 => Ok(Self::Identity),
            1 => Ok(Self::Bt709),
            // Not said, which browsers take for the first.
            2 | 5 | 6 => Ok(Self::Bt601),
            9 => Ok(Self::Bt2020),
            _ => Err(Error::NotAPicture),
        }
    }
}

/// How stored pixels are turned to what is shown.
#[derive(Debug, Clone, Copy)]
struct Turn {
    quarters: u8,
    mirrored: Option<Mirror>,
}

impl Turn {
    fn is_sideways(self) -> bool {
        self.quarters % 2 == 1
    }

    fn size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.is_sideways() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Where a pixel that is shown is stored.
    fn source(
        self,
        (mut x, mut y): (usize, usize),
        (width, height): (usize, usize),
    ) -> (usize, usize) {
        let shown = self.size((width, height));
        match self.mirrored {
            Some(Mirror::Vertically) => y = shown.1 - 1 - y,
            Some(Mirror::Horizontally) => x = shown.0 - 1 - x,
            None => {}
        }
        match self.quarters {
            0 => (x, y),
            1 => (width - 1 - y, x),
            2 => (width - 1 - x, height - 1 - y),
            _ => (y, height - 1 - x),
        }
    }
}

/// The samples of a decoded frame, as they are shown.
struct Plane {
    data: dav1d::Plane,
    /// Bytes from a row to the next.
    stride: usize,
    /// As it is stored, in samples.
    size: (usize, usize),
    /// How many pixels a sample stands for along each side, as it is shown.
    pitch: (u8, u8),
    turn: Turn,
    table: Table,
}

impl Plane {
    fn of(
        picture: &dav1d::Picture,
        component: PlanarImageComponent,
        pitch: (u8, u8),
        turn: Turn,
        table: Table,
    ) -> Self {
        let samples = |pixels: u32, pitch: u8| pixels.div_ceil(pitch.into()) as usize;
        Self {
            data: picture.plane(component),
            stride: picture.stride(component) as usize,
            size: (
                samples(picture.width(), pitch.0),
                samples(picture.height(), pitch.1),
            ),
            pitch: turn.size(pitch),
            turn,
            table,
        }
    }

    fn grid(&self) -> Grid {
        let (width, height) = self.turn.size(self.size);
        Grid {
            width,
            height,
            pitch: (self.pitch.0.into(), self.pitch.1.into()),
        }
    }

    /// Reads a row.
    fn read(&self, y: usize, row: &mut Vec<u8>) {
        let bytes = if self.table.is_deep() { 2 } else { 1 };
        let place = |x| {
            let (x, y) = self.turn.source((x, y), self.size);
            y * self.stride + x * bytes
        };
        let width = self.grid().width;
        let first = place(0);
        // Also where it goes up or to the left.
        let step = place(1.min(width - 1)).wrapping_sub(first);
        let data: &[u8] = &self.data;
        let places = (0..width).map(|x| first.wrapping_add(x.wrapping_mul(step)));
        row.clear();
        if bytes == 1 {
            let samples = places.map(|at| data.get(at).copied().unwrap_or_default().into());
            row.extend(samples.map(|sample| self.table.sample(sample)));
        } else {
            let samples = places.map(|at| {
                let pair = data.get(at..).and_then(<[u8]>::first_chunk);
                u16::from_ne_bytes(pair.copied().unwrap_or_default())
            });
            row.extend(samples.map(|sample| self.table.sample(sample)));
        }
    }

    /// Reads the samples for a row of pixels, one for each.
    fn read_pixels(&self, y: usize, samples: &mut Vec<u8>, row: &mut Vec<u8>) {
        self.read(y / usize::from(self.pitch.1), samples);
        row.clear();
        let times = usize::from(self.pitch.0);
        row.extend(
            samples
                .iter()
                .flat_map(|&sample| std::iter::repeat_n(sample, times)),
        );
    }
}

/// A frame before it is decoded.
struct Stream<'a> {
    frame: &'a Frame<'a>,
    data: Bytes,
    sequence: Sequence,
}

impl<'a> Stream<'a> {
    /// Of a frame that must have this size.
    fn of(frame: &'a Frame<'a>, size: Size) -> Result<Self, Error> {
        let (sequence, data) = match frame.data.as_slice() {
            [one] => sequence::read(one),
            many => sequence::read(&many.concat()),
        }
        .ok_or(Error::NotAPicture)?;
        let size = (size.width, size.height);
        let sizes = [
            (frame.width, frame.height),
            (sequence.width, sequence.height),
        ];
        sizes
            .into_iter()
            .all(|other| other == size)
            .then_some(Self {
                frame,
                data: data.into(),
                sequence,
            })
            .ok_or(Error::NotAPicture)
    }

    /// Brightness, and colours if there are any.
    fn planes(&self, turn: Turn) -> Result<(Vec<Plane>, Matrix), Error> {
        let (transfer, matrix) = match self.frame.colours {
            Some(colours) => (colours.transfer, colours.matrix),
            None => (self.sequence.transfer, self.sequence.matrix),
        };
        if BRIGHT.contains(&transfer) {
            return Err(Error::NotAPicture);
        }
        let matrix = Matrix::of(matrix)?;
        let picture = self.decoded()?;
        let mut planes = vec![self.brightness(&picture, turn)?];
        let pitch = match picture.pixel_layout() {
            PixelLayout::I400 => return Ok((planes, matrix)),
            PixelLayout::I444 => (1, 1),
            // Green, blue and red have all their samples.
            _ if matrix == Matrix::Identity => return Err(Error::NotAPicture),
            PixelLayout::I422 => (2, 1),
            PixelLayout::I420 => (2, 2),
        };
        // Red, green and blue are brightness each.
        let table = self.table(&picture, matrix != Matrix::Identity)?;
        for component in [PlanarImageComponent::U, PlanarImageComponent::V] {
            planes.push(Plane::of(&picture, component, pitch, turn, table.clone()));
        }
        Ok((planes, matrix))
    }

    fn opacity(&self, turn: Turn) -> Result<Plane, Error> {
        self.brightness(&self.decoded()?, turn)
    }

    fn brightness(&self, picture: &dav1d::Picture, turn: Turn) -> Result<Plane, Error> {
        let table = self.table(picture, false)?;
        Ok(Plane::of(
            picture,
            PlanarImageComponent::Y,
            (1, 1),
            turn,
            table,
        ))
    }

    fn table(&self, picture: &dav1d::Picture, is_colour: bool) -> Result<Table, Error> {
        let more_bits = match picture.bit_depth() {
            8 => 0,
            10 => 2,
            12 => 4,
            _ => return Err(Error::NotAPicture),
        };
        let is_full = match self.frame.colours {
            Some(colours) => colours.is_full,
            None => picture.color_range() == YUVRange::Full,
        };
        Ok(Table::new(more_bits, is_full, is_colour))
    }

    fn decoded(&self) -> Result<dav1d::Picture, Error> {
        let (width, height) = (self.sequence.width, self.sequence.height);
        let mut settings = Settings::new();
        settings.set_n_threads(1);
        settings.set_max_frame_delay(1);
        // Lost when it is made smaller, and it would take a second picture.
        settings.set_apply_grain(false);
        settings.set_frame_size_limit(width * height);
        let mut decoder = Decoder::with_settings(&settings).map_err(error)?;
        match decoder.send_data(self.data.clone(), None, None, None) {
            // With the picture pending.
            Ok(()) | Err(dav1d::Error::Again) => {}
            Err(other) => return Err(error(other)),
        }
        let picture = decoder.get_picture().map_err(error)?;
        // A frame may be smaller than the stream says.
        let is_whole = (picture.width(), picture.height()) == (width, height);
        is_whole.then_some(picture).ok_or(Error::NotAPicture)
    }
}

fn error(error: dav1d::Error) -> Error {
    match error {
        dav1d::Error::NotEnoughMemory => Error::TooLarge,
        _ => Error::NotAPicture,
    }
}

/// Samples of any depth and range as eight bits of which all values are used.
#[derive(Clone)]
struct Table(Vec<u8>);

impl Table {
    /// `is_colour` when the middle of all values stands for none.
    fn new(shift: u32, is_full: bool, is_colour: bool) -> Self {
        let entry = |value: i32| {
            let (from, zero) = match (is_full, is_colour) {
                (true, false) => ((256 << shift) - 1, 0),
                (true, true) => ((256 << shift) - 1, 128 << shift),
                (false, false) => (219 << shift, 16 << shift),
                (false, true) => (224 << shift, 128 << shift),
            };
            let middle = if is_colour { 128 } else { 0 };
            // Rounded down below zero as well, which shifting by a multiple sees to.
            let scaled = ((value - zero) * 510 + from + from * 1024) / (2 * from) - 512;
            u8::try_from((scaled + middle).clamp(0, 255)).unwrap_or_default()
        };
        Self((0..256 << shift).map(entry).collect())
    }

    fn is_deep(&self) -> bool {
        self.0.len() > 256
    }

    #[inline]
    fn sample(&self, value: u16) -> u8 {
        self.0.get(usize::from(value)).copied().unwrap_or(u8::MAX)
    }
}

/// Planes that are stored as we keep them are resized as they are.
fn resized(size: Size, planes: &[Plane]) -> Result<Picture, Error> {
    let channels = [Channel::Y, Channel::Cb, Channel::Cr];
    let planes = || channels.into_iter().zip(planes);
    let grids: Vec<_> = planes()
        .map(|(channel, plane)| (channel, plane.grid()))
        .collect();
    let mut canvas = Canvas::new(size, largest(size.width), &grids)?;
    let mut row = Vec::new();
    for (channel, plane) in planes() {
        for y in 0..plane.grid().height {
            plane.read(y, &mut row);
            canvas.push(channel, &row);
        }
    }
    canvas.finish()
}

fn rgb(
    size: Size,
    planes: &[Plane],
    matrix: Matrix,
    opacity: Option<&Plane>,
) -> Result<Picture, Error> {
    let mut canvas = Canvas::rgb(size, largest(size.width), opacity.is_some())?;
    let convert = converter(matrix);
    let mut samples = Vec::new();
    let mut rows: [Vec<u8>; 4] = Default::default();
    for y in 0..size.height as usize {
        for (plane, row) in planes.iter().chain(opacity).zip(&mut rows) {
            plane.read_pixels(y, &mut samples, row);
        }
        let [luma, blue, red, alpha] = &rows;
        let greys = || luma.iter().map(|&grey| [grey; 3]);
        let colours = || {
            let pixels = luma.iter().zip(blue).zip(red);
            pixels.map(|((&y, &u), &v)| convert([y, u, v]))
        };
        match (planes.len(), opacity.is_some()) {
            // Opacity is the second row then.
            (1, true) => canvas.push_rgba(with_alpha(greys(), blue)),
            (1, false) => canvas.push_rgb(greys()),
            (_, true) => canvas.push_rgba(with_alpha(colours(), alpha)),
            (_, false) => canvas.push_rgb(colours()),
        }
    }
    canvas.finish()
}

fn with_alpha(
    pixels: impl Iterator<Item = [u8; 3]>,
    alpha: &[u8],
) -> impl Iterator<Item = [u8; 4]> {
    let pixels = pixels.zip(alpha);
    pixels.map(|([r, g, b], &alpha)| [r, g, b, alpha])
}

/// From brightness and colours to RGB.
fn converter(matrix: Matrix) -> impl Fn([u8; 3]) -> [u8; 3] {
    let (red, blue) = match matrix {
        Matrix::Identity => (0.0, 0.0),
        Matrix::Bt601 => (0.299_f32, 0.114_f32),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    };
    let green = 1.0 - red - blue;
    move |[y, u, v]| {
        if matrix == Matrix::Identity {
            return [v, y, u];
        }
        let luma = f32::from(y);
        let more_red = luma + 2.0 * (1.0 - red) * (f32::from(v) - 128.0);
        let more_blue = luma + 2.0 * (1.0 - blue) * (f32::from(u) - 128.0);
        let rest = (luma - red * more_red - blue * more_blue) / green;
        [more_red, rest, more_blue].map(|colour| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it saturates"
            )]
            {
                (colour + 0.5) as u8
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_depths_become_eight_full_bits() {
        let cases = [
            (0, true, false, &[(0_u16, 0), (128, 128), (255, 255)]),
            (0, false, false, &[(16, 0), (126, 128), (235, 255)]),
            (0, false, true, &[(16, 0), (128, 128), (240, 255)]),
            (2, true, false, &[(0, 0), (512, 128), (1023, 255)]),
            (4, false, true, &[(256, 0), (2048, 128), (3840, 255)]),
        ];
        for (shift, is_full, is_colour, expected) in cases {
            let table = Table::new(shift, is_full, is_colour);
            for &(value, expected) in expected {
                assert!(
                    table.sample(value).abs_diff(expected) <= 1,
                    "{value} {shift} {is_full}"
                );
            }
        }
    }

    #[test]
    fn colours_at_their_ends_are_whole() {
        let cases = [
            (Matrix::Bt601, [76, 85, 255], [254, 0, 0]),
            (Matrix::Bt709, [54, 99, 255], [254, 0, 0]),
            (Matrix::Bt709, [182, 30, 12], [0, 255, 1]),
            (Matrix::Bt2020, [15, 255, 118], [0, 0, 254]),
            (Matrix::Identity, [2, 3, 1], [1, 2, 3]),
        ];
        for (matrix, sample, expected) in cases {
            let found = converter(matrix)(sample);
            let is_near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 1;
            assert!(
                found.iter().zip(&expected).all(is_near),
                "{matrix:?} {found:?}"
            );
        }
    }

    #[test]
    fn each_way_to_turn_shows_every_pixel_once() {
        for quarters in 0..4 {
            for mirrored in [None, Some(Mirror::Vertically), Some(Mirror::Horizontally)] {
                let turn = Turn { quarters, mirrored };
                let (width, height) = turn.size((5, 3));
                let mut seen = Vec::new();
                for y in 0..height {
                    for x in 0..width {
                        seen.push(turn.source((x, y), (5, 3)));
                    }
                }
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), 15);
                assert!(seen.iter().all(|&(x, y)| x < 5 && y < 3));
            }
        }
        let left = Turn {
            quarters: 1,
            mirrored: None,
        };
        // What is at the top to the right comes to the top left.
        assert_eq!(left.source((0, 0), (5, 3)), (4, 0));
    }
}
