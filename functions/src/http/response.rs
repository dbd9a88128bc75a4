//! The response of a handler.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// A response: JSON, a problem in JSON, or a document.
#[derive(Debug, Clone)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether the body is base64, as binary bodies are.
    pub(crate) is_base64: bool,
}

impl Response {
    /// Makes a response without a body.
    fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: String::new(),
            is_base64: false,
        }
    }

    /// Makes a response of serialized JSON.
    pub(crate) fn json(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let mut reply = Self::empty(status);
        let content_type = HeaderValue::from_static(content_type);
        reply.headers.insert(CONTENT_TYPE, content_type);
        reply.body = body;
        reply
    }

    /// Adds an `ETag`.
    pub(crate) fn with_etag(mut self, tag: HeaderValue) -> Self {
        self.headers.insert(ETAG, tag);
        self
    }

    /// Forbids caching (RFC 6749, section 5.1).
    pub(crate) fn no_store(mut self) -> Self {
        let no_store = HeaderValue::from_static("no-store");
        self.headers.insert(CACHE_CONTROL, no_store);
        self
    }
}

fn reply(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).expect("our bodies have text keys and no odd numbers");
    Response::json(status, "application/json", body)
}

/// 200
pub(crate) fn ok(body: &impl Serialize) -> Response {
    reply(StatusCode::OK, body)
}

/// 201
pub(crate) fn created(body: &impl Serialize) -> Response {
    reply(StatusCode::CREATED, body)
}

/// 200 with a document that only a deployment changes.
pub(crate) fn document(content_type: &'static str, body: String) -> Response {
    let mut reply = Response::json(StatusCode::OK, content_type, body);
    let cached = HeaderValue::from_static("public, max-age=300");
    reply.headers.insert(CACHE_CONTROL, cached);
    reply
}

/// 204
pub(crate) fn no_content() -> Response {
    Response::empty(StatusCode::NO_CONTENT)
}

/// 304
pub(crate) fn not_modified(tag: HeaderValue) -> Response {
    Response::empty(StatusCode::NOT_MODIFIED).with_etag(tag)
}
