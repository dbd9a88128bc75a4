//! What a function answers.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// An answer: always JSON, or a problem in JSON.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether the body is base64, as bytes that are no text have to be.
    pub(crate) is_base64: bool,
}

impl Reply {
    /// JSON that is written already.
    pub(crate) fn json(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            body,
            is_base64: false,
        }
    }

    /// With the tag of what it shows.
    pub(crate) fn tagged(mut self, tag: HeaderValue) -> Self {
        self.headers.insert(ETAG, tag);
        self
    }

    /// Not to be kept by anybody on the way (RFC 6749, section 5.1).
    pub(crate) fn no_store(mut self) -> Self {
        self.headers
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }
}

fn reply(status: StatusCode, body: &impl Serialize) -> Reply {
    let body = serde_json::to_string(body).expect("our bodies have text keys and no odd numbers");
    Reply::json(status, "application/json", body)
}

/// 200
pub(crate) fn ok(body: &impl Serialize) -> Reply {
    reply(StatusCode::OK, body)
}

/// 201
pub(crate) fn created(body: &impl Serialize) -> Reply {
    reply(StatusCode::CREATED, body)
}

/// 200 with a document that changes with a deployment only.
pub(crate) fn document(content_type: HeaderValue, body: String) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    Reply {
        status: StatusCode::OK,
        headers,
        body,
        is_base64: false,
    }
}

/// An answer without a body.
fn empty(status: StatusCode) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: String::new(),
        is_base64: false,
    }
}

/// 204
pub(crate) fn no_content() -> Reply {
    empty(StatusCode::NO_CONTENT)
}

/// 304
pub(crate) fn not_modified(tag: HeaderValue) -> Reply {
    empty(StatusCode::NOT_MODIFIED).tagged(tag)
}
