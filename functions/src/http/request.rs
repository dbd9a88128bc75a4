//! Reads parameters, headers and the JSON body of a request.

use std::borrow::Cow;

use domain::id::UserId;
use domain::rate_limit::ClientIp;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use lambda_http::{Body, Request, RequestExt};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::ApiError;
use crate::telemetry::UserSlot;

/// The media type of JSON bodies.
pub(crate) const JSON: &str = "application/json";

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

/// Returns the media type in `Content-Type` without parameters; `None` if it is missing, empty or not ASCII.
pub(crate) fn media_type(request: &Request) -> Option<&str> {
    let content_type = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    (!media_type.is_empty()).then_some(media_type)
}

/// Returns a 415 for a body with a `Content-Encoding` other than `identity`. No body is ever decompressed.
pub(crate) fn check_encoding(request: &Request) -> Result<(), ApiError> {
    let is_identity = |coding: &str| {
        let coding = coding.trim();
        coding.is_empty() || coding.eq_ignore_ascii_case("identity")
    };
    let mut lines = request.headers().get_all(CONTENT_ENCODING).iter();
    let all = lines.all(|line| line.to_str().is_ok_and(|line| line.split(',').all(is_identity)));
    if all { Ok(()) } else { Err(ApiError::unsupported_encoding()) }
}

/// Parses the body as a JSON object. Ignores unknown members; rejects duplicate members and wrong types. Accepts JSON
/// of any content type, because old clients set none and `curl -d` sets that of a form; the error for another body
/// depends on the content type (docs/decisions/0028-media-types-and-local-hosts.md).
pub(crate) fn json<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    check_encoding(request)?;
    parse_json(request.body()).map_err(|detail| match media_type(request) {
        Some(other) if !other.eq_ignore_ascii_case(JSON) => ApiError::unsupported_media_type(JSON),
        _ => ApiError::invalid_json(detail),
    })
}

/// Parses a JSON object. An error has its description for the client.
fn parse_json<T: DeserializeOwned>(body: &Body) -> Result<T, String> {
    // Checks the whole body: the parser does not check the UTF-8 of members that it ignores.
    let text = match body {
        Body::Text(text) => Ok(text.as_str()),
        Body::Binary(bytes) => std::str::from_utf8(bytes),
        _ => Ok(""),
    };
    let text = text.map_err(|_| "the body should be UTF-8")?;
    // RFC 8259, section 8.1: a parser may ignore a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // serde would also parse a struct from an array.
    if !text.trim_ascii_start().starts_with('{') {
        return Err("the body should be a JSON object".to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| describe(&error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// Describes a JSON error by member, reason, line and column. The message of serde for a wrong type contains the value,
/// which may be a password; only what was expected is taken from it.
fn describe(member: &str, error: &serde_json::Error) -> String {
    let message = error.to_string();
    match (error.classify(), message.rsplit_once(", expected ")) {
        (Category::Data, Some((_, expected))) => format!("{member}: expected {expected}"),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Shape {
        name: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    struct Number {
        #[serde(rename = "size")]
        _size: u64,
    }

    fn parse(body: impl Into<Body>) -> Option<Shape> {
        json(&Request::new(body.into())).ok()
    }

    fn error(header: (&str, &str), body: &str) -> serde_json::Value {
        let request = http::Request::builder().header(header.0, header.1);
        let error = json::<Shape>(&request.body(body.into()).unwrap()).unwrap_err();
        let mut problem = serde_json::to_value(&error).unwrap();
        let headers = error.into_response().headers;
        for name in ["accept", "accept-encoding"] {
            if let Some(value) = headers.get(name) {
                problem[name] = value.to_str().unwrap().into();
            }
        }
        problem
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
            ("\u{feff}{\"name\":\"Ada\"}", Some("Ada")),
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

    #[test]
    fn json_error_names_member_line_and_column_but_no_value() {
        for (body, detail) in [
            ("{\n  \"name\": 17\n}", "name: expected a string at line 2 column 12"),
            (r#"{"name": {"a, expected b": 1}}"#, "name: expected a string at line 1 column 9"),
            (r#"{"name":"a","name":"b"}"#, "duplicate field `name` at line 1 column 18"),
            (r#"{"name": "a" "x"}"#, "expected `,` or `}` at line 1 column 14"),
            (r#"{"name": "secret"#, "EOF while parsing a string at line 1 column 16"),
            ("{} x", "trailing characters at line 1 column 4"),
            ("", "the body should be a JSON object"),
        ] {
            let problem = error(("content-type", "application/json"), body);
            assert_eq!(problem["detail"], detail, "{body}");
            assert_eq!(problem["invalid_json"], "invalid json");
        }
        let request = Request::new(r#"{"size": "a secret, expected text"}"#.into());
        let problem = serde_json::to_value(json::<Number>(&request).unwrap_err()).unwrap();
        assert_eq!(problem["detail"], "size: expected u64 at line 1 column 34");
    }

    #[test]
    fn json_with_any_content_type_is_parsed_but_other_body_is_415() {
        for content_type in ["", "application/x-www-form-urlencoded", "text/plain", "nonsense"] {
            let request = http::Request::builder().header("content-type", content_type);
            let request = request.body(r#"{"name":"Ada"}"#.into()).unwrap();
            assert!(json::<Shape>(&request).is_ok(), "{content_type}");
        }
        for (content_type, status) in [
            ("", 422),
            ("Application/JSON ; charset=utf-8", 422),
            ("application/x-www-form-urlencoded", 415),
            ("multipart/form-data; boundary=x", 415),
        ] {
            let problem = error(("content-type", content_type), "name=Ada");
            assert_eq!(problem["status"], status, "{content_type}");
            let accept = (status == 415).then_some("application/json");
            assert_eq!(problem.get("accept").and_then(|accept| accept.as_str()), accept);
        }
    }

    #[test]
    fn compressed_json_body_is_a_415() {
        for encoding in ["gzip", "GZIP", "identity, br", "x"] {
            let problem = error(("content-encoding", encoding), "{}");
            assert_eq!(problem["status"], 415, "{encoding}");
            assert_eq!(problem["accept-encoding"], "identity");
        }
        for encoding in ["", "identity", "Identity, identity"] {
            let request = http::Request::builder().header("content-encoding", encoding);
            assert!(json::<Shape>(&request.body("{}".into()).unwrap()).is_ok(), "{encoding}");
        }
    }
}
