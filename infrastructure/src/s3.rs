//! Pictures on S3.

mod images;

pub use images::S3Images;
