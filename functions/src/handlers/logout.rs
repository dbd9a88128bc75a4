//! `POST /logout`: revokes the session of the access token, or of a refresh token in the body.

use domain::use_cases::{logout, logout_by_refresh_token};
use infrastructure::jwt::JwtTokens;
use serde::Deserialize;

use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(Logout { auth: Auth = auth, refresh: JwtTokens = refresh_tokens });

impl HttpHandler for Logout {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        // Old clients may send any body, so one without a refresh token is ignored.
        let body: Option<Body> = request::json(&request).ok();
        let refresh = body.and_then(|body| body.refresh_token);
        if let Some(refresh) = refresh.filter(|token| !token.trim().is_empty()) {
            // A client whose access token has expired sends it nevertheless.
            let access = self.auth.verify_token(&request).ok();
            let sessions = &self.auth.sessions;
            let user = logout_by_refresh_token(sessions, &self.refresh, &refresh, access).await?;
            if let Some(user) = user {
                request::record_user(&request, user);
            }
        } else {
            let user = self.auth.authenticate(&request).await?;
            logout(&self.auth.sessions, user).await?;
        }
        Ok(response::ok(&"Successfully logged out"))
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = LogoutRequest))]
struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"\S"))]
    refresh_token: Option<String>,
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for Logout {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let about = "Revokes the session of the access token. With `refresh_token`, revokes the session of that token, even if it has expired \
             or was replaced, and no access token is required. An invalid refresh token gets the same response (RFC 7009).";
        Operation::new("Log out", about)
            .json_instead_of_access_token::<Body>(
                &serde_json::json!({"refresh_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}),
            )
            .response_text(200, "Successfully logged out")
    }
}
