//! A function's answer (payload format 2.0) as an HTTP response.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE,
    TRANSFER_ENCODING,
};
use http::{Response, StatusCode};
use serde::Deserialize;
use thiserror::Error;

use crate::cors;

/// What a function may answer, as Lambda says where more is refused.
const MAX_REPLY_BYTES: usize = 6_291_556;

/// Why an answer cannot be passed on.
#[derive(Debug, Error)]
pub(crate) enum InvalidReply {
    #[error("the answer has {0} bytes; Lambda takes {MAX_REPLY_BYTES}")]
    TooLarge(usize),
    #[error("the answer is not in payload format 2.0")]
    Format(#[from] serde_json::Error),
    #[error("the status of the answer is not an HTTP status")]
    Status(#[from] http::status::InvalidStatusCode),
    #[error("a header of the answer is not an HTTP header")]
    HeaderName(#[from] http::header::InvalidHeaderName),
    #[error("a header of the answer is not an HTTP header")]
    HeaderValue(#[from] http::header::InvalidHeaderValue),
    #[error("the body of the answer is not base64")]
    Base64(#[from] base64::DecodeError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status_code: u16,
    headers: Option<HashMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    cookies: Option<Vec<String>>,
}

/// Reads the JSON that a function answered.
pub(crate) fn parse(json: &str) -> Result<Response<Bytes>, InvalidReply> {
    if json.len() > MAX_REPLY_BYTES {
        return Err(InvalidReply::TooLarge(json.len()));
    }
    let reply: Reply = serde_json::from_str(json)?;
    let body = reply.body.unwrap_or_default();
    let body = match reply.is_base64_encoded {
        Some(true) => STANDARD.decode(body)?,
        _ => body.into_bytes(),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(reply.status_code)?;
    for (name, value) in reply.headers.unwrap_or_default() {
        let name: HeaderName = name.parse()?;
        // The connection is the gateway's business, and so is CORS.
        let is_ours = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name);
        if !is_ours && !cors::is_reserved(&name) {
            response.headers_mut().append(name, value.parse()?);
        }
    }
    for cookie in reply.cookies.unwrap_or_default() {
        response.headers_mut().append(SET_COOKIE, cookie.parse()?);
    }
    if !response.body().is_empty() {
        let default = HeaderValue::from_static("text/plain; charset=utf-8");
        let headers = response.headers_mut();
        headers.entry(CONTENT_TYPE).or_insert(default);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_becomes_a_response() {
        let reply = json!({
            "statusCode": 201,
            "headers": { "Content-Type": "application/json", "link": "<x>; rel=\"next\"" },
            "multiValueHeaders": {},
            "body": "{\"name\":\"é\"}",
            "isBase64Encoded": false,
            "cookies": ["a=1", "b=2"],
        });
        let response = parse(&reply.to_string()).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["link"], "<x>; rel=\"next\"");
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(response.body(), "{\"name\":\"é\"}");
    }

    #[test]
    fn a_base64_body_is_decoded() {
        let reply = r#"{"statusCode":200,"body":"/w==","isBase64Encoded":true}"#;
        let response = parse(reply).unwrap();
        assert_eq!(response.body().as_ref(), [0xFF]);
        assert_eq!(
            response.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
    }

    #[test]
    fn an_answer_may_have_a_status_alone() {
        let response = parse(r#"{"statusCode":304,"headers":null,"body":null}"#).unwrap();
        assert_eq!(response.status(), 304);
        assert!(response.headers().is_empty());
        assert!(response.body().is_empty());
    }

    #[test]
    fn headers_that_are_the_gateways_are_dropped() {
        let reply = json!({
            "statusCode": 200,
            "headers": {
                "Access-Control-Allow-Origin": "https://evil.example",
                "Content-Length": "7",
                "Transfer-Encoding": "chunked",
                "Connection": "close",
            },
        });
        assert!(parse(&reply.to_string()).unwrap().headers().is_empty());
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_refused() {
        for reply in [
            "",
            "null",
            "{}",
            r#"{"statusCode":"200"}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"headers":{"a":"b\nc"}}"#,
            r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
        ] {
            assert!(parse(reply).is_err(), "{reply}");
        }
    }

    #[test]
    fn an_answer_holds_6_mb_and_not_a_byte_more() {
        let reply = |length| json!({ "statusCode": 200, "body": "a".repeat(length) }).to_string();
        let fits = MAX_REPLY_BYTES - reply(0).len();
        assert_eq!(parse(&reply(fits)).unwrap().body().len(), fits);
        let refused = parse(&reply(fits + 1));
        assert!(matches!(refused, Err(InvalidReply::TooLarge(_))));
    }
}
