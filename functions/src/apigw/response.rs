//! Encodes responses for API Gateway (payload format 2.0).

use std::future::Future;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use lambda_http::Request;
use serde::{Serialize, Serializer};

use super::request::Event;
use crate::dependencies::FromDependencies;
use crate::error::ApiError;
use crate::http::response::Response;
use crate::telemetry::{Outcome, RequestInfo};

/// A Lambda function that serves a route.
pub trait HttpHandler: FromDependencies + Send + Sync {
    /// Handles a request. An error is converted to an error response.
    fn handle(&self, request: Request) -> impl Future<Output = Result<Response, ApiError>> + Send;
}

/// A response in the format that API Gateway expects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiGatewayResponse {
    status_code: u16,
    #[serde(serialize_with = "serialize_headers")]
    headers: HeaderMap,
    body: String,
    is_base64_encoded: bool,
    /// The outcome of the request for the request log; not sent to API Gateway.
    #[serde(skip)]
    pub(crate) outcome: Outcome,
}

impl ApiGatewayResponse {
    fn new(info: RequestInfo, result: Result<Response, ApiError>) -> Self {
        let problem = result.as_ref().err().map(ApiError::report);
        let response = result.unwrap_or_else(ApiError::into_response);
        let status = response.status.as_u16();
        Self {
            status_code: status,
            headers: response.headers,
            body: response.body,
            is_base64_encoded: response.is_base64,
            outcome: Outcome { request: info, status, problem },
        }
    }
}

fn serialize_headers<S: Serializer>(headers: &HeaderMap, to: S) -> Result<S::Ok, S::Error> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter();
    to.collect_map(headers.map(|(name, value)| (name.as_str(), text(value))))
}

/// Parses an event and calls the handler. An invalid event gets a 400.
pub async fn handle_event(
    handler: &impl HttpHandler,
    event: impl Into<Event>,
) -> ApiGatewayResponse {
    let Event { request, info } = event.into();
    let result = match request {
        // Boxed: the compiler has a limit for the depth of nested future types.
        Ok(request) => Box::pin(handler.handle(request)).await,
        Err(error) => Err(error),
    };
    ApiGatewayResponse::new(info, result)
}

/// Calls [`handle_event`], but returns a 503 if it takes longer than `time`, before Lambda ends the process.
pub(crate) async fn handle_event_with_deadline(
    time: Duration,
    handler: &impl HttpHandler,
    event: impl Into<Event>,
) -> ApiGatewayResponse {
    let event = event.into();
    let info = event.info.clone();
    let response = tokio::time::timeout(time, handle_event(handler, event)).await;
    response.unwrap_or_else(|elapsed| {
        ApiGatewayResponse::new(info, Err(ApiError::unavailable(Some(elapsed.into()))))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn response_json_has_the_members_api_gateway_expects() {
        let response = crate::http::response::ok(&"fine").no_store();
        let encoded = ApiGatewayResponse::new(RequestInfo::default(), Ok(response));
        assert_eq!(
            serde_json::to_value(&encoded).unwrap(),
            json!({
                "statusCode": 200,
                "headers": {"content-type": "application/json", "cache-control": "no-store"},
                "body": "\"fine\"",
                "isBase64Encoded": false,
            })
        );
    }
}
