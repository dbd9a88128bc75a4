//! Lossy `WebP` from planes of pixels, with libwebp.

use std::ffi::{c_int, c_void};
use std::slice;

use libwebp_sys::{
    WebPConfig, WebPEncCSP, WebPEncode, WebPPicture, WebPPreset, WebPValidateConfig,
};

/// The most pixels along one side that the format can hold.
pub const MAX_SIDE: u32 = 16_383;

/// A picture as `WebP` stores it: BT.601 with brightness from 16 to 235, colours at half the
/// resolution, and opacity where there is any.
///
/// Where nothing is opaque the encoder changes pixels to what takes the least space.
#[derive(Debug)]
pub struct Planes<'a> {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Brightness, `width` × `height`.
    pub y: &'a mut [u8],
    /// Blueness, half of each side, rounded up.
    pub u: &'a mut [u8],
    /// Redness, as `u`.
    pub v: &'a mut [u8],
    /// Opacity, as `y`.
    pub alpha: Option<&'a mut [u8]>,
}

/// What an encoded picture may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// From 0 to 100.
    pub quality: f32,
    /// From 0, fast, to 6, small.
    pub method: u8,
    /// Takes less memory and more time.
    pub low_memory: bool,
    /// Whether opacity is compressed, which takes up to 30 bytes of memory for each pixel.
    pub compress_alpha: bool,
}

/// The file; `None` when planes have other sizes than they should, settings make no sense, or memory
/// is short.
pub fn encode(planes: Planes<'_>, settings: Settings) -> Option<Vec<u8>> {
    let Planes {
        width,
        height,
        y,
        u,
        v,
        alpha,
    } = planes;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return None;
    }
    let pixels = width as usize * height as usize;
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let half_pixels = half_width as usize * half_height as usize;
    let is_complete = y.len() == pixels
        && u.len() == half_pixels
        && v.len() == half_pixels
        && alpha.as_deref().is_none_or(|alpha| alpha.len() == pixels);
    if !is_complete {
        return None;
    }

    let preset = WebPPreset::WEBP_PRESET_DEFAULT;
    let mut config = WebPConfig::new_with_preset(preset, settings.quality).ok()?;
    config.method = settings.method.into();
    config.low_memory = settings.low_memory.into();
    config.alpha_compression = settings.compress_alpha.into();
    // SAFETY: the pointer is to a config that `new_with_preset` has filled in.
    if unsafe { WebPValidateConfig(&raw const config) } == 0 {
        return None;
    }

    let mut out = Vec::new();
    let mut picture = WebPPicture::new().ok()?;
    picture.use_argb = 0;
    picture.colorspace = WebPEncCSP::WEBP_YUV420;
    picture.width = c_int::try_from(width).ok()?;
    picture.height = c_int::try_from(height).ok()?;
    picture.y = y.as_mut_ptr();
    picture.u = u.as_mut_ptr();
    picture.v = v.as_mut_ptr();
    picture.y_stride = picture.width;
    picture.uv_stride = c_int::try_from(half_width).ok()?;
    if let Some(alpha) = alpha {
        picture.colorspace = WebPEncCSP::WEBP_YUV420A;
        picture.a = alpha.as_mut_ptr();
        picture.a_stride = picture.width;
    }
    picture.writer = Some(append);
    picture.custom_ptr = (&raw mut out).cast::<c_void>();
    // SAFETY: config and picture are initialised; each plane is as large as its side and stride say,
    // was checked above to be, is borrowed mutably until we return, and is ours alone; `append` gets
    // a vector that outlives the call. The encoder owns none of the planes: the picture's own memory
    // stays null, so that there is nothing to free.
    let is_done = unsafe { WebPEncode(&raw const config, &raw mut picture) } != 0;
    is_done.then_some(out)
}

/// Takes what the encoder writes; 0 makes it stop.
///
/// # Safety
///
/// `data` must be `size` bytes, and `picture` one whose `custom_ptr` is to a `Vec<u8>` that nobody else
/// uses.
unsafe extern "C" fn append(data: *const u8, size: usize, picture: *const WebPPicture) -> c_int {
    if size == 0 {
        return 1;
    }
    // SAFETY: the caller promises a picture.
    let out = unsafe { (*picture).custom_ptr }.cast::<Vec<u8>>();
    // SAFETY: the caller promises that this is a vector, and nobody else's.
    let out = unsafe { &mut *out };
    // SAFETY: the caller promises as many bytes.
    let data = unsafe { slice::from_raw_parts(data, size) };
    if out.try_reserve(size).is_err() {
        return 0;
    }
    out.extend_from_slice(data);
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        quality: 80.0,
        method: 4,
        low_memory: false,
        compress_alpha: true,
    };

    #[test]
    fn a_picture_becomes_a_file() {
        for (width, height) in [(1_u32, 1_u32), (17, 3), (16, 16), (1, 16_383)] {
            for has_alpha in [false, true] {
                let pixels = (width * height) as usize;
                let halves = (width.div_ceil(2) * height.div_ceil(2)) as usize;
                let mut alpha = vec![100; pixels];
                let planes = Planes {
                    width,
                    height,
                    y: &mut vec![200; pixels],
                    u: &mut vec![100; halves],
                    v: &mut vec![90; halves],
                    alpha: has_alpha.then_some(&mut alpha),
                };
                let file = encode(planes, SETTINGS).unwrap();
                assert_eq!((&file[..4], &file[8..12]), (&b"RIFF"[..], &b"WEBP"[..]));
            }
        }
    }

    #[test]
    fn planes_of_the_wrong_size_are_refused() {
        let of = |y: usize, u: usize, v: usize, alpha: usize| {
            let planes = Planes {
                width: 5,
                height: 5,
                y: &mut vec![0; y],
                u: &mut vec![0; u],
                v: &mut vec![0; v],
                alpha: Some(&mut vec![0; alpha]),
            };
            encode(planes, SETTINGS)
        };
        assert!(of(25, 9, 9, 25).is_some());
        for (y, u, v, alpha) in [
            (24, 9, 9, 25),
            (25, 8, 9, 25),
            (25, 9, 4, 25),
            (25, 9, 9, 0),
        ] {
            assert!(of(y, u, v, alpha).is_none());
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let planes = Planes {
            width: 1,
            height: 1,
            y: &mut [0],
            u: &mut [0],
            v: &mut [0],
            alpha: None,
        };
        let settings = Settings {
            method: 9,
            ..SETTINGS
        };
        assert!(encode(planes, settings).is_none());
    }
}
