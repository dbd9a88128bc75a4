//! The HTTP response that a handler returns.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// An HTTP response.
#[derive(Debug, Clone)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether `body` is the base64 encoding of a binary body.
    pub(crate) is_base64: bool,
}

impl Response {
    /// Creates a response without a body.
    fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: String::new(), is_base64: false }
    }

    /// Creates a response with a body of this media type.
    pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let mut response = Self::empty(status);
        let content_type = HeaderValue::from_static(content_type);
        response.headers.insert(CONTENT_TYPE, content_type);
        response.body = body;
        response
    }

    /// Adds the header `ETag`.
    pub(crate) fn with_etag(mut self, tag: HeaderValue) -> Self {
        self.headers.insert(ETAG, tag);
        self
    }

    /// Adds the header `Cache-Control`.
    pub(crate) fn with_cache_control(mut self, value: &'static str) -> Self {
        self.headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
        self
    }

    /// Adds `Cache-Control: no-store`, which responses with tokens require (RFC 6749, section 5.1).
    pub(crate) fn no_store(self) -> Self {
        self.with_cache_control("no-store")
    }

    /// Adds `Cache-Control` to a response that depends on the caller: `anonymous` for anonymous callers, and
    /// `private, no-cache` for users, who see at once what they just changed. `Vary` separates the two in caches.
    pub(crate) fn cached_per_caller(mut self, is_private: bool, anonymous: &'static str) -> Self {
        self.headers.insert(VARY, HeaderValue::from_static("authorization"));
        self.with_cache_control(if is_private { "private, no-cache" } else { anonymous })
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).expect("a body has string keys and finite numbers");
    Response::with_body(status, "application/json", body)
}

/// Returns 200 with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// Returns 201 with a JSON body.
pub(crate) fn created(body: &impl Serialize) -> Response {
    json(StatusCode::CREATED, body)
}

/// Returns 201 with a JSON body and the path of the new resource in `Location`.
pub(crate) fn created_at(path: &str, body: &impl Serialize) -> Response {
    let mut response = created(body);
    let path = HeaderValue::from_str(path).expect("a path of letters, digits and hyphens");
    response.headers.insert(LOCATION, path);
    response
}

/// Returns 200 with a document that only a deployment changes, so clients may cache it for five minutes.
pub(crate) fn document(content_type: &'static str, body: String) -> Response {
    let response = Response::with_body(StatusCode::OK, content_type, body);
    response.with_cache_control("public, max-age=300")
}

/// Returns 204 without a body.
pub(crate) fn no_content() -> Response {
    Response::empty(StatusCode::NO_CONTENT)
}

/// Returns 304 without a body.
pub(crate) fn not_modified() -> Response {
    Response::empty(StatusCode::NOT_MODIFIED)
}
