//! From an API Gateway event to a reply.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::attempt::SourceAddress;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use lambda_http::{Body, Request, RequestExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::response::Reply;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::watch::{Asked, Outcome};

/// One function: what it is made of, and what it does with a request.
pub trait Handler: Sized + Send + Sync {
    /// Makes the function from its settings. Connects to nothing.
    fn new(setup: &Setup) -> Result<Self, SettingsError>;

    /// Answers a request.
    fn handle(&self, request: Request) -> impl Future<Output = Result<Reply, ApiError>> + Send;
}

/// A request as API Gateway hands it over: its JSON (payload format 2.0), read where it stands. Of
/// a body only what it holds is kept, so that a picture is in memory once while it is handled.
#[derive(Debug)]
pub struct Event {
    request: Result<Request, ApiError>,
    asked: Asked,
}

impl From<&str> for Event {
    fn from(json: &str) -> Self {
        let mut asked = Asked::default();
        let request = read(json, &mut asked);
        Self { request, asked }
    }
}

impl<'de> Deserialize<'de> for Event {
    /// Any JSON will do: what is wrong with it is the answer's to tell.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|json| Self::from(json.get()))
    }
}

/// An answer as API Gateway takes it (payload format 2.0).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    #[serde(serialize_with = "serialize_headers")]
    headers: HeaderMap,
    body: String,
    is_base64_encoded: bool,
    /// For the log.
    #[serde(skip)]
    pub(crate) outcome: Outcome,
}

impl Answer {
    fn new(asked: Asked, reply: Result<Reply, ApiError>) -> Self {
        let problem = reply.as_ref().err().map(ApiError::told);
        let reply = reply.unwrap_or_else(ApiError::into_reply);
        let status = reply.status.as_u16();
        Self {
            status_code: status,
            headers: reply.headers,
            body: reply.body,
            is_base64_encoded: reply.is_base64,
            outcome: Outcome {
                asked,
                status,
                problem,
            },
        }
    }
}

fn serialize_headers<S: Serializer>(headers: &HeaderMap, to: S) -> Result<S::Ok, S::Error> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    to.collect_map(
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), text(value))),
    )
}

/// Answers an event. Never fails: what cannot be read is answered with 400.
pub async fn answer(handler: &impl Handler, event: impl Into<Event>) -> Answer {
    let Event { request, asked } = event.into();
    let reply = match request {
        // Boxed: the types of nested futures grow beyond what the compiler follows.
        Ok(request) => Box::pin(handler.handle(request)).await,
        Err(error) => Err(error),
    };
    Answer::new(asked, reply)
}

/// The same, in this time: whoever would be cut off says so before.
pub(crate) async fn answer_within(
    time: Duration,
    handler: &impl Handler,
    event: impl Into<Event>,
) -> Answer {
    let event = event.into();
    let asked = event.asked.clone();
    let answered = tokio::time::timeout(time, answer(handler, event)).await;
    answered.unwrap_or_else(|elapsed| {
        Answer::new(asked, Err(ApiError::unavailable(Some(elapsed.into()))))
    })
}

/// The members of an event that functions ask for.
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

/// A text that is copied only where something in it is escaped, as nothing is in base64.
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

/// Whatever a client can get through API Gateway must have an answer, also where it makes no HTTP
/// request (docs/decisions/0006-events-are-checked-first.md).
fn read(event: &str, asked: &mut Asked) -> Result<Request, ApiError> {
    let invalid = |what: &'static str| ApiError::invalid_request(what);
    let unreadable = || invalid("the request has headers or a form that cannot be read");
    let event: Payload = serde_json::from_str(event).map_err(|_| unreadable())?;
    let route = event.route_key.as_deref();
    asked.route = route.map(|key| key.rsplit(' ').next().unwrap_or(key).to_owned());
    let method = Method::from_bytes(event.request_context.http.method.as_bytes());
    asked.method = method.as_ref().ok().cloned();
    if let Some(Headers(headers)) = &event.headers {
        asked.read_traces(headers);
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
    let target = target.map_err(|_| invalid("the query cannot be read"))?;
    let mut request = Request::new(body);
    *request.method_mut() = method.map_err(|_| unreadable())?;
    *request.uri_mut() = Uri::from(target);
    if let Some(Headers(headers)) = event.headers {
        *request.headers_mut() = headers;
    }
    let source = event.request_context.http.source_ip.unwrap_or_default();
    let extensions = request.extensions_mut();
    extensions.insert(SourceAddress::parse(&source));
    extensions.insert(asked.user.clone());
    Ok(request.with_path_parameters(event.path_parameters.unwrap_or_default()))
}

/// What may stand in a path as it is: the unreserved characters and `/` (RFC 3986, section 3.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// API Gateway has decoded the path: encodes what cannot stand in a URI.
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

    fn read(event: &str) -> Result<Request, ApiError> {
        Event::from(event).request
    }

    fn status(event: &Value) -> u16 {
        match read(&event.to_string()) {
            Ok(_) => 200,
            Err(error) => error.into_reply().status.as_u16(),
        }
    }

    #[test]
    fn a_request_is_what_its_event_says() {
        let request = read(&event().to_string()).unwrap();
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.uri(), "/food/caf%C3%A9%20au%20lait?limit=2&x=%20");
        assert_eq!(request.headers()["host"], "api.example");
        assert_eq!(request.headers()["x-name"], "Ad\u{e9}la\u{ef}de");
        let parameters = request.path_parameters();
        assert_eq!(parameters.first("food_id"), Some("caf\u{e9} au lait"));
        assert_eq!(request.body(), &Body::Binary(b"{}".to_vec()));
    }

    #[test]
    fn what_is_null_or_missing_is_empty() {
        let context = json!({"http": {"method": "GET"}});
        let null = json!({
            "rawPath": null, "rawQueryString": null, "headers": null, "pathParameters": null,
            "body": null, "requestContext": context,
        });
        for event in [null, json!({ "requestContext": context })] {
            let request = read(&event.to_string()).unwrap();
            assert_eq!(request.uri().path(), "/");
            assert!(request.headers().is_empty() && request.path_parameters().is_empty());
            assert_eq!(request.body(), &Body::Empty);
        }
    }

    #[test]
    fn a_body_that_is_escaped_is_read_as_well() {
        let escaped = r#"{"body":"\u0065y8\/","isBase64Encoded":true,
            "requestContext":{"http":{"method":"GET"}}}"#;
        let request = read(escaped).unwrap();
        assert_eq!(request.body(), &Body::Binary(b"{/?".to_vec()));
    }

    #[test]
    fn what_is_no_request_is_a_400() {
        assert_eq!(status(&event()), 200);
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
            ("body", json!({})),
        ] {
            let mut event = event();
            event[member] = value;
            assert_eq!(status(&event), 400, "{event}");
        }
        for json in ["", "null", "[]", "{}", "{\"version\":\"2.0\"}", "{"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn any_json_is_an_event_and_only_the_answer_tells_what_is_wrong() {
        let Event { request, .. } = serde_json::from_slice(event().to_string().as_bytes()).unwrap();
        assert_eq!(request.unwrap().method(), Method::PUT);
        let Event { request, .. } = serde_json::from_slice(b"[1, 2]").unwrap();
        assert!(request.is_err());
    }

    #[test]
    fn an_answer_is_written_as_api_gateway_reads_it() {
        let reply = crate::response::ok(&"fine").no_store();
        let answer = Answer::new(Asked::default(), Ok(reply));
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            json!({
                "statusCode": 200,
                "headers": {"content-type": "application/json", "cache-control": "no-store"},
                "body": "\"fine\"",
                "isBase64Encoded": false,
            })
        );
    }
}
