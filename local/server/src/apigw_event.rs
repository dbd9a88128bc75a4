//! API Gateway's payload format 2.0: encodes HTTP requests as events and decodes the responses of functions
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::iter::repeat_with;
use std::net::{IpAddr, SocketAddr};

use aws_lambda_events::apigw::{
    ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext,
    ApiGatewayV2httpRequestContextHttpDescription,
};
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::clock::{Clock as _, SystemClock, Timestamp};
use functions::routes::Route;
use headers::{ContentType, HeaderMapExt as _, Host};
use http::StatusCode;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::request::Parts;
use serde::Deserialize;

use crate::error::GatewayError;

/// Lambda's quota for the JSON of an event, in a synchronous invocation.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A request id in the format of API Gateway: 16 letters and digits.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn generate() -> Self {
        Self(repeat_with(fastrand::alphanumeric).take(16).collect())
    }
}

/// An HTTP request with its matched route and the values that API Gateway adds to an event.
pub(crate) struct Incoming<'a> {
    pub(crate) parts: &'a Parts,
    /// The percent-decoded path of the request.
    pub(crate) path: &'a str,
    pub(crate) route: &'a Route,
    pub(crate) parameters: &'a matchit::Params<'a, 'a>,
    pub(crate) body: &'a Bytes,
    pub(crate) client: IpAddr,
    pub(crate) server: SocketAddr,
    pub(crate) id: &'a RequestId,
}

/// Encodes a request as a JSON event. Returns `TooLarge` for an event above Lambda's quota.
pub(crate) fn encode(request: &Incoming<'_>) -> Result<String, GatewayError> {
    let now = SystemClock.now();
    let headers = headers(request, now);
    let query = request.parts.uri.query().unwrap_or_default();
    let route_key = format!("{} {}", request.route.method, request.route.path);

    let mut http = ApiGatewayV2httpRequestContextHttpDescription::default();
    http.method = request.parts.method.clone();
    http.path = Some(request.path.to_owned());
    http.protocol = Some("HTTP/1.1".to_owned());
    http.source_ip = Some(request.client.to_string());
    http.user_agent = Some(headers.get(USER_AGENT).map(text).unwrap_or_default());

    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some(route_key.clone());
    context.account_id = Some("000000000000".to_owned());
    context.apiid = Some("local".to_owned());
    context.stage = Some("$default".to_owned());
    context.request_id = Some(request.id.0.clone());
    context.domain_name = headers.typed_get::<Host>().map(|host| host.hostname().to_owned());
    context.time_epoch = now.unix_millis();
    context.http = http;

    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.route_key = Some(route_key);
    event.raw_path = Some(request.path.to_owned());
    event.raw_query_string = Some(query.to_owned());
    event.query_string_parameters = query.parse().unwrap_or_default();
    event.cookies = cookies(&request.parts.headers);
    event.path_parameters = request
        .parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    event.request_context = context;
    (event.body, event.is_base64_encoded) = match std::str::from_utf8(request.body) {
        Ok("") => (None, false),
        Ok(body) if is_text(&headers) => (Some(body.to_owned()), false),
        _ => (Some(STANDARD.encode(request.body)), true),
    };
    event.headers = headers;
    let json = serde_json::to_string(&event).map_err(|_| GatewayError::BadRequest)?;
    if json.len() > MAX_EVENT_BYTES {
        return Err(GatewayError::TooLarge);
    }
    Ok(json)
}

/// Returns the headers of the event: repeated headers are joined with commas, and the gateway's own are added. Cookies
/// are dropped because the event has them in a separate field, and so are hop-by-hop headers.
fn headers(request: &Incoming<'_>, now: Timestamp) -> HeaderMap {
    const DROPPED: [&HeaderName; 7] =
        [&COOKIE, &CONNECTION, &EXPECT, &TE, &TRAILER, &TRANSFER_ENCODING, &UPGRADE];
    let received = &request.parts.headers;
    let joined = |name: &HeaderName| {
        let values: Vec<_> = received.get_all(name).iter().map(text).collect();
        (!values.is_empty()).then(|| values.join(","))
    };
    let mut headers = HeaderMap::new();
    let mut insert = |name: &HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name, value);
        }
    };
    for name in received.keys().filter(|name| !DROPPED.contains(name)) {
        insert(name, &joined(name).unwrap_or_default());
    }
    let forwarded_for = HeaderName::from_static("x-forwarded-for");
    let client = request.client.to_string();
    let client =
        joined(&forwarded_for).map_or(client.clone(), |proxies| format!("{proxies}, {client}"));
    insert(&forwarded_for, &client);
    insert(&HeaderName::from_static("x-forwarded-port"), &request.server.port().to_string());
    insert(&HeaderName::from_static("x-forwarded-proto"), "http");
    insert(&CONTENT_LENGTH, &request.body.len().to_string());
    if !received.contains_key(HOST) {
        insert(&HOST, &request.server.to_string());
    }
    let trace_id = HeaderName::from_static("x-amzn-trace-id");
    if !received.contains_key(&trace_id) {
        let (seconds, random) = (now.unix_seconds(), fastrand::u128(..1 << 96));
        insert(&trace_id, &format!("Root=1-{seconds:08x}-{random:024x}"));
    }
    headers
}

/// Returns a header value as text. Invalid UTF-8 is replaced by U+FFFD, because JSON cannot hold it.
fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn cookies(headers: &HeaderMap) -> Option<Vec<String>> {
    let lines = headers.get_all(COOKIE).iter().map(text);
    let cookies: Vec<_> = lines
        .flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    (!cookies.is_empty()).then_some(cookies)
}

/// Returns whether the event holds a body of this `Content-Type` as text instead of base64. AWS does not document these
/// media types; they were observed on a live HTTP API, which encodes `+json` types and forms as base64.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.typed_get::<ContentType>() else {
        return false;
    };
    let media_type = mime::Mime::from(content_type);
    media_type.type_() == mime::TEXT
        || matches!(
            media_type.essence_str(),
            "application/json" | "application/javascript" | "application/xml"
        )
}

/// The response of a function, without `cookies`, which `ApiGatewayV2httpResponse` requires.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    #[serde(with = "http_serde::status_code")]
    status_code: StatusCode,
    #[serde(with = "http_serde::header_map")]
    headers: HeaderMap,
    body: String,
    is_base64_encoded: bool,
}

/// Decodes the JSON of a function's response. Returns `Internal` if it is not in payload format 2.0.
pub(crate) fn decode(json: &str) -> Result<Response, GatewayError> {
    let response: FunctionResponse = serde_json::from_str(json).map_err(invalid_response)?;
    let body = if response.is_base64_encoded {
        STANDARD.decode(response.body).map_err(invalid_response)?
    } else {
        response.body.into_bytes()
    };
    let mut decoded = Response::new(Body::from(body));
    *decoded.status_mut() = response.status_code;
    *decoded.headers_mut() = response.headers;
    Ok(decoded)
}

fn invalid_response(error: impl std::error::Error) -> GatewayError {
    tracing::error!(%error, "the response of a function is not in payload format 2.0");
    GatewayError::Internal
}

#[cfg(test)]
mod tests {
    use functions::routes::ROUTES;
    use http::Request;
    use http::request::Builder;
    use serde_json::{Value, json};

    use super::*;

    fn event(request: Builder, body: impl Into<Bytes>) -> Result<Value, GatewayError> {
        let (parts, body) = request.body(body.into()).unwrap().into_parts();
        let mut router = matchit::Router::new();
        router.insert("/food/{food_id}", ()).unwrap();
        let json = encode(&Incoming {
            parts: &parts,
            path: "/food/café",
            route: ROUTES.iter().find(|route| route.name == "update_food").unwrap(),
            parameters: &router.at("/food/café").unwrap().params,
            body: &body,
            client: [127, 0, 0, 1].into(),
            server: "127.0.0.1:8888".parse().unwrap(),
            id: &RequestId("an id".to_owned()),
        });
        json.map(|json| serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn request_is_encoded_as_api_gateway_event() {
        let request = Request::put("/food/caf%C3%A9?a=1&b=c%2Bd+e&a=2")
            .header("Host", "food.example:8888")
            .header("User-Agent", "agent")
            .header("Header", "one")
            .header("header", "two")
            .header("X-Name", &b"caf\xE9"[..])
            .header("Cookie", "one=1; two=2")
            .header("Cookie", "three=3")
            .header("Content-Type", "Text/Plain; charset=utf-8")
            .header("Transfer-Encoding", "chunked")
            .header("X-Forwarded-For", "10.0.0.1")
            .header("X-Forwarded-Proto", "gopher")
            .header("X-Amzn-Trace-Id", "Root=1");
        let event = event(request, "Hello é").unwrap();
        for (pointer, expected) in [
            ("/version", json!("2.0")),
            ("/routeKey", json!("PUT /food/{food_id}")),
            ("/rawPath", json!("/food/café")),
            ("/rawQueryString", json!("a=1&b=c%2Bd+e&a=2")),
            ("/queryStringParameters", json!({"a": "1,2", "b": "c+d e"})),
            ("/cookies", json!(["one=1", "two=2", "three=3"])),
            ("/pathParameters", json!({"food_id": "café"})),
            ("/body", json!("Hello é")),
            ("/isBase64Encoded", json!(false)),
            ("/requestContext/domainName", json!("food.example")),
            ("/requestContext/requestId", json!("an id")),
            ("/requestContext/http/method", json!("PUT")),
            ("/requestContext/http/path", json!("/food/café")),
            ("/requestContext/http/sourceIp", json!("127.0.0.1")),
            ("/requestContext/http/userAgent", json!("agent")),
            (
                "/headers",
                json!({
                    "content-length": "8",
                    "content-type": "Text/Plain; charset=utf-8",
                    "header": "one,two",
                    "host": "food.example:8888",
                    "user-agent": "agent",
                    "x-amzn-trace-id": "Root=1",
                    "x-forwarded-for": "10.0.0.1, 127.0.0.1",
                    "x-forwarded-port": "8888",
                    "x-forwarded-proto": "http",
                    "x-name": "caf\u{FFFD}",
                }),
            ),
        ] {
            assert_eq!(event.pointer(pointer), Some(&expected), "{pointer}");
        }
    }

    #[test]
    fn request_without_headers_is_encoded_with_defaults() {
        let event = event(Request::put("/food/1"), "").unwrap();
        for absent in ["cookies", "queryStringParameters", "body"] {
            assert_eq!(event.get(absent), None, "{absent}");
        }
        assert_eq!(event["headers"]["host"], "127.0.0.1:8888");
        let trace_id = event["headers"]["x-amzn-trace-id"].as_str().unwrap();
        assert_eq!(trace_id.len(), "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c".len());
        assert_eq!(event["requestContext"]["http"]["userAgent"], "");
    }

    #[test]
    fn event_body_is_base64_unless_media_type_is_text() {
        for (content_type, is_base64) in [
            ("text/plain", false),
            ("Application/JSON;charset=utf-8", false),
            ("application/javascript", false),
            ("application/xml", false),
            ("application/problem+json", true),
            ("application/x-www-form-urlencoded", true),
            ("multipart/form-data; boundary=x", true),
            ("application/octet-stream", true),
            ("", true),
        ] {
            let request = Request::put("/food/1").header("content-type", content_type);
            let event = event(request, "{}x").unwrap();
            assert_eq!(event["isBase64Encoded"], is_base64, "{content_type}");
            assert_eq!(event["body"], if is_base64 { "e314" } else { "{}x" });
        }
        let request = Request::put("/food/1").header("content-type", "application/json");
        let event = event(request, &b"\xFF\xFE"[..]).unwrap();
        assert_eq!(event["body"], "//4=", "invalid UTF-8 is base64");
    }

    #[test]
    fn event_over_6_mb_is_rejected() {
        let request = || Request::put("/food/1");
        // Base64 encodes three bytes as four.
        let limit = MAX_EVENT_BYTES / 4 * 3;
        assert!(event(request(), vec![0; limit - 2_000]).is_ok());
        assert_eq!(event(request(), vec![0; limit]), Err(GatewayError::TooLarge));
    }

    #[test]
    fn function_response_is_decoded_to_http_response() {
        let mut response = json!({
            "statusCode": 201,
            "headers": {"content-type": "application/json", "link": "<x>; rel=\"next\""},
            "body": "\"é\"",
            "isBase64Encoded": false,
        });
        let decoded = decode(&response.to_string()).unwrap();
        assert_eq!(decoded.status(), 201);
        assert_eq!(decoded.headers()["link"], "<x>; rel=\"next\"");
        response["isBase64Encoded"] = true.into();
        assert_eq!(decode(&response.to_string()).unwrap_err(), GatewayError::Internal);
        response["body"] = "/w==".into();
        assert!(decode(&response.to_string()).is_ok());
    }
}
