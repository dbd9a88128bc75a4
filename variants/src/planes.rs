//! A picture as planes: brightness and two colours as JPEG and `WebP` store them, and opacity.
//!
//! Both formats store colours at half the resolution, and most pictures come as JPEG. So nothing is
//! ever made RGB and back: each plane is resized from the resolution it has.

use crate::Error;
use crate::resize::{Grid, LANES, Resizer};

/// What a picture is, before its rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// The size with this width and the same shape.
    pub(crate) fn narrowed(self, width: u32) -> Self {
        let (new, old) = (u64::from(width), u64::from(self.width.max(1)));
        let height = (u64::from(self.height) * new + old / 2) / old;
        Self {
            width,
            height: u32::try_from(height).unwrap_or(self.height).max(1),
        }
    }

    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// As many samples as pixels.
    pub(crate) fn grid(self) -> Grid {
        Grid {
            width: self.width as usize,
            height: self.height as usize,
            pitch: (1.0, 1.0),
        }
    }

    /// A sample for two pixels along each side.
    pub(crate) fn half_grid(self) -> Grid {
        Grid {
            width: self.width.div_ceil(2) as usize,
            height: self.height.div_ceil(2) as usize,
            pitch: (2.0, 2.0),
        }
    }
}

/// A picture of one size. Colours have half its resolution, rounded up; where it is not opaque, all
/// planes are multiplied with opacity.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) size: Size,
    pub(crate) y: Vec<u8>,
    pub(crate) cb: Vec<u8>,
    pub(crate) cr: Vec<u8>,
    pub(crate) alpha: Option<Vec<u8>>,
}

impl Picture {
    /// The same picture in a smaller size.
    pub(crate) fn resized(&self, size: Size) -> Self {
        let scaled = |plane: &[u8], old: Grid, new: Grid| {
            let mut out = Vec::with_capacity(new.width * new.height + LANES);
            let mut resizer = Resizer::new(old, in_pixels_of(new, size, self.size));
            for row in plane.chunks_exact(old.width) {
                resizer.push(row, &mut out);
            }
            out
        };
        let (old, new) = (self.size.half_grid(), size.half_grid());
        let alpha = self.alpha.as_deref();
        Self {
            size,
            y: scaled(&self.y, self.size.grid(), size.grid()),
            cb: scaled(&self.cb, old, new),
            cr: scaled(&self.cr, old, new),
            alpha: alpha.map(|alpha| scaled(alpha, self.size.grid(), size.grid())),
        }
    }

    /// Brightness on white.
    pub(crate) fn flattened(&self) -> Option<Vec<u8>> {
        let alpha = self.alpha.as_deref()?;
        let on_white = |(&y, &alpha): (&u8, &u8)| y.saturating_add(255 - alpha);
        Some(self.y.iter().zip(alpha).map(on_white).collect())
    }

    /// Forgets that it could be transparent when it is not anywhere.
    fn simplified(mut self) -> Self {
        self.alpha
            .take_if(|alpha| alpha.iter().all(|&alpha| alpha == 255));
        self
    }

    /// Undoes the multiplication with opacity, and squeezes brightness into 16 to 235 and colours
    /// into 16 to 240, as video and `WebP` have it.
    pub(crate) fn into_video_range(mut self) -> Self {
        if let Some(alpha) = &self.alpha {
            let width = self.size.width as usize;
            for (y, &alpha) in self.y.iter_mut().zip(alpha) {
                *y = divided(i32::from(*y), alpha.into());
            }
            let halves = self.size.half_grid().width;
            let at = |x: usize, y: usize| alpha.get(y * width + x).copied().map(i32::from);
            let lines = self.cb.chunks_exact_mut(halves);
            for (row, (cb, cr)) in lines.zip(self.cr.chunks_exact_mut(halves)).enumerate() {
                for (column, (cb, cr)) in cb.iter_mut().zip(cr).enumerate() {
                    let (x, y) = (column * 2, row * 2);
                    let right = (x + 1).min(width - 1);
                    let upper = [at(x, y), at(right, y)];
                    let lower = [at(x, y + 1), at(right, y + 1)];
                    let all = upper.into_iter().chain(lower).flatten();
                    let (sum, count) =
                        all.fold((0, 0), |(sum, count), alpha| (sum + alpha, count + 1));
                    for colour in [cb, cr] {
                        let distance = i32::from(*colour) - 128;
                        let distance = (distance * 255 * count).checked_div(sum).unwrap_or(0);
                        *colour = to_u8(distance + 128);
                    }
                }
            }
        }
        squeeze(&mut self.y, |y| (y * 219 + 127) / 255 + 16);
        let colour = |c| ((c - 128) * 224 + 128 * 255 + 127) / 255;
        squeeze(&mut self.cb, colour);
        squeeze(&mut self.cr, colour);
        self
    }
}

fn divided(sample: i32, alpha: i32) -> u8 {
    to_u8((sample * 255 + alpha / 2).checked_div(alpha).unwrap_or(0))
}

fn squeeze(plane: &mut [u8], map: impl Fn(i32) -> i32) {
    let mut table = [0; 256];
    for (value, place) in (0..).zip(&mut table) {
        *place = to_u8(map(value));
    }
    for sample in plane {
        *sample = table[usize::from(*sample)];
    }
}

#[inline]
#[expect(clippy::cast_sign_loss, reason = "clamped")]
fn to_u8(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// What samples of a new grid stand for in the old picture.
fn in_pixels_of(new: Grid, size: Size, old: Size) -> Grid {
    let ratio = |old: u32, new: u32| f64::from(old) / f64::from(new.max(1));
    Grid {
        pitch: (
            new.pitch.0 * ratio(old.width, size.width),
            new.pitch.1 * ratio(old.height, size.height),
        ),
        ..new
    }
}

/// How brightness and colours come from a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Y,
    Cb,
    Cr,
    Alpha,
}

/// Takes rows of a picture while it is decoded, and has it in its largest size at the end.
pub(crate) struct Canvas {
    picture: Picture,
    channels: [Option<Resizer>; 4],
    /// Rows of what comes as RGB.
    rows: [Vec<u8>; 4],
}

impl Canvas {
    /// For a picture of this size, to be made this wide; `grids` of the planes that will come.
    pub(crate) fn new(size: Size, width: u32, grids: &[(Channel, Grid)]) -> Result<Self, Error> {
        let new = size.narrowed(width);
        let mut canvas = Self {
            picture: Picture {
                size: new,
                y: Vec::new(),
                cb: Vec::new(),
                cr: Vec::new(),
                alpha: None,
            },
            channels: [const { None }; 4],
            rows: Default::default(),
        };
        for &(channel, old) in grids {
            let grid = match channel {
                Channel::Y | Channel::Alpha => new.grid(),
                Channel::Cb | Channel::Cr => new.half_grid(),
            };
            let plane = match channel {
                Channel::Y => &mut canvas.picture.y,
                Channel::Cb => &mut canvas.picture.cb,
                Channel::Cr => &mut canvas.picture.cr,
                Channel::Alpha => canvas.picture.alpha.insert(Vec::new()),
            };
            plane
                .try_reserve_exact(grid.width * grid.height + LANES)
                .map_err(|_| Error::TooLarge)?;
            let resizer = Resizer::new(old, in_pixels_of(grid, new, size));
            canvas.channels[channel as usize] = Some(resizer);
        }
        Ok(canvas)
    }

    /// For a picture that comes as rows of RGB, with or without opacity.
    pub(crate) fn rgb(size: Size, width: u32, has_alpha: bool) -> Result<Self, Error> {
        let grid = size.grid();
        let all = [Channel::Y, Channel::Cb, Channel::Cr, Channel::Alpha];
        let grids = all.map(|channel| (channel, grid));
        let mut canvas = Self::new(
            size,
            width,
            grids.get(..3 + usize::from(has_alpha)).unwrap_or(&grids),
        )?;
        for row in &mut canvas.rows {
            row.resize(grid.width, 0);
        }
        Ok(canvas)
    }

    /// Takes the next row of a plane.
    pub(crate) fn push(&mut self, channel: Channel, row: &[u8]) {
        let out = match channel {
            Channel::Y => &mut self.picture.y,
            Channel::Cb => &mut self.picture.cb,
            Channel::Cr => &mut self.picture.cr,
            Channel::Alpha => self.picture.alpha.get_or_insert_default(),
        };
        if let Some(resizer) = &mut self.channels[channel as usize] {
            resizer.push(row, out);
        }
    }

    /// Takes the next row of opaque pixels.
    pub(crate) fn push_rgb(&mut self, row: impl Iterator<Item = [u8; 3]>) {
        let [y, cb, cr, _] = &mut self.rows;
        for (((y, cb), cr), pixel) in y.iter_mut().zip(cb).zip(cr).zip(row) {
            [*y, *cb, *cr] = ycbcr(pixel);
        }
        self.push_rows();
    }

    /// Takes the next row of pixels that may be transparent.
    pub(crate) fn push_rgba(&mut self, row: impl Iterator<Item = [u8; 4]>) {
        let [y, cb, cr, alpha] = &mut self.rows;
        let places = y.iter_mut().zip(cb).zip(cr).zip(alpha);
        for ((((y, cb), cr), alpha), [r, g, b, a]) in places.zip(row) {
            let times = |colour: u8| {
                let product = u16::from(colour) * u16::from(a) + 127;
                u8::try_from(product / 255).unwrap_or(u8::MAX)
            };
            [*y, *cb, *cr] = ycbcr(if a == 255 {
                [r, g, b]
            } else {
                [times(r), times(g), times(b)]
            });
            *alpha = a;
        }
        self.push_rows();
    }

    fn push_rows(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let all = [Channel::Y, Channel::Cb, Channel::Cr, Channel::Alpha];
        for (channel, row) in all.into_iter().zip(&rows) {
            if self.channels[channel as usize].is_some() {
                self.push(channel, row);
            }
        }
        self.rows = rows;
    }

    /// The picture, when all rows of it came.
    pub(crate) fn finish(self) -> Result<Picture, Error> {
        let mut picture = self.picture;
        let (full, half) = (picture.size.grid(), picture.size.half_grid());
        let full = full.width * full.height;
        let half = half.width * half.height;
        for colour in [&mut picture.cb, &mut picture.cr] {
            // What is grey comes without.
            if colour.is_empty() {
                colour.resize(half, 128);
            }
        }
        let is_whole = picture.y.len() == full
            && picture.cb.len() == half
            && picture.cr.len() == half
            && picture
                .alpha
                .as_ref()
                .is_none_or(|alpha| alpha.len() == full);
        is_whole
            .then(|| picture.simplified())
            .ok_or(Error::NotAPicture)
    }
}

/// JFIF's colours, which are BT.601's with all values used.
#[inline]
fn ycbcr(rgb: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let [r, g, b] = rgb.map(i32::from);
    [
        to_u8((19_595 * r + 38_470 * g + 7_471 * b + HALF) >> 16),
        to_u8((-11_059 * r - 21_709 * g + 32_768 * b + (128 << 16) + HALF) >> 16),
        to_u8((32_768 * r - 27_439 * g - 5_329 * b + (128 << 16) + HALF) >> 16),
    ]
}
