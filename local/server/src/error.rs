//! Error responses of API Gateway itself.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use thiserror::Error;

/// An error that the gateway returns instead of a function's response, with the message of the real API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum GatewayError {
    /// The percent-decoded path is not UTF-8, the request has not exactly one valid `Host`, or the body is incomplete.
    #[error("Bad Request")]
    BadRequest,
    /// The request is for another host: a page of that host may have sent it (DNS rebinding).
    #[error(
        "Forbidden: the host is not this machine; behind a proxy, set IMAGE_BASE_URL to its URL"
    )]
    ForeignHost,
    /// No route matches the method and path, or no image has the requested key.
    #[error("Not Found")]
    NotFound,
    /// A route was requested although `--engines-only` disables all routes of the API.
    #[error("Not Found: --engines-only serves images only; start without it to serve the routes")]
    EnginesOnly,
    /// The body exceeds the quota of API Gateway, or its event the quota of Lambda.
    #[error("Request Entity Too Large")]
    TooLarge,
    /// A function panicked, or its response is not in payload format 2.0.
    #[error("Internal Server Error")]
    Internal,
}

/// The advice in the field `upload_err` of a 413 response, which the real API Gateway does not send.
const UPLOAD_HINT: &str =
    "a form can carry an image of about 4.4 MB; use POST /food/images for a larger one";

impl GatewayError {
    /// Returns advice for the response and the request log; `None` unless the request was too large.
    pub(crate) fn hint(self) -> Option<&'static str> {
        (self == Self::TooLarge).then_some(UPLOAD_HINT)
    }
}

impl IntoResponse for GatewayError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::ForeignHost => StatusCode::FORBIDDEN,
            Self::NotFound | Self::EnginesOnly => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut body = json!({ "message": self.to_string() });
        if let Some(hint) = self.hint() {
            body["upload_err"] = hint.into();
        }
        let mut response = (status, Json(body)).into_response();
        // Read by the request log.
        response.extensions_mut().insert(self);
        response
    }
}
