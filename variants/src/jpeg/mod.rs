//! JPEG (ITU-T T.81, JFIF), both ways; what is not pixels is in `pictures`.

mod dct;
mod decode;
mod encode;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
