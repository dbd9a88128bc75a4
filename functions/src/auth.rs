//! Who calls a signed-in route.

use domain::application::{SignedIn, authenticate};
use domain::clock::SystemClock;
use http::header::AUTHORIZATION;
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::Sessions;
use lambda_http::Request;

use crate::error::ApiError;

/// What a signed-in route needs to know who calls.
#[derive(Debug, Clone)]
pub struct Auth {
    pub(crate) sessions: Sessions,
    pub(crate) access: JwtTokens,
    pub(crate) clock: SystemClock,
}

impl Auth {
    /// Who calls, by the access token in the request.
    pub(crate) async fn user(&self, request: &Request) -> Result<SignedIn, ApiError> {
        let token = bearer(request);
        let signed_in = authenticate(&self.sessions, &self.access, &self.clock, token).await?;
        Ok(signed_in)
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
