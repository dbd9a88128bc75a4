//! Parses API Gateway events (payload format 2.0).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::rate_limit::ClientIp;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use lambda_http::{Body, Request, RequestExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::telemetry::RequestInfo;

/// An event from API Gateway, parsed in place: only the decoded body is copied.
#[derive(Debug)]
pub struct Event {
    pub(super) request: Result<Request, ApiError>,
    pub(super) info: RequestInfo,
}

impl From<&str> for Event {
    fn from(json: &str) -> Self {
        let mut info = RequestInfo::default();
        let request = parse(json, &mut info);
        Self { request, info }
    }
}

impl<'de> Deserialize<'de> for Event {
    /// Accepts any JSON: [`super::handle_event`] returns a 400 for an event that is no valid request.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|json| Self::from(json.get()))
    }
}

/// The members of an API Gateway event that functions use; others are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    route_key: Option<String>,
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<Headers>,
    path_parameters: Option<HashMap<String, String>>,
    request_context: RequestContext,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct RequestContext {
    http: HttpContext,
}

#[derive(Deserialize)]
struct HttpContext {
    method: String,
    #[serde(rename = "sourceIp")]
    source_ip: Option<String>,
}

/// A JSON string that is copied only if it contains escapes. Base64 contains none.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Headers(HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Headers, A::Error> {
                let mut headers = HeaderMap::with_capacity(16);
                while let Some((Text(name), Text(value))) = members.next_entry()? {
                    let name = HeaderName::from_bytes(name.as_bytes()).map_err(A::Error::custom)?;
                    let value = HeaderValue::from_str(&value).map_err(A::Error::custom)?;
                    headers.insert(name, value);
                }
                Ok(Headers(headers))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Parses an event and sets `info`, even on an error. API Gateway forwards some requests that are invalid HTTP
/// (docs/decisions/0006-parse-api-gateway-events-ourselves.md).
fn parse(event: &str, info: &mut RequestInfo) -> Result<Request, ApiError> {
    let invalid = |message: &'static str| ApiError::invalid_request(message);
    let malformed = || invalid("the method, a header or the body is malformed");
    let event: Payload = serde_json::from_str(event).map_err(|_| malformed())?;
    let route = event.route_key.as_deref();
    info.route = route.map(|key| key.rsplit(' ').next().unwrap_or(key).to_owned());
    let method = Method::from_bytes(event.request_context.http.method.as_bytes());
    info.method = method.as_ref().ok().cloned();
    if let Some(Headers(headers)) = &event.headers {
        info.read_traces(headers);
    }
    let body = match event.body {
        None => Body::Empty,
        Some(Text(text)) if event.is_base64_encoded => STANDARD
            .decode(text.as_bytes())
            .map(Body::Binary)
            .map_err(|_| invalid("the body should be base64"))?,
        Some(Text(text)) => Body::Text(text.into_owned()),
    };
    let path = event.raw_path.unwrap_or_default();
    let query = event.raw_query_string.unwrap_or_default();
    let target = PathAndQuery::try_from(format!("{}?{query}", encode(&path)));
    let target = target.map_err(|_| invalid("the query string is malformed"))?;
    let mut request = Request::new(body);
    *request.method_mut() = method.map_err(|_| malformed())?;
    *request.uri_mut() = Uri::from(target);
    if let Some(Headers(headers)) = event.headers {
        *request.headers_mut() = headers;
    }
    let source_ip = event.request_context.http.source_ip.unwrap_or_default();
    let extensions = request.extensions_mut();
    extensions.insert(ClientIp::parse(&source_ip));
    extensions.insert(info.user.clone());
    Ok(request.with_path_parameters(event.path_parameters.unwrap_or_default()))
}

/// The characters to encode in a path: all except the unreserved ones and `/` (RFC 3986, section 3.3).
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a path that API Gateway has decoded.
fn encode(path: &str) -> PercentEncode<'_> {
    let path = if path.starts_with('/') { path } else { "/" };
    utf8_percent_encode(path, ENCODED)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Value {
        json!({
            "version": "2.0",
            "rawPath": "/food/caf\u{e9} au lait",
            "rawQueryString": "limit=2&x=%20",
            "headers": {"host": "api.example", "x-name": "Ad\u{e9}la\u{ef}de"},
            "pathParameters": {"food_id": "caf\u{e9} au lait"},
            "requestContext": {"http": {"method": "PUT", "path": "/"}, "stage": "$default"},
            "body": "e30=",
            "isBase64Encoded": true,
        })
    }

    fn parse(event: &str) -> Result<Request, ApiError> {
        Event::from(event).request
    }

    #[test]
    fn gateway_event_is_parsed_to_http_request() {
        let event: Event = serde_json::from_slice(event().to_string().as_bytes()).unwrap();
        let request = event.request.unwrap();
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.uri(), "/food/caf%C3%A9%20au%20lait?limit=2&x=%20");
        assert_eq!(request.headers()["host"], "api.example");
        assert_eq!(request.headers()["x-name"], "Ad\u{e9}la\u{ef}de");
        let parameters = request.path_parameters();
        assert_eq!(parameters.first("food_id"), Some("caf\u{e9} au lait"));
        assert_eq!(request.body(), &Body::Binary(b"{}".to_vec()));
    }

    #[test]
    fn null_or_missing_event_member_is_parsed_as_empty() {
        let context = json!({"http": {"method": "GET"}});
        let null = json!({
            "rawPath": null, "rawQueryString": null, "headers": null, "pathParameters": null,
            "body": null, "requestContext": context,
        });
        for event in [null, json!({ "requestContext": context })] {
            let request = parse(&event.to_string()).unwrap();
            assert_eq!(request.uri().path(), "/");
            assert!(request.headers().is_empty() && request.path_parameters().is_empty());
            assert_eq!(request.body(), &Body::Empty);
        }
    }

    #[test]
    fn json_escapes_in_event_body_are_decoded() {
        let escaped = r#"{"body":"\u0065y8\/","isBase64Encoded":true,
            "requestContext":{"http":{"method":"GET"}}}"#;
        let request = parse(escaped).unwrap();
        assert_eq!(request.body(), &Body::Binary(b"{/?".to_vec()));
    }

    #[test]
    fn invalid_gateway_event_returns_400() {
        let mut events: Vec<String> = ["", "null", "[]", "{}", "{"].map(str::to_owned).into();
        for (member, value) in [
            ("headers", json!({"x": "line\nbreak"})),
            ("headers", json!({"a b": "c"})),
            ("headers", json!({"x": null})),
            ("headers", json!([])),
            ("rawQueryString", json!("a b")),
            ("rawPath", json!(1)),
            ("pathParameters", json!({"food_id": 1})),
            ("requestContext", json!({})),
            ("requestContext", json!({"http": {"method": "G ET"}})),
            ("body", json!("not base64")),
        ] {
            let mut event = event();
            event[member] = value;
            events.push(event.to_string());
        }
        for event in events {
            let status = parse(&event).unwrap_err().status();
            assert_eq!(status, 400, "{event}");
        }
    }
}
