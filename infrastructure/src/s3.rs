//! Pictures on S3.

mod images;
mod uploads;

pub use images::S3Images;
