//! Errors to HTTP: the only place that knows which status and codes an outcome has.
//!
//! An error is `application/problem+json` (RFC 9457) whose extension members are our stable codes,
//! each with a sentence. Codes never change; those sentences that old clients show do not either.
//! There is no `_` arm: a new outcome of the domain fails to compile until someone picks its status.

use std::borrow::Cow;
use std::error::Error;

use domain::application::{
    AuthenticateError, ChangePasswordError, CreateFoodError, CreateUserError, DeleteFoodError,
    DeleteUserError, EndSessionError, GetFoodError, GetUserError, InvalidFood, InvalidFoodField,
    InvalidLogin, InvalidLoginField, InvalidPasswordChange, InvalidPasswordChangeField,
    InvalidUser, InvalidUserField, LoginError, RefreshError, ThrottleError, UpdateFoodError,
};
use domain::food::{Description, Title};
use domain::id::InvalidId;
use domain::image::{InvalidImage, InvalidUpload, InvalidUploadField};
use domain::page::InvalidPageSize;
use domain::password::{HashError, InvalidPassword, Password};
use domain::storage::StorageError;
use domain::token::{SignError, TokenError};
use domain::user::UserName;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::log::chain;
use crate::response::Reply;
use crate::watch::Told;

/// Clients refresh on this sentence, word for word.
const TOKEN_EXPIRED: &str = "Token is expired";
/// And on this one.
const TOKEN_MALFORMED: &str = "token contains an invalid number of segments";

const NO_SUCH_UPLOAD: &str = "there is no such upload of yours that no food was given yet";

pub(crate) type Sentence = Cow<'static, str>;

/// An answer that says what went wrong, and what the log should know about it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    codes: Vec<(&'static str, Sentence)>,
    /// What it is counted as, where that is not its first code.
    kind: Option<&'static str>,
    challenge: Option<&'static str>,
    /// In how many seconds it is worth asking again.
    retry_after: Option<u64>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, sentence: impl Into<Sentence>) -> Self {
        Self::several(status, vec![(code, sentence.into())])
    }

    fn several(status: StatusCode, codes: Vec<(&'static str, Sentence)>) -> Self {
        Self {
            status,
            codes,
            kind: None,
            challenge: None,
            retry_after: None,
            source: None,
        }
    }

    /// The request as a whole cannot be read.
    pub(crate) fn invalid_request(sentence: impl Into<Sentence>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", sentence)
    }

    /// The body is not a JSON object of the right shape.
    pub(crate) fn invalid_json() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_json",
            "invalid json",
        )
    }

    /// There is no refresh token in the body.
    pub(crate) fn refresh_token_required() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "refresh_token_required",
            "refresh token is required",
        )
    }

    /// What the request asks for is being done for another one with its `Idempotency-Key`.
    pub(crate) fn request_in_progress() -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(
                StatusCode::CONFLICT,
                "request_in_progress",
                "the same request is still being answered",
            )
        }
    }

    /// A cursor that this list has not given out.
    pub(crate) fn foreign_cursor() -> Self {
        Self::invalid_request("the cursor should be one from a Link of this list")
    }

    /// The `Idempotency-Key` belongs to another request.
    pub(crate) fn idempotency_key_reused() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this idempotency key was used for another request",
        )
    }

    /// The same whether it is somebody else's, was given to a food before, or was at this moment.
    fn no_such_upload() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_file",
            NO_SUCH_UPLOAD,
        )
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing")
    }

    fn not_owner() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_owner",
            "only who shared it may change or delete it",
        )
    }

    pub(crate) fn precondition_failed() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "it was changed since, please look and try again",
        )
    }

    fn unauthorized(code: &'static str, sentence: &'static str, challenge: &'static str) -> Self {
        Self {
            challenge: Some(challenge),
            ..Self::new(StatusCode::UNAUTHORIZED, code, sentence)
        }
    }

    /// Somebody may do better in a moment.
    pub(crate) fn unavailable(source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            retry_after: Some(1),
            source,
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "please try again in a moment",
            )
        }
    }

    fn internal(source: Box<dyn Error + Send + Sync>) -> Self {
        Self {
            source: Some(source),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "something went wrong on our side",
            )
        }
    }

    /// What happened behind a 5xx, with everything that led to it; for the log only.
    pub(crate) fn cause(&self) -> Option<String> {
        Some(chain(self.source.as_deref()?))
    }

    /// What the log should know.
    pub(crate) fn told(&self) -> Told {
        Told {
            kind: self.kind.unwrap_or_else(|| self.code()),
            codes: self.codes.clone(),
            cause: self.cause(),
        }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The first of its codes.
    pub(crate) fn code(&self) -> &'static str {
        self.codes.first().map_or("", |(code, _)| code)
    }

    /// The problem as the client sees it.
    pub(crate) fn into_reply(self) -> Reply {
        let body = serde_json::to_string(&Problem(&self)).expect("texts and a number");
        let mut reply = Reply::json(self.status, "application/problem+json", body);
        if let Some(challenge) = self.challenge {
            reply
                .headers
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            reply.headers.insert(RETRY_AFTER, seconds.into());
        }
        reply
    }
}

/// The standard members first, then the codes in the order in which they were found.
struct Problem<'a>(&'a ApiError);

impl Serialize for Problem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(error) = self;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("type", "about:blank")?;
        let title = error.status.canonical_reason().unwrap_or_default();
        members.serialize_entry("title", title)?;
        members.serialize_entry("status", &error.status.as_u16())?;
        for (code, sentence) in &error.codes {
            members.serialize_entry(code, sentence)?;
        }
        members.end()
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) => Self::unavailable(Some(error.into())),
            StorageError::Corrupt(_) | StorageError::Refused(_) => Self::internal(error.into()),
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        Self::internal(error.into())
    }
}

impl From<SignError> for ApiError {
    fn from(error: SignError) -> Self {
        Self::internal(error.into())
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        // RFC 6750, section 3.1: no error code where there was no token.
        let (kind, sentence, challenge) = match error {
            TokenError::Missing => (
                "token_missing",
                TOKEN_MALFORMED,
                "Bearer realm=\"food-app\"",
            ),
            TokenError::Malformed => (
                "token_malformed",
                TOKEN_MALFORMED,
                "Bearer realm=\"food-app\", error=\"invalid_token\"",
            ),
            TokenError::Expired => (
                "token_expired",
                TOKEN_EXPIRED,
                "Bearer realm=\"food-app\", error=\"invalid_token\", \
                 error_description=\"The token expired\"",
            ),
            TokenError::Refused => (
                "token_refused",
                "unauthorized",
                "Bearer realm=\"food-app\", error=\"invalid_token\"",
            ),
        };
        Self {
            kind: Some(kind),
            ..Self::unauthorized("error", sentence, challenge)
        }
    }
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(error) => error.into(),
            AuthenticateError::Repository(error) => error.into(),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Token(error) => error.into(),
            RefreshError::Sign(error) => error.into(),
            RefreshError::Repository(error) => error.into(),
        }
    }
}

impl From<ThrottleError> for ApiError {
    fn from(error: ThrottleError) -> Self {
        match error {
            ThrottleError::TooMany { retry_after } => Self {
                // The next window has begun by then.
                retry_after: Some(retry_after.as_secs() + 1),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_attempts",
                    "too many attempts, please wait",
                )
            },
            ThrottleError::Repository(error) => error.into(),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::IncorrectPassword => Self::unauthorized(
                "incorrect_password",
                "incorrect email or password",
                "Bearer realm=\"food-app\"",
            ),
            LoginError::Throttle(error) => error.into(),
            LoginError::Hash(error) => error.into(),
            LoginError::Sign(error) => error.into(),
            LoginError::Repository(error) => error.into(),
        }
    }
}

impl From<InvalidLogin> for ApiError {
    fn from(invalid: InvalidLogin) -> Self {
        let codes = invalid.0.into_iter().map(|field| match field {
            InvalidLoginField::EmailRequired => ("email_required", "email is required".into()),
            InvalidLoginField::InvalidEmail => {
                ("invalid_email", "please provide a valid email".into())
            }
            InvalidLoginField::PasswordRequired => {
                ("password_required", "password is required".into())
            }
        });
        Self::several(StatusCode::UNPROCESSABLE_ENTITY, codes.collect())
    }
}

fn sentence(invalid: InvalidPassword) -> Sentence {
    match invalid {
        InvalidPassword::TooShort { min_chars } => {
            format!("password should be at least {min_chars} characters").into()
        }
        InvalidPassword::TooLong => {
            let max = Password::MAX_CHARS;
            format!("password should be at most {max} characters").into()
        }
        InvalidPassword::TooCommon => {
            "this password is one that many people have, please choose another".into()
        }
    }
}

impl From<InvalidUser> for ApiError {
    fn from(invalid: InvalidUser) -> Self {
        let codes = invalid.0.into_iter().map(|field| match field {
            InvalidUserField::FirstNameRequired => {
                ("firstname_required", "first name is required".into())
            }
            InvalidUserField::LastNameRequired => {
                ("lastname_required", "last name is required".into())
            }
            InvalidUserField::NameTooLong => {
                let max = UserName::MAX_CHARS;
                let sentence = format!("a name should be at most {max} characters");
                ("name_too_long", sentence.into())
            }
            InvalidUserField::EmailRequired => ("email_required", "email is required".into()),
            InvalidUserField::InvalidEmail => {
                ("invalid_email", "please provide a valid email".into())
            }
            InvalidUserField::PasswordRequired => {
                ("password_required", "password is required".into())
            }
            InvalidUserField::InvalidPassword(error) => ("invalid_password", sentence(error)),
        });
        Self::several(StatusCode::UNPROCESSABLE_ENTITY, codes.collect())
    }
}

impl From<CreateUserError> for ApiError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::EmailTaken => {
                Self::new(StatusCode::CONFLICT, "email_taken", "email already taken")
            }
            CreateUserError::Hash(error) => error.into(),
            CreateUserError::Repository(error) => error.into(),
        }
    }
}

impl From<GetUserError> for ApiError {
    fn from(error: GetUserError) -> Self {
        match error {
            GetUserError::NotFound => Self::not_found(),
            GetUserError::Repository(error) => error.into(),
        }
    }
}

impl From<InvalidPasswordChange> for ApiError {
    fn from(invalid: InvalidPasswordChange) -> Self {
        let codes = invalid.0.into_iter().map(|field| match field {
            InvalidPasswordChangeField::OldRequired => {
                ("old_password_required", "old password is required".into())
            }
            InvalidPasswordChangeField::NewRequired => {
                ("password_required", "password is required".into())
            }
            InvalidPasswordChangeField::InvalidNew(error) => ("invalid_password", sentence(error)),
        });
        Self::several(StatusCode::UNPROCESSABLE_ENTITY, codes.collect())
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            // The token is right, so it is no 401.
            ChangePasswordError::IncorrectPassword => Self::new(
                StatusCode::FORBIDDEN,
                "incorrect_password",
                "incorrect old password",
            ),
            ChangePasswordError::Throttle(error) => error.into(),
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Repository(error) => error.into(),
        }
    }
}

impl From<EndSessionError> for ApiError {
    fn from(error: EndSessionError) -> Self {
        match error {
            EndSessionError::NotFound => Self::not_found(),
            EndSessionError::Repository(error) => error.into(),
        }
    }
}

impl From<DeleteUserError> for ApiError {
    fn from(error: DeleteUserError) -> Self {
        match error {
            DeleteUserError::Busy => Self::unavailable(Some(error.into())),
            DeleteUserError::Repository(error) => error.into(),
        }
    }
}

impl From<InvalidFood> for ApiError {
    fn from(invalid: InvalidFood) -> Self {
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let codes = invalid.0.into_iter().map(|field| match field {
            InvalidFoodField::TitleRequired => ("title_required", "title is required".into()),
            InvalidFoodField::TitleTooLong => {
                let max = Title::MAX_CHARS;
                let sentence = format!("title should be at most {max} characters");
                ("title_too_long", sentence.into())
            }
            InvalidFoodField::DescriptionRequired => {
                ("desc_required", "description is required".into())
            }
            InvalidFoodField::DescriptionTooLong => {
                let max = Description::MAX_CHARS;
                let sentence = format!("description should be at most {max} characters");
                ("desc_too_long", sentence.into())
            }
            InvalidFoodField::DescriptionTooMuchMarkup => {
                let sentence = "description should have fewer or shorter HTML tags";
                ("desc_too_long", sentence.into())
            }
            InvalidFoodField::ImageRequired => ("invalid_file", "a valid file is required".into()),
            InvalidFoodField::NoSuchUpload => ("invalid_file", NO_SUCH_UPLOAD.into()),
            InvalidFoodField::InvalidImage(InvalidImage::Unrecognised) => {
                ("upload_err", "please upload a valid image".into())
            }
            InvalidFoodField::InvalidImage(
                error @ (InvalidImage::OtherKind { .. }
                | InvalidImage::TooManyPixels
                | InvalidImage::TooManyFrames),
            ) => ("upload_err", error.to_string().into()),
            InvalidFoodField::InvalidImage(InvalidImage::TooLarge { max_bytes }) => {
                status = StatusCode::PAYLOAD_TOO_LARGE;
                ("upload_err", too_large(max_bytes))
            }
        });
        let codes = codes.collect();
        Self::several(status, codes)
    }
}

fn too_large(max_bytes: usize) -> Sentence {
    format!("please upload an image of at most {max_bytes} bytes").into()
}

impl From<InvalidUpload> for ApiError {
    fn from(invalid: InvalidUpload) -> Self {
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let codes = invalid.0.into_iter().map(|field| match field {
            InvalidUploadField::KindRequired => {
                ("content_type_required", "content_type is required".into())
            }
            InvalidUploadField::UnknownKind => {
                let sentence = "content_type should be image/jpeg, image/png, image/webp, image/gif \
                                or image/avif";
                ("upload_err", sentence.into())
            }
            InvalidUploadField::SizeRequired => {
                let sentence = "size is required: the picture's length in bytes";
                ("size_required", sentence.into())
            }
            InvalidUploadField::TooLarge { max_bytes } => {
                status = StatusCode::PAYLOAD_TOO_LARGE;
                ("upload_err", too_large(max_bytes))
            }
        });
        let codes = codes.collect();
        Self::several(status, codes)
    }
}

impl From<CreateFoodError> for ApiError {
    fn from(error: CreateFoodError) -> Self {
        match error {
            CreateFoodError::UploadTaken => Self::no_such_upload(),
            CreateFoodError::TitleTaken => Self::new(
                StatusCode::CONFLICT,
                "unique_title",
                "food title already taken",
            ),
            CreateFoodError::CreatorGone => TokenError::Refused.into(),
            CreateFoodError::Repository(error) => error.into(),
        }
    }
}

impl From<GetFoodError> for ApiError {
    fn from(error: GetFoodError) -> Self {
        match error {
            GetFoodError::NotFound => Self::not_found(),
            GetFoodError::Repository(error) => error.into(),
        }
    }
}

impl From<UpdateFoodError> for ApiError {
    fn from(error: UpdateFoodError) -> Self {
        match error {
            UpdateFoodError::NotFound => Self::not_found(),
            UpdateFoodError::NotOwner => Self::not_owner(),
            UpdateFoodError::TitleTaken => {
                Self::new(StatusCode::CONFLICT, "unique_title", "title already taken")
            }
            UpdateFoodError::UploadTaken => Self::no_such_upload(),
            UpdateFoodError::Stale => Self::precondition_failed(),
            UpdateFoodError::Conflict => Self::new(
                StatusCode::CONFLICT,
                "edit_conflict",
                "somebody else changed it at the same time, please look and try again",
            ),
            UpdateFoodError::Repository(error) => error.into(),
        }
    }
}

impl From<DeleteFoodError> for ApiError {
    fn from(error: DeleteFoodError) -> Self {
        match error {
            DeleteFoodError::NotFound => Self::not_found(),
            DeleteFoodError::NotOwner => Self::not_owner(),
            DeleteFoodError::Stale => Self::precondition_failed(),
            DeleteFoodError::Busy => Self::unavailable(Some(error.into())),
            DeleteFoodError::Repository(error) => error.into(),
        }
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
