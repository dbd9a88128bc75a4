//! Emulates the CDN: serves the images in the S3 bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use axum::response::{IntoResponse as _, Response};
use domain::image::RenditionKey;
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use crate::error::GatewayError;

/// An S3 bucket whose images are served over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    s3: Client,
    bucket: String,
}

impl Images {
    /// The path in the default of the setting `IMAGE_BASE_URL`, the URL prefix of images.
    pub(crate) const PATH: &str = "/images";

    pub(crate) fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    /// Returns the image with its stored headers; without a body (304) if `If-None-Match` contains its `ETag`.
    pub(crate) async fn get(
        &self,
        key: &str,
        request: &HeaderMap,
    ) -> Result<Response, GatewayError> {
        // The bucket is a folder: a key with `..` would escape it.
        let key = RenditionKey::parse(key).map_err(|_| GatewayError::NotFound)?;
        let get = self.s3.get_object().bucket(&self.bucket);
        let get = get.key(key.to_string());
        let object = get.send().await.map_err(|error| match error {
            SdkError::ServiceError(error) if error.err().is_no_such_key() => GatewayError::NotFound,
            error => unreadable(&error),
        })?;
        let mut headers = HeaderMap::new();
        let stored = [
            (CONTENT_TYPE, object.content_type()),
            (CACHE_CONTROL, object.cache_control()),
            // Added by the CDN in the cloud.
            (X_CONTENT_TYPE_OPTIONS, Some("nosniff")),
        ];
        let valid = |(name, value): (HeaderName, Option<&str>)| {
            Some((name, HeaderValue::from_str(value?).ok()?))
        };
        headers.extend(stored.into_iter().filter_map(valid));
        if let Some(e_tag) = object.e_tag().and_then(|tag| tag.parse::<ETag>().ok()) {
            let condition = request.typed_get::<IfNoneMatch>();
            let is_current = condition.is_some_and(|tags| !tags.precondition_passes(&e_tag));
            headers.typed_insert(e_tag);
            if is_current {
                return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
            }
        }
        let body = object.body.collect().await;
        let body = body.map_err(|error| unreadable(&error))?;
        Ok((headers, body.into_bytes()).into_response())
    }
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> GatewayError {
    tracing::error!(error, "an image cannot be read");
    GatewayError::Internal
}
