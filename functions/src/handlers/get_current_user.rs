//! `GET /users/me`: returns the user's own account.

use domain::use_cases::get_current_user;
use domain::user::User;
use serde::Serialize;

use super::user_body::UserBody;
use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(GetCurrentUser { auth: Auth = auth });

impl HttpHandler for GetCurrentUser {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let user = get_current_user(&self.auth.active_sessions(), caller).await?;
        Ok(response::ok(&Body::from(&user)).no_store())
    }
}

/// The data of a user that only this user may read.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CurrentUser))]
struct Body<'a> {
    #[serde(flatten)]
    user: UserBody<'a>,
    /// The e-mail as typed at sign-up.
    #[cfg_attr(feature = "openapi", schema(format = "email"))]
    email: &'a str,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created_at: String,
}

impl<'a> From<&'a User> for Body<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            user: UserBody::from(&user.public),
            email: user.email.as_typed(),
            created_at: user.created_at.to_string(),
        }
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetCurrentUser {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};

        Operation::new("Get the current user", "The account of the access token.")
            .response::<Body<'_>>(200, "The account.", example::current_user())
            .no_store(200)
    }
}
