//! An HTTP request as the event that API Gateway's HTTP APIs send to a function: payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::collections::BTreeMap;
use std::iter::repeat_with;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::clock::Timestamp;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::request::Parts;
use percent_encoding::percent_decode;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::router::Match;

/// What Lambda takes with a synchronous call: 6 MB.
pub(crate) const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The event is larger than Lambda takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

const COMMON_LOG_FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// Where and when a request arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) at: Timestamp,
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
}

impl Arrival {
    pub(crate) fn new(client: SocketAddr, server: SocketAddr, at: Timestamp) -> Self {
        let request_id: String = repeat_with(fastrand::alphanumeric).take(15).collect();
        let trace = fastrand::u128(..1 << 96);
        Self {
            client,
            server,
            at,
            request_id: format!("{request_id}="),
            trace_id: format!("Root=1-{:08x}-{trace:024x}", at.unix_seconds()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: BTreeMap<&'a str, &'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: String,
    user_agent: String,
}

/// The event's JSON; `path` is the decoded one that the route was found by.
pub(crate) fn to_json(
    request: &Parts,
    body: &Bytes,
    path: &str,
    found: &Match<'_>,
    arrival: &Arrival,
) -> Result<String, TooLarge> {
    // Quotes and escapes only add to it: no need to encode what cannot fit.
    if body.len() > MAX_EVENT_BYTES {
        return Err(TooLarge);
    }
    let encoded;
    let (body, is_base64_encoded) = match std::str::from_utf8(body) {
        Ok("") => (None, false),
        Ok(text) if is_text(&request.headers) => (Some(text), false),
        _ => {
            encoded = STANDARD.encode(body);
            (Some(encoded.as_str()), true)
        }
    };
    let route_key = format!("{} {}", found.route.method, found.route.path);
    let query = request.uri.query().unwrap_or_default();
    let host = header(&request.headers, &HOST);
    let server = arrival.server.to_string();
    let domain_name = without_port(host.as_deref().unwrap_or(&server));
    let event = Event {
        version: "2.0",
        route_key: &route_key,
        raw_path: path,
        raw_query_string: query,
        cookies: cookies(&request.headers),
        headers: headers(&request.headers, body_len(body, is_base64_encoded), arrival),
        query_string_parameters: query_parameters(query),
        request_context: Context {
            account_id: "000000000000",
            api_id: "local",
            domain_name,
            domain_prefix: domain_name.split('.').next().unwrap_or_default(),
            http: Http {
                method: request.method.as_str(),
                path,
                protocol: "HTTP/1.1",
                source_ip: arrival.client.ip().to_string(),
                user_agent: header(&request.headers, &USER_AGENT).unwrap_or_default(),
            },
            request_id: &arrival.request_id,
            route_key: &route_key,
            stage: "$default",
            time: common_log_time(arrival.at),
            time_epoch: arrival.at.unix_millis(),
        },
        body,
        path_parameters: found
            .parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect(),
        is_base64_encoded,
    };
    let json = serde_json::to_string(&event).expect("text and numbers always serialise");
    if json.len() > MAX_EVENT_BYTES {
        return Err(TooLarge);
    }
    Ok(json)
}

/// The media types whose bodies API Gateway hands over as text. It does not document them; these
/// are what a live HTTP API was seen to do: `+json` types and forms are base64 as well.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = header(headers, &CONTENT_TYPE) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || matches!(
            essence.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        )
}

fn body_len(body: Option<&str>, is_base64_encoded: bool) -> usize {
    match body {
        None => 0,
        Some(text) if !is_base64_encoded => text.len(),
        Some(text) => {
            let padding = text.bytes().rev().take_while(|&byte| byte == b'=').count();
            text.len() / 4 * 3 - padding
        }
    }
}

/// All values of a header with commas between them, lossy where they are not UTF-8.
fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Cookies have a member of their own, and what concerns only the connection ends here. The
/// `x-forwarded-` headers are the gateway's word, not the client's.
fn headers(request: &HeaderMap, body_len: usize, arrival: &Arrival) -> BTreeMap<String, String> {
    const ENDS_HERE: [HeaderName; 7] = [
        COOKIE,
        CONNECTION,
        EXPECT,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    let mut headers: BTreeMap<_, _> = request
        .keys()
        .filter(|name| !ENDS_HERE.contains(name))
        .filter_map(|name| Some((name.as_str().to_owned(), header(request, name)?)))
        .collect();
    let client = arrival.client.ip();
    let forwarded = match headers.get("x-forwarded-for") {
        Some(before) => format!("{before}, {client}"),
        None => client.to_string(),
    };
    headers.extend([
        (CONTENT_LENGTH.as_str().to_owned(), body_len.to_string()),
        ("x-forwarded-for".to_owned(), forwarded),
        (
            "x-forwarded-port".to_owned(),
            arrival.server.port().to_string(),
        ),
        ("x-forwarded-proto".to_owned(), "http".to_owned()),
    ]);
    for (name, default) in [
        (HOST.as_str(), arrival.server.to_string()),
        ("x-amzn-trace-id", arrival.trace_id.clone()),
    ] {
        headers.entry(name.to_owned()).or_insert(default);
    }
    headers
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .flat_map(|line| {
            line.split(';')
                .map(|pair| pair.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|pair| !pair.is_empty())
        .collect()
}

/// Decoded; the values of a name that comes more than once have commas between them.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<_, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value);
        parameters
            .entry(decode(name))
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    parameters
}

fn decode(raw: &str) -> String {
    let spaced = raw.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8_lossy();
    decoded.into_owned()
}

/// `[::1]:8888` and `127.0.0.1:8888` without their port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn common_log_time(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp(at.unix_seconds())
        .ok()
        .and_then(|at| at.format(COMMON_LOG_FORMAT).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::*;
    use crate::router;

    fn arrival() -> Arrival {
        Arrival {
            client: "127.0.0.1:50000".parse().unwrap(),
            server: "127.0.0.1:8888".parse().unwrap(),
            at: Timestamp::from_unix_millis(1_583_348_638_390).unwrap(),
            request_id: "JKJaXmPLvHcESHA=".to_owned(),
            trace_id: "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c".to_owned(),
        }
    }

    fn event(request: http::request::Builder, body: impl Into<Bytes>) -> Result<String, TooLarge> {
        let (parts, body) = request.body(body.into()).unwrap().into_parts();
        let path = router::decode_path(parts.uri.path()).unwrap();
        let found = router::find(&parts.method, &path).unwrap();
        to_json(&parts, &body, &path, &found, &arrival())
    }

    fn parsed(request: http::request::Builder, body: impl Into<Bytes>) -> Value {
        serde_json::from_str(&event(request, body).unwrap()).unwrap()
    }

    #[test]
    fn an_event_looks_as_api_gateway_documents_it() {
        let request = Request::put(
            "/food/caf%C3%A9%20au%20lait?parameter1=value1&parameter1=value2&parameter2=a%2Bb+c",
        )
        .header("Host", "id.execute-api.us-east-1.amazonaws.com:8888")
        .header("Header1", "value1")
        .header("Header2", "value1")
        .header("header2", "value2")
        .header("Cookie", "cookie1=value1; cookie2=value2")
        .header("User-Agent", "agent")
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("Transfer-Encoding", "chunked")
        .header("Connection", "keep-alive")
        .header("Expect", "100-continue");
        assert_eq!(
            parsed(request, "Hello from Lambda é"),
            json!({
                "version": "2.0",
                "routeKey": "PUT /food/{food_id}",
                "rawPath": "/food/café au lait",
                "rawQueryString":
                    "parameter1=value1&parameter1=value2&parameter2=a%2Bb+c",
                "cookies": ["cookie1=value1", "cookie2=value2"],
                "headers": {
                    "content-length": "20",
                    "content-type": "text/plain; charset=utf-8",
                    "header1": "value1",
                    "header2": "value1,value2",
                    "host": "id.execute-api.us-east-1.amazonaws.com:8888",
                    "user-agent": "agent",
                    "x-amzn-trace-id": "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c",
                    "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-port": "8888",
                    "x-forwarded-proto": "http",
                },
                "queryStringParameters": {
                    "parameter1": "value1,value2",
                    "parameter2": "a+b c",
                },
                "requestContext": {
                    "accountId": "000000000000",
                    "apiId": "local",
                    "domainName": "id.execute-api.us-east-1.amazonaws.com",
                    "domainPrefix": "id",
                    "http": {
                        "method": "PUT",
                        "path": "/food/café au lait",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1",
                        "userAgent": "agent",
                    },
                    "requestId": "JKJaXmPLvHcESHA=",
                    "routeKey": "PUT /food/{food_id}",
                    "stage": "$default",
                    "time": "04/Mar/2020:19:03:58 +0000",
                    "timeEpoch": 1_583_348_638_390_i64,
                },
                "body": "Hello from Lambda é",
                "pathParameters": { "food_id": "café au lait" },
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn what_a_request_does_not_have_its_event_does_not_have() {
        let event = parsed(Request::get("/food"), "");
        for absent in ["cookies", "queryStringParameters", "pathParameters", "body"] {
            assert_eq!(event.get(absent), None, "{absent}");
        }
        assert_eq!(event["rawQueryString"], "");
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event["headers"]["content-length"], "0");
        assert_eq!(event["headers"]["host"], "127.0.0.1:8888");
        assert_eq!(event["requestContext"]["http"]["userAgent"], "");
        assert_eq!(event["requestContext"]["domainName"], "127.0.0.1");
    }

    #[test]
    fn a_body_is_text_or_base64_by_its_media_type() {
        for (content_type, is_base64) in [
            ("text/plain", false),
            ("TEXT/HTML; charset=utf-8", false),
            ("application/json", false),
            ("Application/JSON;charset=utf-8", false),
            ("application/javascript", false),
            ("application/xml", false),
            ("application/problem+json", true),
            ("application/x-www-form-urlencoded", true),
            ("multipart/form-data; boundary=x", true),
            ("application/octet-stream", true),
            ("image/png", true),
            ("", true),
        ] {
            let request = Request::post("/login").header("content-type", content_type);
            let event = parsed(request, "{}x");
            assert_eq!(event["isBase64Encoded"], is_base64, "{content_type}");
            assert_eq!(event["body"], if is_base64 { "e314" } else { "{}x" });
            assert_eq!(event["headers"]["content-length"], "3");
        }
        let event = parsed(Request::post("/login"), "{}");
        assert_eq!(event["isBase64Encoded"], true);
        assert_eq!(event["headers"]["content-length"], "2");
    }

    #[test]
    fn text_that_is_not_utf_8_is_base64() {
        let request = Request::post("/login").header("content-type", "application/json");
        let event = parsed(request, &b"\xFF\xFE"[..]);
        assert_eq!(event["isBase64Encoded"], true);
        assert_eq!(event["body"], "//4=");
    }

    #[test]
    fn header_values_that_are_not_utf_8_are_passed_on_as_lossy_text() {
        let request = Request::get("/food")
            .header("x-name", &b"caf\xE9"[..])
            .header("cookie", &b"name=\xE9"[..]);
        let event = parsed(request, "");
        assert_eq!(event["headers"]["x-name"], "caf\u{FFFD}");
        assert_eq!(event["cookies"], json!(["name=\u{FFFD}"]));
    }

    #[test]
    fn a_client_cannot_forge_what_the_gateway_says() {
        let request = Request::get("/food")
            .header("x-forwarded-proto", "gopher")
            .header("x-forwarded-port", "1")
            .header("x-forwarded-for", "10.0.0.1");
        let event = parsed(request, "");
        assert_eq!(event["headers"]["x-forwarded-proto"], "http");
        assert_eq!(event["headers"]["x-forwarded-port"], "8888");
        assert_eq!(event["headers"]["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
    }

    #[test]
    fn query_parameters_are_decoded_and_joined() {
        let parameters = query_parameters("a=1&b&a=%zz&=x&&c=%FF");
        let expected = [("", "x"), ("a", "1,%zz"), ("b", ""), ("c", "\u{FFFD}")];
        assert!(
            parameters
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .eq(expected),
            "{parameters:?}"
        );
    }

    #[test]
    fn an_event_holds_6_mb_and_not_a_byte_more() {
        let request = || Request::post("/login").header("content-type", "text/plain");
        // The length is in a header as well: seven digits in both.
        let rest = event(request(), vec![b'a'; 5_000_000]).unwrap().len() - 5_000_000;
        let fits = MAX_EVENT_BYTES - rest;
        assert_eq!(
            event(request(), vec![b'a'; fits]).unwrap().len(),
            MAX_EVENT_BYTES
        );
        assert_eq!(event(request(), vec![b'a'; fits + 1]), Err(TooLarge));
        assert_eq!(
            event(request(), vec![b'a'; MAX_EVENT_BYTES + 1]),
            Err(TooLarge)
        );
    }

    #[test]
    fn every_arrival_has_ids_as_api_gateway_makes_them() {
        let Arrival {
            client, server, at, ..
        } = arrival();
        let [one, other] = [(); 2].map(|()| Arrival::new(client, server, at));
        assert_ne!(one.request_id, other.request_id);
        assert_eq!(one.request_id.len(), 16);
        assert!(
            one.trace_id.starts_with("Root=1-5e5ffb9e-"),
            "{}",
            one.trace_id
        );
        assert_eq!(
            one.trace_id.len(),
            "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c".len()
        );
    }

    #[test]
    fn a_port_is_not_part_of_the_domain() {
        for (host, name) in [
            ("localhost:8888", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:8888", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
