//! `POST /food/images`: creates a presigned POST for an image upload.

functions::main!(CreateImageUpload);
