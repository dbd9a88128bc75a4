//! Who calls a signed-in route.

use std::future::Future;

use domain::application::{Caller, SignedIn, authenticate, identify};
use domain::clock::SystemClock;
use futures_util::future::join;
use http::header::AUTHORIZATION;
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::Sessions;
use lambda_http::Request;

use crate::error::ApiError;
use crate::request;

/// What a signed-in route needs to know who calls.
#[derive(Debug, Clone)]
pub struct Auth {
    pub(crate) sessions: Sessions,
    pub(crate) access: JwtTokens,
    pub(crate) clock: SystemClock,
}

impl Auth {
    /// Who calls, as the access token in the request says. Asks nobody.
    pub(crate) fn caller(&self, request: &Request) -> Result<Caller, ApiError> {
        let caller = identify(&self.access, &self.clock, bearer(request))?;
        request::note_user(request, caller.user);
        Ok(caller)
    }

    /// Whether the caller's session lives.
    pub(crate) async fn user(&self, caller: Caller) -> Result<SignedIn, ApiError> {
        Ok(authenticate(&self.sessions, caller).await?)
    }

    /// The same, while something is read for the caller: neither waits for the other. A session that
    /// is over is told first, whatever became of the reading.
    pub(crate) async fn user_while<T>(
        &self,
        caller: Caller,
        read: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<(SignedIn, T), ApiError> {
        // Boxed: two calls at once are a large future.
        let (user, read) = join(Box::pin(self.user(caller)), read).await;
        Ok((user?, read?))
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1); empty when there is none.
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
    fn the_token_follows_the_word_bearer_in_any_case() {
        for (header, token) in [
            ("Bearer a.b.c", "a.b.c"),
            ("bearer  a.b.c ", "a.b.c"),
            ("Bearer", ""),
            ("Bearer ", ""),
            ("Basic YTpi", ""),
            ("a.b.c", ""),
            ("", ""),
        ] {
            let request = http::Request::builder()
                .header(AUTHORIZATION, header)
                .body(Body::Empty)
                .unwrap();
            assert_eq!(bearer(&request), token, "{header:?}");
        }
        assert_eq!(bearer(&Request::new(Body::Empty)), "");
    }
}
