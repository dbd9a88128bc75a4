//! `POST /food/images`: leave to upload a picture straight into the bucket.

use domain::application::{ImageUpload, UPLOAD_LIFETIME, create_image_upload};
use domain::clock::SystemClock;
use domain::image::NewUpload;
use infrastructure::s3::S3Images;
use lambda_http::Request;
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::auth::Auth;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
pub struct CreateImageUpload {
    auth: Auth,
    images: S3Images,
    clock: SystemClock,
    max_image_bytes: usize,
}

impl Handler for CreateImageUpload {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
            images: setup.images()?,
            clock: setup.clock(),
            max_image_bytes: setup.max_image_bytes()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let caller = self.auth.caller(&request)?;
        let user = self.auth.user(caller).await?;
        let Body { content_type, size } = request::json(&request)?;
        let new = NewUpload::parse(content_type.as_deref(), size, self.max_image_bytes)?;
        let upload = create_image_upload(&self.images, &self.clock, user, &new);
        let body = UploadBody::new(&upload, self.max_image_bytes);
        Ok(response::created(&body).no_store())
    }
}

#[derive(Deserialize)]
struct Body {
    content_type: Option<String>,
    size: Option<u64>,
}

#[derive(Serialize)]
struct UploadBody<'a> {
    image_id: String,
    upload: FormBody<'a>,
    max_bytes: usize,
    /// In seconds, as beside tokens.
    expires_in: u64,
}

#[derive(Serialize)]
struct FormBody<'a> {
    url: &'a str,
    #[serde(serialize_with = "in_order")]
    fields: &'a [(String, String)],
}

/// An object whose members stand as the fields do.
fn in_order<S: Serializer>(fields: &&[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    let mut members = to.serialize_map(Some(fields.len()))?;
    for (name, value) in *fields {
        members.serialize_entry(name, value)?;
    }
    members.end()
}

impl<'a> UploadBody<'a> {
    fn new(upload: &'a ImageUpload, max_bytes: usize) -> Self {
        Self {
            image_id: upload.id.to_string(),
            upload: FormBody {
                url: &upload.signed.url,
                fields: &upload.signed.fields,
            },
            max_bytes,
            expires_in: UPLOAD_LIFETIME.as_secs(),
        }
    }
}
