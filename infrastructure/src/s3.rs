//! Images and uploads on S3, each in a bucket of its own.

mod bucket;
mod images;
mod uploads;

pub use images::S3Images;
pub use uploads::S3Uploads;
