//! The CDN at home: pictures under `/images/`, read from the bucket as `CloudFront` reads them.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use bytes::Bytes;
use domain::image::StoredKey;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};

use crate::problem::Problem;

/// Where the pictures are: the path of `IMAGE_BASE_URL`.
pub(crate) const PATH: &str = "/images";

/// The bucket of pictures.
#[derive(Debug)]
pub(crate) struct Images {
    s3: Client,
    bucket: String,
}

impl Images {
    pub(crate) fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    /// The key that a decoded path asks for; `None` when the path is not below [`PATH`].
    pub(crate) fn key(path: &str) -> Option<Result<StoredKey, Problem>> {
        let key = path.strip_prefix(PATH)?.strip_prefix('/')?;
        // Only keys as we make them: none of them can leave the bucket. The CDN may not read uploads, which
        // nobody has looked at.
        Some(match StoredKey::parse(key) {
            Ok(StoredKey::Upload(_)) | Err(_) => Err(Problem::NoImage),
            Ok(key) => Ok(key),
        })
    }

    /// `GET` and `HEAD` on a picture.
    pub(crate) async fn answer(
        &self,
        method: &Method,
        key: &StoredKey,
        request: &HeaderMap,
    ) -> Result<Response<Bytes>, Problem> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Problem::NoRoute);
        }
        let get = self.s3.get_object().bucket(&self.bucket).key(key.as_str());
        let object = get.send().await.map_err(|error| match error {
            SdkError::ServiceError(error) if error.err().is_no_such_key() => Problem::NoImage,
            error => unavailable(&error),
        })?;

        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        );
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let e_tag = object
            .e_tag()
            .and_then(|tag| tag.parse::<HeaderValue>().ok());
        if let Some(e_tag) = &e_tag {
            headers.insert(ETAG, e_tag.clone());
            if has(request, e_tag) {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(response);
            }
        }
        let content_type = object.content_type().and_then(|kind| kind.parse().ok());
        let unknown = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, content_type.unwrap_or(unknown));
        if method == Method::HEAD {
            let length = object.content_length().unwrap_or_default();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        } else {
            let body = object.body.collect().await;
            *response.body_mut() = body.map_err(|error| unavailable(&error))?.into_bytes();
        }
        Ok(response)
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "a picture cannot be read");
    Problem::Unavailable
}

/// Whether the client has this version (RFC 9110, section 13.1.2: weak comparison).
fn has(request: &HeaderMap, e_tag: &HeaderValue) -> bool {
    let Ok(e_tag) = e_tag.to_str() else {
        return false;
    };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || opaque(tag) == opaque(e_tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "foods/0198d2a1-7c3e-7a55-9d52-3a9f7b1c2d3e/\
                       0198d2a1-7c3e-7a55-9d52-3a9f7b1c2d3f.jpg";

    #[test]
    fn a_key_is_what_follows_images() {
        let found = Images::key(&format!("/images/{KEY}")).unwrap().unwrap();
        assert_eq!(found.as_str(), KEY);
        for other in ["/", "/food", "/images", "/imagesfoods/x", "/Images/x"] {
            assert!(Images::key(other).is_none(), "{other}");
        }
    }

    #[test]
    fn variants_are_shown_and_uploads_are_not() {
        let (picture, id) = (KEY.strip_prefix("foods/").unwrap(), &KEY[6..42]);
        let variant = format!("/images/variants/{picture}/640.webp");
        assert!(Images::key(&variant).unwrap().is_ok());
        let upload = format!("/images/uploads/{id}/{id}");
        assert_eq!(Images::key(&upload), Some(Err(Problem::NoImage)));
    }

    #[test]
    fn no_key_leaves_the_bucket() {
        for path in [
            "/images/".to_owned(),
            "/images/../secrets.json".to_owned(),
            format!("/images/../images/{KEY}"),
            format!("/images//{KEY}"),
            format!("/images/{KEY}/.."),
            "/images/foods/../../secrets.json".to_owned(),
            "/images/foods/..\\..\\secrets.json".to_owned(),
        ] {
            assert_eq!(Images::key(&path), Some(Err(Problem::NoImage)), "{path}");
        }
    }

    #[test]
    fn a_version_is_recognised_among_others_and_when_weak() {
        let e_tag = HeaderValue::from_static("\"abc\"");
        let asks = |value| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            has(&headers, &e_tag)
        };
        assert!(asks("\"abc\""));
        assert!(asks("\"x\", W/\"abc\""));
        assert!(asks("*"));
        assert!(!asks("\"x\""));
        assert!(!asks("abc"));
        assert!(!has(&HeaderMap::new(), &e_tag));
    }
}
