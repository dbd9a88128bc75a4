//! From an API Gateway event to a reply.

use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HOST;
use http::uri::PathAndQuery;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::error::ApiError;
use crate::response::Reply;
use crate::settings::SettingsError;
use crate::setup::Setup;

/// One function: what it is made of, and what it does with a request.
pub trait Handler: Sized + Send + Sync {
    /// Makes the function from its settings. Connects to nothing.
    fn new(setup: &Setup) -> Result<Self, SettingsError>;

    /// Answers a request.
    fn handle(&self, request: Request) -> impl Future<Output = Result<Reply, ApiError>> + Send;
}

/// Answers an event: API Gateway's JSON (payload format 2.0) in, its answer out. Never fails: what
/// cannot be read is answered with 400.
pub async fn answer(handler: &impl Handler, event: &str) -> ApiGatewayV2httpResponse {
    let reply = match read(event) {
        // Boxed: the types of nested futures grow beyond what the compiler follows.
        Ok(request) => Box::pin(handler.handle(request)).await,
        Err(error) => Err(error),
    };
    let reply = reply.unwrap_or_else(|error| {
        if let Some(cause) = error.cause() {
            tracing::error!(code = error.code(), cause, "request failed");
        }
        error.into_reply()
    });
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = reply.status.as_u16().into();
    response.headers = reply.headers;
    response.body = Some(Body::Text(reply.body));
    response
}

/// `lambda_http` trusts API Gateway: it panics on a body that is no base64 and on a target that is no
/// URI, and an event that does not parse is a failure of the function. Whatever a client can get
/// through API Gateway must have an answer (docs/decisions/0006-events-are-checked-first.md).
fn read(event: &str) -> Result<Request, ApiError> {
    let invalid = |what: &'static str| ApiError::invalid_request(what);
    let mut event: ApiGatewayV2httpRequest = serde_json::from_str(event)
        .map_err(|_| invalid("the request has headers or a form that cannot be read"))?;
    let body = match event.body.take() {
        None => Body::Empty,
        Some(text) if event.is_base64_encoded => STANDARD
            .decode(text)
            .map(Body::Binary)
            .map_err(|_| invalid("the body should be base64"))?,
        Some(text) => Body::Text(text),
    };
    event.is_base64_encoded = false;
    let host = event.headers.remove(HOST);
    event.request_context.domain_name = None;
    let path = event.raw_path.take().unwrap_or_default();
    let query = event.raw_query_string.take().unwrap_or_default();
    let target = PathAndQuery::try_from(format!("{}?{query}", encode(&path)));
    let target = target.map_err(|_| invalid("the query cannot be read"))?;
    event.raw_path = Some(target.path().to_owned());
    event.raw_query_string = target.query().map(str::to_owned);
    let mut request = Request::from(LambdaRequest::ApiGatewayV2(event));
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    *request.body_mut() = body;
    Ok(request)
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
