//! What S3 does beside keeping objects, and s3s-fs does not: it lets pages of any origin upload, as the bucket's
//! CORS configuration in `template.yaml` says, and tells of objects that were put.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use s3s::service::S3Service;
use s3s::{Body, HttpError};
use tokio::sync::mpsc::UnboundedSender;

/// An object that was put into a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Which bucket.
    pub bucket: String,
    /// Under which key.
    pub key: String,
}

/// Who is told.
pub(super) type Told = Option<UnboundedSender<Created>>;

pub(super) async fn answer(
    s3: S3Service,
    told: Told,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let is_cross_origin = request.headers().contains_key(ORIGIN);
    let mut response = if is_preflight(&request) {
        preflight()
    } else {
        let created = told.as_ref().and_then(|_| created(&request));
        // Its own method of this name takes another body.
        let response = Service::call(&s3, request).await?;
        if let (Some(told), Some(created), true) = (told, created, response.status().is_success()) {
            // Nobody listens any more: then nobody wants to know.
            let _ = told.send(created);
        }
        response
    };
    if is_cross_origin {
        allow(response.headers_mut());
    }
    Ok(response)
}

/// What a request puts, if it puts an object as a whole. Keys of ours have nothing in them that is escaped.
fn created(request: &Request<Incoming>) -> Option<Created> {
    if request.method() != Method::PUT || request.headers().contains_key("x-amz-copy-source") {
        return None;
    }
    let (bucket, key) = request.uri().path().strip_prefix('/')?.split_once('/')?;
    Some(Created {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    })
}

fn is_preflight(request: &Request<Incoming>) -> bool {
    let asks = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS && asks(ORIGIN) && asks(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (ACCESS_CONTROL_MAX_AGE, "7200"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
