//! What tests look at variants with.

use image::{DynamicImage, RgbImage};
use variants::Variant;

/// The picture that a variant is.
pub(crate) fn decoded(variant: &Variant) -> DynamicImage {
    image::load_from_memory(&variant.bytes).unwrap()
}

/// How alike two pictures are, in decibels (PSNR).
pub(crate) fn likeness(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let pairs = one.as_raw().iter().zip(other.as_raw());
    let error: f64 = pairs
        .map(|(&one, &other)| (f64::from(one) - f64::from(other)).powi(2))
        .sum();
    let count = f64::from(u32::try_from(one.as_raw().len()).unwrap());
    10.0 * (255.0 * 255.0 / (error / count).max(1e-9)).log10()
}
