//! `POST /food/images`: leave to upload a picture straight into the bucket.

functions::main!(CreateImageUpload);
