//! Maps each error of the domain to its status and codes. No other module contains them.
//!
//! No `match` has a `_` arm, so a new variant does not compile until it has a status.

use std::borrow::Cow;

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
    InvalidPasswordChange, InvalidPasswordChangeField, InvalidUser, InvalidUserField,
    LikeFoodError, LoginError, LookupError, RateLimitError, RefreshError, UpdateFoodError,
};
use domain::user::UserName;
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::{ApiError, CHALLENGE, Code};

/// The message for an expired token. Old clients refresh the session if they read this or [`TOKEN_MALFORMED`].
const TOKEN_EXPIRED: &str = "Token is expired";
const TOKEN_MALFORMED: &str = "token contains an invalid number of segments";

/// The challenge in `WWW-Authenticate` for an invalid token (RFC 6750, section 3.1).
const INVALID_TOKEN: &str = "Bearer realm=\"food-app\", error=\"invalid_token\"";
const EXPIRED_TOKEN: &str = "Bearer realm=\"food-app\", error=\"invalid_token\", \
                             error_description=\"The token expired\"";

const UPLOAD_NOT_FOUND: &str = "upload not found or already used";
const EMAIL_REQUIRED: Code = ("email_required", Cow::Borrowed("email is required"));
const INVALID_EMAIL: Code = ("invalid_email", Cow::Borrowed("please provide a valid email"));
const PASSWORD_REQUIRED: Code = ("password_required", Cow::Borrowed("password is required"));

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
            // RFC 6750, section 3.1: no error code when no token was sent.
            TokenError::Missing => ("token_missing", TOKEN_MALFORMED, CHALLENGE),
            TokenError::Malformed => ("token_malformed", TOKEN_MALFORMED, INVALID_TOKEN),
            TokenError::Expired => ("token_expired", TOKEN_EXPIRED, EXPIRED_TOKEN),
            TokenError::Rejected => ("token_refused", "unauthorized", INVALID_TOKEN),
        };
        let detail = (error == TokenError::Missing)
            .then_some("the request has no access token; send it as `Authorization: Bearer …`");
        Self {
            kind: Some(kind),
            detail: detail.map(Into::into),
            ..Self::unauthorized("error", message, challenge)
        }
    }
}

impl From<RateLimitError> for ApiError {
    fn from(error: RateLimitError) -> Self {
        let message = "too many attempts, please wait";
        match error {
            RateLimitError::TooMany { retry_after } => {
                // Rounded up, so that the next window has started.
                let seconds = retry_after.as_secs() + 1;
                Self::single(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message)
                    .with_header(RETRY_AFTER, seconds.into())
            }
            RateLimitError::Storage(error) => error.into(),
        }
    }
}

/// Maps each variant of a use case's error to a response. `..Variant` converts the error that the variant wraps.
macro_rules! map_errors {
    ($($error:ident {
        $($own:ident $({ $($field:ident),* })? => $response:expr,)* $(..$wrapped:ident)*
    })*) => { $(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                match error {
                    $($error::$own $({ $($field),* })? => $response,)*
                    $($error::$wrapped(error) => error.into(),)*
                }
            }
        }
    )* };
}

map_errors! {
    CheckSessionError { ..Token ..Storage }
    RefreshError {
        // The client gets the response to any other rejected token.
        Reused { user, session } => ApiError {
            kind: Some("refresh_reused"),
            ..ApiError::from(TokenError::Rejected).with_attributes([
                ("user.id", user.to_string()),
                ("session.id", session.to_string()),
            ])
        },
        ..Token ..Sign ..Storage
    }
    LoginError {
        IncorrectPassword { user } => ApiError::incorrect_login()
            .with_attributes(user.map(|user| ("user.id", user.to_string()))),
        ..RateLimit ..Hash ..Sign ..Storage
    }
    CreateUserError {
        EmailTaken => ApiError::conflict("email_taken", "email already taken"),
        ..Hash ..Storage
    }
    ChangePasswordError {
        IncorrectPassword => ApiError::incorrect_old_password(),
        SessionRevoked => TokenError::Rejected.into(),
        ..RateLimit ..Hash ..Sign ..Storage
    }
    DeleteUserError {
        Busy => ApiError::unavailable(Some(DeleteUserError::Busy.into())),
        ..Storage
    }
    CreateFoodError {
        UploadTaken => upload_not_found(),
        TitleTaken => ApiError::conflict("unique_title", "food title already taken"),
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
        TitleTaken => ApiError::conflict("unique_title", "title already taken"),
        UploadTaken => upload_not_found(),
        PreconditionFailed => ApiError::precondition_failed(),
        Conflict => ApiError::edit_conflict(),
        ..Invalid
        ..Storage
    }
    LikeFoodError {
        NotFound => ApiError::not_found(),
        OwnFood => ApiError::own_food(),
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

/// Creates the 422 for an unusable upload. Does not reveal if it never existed, was used or is another user's.
fn upload_not_found() -> ApiError {
    ApiError::unprocessable("invalid_file", UPLOAD_NOT_FOUND)
}

fn invalid_password(invalid: InvalidPassword) -> Code {
    let message = match invalid {
        InvalidPassword::TooShort { min_chars } => {
            format!("password should be at least {min_chars} characters").into()
        }
        InvalidPassword::TooLong => {
            let max_chars = Password::MAX_CHARS;
            format!("password should be at most {max_chars} characters").into()
        }
        InvalidPassword::TooCommon => "this password is too common; choose another".into(),
    };
    ("invalid_password", message)
}

fn invalid_text(field: &str) -> Cow<'static, str> {
    format!("{field} should be one line without control or invisible characters").into()
}

fn too_large(max_bytes: usize) -> Code {
    let message = format!("please upload an image of at most {max_bytes} bytes");
    ("upload_err", message.into())
}

impl From<InvalidLogin> for ApiError {
    fn from(invalid: InvalidLogin) -> Self {
        Self::invalid_fields(invalid.0.into_iter().map(|field| match field {
            InvalidLoginField::EmailRequired => EMAIL_REQUIRED,
            InvalidLoginField::InvalidEmail => INVALID_EMAIL,
            InvalidLoginField::PasswordRequired => PASSWORD_REQUIRED,
        }))
    }
}

impl From<InvalidUser> for ApiError {
    fn from(invalid: InvalidUser) -> Self {
        use InvalidUserField as Field;
        let max_chars = UserName::MAX_CHARS;
        let too_long = format!("a name should be at most {max_chars} characters");
        Self::invalid_fields(invalid.0.into_iter().map(|field| match field {
            Field::FirstNameRequired => ("firstname_required", "first name is required".into()),
            Field::LastNameRequired => ("lastname_required", "last name is required".into()),
            Field::InvalidFirstName => ("invalid_firstname", invalid_text("first name")),
            Field::InvalidLastName => ("invalid_lastname", invalid_text("last name")),
            Field::NameTooLong => ("name_too_long", too_long.clone().into()),
            Field::EmailRequired => EMAIL_REQUIRED,
            Field::InvalidEmail => INVALID_EMAIL,
            Field::PasswordRequired => PASSWORD_REQUIRED,
            Field::InvalidPassword(invalid) => invalid_password(invalid),
        }))
    }
}

impl From<InvalidPasswordChange> for ApiError {
    fn from(invalid: InvalidPasswordChange) -> Self {
        use InvalidPasswordChangeField as Field;
        Self::invalid_fields(invalid.0.into_iter().map(|field| match field {
            Field::OldRequired => ("old_password_required", "old password is required".into()),
            Field::NewRequired => PASSWORD_REQUIRED,
            Field::InvalidNew(invalid) => invalid_password(invalid),
        }))
    }
}

impl From<InvalidFood> for ApiError {
    fn from(invalid: InvalidFood) -> Self {
        use InvalidFoodField as Field;
        let title_too_long = format!("title should be at most {} characters", Title::MAX_CHARS);
        let (max_chars, max_bytes) = (Description::MAX_CHARS, Description::MAX_BYTES);
        let desc_too_long =
            format!("description should be at most {max_chars} characters and {max_bytes} bytes");
        let unsupported_format = "please upload a valid image: JPEG, PNG, WebP or GIF";
        let too_much_markup = "description should have fewer or shorter HTML tags";
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let codes = invalid.0.into_iter().map(|field| match field {
            Field::TitleRequired => ("title_required", "title is required".into()),
            Field::InvalidTitle => ("invalid_title", invalid_text("title")),
            Field::TitleTooLong => ("title_too_long", title_too_long.clone().into()),
            Field::DescriptionRequired => ("desc_required", "description is required".into()),
            Field::DescriptionTooLong => ("desc_too_long", desc_too_long.clone().into()),
            Field::DescriptionTooMuchMarkup => ("desc_too_long", too_much_markup.into()),
            Field::ImageRequired => ("invalid_file", "a valid file is required".into()),
            Field::UploadNotFound => ("invalid_file", UPLOAD_NOT_FOUND.into()),
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
        Self::new(status, codes)
    }
}

impl From<InvalidUpload> for ApiError {
    fn from(invalid: InvalidUpload) -> Self {
        use InvalidUploadField as Field;
        let unknown_type = "content_type should be image/jpeg, image/png, image/webp or image/gif";
        let size_required = "size is required: the length of the image in bytes";
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let codes = invalid.0.into_iter().map(|field| match field {
            Field::KindRequired => ("content_type_required", "content_type is required".into()),
            Field::UnknownKind => ("upload_err", unknown_type.into()),
            Field::SizeRequired => ("size_required", size_required.into()),
            Field::TooLarge { max_bytes } => {
                status = StatusCode::PAYLOAD_TOO_LARGE;
                too_large(max_bytes)
            }
        });
        let codes = codes.collect();
        Self::new(status, codes)
    }
}
