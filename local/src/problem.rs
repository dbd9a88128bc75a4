//! The errors of the gateway itself, in the API's own form: `application/problem+json` (RFC 9457)
//! with the code as a member.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use crate::event;
use crate::request_log::Refused;

/// Why a request gets no answer of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No route has this method and path.
    NoRoute,
    /// The routes are served by somebody else.
    NoApi,
    /// No picture has this address.
    NoImage,
    /// The request target cannot be read.
    BadTarget,
    /// Request line and headers are larger than API Gateway takes.
    HeadTooLarge,
    /// The body breaks off, or is not framed as HTTP/1.1 says.
    BadBody,
    /// The body does not arrive.
    SlowBody,
    /// The body is larger than API Gateway takes.
    BodyTooLarge,
    /// The body is larger than a Lambda event carries.
    EventTooLarge,
    /// A function panicked, or its answer cannot be passed on.
    Internal,
    /// The store of pictures does not answer.
    Unavailable,
}

impl Problem {
    fn status(self) -> StatusCode {
        match self {
            Self::NoRoute | Self::NoApi | Self::NoImage => StatusCode::NOT_FOUND,
            Self::BadTarget | Self::BadBody => StatusCode::BAD_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge | Self::EventTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::NoRoute | Self::NoApi | Self::NoImage => "not_found",
            Self::BadTarget | Self::HeadTooLarge | Self::BadBody | Self::SlowBody => {
                "invalid_request"
            }
            Self::BodyTooLarge | Self::EventTooLarge => "upload_err",
            Self::Internal => "internal_error",
            Self::Unavailable => "unavailable",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::NoRoute => "there is no such thing",
            Self::NoApi => "only pictures are served here: this was started with --engines-only",
            Self::NoImage => "there is no picture at this address",
            Self::BadTarget => "the address is not valid: check its percent-encoding",
            Self::HeadTooLarge => "the address and the headers are larger than 10,240 bytes",
            Self::BadBody => "the body could not be read to its end",
            Self::SlowBody => "the body did not arrive in time",
            Self::BodyTooLarge | Self::EventTooLarge => {
                "the request is too large: a form can carry a picture of about 4.4 MB, and POST \
                 /food/images is the way for larger ones"
            }
            Self::Internal => "something went wrong on our side",
            Self::Unavailable => "please try again in a moment",
        }
    }

    pub(crate) fn response(self) -> Response<Bytes> {
        let status = self.status();
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            self.code(): self.sentence(),
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        response.extensions_mut().insert(Refused {
            code: self.code(),
            sentence: self.sentence(),
        });
        *response.status_mut() = status;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self == Self::Unavailable {
            let headers = response.headers_mut();
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<event::TooLarge> for Problem {
    fn from(_: event::TooLarge) -> Self {
        Self::EventTooLarge
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_problem_has_its_status_and_its_code() {
        for (problem, status, code) in [
            (Problem::NoRoute, 404, "not_found"),
            (Problem::NoApi, 404, "not_found"),
            (Problem::NoImage, 404, "not_found"),
            (Problem::BadTarget, 400, "invalid_request"),
            (Problem::HeadTooLarge, 431, "invalid_request"),
            (Problem::BadBody, 400, "invalid_request"),
            (Problem::SlowBody, 408, "invalid_request"),
            (Problem::BodyTooLarge, 413, "upload_err"),
            (Problem::EventTooLarge, 413, "upload_err"),
            (Problem::Internal, 500, "internal_error"),
            (Problem::Unavailable, 503, "unavailable"),
        ] {
            let response = problem.response();
            assert_eq!(response.status(), status, "{problem:?}");
            assert_eq!(
                response.headers()["content-type"],
                "application/problem+json"
            );
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["type"], "about:blank");
            assert_eq!(body["status"], status);
            assert!(body["title"].is_string());
            assert!(body[code].is_string(), "{body}");
        }
    }
}
