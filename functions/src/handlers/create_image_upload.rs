//! `POST /food/images`: creates a presigned POST, with which a client uploads an image directly to S3.

use domain::clock::SystemClock;
use domain::image::NewUpload;
use domain::use_cases::{ImageUpload, UPLOAD_LIFETIME, create_image_upload};
use infrastructure::s3::S3Uploads;
use lambda_http::Request;
use serde::de::{Deserializer, Error as _};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Response};

crate::dependencies::function!(CreateImageUpload {
    auth: Auth = auth,
    uploads: S3Uploads = uploads,
    max_image_bytes: usize = max_image_bytes,
});

impl HttpHandler for CreateImageUpload {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let Body { content_type, size } = request::json(&request)?;
        let new = NewUpload::parse(content_type.as_deref(), size, self.max_image_bytes)?;
        let upload = create_image_upload(&self.uploads, &SystemClock, user, &new);
        let body = UploadBody::new(&upload, self.max_image_bytes);
        Ok(response::created(&body).no_store())
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewImageUpload))]
struct Body {
    /// `image/jpeg` (or `image/jpg`), `image/png`, `image/webp` or `image/gif`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"^image/(jpe?g|png|webp|gif)$"))]
    content_type: Option<String>,
    /// The size of the image in bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = true, minimum = 1, maximum = 8_192_000))]
    #[serde(default, deserialize_with = "integer")]
    size: Option<u64>,
}

/// Parses an integer. `5.0` and `5e0` are integers too (JSON Schema Validation, section 6.1.1).
fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(from)? else {
        return Ok(None);
    };
    let integer = number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        // A float represents each integer up to 2^53 exactly.
        let fits = float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float);
        fits.then(|| format!("{float}").parse().ok())?
    });
    integer.map(Some).ok_or_else(|| D::Error::custom("not an integer"))
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImageUpload))]
struct UploadBody<'a> {
    /// The id of the upload, for `POST /food` and `PUT /food/{food_id}`.
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    image_id: String,
    upload: FormBody<'a>,
    /// The size limit of images in bytes.
    max_bytes: usize,
    /// The validity of the form in seconds.
    expires_in: u64,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = UploadForm))]
struct FormBody<'a> {
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    url: &'a str,
    /// The form fields to send before the file. In the cloud `x-amz-security-token` is one of them.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, String>))]
    #[serde(serialize_with = "as_object")]
    fields: &'a [(String, String)],
}

/// Serializes form fields as a JSON object, in their order.
fn as_object<S: Serializer>(fields: &&[(String, String)], to: S) -> Result<S::Ok, S::Error> {
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
            upload: FormBody { url: &upload.post.url, fields: &upload.post.fields },
            max_bytes,
            expires_in: UPLOAD_LIFETIME.as_secs(),
        }
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for CreateImageUpload {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::image::{InvalidUpload, InvalidUploadField as Field};

        let about = "For images of up to 8,192,000 bytes. Send all `fields` and, as the last field, the image as `file` to `url` as \
             `multipart/form-data`; S3 returns 204 if type and size match. Then send `image_id` to `POST /food` or `PUT /food/{food_id}`. \
             An upload without a food is deleted after a day.";
        Operation::new("Create a presigned image upload", about)
            .json::<Body>(&serde_json::json!({"content_type": "image/jpeg", "size": 5_351_704}))
            .response::<UploadBody<'_>>(
                201,
                "A form that S3 accepts for 15 minutes.",
                example::image_upload(),
            )
            .no_store(201)
            .errors([
                InvalidUpload(vec![Field::KindRequired, Field::SizeRequired]).into(),
                InvalidUpload(vec![Field::UnknownKind]).into(),
                InvalidUpload(vec![Field::TooLarge { max_bytes: 8_192_000 }]).into(),
            ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_size_accepts_integer_in_any_json_notation() {
        let size = |json: &str| serde_json::from_str::<Body>(json).ok().map(|body| body.size);
        assert_eq!(size(r#"{"size":5}"#), Some(Some(5)));
        assert_eq!(size(r#"{"size":5.0}"#), Some(Some(5)));
        assert_eq!(size(r#"{"size":5e3}"#), Some(Some(5_000)));
        assert_eq!(size(r#"{"size":null}"#), Some(None));
        assert_eq!(size("{}"), Some(None));
        for none in ["5.5", "-1", "-1.0", "1e300", "\"5\"", "true", "[]"] {
            assert_eq!(size(&format!("{{\"size\":{none}}}")), None, "{none}");
        }
    }
}
