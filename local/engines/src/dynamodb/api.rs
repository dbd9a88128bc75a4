//! The HTTP API of the embedded `DynamoDB` (JSON 1.0). dynoxide's own server executes requests of any web page, with
//! any signature (docs/decisions/0028-media-types-and-local-hosts.md).

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use dynoxide::{Database, DynoxideError};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access_key::AccessKey;
use crate::host::require_this_machine;

const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// The error for a request that is not signed with the access key.
const UNKNOWN_KEY: &str = r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The request is not signed with the access key of this server."}"#;

#[derive(Clone)]
struct Engine {
    database: Database,
    key: AccessKey,
}

/// Returns the routes of the API. Requests must be signed with the key, and must not come from a web page.
pub(super) fn router(database: Database, key: AccessKey) -> Router {
    Router::new()
        .route("/", post(call))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(require_this_machine))
        .with_state(Engine { database, key })
}

async fn call(State(engine): State<Engine>, request: Parts, body: Bytes) -> Response {
    // Only browsers send an Origin. No page has a reason to call the database.
    if request.headers.contains_key(ORIGIN) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !engine.key.verifies(&request, &body) {
        return response(StatusCode::BAD_REQUEST, UNKNOWN_KEY.to_owned());
    }
    let operation = operation(&request.headers).unwrap_or_default();
    match execute(&engine.database, operation, &body) {
        Ok(json) => response(StatusCode::OK, json),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            response(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_json())
        }
    }
}

/// Returns the operation in a header such as `X-Amz-Target: DynamoDB_20120810.GetItem`.
fn operation(headers: &HeaderMap) -> Option<&str> {
    let (_, operation) = headers.get("x-amz-target")?.to_str().ok()?.split_once('.')?;
    Some(operation)
}

fn response(status: StatusCode, json: String) -> Response {
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], json).into_response()
}

/// Defines `execute` from the names of operations and the methods of [`Database`] that execute them.
macro_rules! operations {
    ($($name:literal => $method:ident,)*) => {
        fn execute(database: &Database, operation: &str, body: &[u8]) -> dynoxide::Result<String> {
            match operation {
                $($name => convert(body, |request| database.$method(request)),)*
                _ => Err(DynoxideError::ValidationException("the operation is unknown".to_owned())),
            }
        }
    };
}

operations! {
    "BatchGetItem" => batch_get_item,
    "BatchWriteItem" => batch_write_item,
    "CreateTable" => create_table,
    "DeleteItem" => delete_item,
    "DeleteTable" => delete_table,
    "DescribeTable" => describe_table,
    "DescribeTimeToLive" => describe_time_to_live,
    "ExecuteStatement" => execute_statement,
    "GetItem" => get_item,
    "ListTables" => list_tables,
    "PutItem" => put_item,
    "Query" => query,
    "Scan" => scan,
    "TransactGetItems" => transact_get_items,
    "TransactWriteItems" => transact_write_items,
    "UpdateItem" => update_item,
    "UpdateTable" => update_table,
    "UpdateTimeToLive" => update_time_to_live,
}

/// Parses the request of an operation, executes it, and returns its response as JSON.
fn convert<Input: DeserializeOwned, Output: Serialize>(
    body: &[u8],
    execute: impl FnOnce(Input) -> dynoxide::Result<Output>,
) -> dynoxide::Result<String> {
    let input = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::ValidationException(error.to_string()))?;
    serde_json::to_string(&execute(input)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
