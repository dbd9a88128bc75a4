//! Reads parameters, headers and the JSON body of a request.

use std::borrow::Cow;

use domain::id::UserId;
use domain::rate_limit::ClientIp;
use http::header::USER_AGENT;
use lambda_http::{Body, Request, RequestExt};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::telemetry::UserSlot;

/// Returns a path parameter, or an empty string if it is missing.
pub(crate) fn path(request: &Request, name: &str) -> String {
    request
        .path_parameters_ref()
        .and_then(|parameters| parameters.first(name))
        .unwrap_or_default()
        .to_owned()
}

/// Returns the first value of a query parameter, decoded; `None` if it is missing.
pub(crate) fn query<'a>(request: &'a Request, name: &str) -> Option<Cow<'a, str>> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

/// Returns the client IP that API Gateway reports.
pub(crate) fn client_ip(request: &Request) -> ClientIp {
    let ip = request.extensions().get();
    ip.cloned().unwrap_or_else(|| ClientIp::parse(""))
}

/// Records the user of a request for the request log.
pub(crate) fn record_user(request: &Request, user: UserId) {
    if let Some(slot) = request.extensions().get::<UserSlot>() {
        slot.set(user);
    }
}

/// Returns the header `User-Agent`; `None` if it is missing or not ASCII.
pub(crate) fn user_agent(request: &Request) -> Option<&str> {
    request.headers().get(USER_AGENT)?.to_str().ok()
}

/// Parses the body as a JSON object. Ignores unknown members; rejects duplicate members and wrong types. Ignores the
/// content type, because old clients do not set it.
pub(crate) fn json<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    // Checks the whole body: the parser does not check the UTF-8 of members that it ignores.
    let body = match request.body() {
        Body::Text(text) => Ok(text.as_str()),
        Body::Binary(bytes) => std::str::from_utf8(bytes),
        _ => Ok(""),
    };
    body.ok()
        // serde would also parse a struct from an array.
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
    fn repeated_query_parameter_returns_first_value_decoded() {
        let mut request = Request::new(Body::Empty);
        *request.uri_mut() = "/food?x=1&limit=+2%2B&limit=3&cursor".parse().unwrap();
        assert_eq!(query(&request, "limit").as_deref(), Some(" 2+"));
        assert_eq!(query(&request, "cursor").as_deref(), Some(""));
        assert_eq!(query(&request, "other"), None);
    }

    #[test]
    fn unknown_members_of_json_body_are_ignored() {
        for (body, name) in [
            ("\r\n {\"name\":\"Ada\", \"id\":1, \"x\":[[{}]]} ", Some("Ada")),
            ("{\"name\":null}", None),
            ("{}", None),
        ] {
            let name = name.map(str::to_owned);
            assert_eq!(parse(body), Some(Shape { name }), "{body}");
        }
        assert!(parse(br#"{"name":"Ada"}"#.to_vec()).is_some());
    }

    #[test]
    fn json_body_with_wrong_syntax_or_type_is_rejected() {
        let deep = "{\"name\":".to_owned() + &"[".repeat(100_000);
        for body in [
            "",
            "null",
            "[\"Ada\"]",
            "{}{}",
            r#"{"name":1}"#,
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"\ud800"}"#,
            &deep,
        ] {
            assert_eq!(parse(body), None, "{}", &body[..body.len().min(20)]);
        }
        assert_eq!(parse(b"{\"other\":\"\xff\"}".to_vec()), None);
        assert_eq!(parse(Body::Empty), None);
    }
}
