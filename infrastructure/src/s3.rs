//! Images and uploads on S3, in separate buckets.

mod bucket;
mod images;
mod uploads;

pub use images::S3Images;
pub use uploads::S3Uploads;
