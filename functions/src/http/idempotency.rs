//! The header `Idempotency-Key`: executes a request once, even if the client sends it several times.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;

use domain::clock::{Clock as _, SystemClock};
use domain::id::InvalidId;
use domain::idempotency::{
    IdempotencyKey, IdempotencyOutcome, IdempotencyRecord, IdempotencyStore as _,
};
use domain::storage::StorageError;
use http::{HeaderName, HeaderValue, StatusCode};
use infrastructure::idempotency::record;
use infrastructure::sessions::Sessions;
use lambda_http::Request;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::http::response::Response;

/// Executes a request once per idempotency key.
pub(crate) struct IdempotencyGuard {
    pub(crate) store: Sessions,
}

/// A response as stored under its idempotency key, for retries.
#[derive(Serialize, Deserialize)]
struct SavedResponse {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl IdempotencyGuard {
    /// Runs `act` once per idempotency key and returns its response; a retry returns the saved response.
    /// `id` is the id to create; `act` receives the id of the first attempt. Without `operation`, `act` always runs.
    /// If `act` returns a client error, the key can be used again, also for another request.
    pub(crate) async fn execute<Id, Acting>(
        &self,
        operation: Option<IdempotencyRecord>,
        id: Id,
        parse: impl FnOnce(&str) -> Result<Id, InvalidId>,
        act: impl FnOnce(Id) -> Acting,
    ) -> Result<Response, ApiError>
    where
        Id: Display,
        Acting: Future<Output = Result<Response, ApiError>>,
    {
        let Some(operation) = operation else {
            return act(id).await;
        };
        let (own, now) = (id.to_string(), SystemClock.now());
        let first = match self.store.begin(&operation, &own, now).await? {
            IdempotencyOutcome::Acquired(first) => first,
            IdempotencyOutcome::InProgress => return Err(ApiError::request_in_progress()),
            IdempotencyOutcome::KeyReused => return Err(ApiError::idempotency_key_reused()),
            IdempotencyOutcome::Completed(saved) => return Ok(load(&saved)?),
        };
        let id = parse(&first).map_err(|_| corrupt())?;
        let outcome = act(id).await;
        // If this fails, a retry waits until the lease expires, and then finds the resource by its id.
        let _ = match &outcome {
            Ok(response) => self.store.finish(&operation, &save(response)).await,
            Err(error) if error.status().is_client_error() => {
                self.store.forget(&operation, &first).await
            }
            Err(_) => self.store.release(&operation).await,
        };
        outcome
    }
}

/// Computes the idempotency record of a request, or `None` without an `Idempotency-Key`. `scope` names the action and
/// the user; `content` distinguishes a retry from another request with the key.
pub(crate) fn idempotent_operation(
    request: &Request,
    scope: impl FnOnce() -> String,
    content: &[&[u8]],
) -> Result<Option<IdempotencyRecord>, ApiError> {
    let key = key(request)?;
    Ok(key.map(|key| record(&scope(), &key, content)))
}

/// Parses the header `Idempotency-Key`. The IETF draft requires quotes (RFC 8941), but most clients send none.
fn key(request: &Request) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let raw = value.to_str().unwrap_or_default().trim();
    let unquoted = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    IdempotencyKey::parse(unquoted.unwrap_or(raw))
        .map(Some)
        .map_err(|error| ApiError::invalid_request(error.to_string()))
}

fn save(response: &Response) -> String {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers.iter();
    let saved = SavedResponse {
        status: response.status.as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: response.body.clone(),
    };
    serde_json::to_string(&saved).expect("texts and a number")
}

fn load(saved: &str) -> Result<Response, StorageError> {
    let saved: SavedResponse = serde_json::from_str(saved).map_err(|_| corrupt())?;
    let headers = saved.headers.into_iter().map(|(name, value)| {
        let name = HeaderName::try_from(name).map_err(|_| corrupt())?;
        Ok((name, HeaderValue::try_from(value).map_err(|_| corrupt())?))
    });
    Ok(Response {
        status: StatusCode::from_u16(saved.status).map_err(|_| corrupt())?,
        headers: headers.collect::<Result<_, StorageError>>()?,
        body: saved.body,
        is_base64: false,
    })
}

fn corrupt() -> StorageError {
    StorageError::Corrupt("a saved response".into())
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    #[test]
    fn idempotency_key_may_be_quoted() {
        let raw = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let (quoted, padded) = (format!("\"{raw}\""), format!(" {raw} "));
        for (header, expected) in [
            (raw, Some(raw)),
            (&quoted, Some(raw)),
            (&padded, Some(raw)),
            ("", None),
            ("\"\"", None),
            ("key with inner spaces", None),
            (&"x".repeat(256), None),
        ] {
            let request = http::Request::builder().header("Idempotency-Key", header);
            let parsed = key(&request.body(Body::Empty).unwrap());
            let parsed = parsed.map(|key| key.unwrap().as_str().to_owned());
            assert_eq!(parsed.ok().as_deref(), expected, "{header}");
        }
        assert_eq!(key(&Request::new(Body::Empty)).unwrap(), None);
    }

    #[test]
    fn saved_idempotent_response_is_loaded_unchanged() {
        let tag = HeaderValue::from_static("\"1\"");
        let response = crate::http::response::created(&"Größe 🍲").with_etag(tag);
        let loaded = load(&save(&response)).unwrap();
        assert_eq!(loaded.status, response.status);
        assert_eq!(loaded.headers, response.headers);
        assert_eq!(loaded.body, response.body);
        for saved in ["", "{}", r#"{"status":99,"headers":{},"body":""}"#] {
            assert!(matches!(load(saved), Err(StorageError::Corrupt(_))));
        }
    }
}
