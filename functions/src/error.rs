//! Errors to HTTP: the only place that knows the status and the codes of an error.
//!
//! An error is `application/problem+json` (RFC 9457). Its extension members are our stable codes, each with
//! a message. Codes never change, and neither do the messages that old clients show. There is no `_` arm: a
//! new error of the domain does not compile until someone picks its status.

use std::borrow::Cow;
use std::error::Error;

use domain::food::{Description, Title};
use domain::id::InvalidId;
use domain::image::{InvalidImage, InvalidUpload, InvalidUploadField};
use domain::page::InvalidPageSize;
use domain::password::{HashError, InvalidPassword, Password};
use domain::storage::StorageError;
use domain::token::{SignError, TokenError};
use domain::use_cases::{
    ChangePasswordError, CheckSessionError, CreateFoodError, CreateUserError, DeleteFoodError,
    DeleteUserError, InvalidFood, InvalidFoodField, InvalidLogin, InvalidLoginField,
    InvalidPasswordChange, InvalidPasswordChangeField, InvalidUser, InvalidUserField, LoginError,
    LookupError, RateLimitError, RefreshError, UpdateFoodError,
};
use domain::user::UserName;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::http::response::Response;

/// Clients refresh on this message, word for word.
const TOKEN_EXPIRED: &str = "Token is expired";
/// And on this one.
const TOKEN_MALFORMED: &str = "token contains an invalid number of segments";

/// Challenges of `WWW-Authenticate` (RFC 6750, section 3).
const CHALLENGE: &str = "Bearer realm=\"food-app\"";
const INVALID_TOKEN: &str = "Bearer realm=\"food-app\", error=\"invalid_token\"";
const EXPIRED_TOKEN: &str = "Bearer realm=\"food-app\", error=\"invalid_token\", \
                             error_description=\"The token expired\"";

const NO_SUCH_UPLOAD: &str = "upload not found or already used";

pub(crate) type Message = Cow<'static, str>;
type Code = (&'static str, Message);
type Source = Box<dyn Error + Send + Sync>;

/// What a retry with the same `Idempotency-Key` gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnRetry {
    /// This response again: another attempt would end the same.
    Replay,
    /// Another attempt.
    Execute,
}

/// A response that reports an error, and its cause for the log.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    codes: Vec<Code>,
    on_retry: OnRetry,
    /// The metric label, where that is not the first code.
    kind: Option<&'static str>,
    challenge: Option<&'static str>,
    /// In seconds.
    retry_after: Option<u64>,
    source: Option<Source>,
}

/// An error as recorded in the request log.
#[derive(Debug, Clone)]
pub struct ErrorReport {
    /// The metric label: the first code, or what is wrong with the token.
    pub kind: &'static str,
    /// The codes of the response, each with its message.
    pub codes: Vec<(&'static str, Cow<'static, str>)>,
    /// The internal cause of a 5xx, with all its sources.
    pub cause: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, codes: Vec<Code>, on_retry: OnRetry) -> Self {
        Self {
            status,
            codes,
            on_retry,
            kind: None,
            challenge: None,
            retry_after: None,
            source: None,
        }
    }

    /// An error that another attempt may not have.
    fn one(status: StatusCode, code: &'static str, message: impl Into<Message>) -> Self {
        Self::new(status, vec![(code, message.into())], OnRetry::Execute)
    }

    /// A value is taken for good.
    fn taken(code: &'static str, message: &'static str) -> Self {
        let codes = vec![(code, message.into())];
        Self::new(StatusCode::CONFLICT, codes, OnRetry::Replay)
    }

    fn unprocessable(code: &'static str, message: &'static str) -> Self {
        Self::one(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    fn invalid_fields(codes: impl Iterator<Item = Code>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, codes.collect(), OnRetry::Execute)
    }

    /// The request as a whole cannot be read.
    pub(crate) fn invalid_request(message: impl Into<Message>) -> Self {
        Self::one(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// The cursor is not one of this list.
    pub(crate) fn foreign_cursor() -> Self {
        Self::invalid_request("the cursor should be one from a Link of this list")
    }

    /// The body is not a JSON object of the right shape.
    pub(crate) fn invalid_json() -> Self {
        Self::unprocessable("invalid_json", "invalid json")
    }

    /// The body has no refresh token.
    pub(crate) fn refresh_token_required() -> Self {
        Self::unprocessable("refresh_token_required", "refresh token is required")
    }

    /// Another request with the same `Idempotency-Key` is in progress.
    pub(crate) fn request_in_progress() -> Self {
        let message = "the same request is still being answered";
        Self {
            retry_after: Some(1),
            ..Self::one(StatusCode::CONFLICT, "request_in_progress", message)
        }
    }

    /// The `Idempotency-Key` belongs to another request.
    pub(crate) fn idempotency_key_reused() -> Self {
        let message = "this idempotency key was used for another request";
        Self::unprocessable("idempotency_key_reused", message)
    }

    /// The same for an upload of another user, one that is used already, and one that never was.
    fn no_such_upload() -> Self {
        Self::unprocessable("invalid_file", NO_SUCH_UPLOAD)
    }

    fn not_found() -> Self {
        Self::one(StatusCode::NOT_FOUND, "not_found", "there is no such thing")
    }

    fn not_owner() -> Self {
        let message = "only who shared it may change or delete it";
        Self::one(StatusCode::FORBIDDEN, "not_owner", message)
    }

    pub(crate) fn precondition_failed() -> Self {
        let message = "it was changed since, please look and try again";
        let status = StatusCode::PRECONDITION_FAILED;
        Self::one(status, "precondition_failed", message)
    }

    fn edit_conflict() -> Self {
        let message = "somebody else changed it at the same time, please look and try again";
        Self::one(StatusCode::CONFLICT, "edit_conflict", message)
    }

    /// The same whether the e-mail or the password is wrong.
    fn incorrect_login() -> Self {
        let message = "incorrect email or password";
        Self::unauthorized("incorrect_password", message, CHALLENGE)
    }

    /// Not 401: the token is valid.
    fn incorrect_old_password() -> Self {
        let message = "incorrect old password";
        Self::one(StatusCode::FORBIDDEN, "incorrect_password", message)
    }

    fn unauthorized(code: &'static str, message: &'static str, challenge: &'static str) -> Self {
        Self {
            challenge: Some(challenge),
            ..Self::one(StatusCode::UNAUTHORIZED, code, message)
        }
    }

    /// A backend is unavailable or busy.
    pub(crate) fn unavailable(source: Option<Source>) -> Self {
        let message = "please try again in a moment";
        Self {
            retry_after: Some(1),
            source,
            ..Self::one(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
    }

    fn internal(source: impl Into<Source>) -> Self {
        let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, "internal_error");
        Self {
            source: Some(source.into()),
            ..Self::one(status, code, "something went wrong on our side")
        }
    }

    /// Returns what the request log records.
    pub(crate) fn report(&self) -> ErrorReport {
        let first = self.codes.first().map_or("", |(code, _)| code);
        let source = self.source.as_deref();
        ErrorReport {
            kind: self.kind.unwrap_or(first),
            codes: self.codes.clone(),
            cause: source.map(|source| error_chain(source)),
        }
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What a retry with the same `Idempotency-Key` gets.
    pub(crate) fn on_retry(&self) -> OnRetry {
        self.on_retry
    }

    /// Makes the response that the client gets.
    pub(crate) fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).expect("texts and a number");
        let mut reply = Response::json(self.status, "application/problem+json", body);
        if let Some(challenge) = self.challenge {
            let challenge = HeaderValue::from_static(challenge);
            reply.headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            reply.headers.insert(RETRY_AFTER, seconds.into());
        }
        reply
    }
}

/// Returns the message of an error, followed by those of its sources.
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

/// A problem: the standard members first, then the codes in the order in which they were found.
impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("type", "about:blank")?;
        let title = self.status.canonical_reason().unwrap_or_default();
        members.serialize_entry("title", title)?;
        members.serialize_entry("status", &self.status.as_u16())?;
        for (code, message) in &self.codes {
            members.serialize_entry(code, message)?;
        }
        members.end()
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) => Self::unavailable(Some(error.into())),
            StorageError::Corrupt(_) | StorageError::Rejected(_) => Self::internal(error),
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        Self::internal(error)
    }
}

impl From<SignError> for ApiError {
    fn from(error: SignError) -> Self {
        Self::internal(error)
    }
}

impl From<InvalidId> for ApiError {
    fn from(_: InvalidId) -> Self {
        Self::invalid_request("the id in the path should be a UUID")
    }
}

impl From<InvalidPageSize> for ApiError {
    fn from(error: InvalidPageSize) -> Self {
        Self::invalid_request(error.to_string())
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let (kind, message, challenge) = match error {
            // RFC 6750, section 3.1: no error code where there was no token.
            TokenError::Missing => ("token_missing", TOKEN_MALFORMED, CHALLENGE),
            TokenError::Malformed => ("token_malformed", TOKEN_MALFORMED, INVALID_TOKEN),
            TokenError::Expired => ("token_expired", TOKEN_EXPIRED, EXPIRED_TOKEN),
            TokenError::Rejected => ("token_refused", "unauthorized", INVALID_TOKEN),
        };
        Self {
            kind: Some(kind),
            ..Self::unauthorized("error", message, challenge)
        }
    }
}

impl From<RateLimitError> for ApiError {
    fn from(error: RateLimitError) -> Self {
        let message = "too many attempts, please wait";
        match error {
            RateLimitError::TooMany { retry_after } => Self {
                // The next window has begun by then.
                retry_after: Some(retry_after.as_secs() + 1),
                ..Self::one(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message)
            },
            RateLimitError::Storage(error) => error.into(),
        }
    }
}

/// Maps the errors of a use case, exhaustively: its own as written, those it wraps (`..`) as themselves.
macro_rules! map_errors {
    ($($error:ident { $($own:ident => $response:expr,)* $(..$wrapped:ident)* })*) => { $(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                match error {
                    $($error::$own => $response,)*
                    $($error::$wrapped(error) => error.into(),)*
                }
            }
        }
    )* };
}

map_errors! {
    CheckSessionError { ..Token ..Storage }
    RefreshError { ..Token ..Sign ..Storage }
    LoginError {
        IncorrectPassword => ApiError::incorrect_login(),
        ..RateLimit ..Hash ..Sign ..Storage
    }
    CreateUserError {
        EmailTaken => ApiError::taken("email_taken", "email already taken"),
        ..Hash ..Storage
    }
    ChangePasswordError {
        IncorrectPassword => ApiError::incorrect_old_password(),
        ..RateLimit ..Hash ..Storage
    }
    DeleteUserError {
        Busy => ApiError::unavailable(Some(DeleteUserError::Busy.into())),
        ..Storage
    }
    CreateFoodError {
        UploadTaken => ApiError::no_such_upload(),
        TitleTaken => ApiError::taken("unique_title", "food title already taken"),
        CreatorGone => TokenError::Rejected.into(),
        ..Invalid
        ..Storage
    }
    LookupError {
        NotFound => ApiError::not_found(),
        ..Storage
    }
    UpdateFoodError {
        NotFound => ApiError::not_found(),
        NotOwner => ApiError::not_owner(),
        TitleTaken => ApiError::taken("unique_title", "title already taken"),
        UploadTaken => ApiError::no_such_upload(),
        PreconditionFailed => ApiError::precondition_failed(),
        Conflict => ApiError::edit_conflict(),
        ..Invalid
        ..Storage
    }
    DeleteFoodError {
        NotFound => ApiError::not_found(),
        NotOwner => ApiError::not_owner(),
        PreconditionFailed => ApiError::precondition_failed(),
        Busy => ApiError::unavailable(Some(DeleteFoodError::Busy.into())),
        ..Storage
    }
}

fn email_required() -> Code {
    ("email_required", "email is required".into())
}

fn invalid_email() -> Code {
    ("invalid_email", "please provide a valid email".into())
}

fn password_required() -> Code {
    ("password_required", "password is required".into())
}

fn invalid_password(invalid: InvalidPassword) -> Code {
    let message = match invalid {
        InvalidPassword::TooShort { min_chars } => {
            format!("password should be at least {min_chars} characters").into()
        }
        InvalidPassword::TooLong => format!(
            "password should be at most {} characters",
            Password::MAX_CHARS
        )
        .into(),
        InvalidPassword::TooCommon => {
            "this password is one that many people have, please choose another".into()
        }
    };
    ("invalid_password", message)
}

fn too_large(max_bytes: usize) -> Code {
    let message = format!("please upload an image of at most {max_bytes} bytes");
    ("upload_err", message.into())
}

impl From<InvalidLogin> for ApiError {
    fn from(invalid: InvalidLogin) -> Self {
        Self::invalid_fields(invalid.0.into_iter().map(|field| match field {
            InvalidLoginField::EmailRequired => email_required(),
            InvalidLoginField::InvalidEmail => invalid_email(),
            InvalidLoginField::PasswordRequired => password_required(),
        }))
    }
}

impl From<InvalidUser> for ApiError {
    fn from(invalid: InvalidUser) -> Self {
        use InvalidUserField as Field;
        let too_long = format!(
            "a name should be at most {} characters",
            UserName::MAX_CHARS
        );
        Self::invalid_fields(invalid.0.into_iter().map(|field| match field {
            Field::FirstNameRequired => ("firstname_required", "first name is required".into()),
            Field::LastNameRequired => ("lastname_required", "last name is required".into()),
            Field::NameTooLong => ("name_too_long", too_long.clone().into()),
            Field::EmailRequired => email_required(),
            Field::InvalidEmail => invalid_email(),
            Field::PasswordRequired => password_required(),
            Field::InvalidPassword(invalid) => invalid_password(invalid),
        }))
    }
}

impl From<InvalidPasswordChange> for ApiError {
    fn from(invalid: InvalidPasswordChange) -> Self {
        use InvalidPasswordChangeField as Field;
        Self::invalid_fields(invalid.0.into_iter().map(|field| match field {
            Field::OldRequired => ("old_password_required", "old password is required".into()),
            Field::NewRequired => password_required(),
            Field::InvalidNew(invalid) => invalid_password(invalid),
        }))
    }
}

impl From<InvalidFood> for ApiError {
    fn from(invalid: InvalidFood) -> Self {
        use InvalidFoodField as Field;
        let title_too_long = format!("title should be at most {} characters", Title::MAX_CHARS);
        let max_chars = Description::MAX_CHARS;
        let desc_too_long = format!("description should be at most {max_chars} characters");
        let unsupported_format = "please upload a valid image: JPEG, PNG, WebP or GIF";
        let too_much_markup = "description should have fewer or shorter HTML tags";
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let codes = invalid.0.into_iter().map(|field| match field {
            Field::TitleRequired => ("title_required", "title is required".into()),
            Field::TitleTooLong => ("title_too_long", title_too_long.clone().into()),
            Field::DescriptionRequired => ("desc_required", "description is required".into()),
            Field::DescriptionTooLong => ("desc_too_long", desc_too_long.clone().into()),
            Field::DescriptionTooMuchMarkup => ("desc_too_long", too_much_markup.into()),
            Field::ImageRequired => ("invalid_file", "a valid file is required".into()),
            Field::UploadNotFound => ("invalid_file", NO_SUCH_UPLOAD.into()),
            Field::InvalidImage(InvalidImage::Malformed) => {
                ("upload_err", "please upload a valid image".into())
            }
            Field::InvalidImage(InvalidImage::UnsupportedFormat) => {
                ("upload_err", unsupported_format.into())
            }
            Field::InvalidImage(
                error @ (InvalidImage::TooManyPixels | InvalidImage::TooComplex),
            ) => ("upload_err", error.to_string().into()),
            Field::InvalidImage(InvalidImage::TooLarge { max_bytes }) => {
                status = StatusCode::PAYLOAD_TOO_LARGE;
                too_large(max_bytes)
            }
        });
        let codes = codes.collect();
        Self::new(status, codes, OnRetry::Execute)
    }
}

impl From<InvalidUpload> for ApiError {
    fn from(invalid: InvalidUpload) -> Self {
        use InvalidUploadField as Field;
        let unknown_kind = "content_type should be image/jpeg, image/png, image/webp or image/gif";
        let size_required = "size is required: the length of the image in bytes";
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let codes = invalid.0.into_iter().map(|field| match field {
            Field::KindRequired => ("content_type_required", "content_type is required".into()),
            Field::UnknownKind => ("upload_err", unknown_kind.into()),
            Field::SizeRequired => ("size_required", size_required.into()),
            Field::TooLarge { max_bytes } => {
                status = StatusCode::PAYLOAD_TOO_LARGE;
                too_large(max_bytes)
            }
        });
        let codes = codes.collect();
        Self::new(status, codes, OnRetry::Execute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_taken_values_are_replayed_for_an_idempotency_key() {
        let busy = || StorageError::Unavailable("busy".into());
        for (error, on_retry) in [
            (CreateUserError::EmailTaken.into(), OnRetry::Replay),
            (CreateFoodError::TitleTaken.into(), OnRetry::Replay),
            (CreateFoodError::UploadTaken.into(), OnRetry::Execute),
            (CreateFoodError::CreatorGone.into(), OnRetry::Execute),
            (UpdateFoodError::Conflict.into(), OnRetry::Execute),
            (ApiError::request_in_progress(), OnRetry::Execute),
            (ApiError::invalid_json(), OnRetry::Execute),
            (busy().into(), OnRetry::Execute),
        ] {
            let error: ApiError = error;
            assert_eq!(error.on_retry(), on_retry, "{error:?}");
        }
    }

    #[test]
    fn cause_includes_the_sources_of_an_error() {
        let error = StorageError::Unavailable("connection refused".into());
        let cause = "the store is unavailable: connection refused";
        assert_eq!(error_chain(&error), cause);
        assert_eq!(ApiError::from(error).report().cause.as_deref(), Some(cause));
    }
}
