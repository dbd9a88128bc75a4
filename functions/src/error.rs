//! The error responses of the API: `application/problem+json` (RFC 9457) whose extension members are stable
//! codes, each with a message. Old clients depend on the codes and on some messages.
//!
//! The module `mapping` gives each error of the domain its status and codes.

mod mapping;

use std::borrow::Cow;
use std::error::Error;

use http::header::{ACCEPT, ACCEPT_ENCODING, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::http::response::Response;

/// The challenge in `WWW-Authenticate` when no token was sent (RFC 6750, section 3).
const CHALLENGE: &str = "Bearer realm=\"food-app\"";

pub(crate) type Message = Cow<'static, str>;
type Code = (&'static str, Message);
/// A field of the request log and its value.
type Attribute = (&'static str, String);
type Source = Box<dyn Error + Send + Sync>;

/// An error response, with its internal cause for the log.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    codes: Vec<Code>,
    /// An explanation of this occurrence (RFC 9457, section 3.1.4). Contains no value of the request.
    detail: Option<Message>,
    /// The label of the error in metrics; `None` if that is the first code.
    kind: Option<&'static str>,
    /// A header that tells the client how to proceed, such as `Retry-After`.
    header: Option<Box<(HeaderName, HeaderValue)>>,
    source: Option<Source>,
    attributes: Vec<Attribute>,
}

/// An error as recorded in the request log.
#[derive(Debug, Clone)]
pub struct ErrorReport {
    /// The label of the error in metrics: the first code, or the kind of token error.
    pub kind: &'static str,
    /// The codes of the response, each with its message.
    pub codes: Vec<(&'static str, Cow<'static, str>)>,
    /// The messages of the internal error behind a 5xx response and of its sources; `None` without one.
    pub cause: Option<String>,
    /// Further fields of the log, such as `user.id`, each with its value.
    pub attributes: Vec<(&'static str, String)>,
}

impl ApiError {
    fn new(status: StatusCode, codes: Vec<Code>) -> Self {
        Self {
            status,
            codes,
            detail: None,
            kind: None,
            header: None,
            source: None,
            attributes: Vec::new(),
        }
    }

    fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    /// Adds fields to the log of the request. The response does not contain them.
    pub(crate) fn with_attributes(
        mut self,
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Self {
        self.attributes.extend(attributes);
        self
    }

    /// Creates an error with one code.
    fn single(status: StatusCode, code: &'static str, message: impl Into<Message>) -> Self {
        Self::new(status, vec![(code, message.into())])
    }

    /// Creates the 409 for a unique value, such as an e-mail, that another resource already has.
    fn conflict(code: &'static str, message: &'static str) -> Self {
        Self::single(StatusCode::CONFLICT, code, message)
    }

    fn unprocessable(code: &'static str, message: &'static str) -> Self {
        Self::single(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    fn invalid_fields(codes: impl Iterator<Item = Code>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, codes.collect())
    }

    /// Creates the 400 for a malformed request.
    pub(crate) fn invalid_request(message: impl Into<Message>) -> Self {
        Self::single(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// Creates the 400 for a page cursor that is malformed or belongs to another list.
    pub(crate) fn invalid_cursor() -> Self {
        Self::invalid_request("the cursor should be one from a Link of this list")
    }

    /// Creates the 400 for an invalid list of ids in the query.
    pub(crate) fn invalid_ids() -> Self {
        Self::invalid_request("ids should be 1 to 100 UUIDs, separated by commas")
    }

    /// Creates the 422 for a body that is not a JSON object with members of the expected types.
    pub(crate) fn invalid_json(detail: impl Into<Message>) -> Self {
        let detail = Some(detail.into());
        Self { detail, ..Self::unprocessable("invalid_json", "invalid json") }
    }

    /// Creates the 415 for a body of a media type that the route does not accept.
    pub(crate) fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!("the Content-Type should be {}", accepted.replace(", ", " or "));
        Self::unsupported(message, ACCEPT, accepted)
    }

    /// Creates the 415 for a compressed body.
    pub(crate) fn unsupported_encoding() -> Self {
        let message = "send the body without a Content-Encoding, such as gzip";
        Self::unsupported(message, ACCEPT_ENCODING, "identity")
    }

    /// Creates a 415 with what is accepted instead (RFC 9110, section 15.5.16).
    fn unsupported(message: impl Into<Message>, name: HeaderName, accepted: &str) -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::single(status, "unsupported_media_type", message)
            .with_header(name, HeaderValue::from_str(accepted).expect("media types or an encoding"))
    }

    /// Creates the 422 for a body without a refresh token.
    pub(crate) fn refresh_token_required() -> Self {
        Self::unprocessable("refresh_token_required", "refresh token is required")
    }

    /// Creates the 409 for a request while another one with the same `Idempotency-Key` is in progress.
    pub(crate) fn request_in_progress() -> Self {
        let message = "a request with this idempotency key is in progress; retry later";
        Self::single(StatusCode::CONFLICT, "request_in_progress", message)
            .with_header(RETRY_AFTER, 1.into())
    }

    /// Creates the 422 for an `Idempotency-Key` that another request used.
    pub(crate) fn idempotency_key_reused() -> Self {
        let message = "this idempotency key was used for another request; use a new key";
        Self::unprocessable("idempotency_key_reused", message)
    }

    fn not_found() -> Self {
        Self::single(StatusCode::NOT_FOUND, "not_found", "resource not found")
    }

    fn not_owner() -> Self {
        let message = "only the owner can modify or delete this food";
        Self::single(StatusCode::FORBIDDEN, "not_owner", message)
    }

    fn own_food() -> Self {
        Self::single(StatusCode::FORBIDDEN, "own_food", "users cannot like their own foods")
    }

    pub(crate) fn precondition_failed() -> Self {
        let message = "the food was modified; fetch it and retry";
        let status = StatusCode::PRECONDITION_FAILED;
        Self::single(status, "precondition_failed", message)
    }

    fn edit_conflict() -> Self {
        let message = "a concurrent request modified the food; fetch it and retry";
        Self::single(StatusCode::CONFLICT, "edit_conflict", message)
    }

    /// Creates the 401 of a failed login, which does not reveal whether the e-mail or the password is wrong.
    fn incorrect_login() -> Self {
        let message = "incorrect email or password";
        Self::unauthorized("incorrect_password", message, CHALLENGE)
    }

    /// Creates the 403 for a wrong old password. Not a 401, because the access token is valid.
    fn incorrect_old_password() -> Self {
        let message = "incorrect old password";
        Self::single(StatusCode::FORBIDDEN, "incorrect_password", message)
    }

    fn unauthorized(code: &'static str, message: &'static str, challenge: &'static str) -> Self {
        Self::single(StatusCode::UNAUTHORIZED, code, message)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// Creates the 503 for a backend, such as `DynamoDB`, that is unavailable or busy.
    pub(crate) fn unavailable(source: Option<Source>) -> Self {
        let message = "temporarily unavailable; retry later";
        let error = Self::single(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        Self { source, ..error.with_header(RETRY_AFTER, 1.into()) }
    }

    fn internal(source: impl Into<Source>) -> Self {
        let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, "internal_error");
        Self {
            source: Some(source.into()),
            ..Self::single(status, code, "internal server error; please report it")
        }
    }

    /// Returns this error as recorded in the request log.
    pub(crate) fn report(&self) -> ErrorReport {
        let first = self.codes.first().map_or("", |(code, _)| code);
        let source = self.source.as_deref();
        ErrorReport {
            kind: self.kind.unwrap_or(first),
            codes: self.codes.clone(),
            cause: source.map(|source| error_chain(source)),
            attributes: self.attributes.clone(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Converts the error to an HTTP response.
    pub(crate) fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).expect("texts and a number");
        let mut response = Response::with_body(self.status, "application/problem+json", body);
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers.insert(name, value);
        }
        response
    }
}

/// Returns the messages of an error and its sources, separated by `: `.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        chain.push_str(": ");
        chain.push_str(&source.to_string());
        next = source.source();
    }
    chain
}

/// Serializes the members of RFC 9457 first, then the codes in their order.
impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("type", "about:blank")?;
        let title = self.status.canonical_reason().unwrap_or_default();
        members.serialize_entry("title", title)?;
        members.serialize_entry("status", &self.status.as_u16())?;
        if let Some(detail) = &self.detail {
            members.serialize_entry("detail", detail)?;
        }
        for (code, message) in &self.codes {
            members.serialize_entry(code, message)?;
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use domain::storage::StorageError;

    use super::*;

    #[test]
    fn logged_error_cause_includes_all_error_sources() {
        let error = StorageError::Unavailable("connection refused".into());
        let cause = "the store is unavailable: connection refused";
        assert_eq!(error_chain(&error), cause);
        assert_eq!(ApiError::from(error).report().cause.as_deref(), Some(cause));
    }
}
