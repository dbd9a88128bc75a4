//! The responses that API Gateway makes itself, without a function.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use thiserror::Error;

/// Why a request does not reach a function, or its response not the client. The texts are those of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum GatewayError {
    /// The path is not UTF-8, or the body ends early.
    #[error("Bad Request")]
    BadRequest,
    /// No route has this method and path, or no image this key.
    #[error("Not Found")]
    NotFound,
    /// The routes are served by other programs.
    #[error("Not Found: with --engines-only only images are served here")]
    EnginesOnly,
    /// The body, or the event that would carry it, is larger than a quota of AWS.
    #[error("Request Entity Too Large")]
    TooLarge,
    /// A function panicked, or its response is not in payload format 2.0.
    #[error("Internal Server Error")]
    Internal,
}

/// Names the way for larger images. API Gateway does not; the code is the API's own for a 413.
const UPLOAD_HINT: &str =
    "a form can carry an image of about 4.4 MB; use POST /food/images for a larger one";

impl GatewayError {
    /// The advice in the response and in the request log.
    pub(crate) fn hint(self) -> Option<&'static str> {
        (self == Self::TooLarge).then_some(UPLOAD_HINT)
    }
}

impl IntoResponse for GatewayError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound | Self::EnginesOnly => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut body = json!({ "message": self.to_string() });
        if let Some(hint) = self.hint() {
            body["upload_err"] = hint.into();
        }
        let mut response = (status, Json(body)).into_response();
        // For the request log.
        response.extensions_mut().insert(self);
        response
    }
}
