//! Decoded images: scaled down, converted to sRGB, rotated upright.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::decode::malformed;
use crate::size::Size;
use crate::{ImageError, MAX_WIDTH};

/// Channels of a pixel; each sample has 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Cyan, magenta, yellow and black; 255 is full ink.
    Cmyk,
}

impl Samples {
    fn pixel_type(self) -> PixelType {
        match self {
            Self::Gray => PixelType::U8,
            Self::GrayAlpha => PixelType::U8x2,
            Self::Rgb => PixelType::U8x3,
            Self::Rgba | Self::Cmyk => PixelType::U8x4,
        }
    }

    /// Returns the number of bytes of a pixel.
    pub(crate) fn bytes(self) -> u64 {
        self.pixel_type().size() as u64
    }

    fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    fn layout(self) -> Layout {
        match self {
            Self::Gray => Layout::Gray,
            Self::GrayAlpha => Layout::GrayAlpha,
            Self::Rgb => Layout::Rgb,
            Self::Rgba | Self::Cmyk => Layout::Rgba,
        }
    }

    fn color_space(self) -> DataColorSpace {
        match self {
            Self::Gray | Self::GrayAlpha => DataColorSpace::Gray,
            Self::Rgb | Self::Rgba => DataColorSpace::Rgb,
            Self::Cmyk => DataColorSpace::Cmyk,
        }
    }

    /// Returns the channels of these pixels after conversion to RGB, which keeps alpha.
    fn into_rgb(self) -> Self {
        if self.has_alpha() { Self::Rgba } else { Self::Rgb }
    }
}

/// A decoded image, before scaling, color conversion and rotation.
pub(crate) struct Raster {
    /// Size of the image in the header of the file.
    pub(crate) declared: Size,
    /// Size of `pixels`, which the decoder may have scaled down.
    pub(crate) size: Size,
    pub(crate) samples: Samples,
    pub(crate) pixels: Vec<u8>,
    pub(crate) profile: Option<ColorProfile>,
    pub(crate) orientation: Orientation,
}

impl Raster {
    /// Scales to the largest rendition, converts to sRGB and applies the orientation, in this order: the
    /// later steps have fewer pixels to process.
    pub(crate) fn into_srgb(self) -> Result<DynamicImage, ImageError> {
        let samples = self.samples;
        let size = largest_rendition(self.declared, self.orientation);
        let pixels = resize(self.pixels, self.size, size, samples)?;
        let pixels = match self.profile {
            Some(profile) => apply_profile(pixels, samples, &profile),
            None => to_rgb(pixels, samples),
        };
        let mut image = to_image(pixels, size, samples.into_rgb())?;
        if is_opaque(&image) {
            image = image.into_rgb8().into();
        }
        image.apply_orientation(self.orientation);
        Ok(image)
    }
}

/// Returns the size of the largest rendition in the unrotated coordinates of the source.
pub(crate) fn largest_rendition(size: Size, orientation: Orientation) -> Size {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    match orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => {
            size.transposed().fit_within(MAX_WIDTH).transposed()
        }
        _ => size.fit_within(MAX_WIDTH),
    }
}

fn to_image(pixels: Vec<u8>, size: Size, samples: Samples) -> Result<DynamicImage, ImageError> {
    let Size { width, height } = size;
    let image = match samples {
        Samples::Rgba => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    image.ok_or(ImageError::Malformed)
}

fn is_opaque(image: &DynamicImage) -> bool {
    image.as_rgba8().is_some_and(|image| image.pixels().all(|pixel| pixel.0[3] == u8::MAX))
}

/// Scales an 8-bit RGB or RGBA image down to this size.
pub(crate) fn downscale(image: DynamicImage, to: Size) -> Result<DynamicImage, ImageError> {
    let from = Size::of(&image);
    let samples = if image.color().has_alpha() { Samples::Rgba } else { Samples::Rgb };
    to_image(resize(image.into_bytes(), from, to, samples)?, to, samples)
}

/// Scales pixels with a Lanczos filter. Multiplies them by alpha in place; the library would copy the image.
fn resize(pixels: Vec<u8>, from: Size, to: Size, samples: Samples) -> Result<Vec<u8>, ImageError> {
    if from == to {
        return Ok(pixels);
    }
    let pixel_type = samples.pixel_type();
    let source = Image::from_vec_u8(from.width, from.height, pixels, pixel_type);
    let mut source = source.map_err(malformed)?;
    let mut target = Image::new(to.width, to.height, pixel_type);
    let filter = ResizeAlg::Convolution(FilterType::Lanczos3);
    let options = ResizeOptions::new().resize_alg(filter).use_alpha(false);
    let alpha = MulDiv::new();
    if samples.has_alpha() {
        alpha.multiply_alpha_inplace(&mut source).map_err(malformed)?;
    }
    let scaled = Resizer::new().resize(&source, &mut target, &options);
    scaled.map_err(malformed)?;
    if samples.has_alpha() {
        alpha.divide_alpha_inplace(&mut target).map_err(malformed)?;
    }
    Ok(target.into_vec())
}

/// Converts pixels from this color profile to sRGB. Ignores a profile that is unusable or for other channels.
fn apply_profile(pixels: Vec<u8>, samples: Samples, profile: &ColorProfile) -> Vec<u8> {
    let (pixels, samples) = match (profile.color_space, samples.color_space()) {
        (DataColorSpace::Rgb, DataColorSpace::Gray) => {
            (to_rgb(pixels, samples), samples.into_rgb())
        }
        (space, expected) if space == expected => (pixels, samples),
        _ => return to_rgb(pixels, samples),
    };
    let rgb = samples.into_rgb();
    let pixel_count = pixels.len() / samples.pixel_type().size();
    let mut converted = vec![0; pixel_count * rgb.pixel_type().size()];
    let (from, to, srgb) = (samples.layout(), rgb.layout(), ColorProfile::new_srgb());
    profile
        .create_transform_8bit(from, &srgb, to, TransformOptions::default())
        .and_then(|transform| transform.transform(&pixels, &mut converted))
        .map_or_else(|_| to_rgb(pixels, samples), |()| converted)
}

/// Converts pixels that have no color profile to RGB or RGBA.
fn to_rgb(pixels: Vec<u8>, samples: Samples) -> Vec<u8> {
    match samples {
        Samples::Rgb | Samples::Rgba => pixels,
        Samples::Gray => pixels.into_iter().flat_map(|gray| [gray; 3]).collect(),
        Samples::GrayAlpha => {
            let pixels = pixels.as_chunks().0.iter();
            pixels.flat_map(|&[gray, alpha]| [gray, gray, gray, alpha]).collect()
        }
        Samples::Cmyk => {
            let pixels = pixels.as_chunks().0.iter();
            pixels
                .flat_map(|&[cyan, magenta, yellow, key]| {
                    [cyan, magenta, yellow].map(|ink| multiply(255 - ink, 255 - key))
                })
                .collect()
        }
    }
}

/// Multiplies two samples as fractions of 255, and rounds.
fn multiply(a: u8, b: u8) -> u8 {
    u8::try_from((u16::from(a) * u16::from(b) + 127) / 255).unwrap_or(u8::MAX)
}
