//! Authenticates the user of a route that requires an access token.

use std::future::Future;

use domain::clock::SystemClock;
use domain::use_cases::{AuthenticatedUser, TokenIdentity, authenticate, verify_access_token};
use futures_util::future::join;
use http::header::AUTHORIZATION;
use infrastructure::dynamodb::DynamoDbUsers;
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::{Sessions, UserSessions};
use lambda_http::Request;

use crate::error::ApiError;
use crate::http::request;

/// Verifies access tokens and checks their sessions.
#[derive(Debug, Clone)]
pub struct Auth {
    pub(crate) users: DynamoDbUsers,
    pub(crate) sessions: Sessions,
    pub(crate) access: JwtTokens,
}

impl Auth {
    /// Verifies the access token of a request, but not its session.
    pub(crate) fn verify_token(&self, request: &Request) -> Result<TokenIdentity, ApiError> {
        let caller = verify_access_token(&self.access, &SystemClock, bearer(request))?;
        request::record_user(request, caller.user);
        Ok(caller)
    }

    /// Verifies the access token of a request that may have none; returns `None` without one. An invalid token is an
    /// error, so that a client learns that its token expired.
    pub(crate) fn verify_token_if_sent(
        &self,
        request: &Request,
    ) -> Result<Option<TokenIdentity>, ApiError> {
        if bearer(request).is_empty() {
            return Ok(None);
        }
        self.verify_token(request).map(Some)
    }

    /// Verifies the access token of a request and checks its session.
    pub(crate) async fn authenticate(
        &self,
        request: &Request,
    ) -> Result<AuthenticatedUser, ApiError> {
        self.require_session(self.verify_token(request)?).await
    }

    /// Checks that the session of a verified token is active.
    pub(crate) async fn require_session(
        &self,
        caller: TokenIdentity,
    ) -> Result<AuthenticatedUser, ApiError> {
        Ok(authenticate(&self.active_sessions(), caller).await?)
    }

    /// Returns the sessions together with their users.
    pub(crate) fn active_sessions(&self) -> UserSessions<'_> {
        UserSessions { users: &self.users, sessions: &self.sessions }
    }

    /// Runs `read` concurrently with the session check. If the session is invalid, that error is returned, whatever
    /// `read` returns.
    pub(crate) async fn require_session_while<T>(
        &self,
        caller: TokenIdentity,
        read: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<(AuthenticatedUser, T), ApiError> {
        // Boxed: two concurrent calls make a large future.
        let (user, read) = join(Box::pin(self.require_session(caller)), read).await;
        Ok((user?, read?))
    }

    /// Like [`require_session_while`](Self::require_session_while), but checks no session without a token.
    pub(crate) async fn check_session_while<T>(
        &self,
        caller: Option<TokenIdentity>,
        read: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        match caller {
            Some(caller) => Ok(self.require_session_while(caller, read).await?.1),
            None => read.await,
        }
    }
}

/// Returns the token of `Authorization: Bearer …` (RFC 6750, section 2.1), or an empty string without one.
fn bearer(request: &Request) -> &str {
    request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim())
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    #[test]
    fn bearer_scheme_is_case_insensitive() {
        for (header, token) in [
            ("Bearer a.b.c", "a.b.c"),
            ("bearer  a.b.c ", "a.b.c"),
            ("Bearer", ""),
            ("Bearer ", ""),
            ("Basic YTpi", ""),
            ("a.b.c", ""),
            ("", ""),
        ] {
            let request = http::Request::builder().header(AUTHORIZATION, header);
            assert_eq!(bearer(&request.body(Body::Empty).unwrap()), token);
        }
        assert_eq!(bearer(&Request::new(Body::Empty)), "");
    }
}
