//! `POST /food/images`: leave to upload an image straight into the bucket.

functions::main!(CreateImageUpload);
