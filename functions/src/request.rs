//! What a request says.

use std::borrow::Cow;

use domain::attempt::SourceAddress;
use domain::id::UserId;
use http::header::USER_AGENT;
use lambda_http::{Body, Request, RequestExt};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::watch::Noted;

/// The value of a path parameter; empty when API Gateway gave none.
pub(crate) fn path(request: &Request, name: &str) -> String {
    request
        .path_parameters_ref()
        .and_then(|parameters| parameters.first(name))
        .unwrap_or_default()
        .to_owned()
}

/// The first value of a query parameter.
pub(crate) fn query<'a>(request: &'a Request, name: &str) -> Option<Cow<'a, str>> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

/// Where the request comes from, as API Gateway sees it.
pub(crate) fn source(request: &Request) -> SourceAddress {
    let source = request.extensions().get();
    source.cloned().unwrap_or_else(|| SourceAddress::parse(""))
}

/// Tells the log who asks.
pub(crate) fn note_user(request: &Request, user: UserId) {
    if let Some(noted) = request.extensions().get::<Noted>() {
        noted.note(user);
    }
}

/// What the client calls itself.
pub(crate) fn user_agent(request: &Request) -> Option<&str> {
    request.headers().get(USER_AGENT)?.to_str().ok()
}

/// The body as a JSON object. Unknown members are ignored; a member that is there twice, or of
/// another type, makes it invalid. The content type is not asked for: old clients do not care.
pub(crate) fn json<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    // Looked at as a whole: of members that it ignores, the parser checks no text.
    let body = match request.body() {
        Body::Text(text) => Ok(text.as_str()),
        Body::Binary(bytes) => std::str::from_utf8(bytes),
        _ => Ok(""),
    };
    body.ok()
        // A struct could also be read from an array, and that is no object.
        .filter(|body| body.trim_ascii_start().starts_with('{'))
        .and_then(|body| serde_json::from_str(body).ok())
        .ok_or_else(ApiError::invalid_json)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Shape {
        name: Option<String>,
    }

    fn parse(body: impl Into<Body>) -> Option<Shape> {
        json(&Request::new(body.into())).ok()
    }

    #[test]
    fn the_first_value_of_a_query_parameter_is_read_decoded() {
        let request = |target: &str| {
            let mut request = Request::new(Body::Empty);
            *request.uri_mut() = target.parse().unwrap();
            request
        };
        let asked = request("/food?x=1&limit=+2%2B&limit=3&cursor");
        assert_eq!(query(&asked, "limit").as_deref(), Some(" 2+"));
        assert_eq!(query(&asked, "cursor").as_deref(), Some(""));
        assert_eq!(query(&asked, "other"), None);
        assert_eq!(query(&request("/food"), "limit"), None);
    }

    #[test]
    fn an_object_is_read_and_what_it_has_more_is_ignored() {
        for body in [
            r#"{"name":"Ada"}"#,
            "\r\n {\"name\":\"Ada\", \"id\":1, \"x\":[[{}]]} ",
        ] {
            let name = Some("Ada".to_owned());
            assert_eq!(parse(body), Some(Shape { name }), "{body}");
        }
        assert_eq!(parse("{}"), Some(Shape { name: None }));
        assert_eq!(parse(r#"{"name":null}"#), Some(Shape { name: None }));
        assert!(parse(br#"{"name":"Ada"}"#.to_vec()).is_some());
    }

    #[test]
    fn what_is_no_such_object_is_refused() {
        let deep = format!(
            "{{\"name\":{}1{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        for body in [
            "",
            "null",
            "[\"Ada\"]",
            "\"Ada\"",
            "{",
            "{}{}",
            r#"{"name":1}"#,
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"\ud800"}"#,
            "{name:1}",
            &deep,
        ] {
            let shown: String = body.chars().take(20).collect();
            assert_eq!(parse(body), None, "{shown}");
        }
        assert_eq!(parse(b"{\"name\":\"\xff\"}".to_vec()), None);
        assert_eq!(parse(b"{\"other\":\"\xff\"}".to_vec()), None);
        assert_eq!(parse(Body::Empty), None);
    }
}
