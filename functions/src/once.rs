//! Doing what a request asks for once, however often it comes: the header `Idempotency-Key`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;

use domain::clock::{Clock as _, SystemClock};
use domain::id::InvalidId;
use domain::idempotency::{Begun, IdempotencyKey, IdempotencyStore as _, Operation};
use domain::storage::StorageError;
use http::{HeaderName, HeaderValue, StatusCode};
use infrastructure::idempotency::operation;
use infrastructure::sessions::Sessions;
use lambda_http::Request;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::response::Reply;

/// What a route needs to do a thing once.
pub(crate) struct Once {
    pub(crate) store: Sessions,
    pub(crate) clock: SystemClock,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Once {
    /// Acts, and gives the answer back; where the same was asked for before, the answer of then.
    /// `id` is for what is made, and `act` is given that of the first attempt.
    pub(crate) async fn run<Id, Acting>(
        &self,
        operation: Option<Operation>,
        id: Id,
        parse: impl FnOnce(&str) -> Result<Id, InvalidId>,
        act: impl FnOnce(Id) -> Acting,
    ) -> Result<Reply, ApiError>
    where
        Id: Display,
        Acting: Future<Output = Result<Reply, ApiError>>,
    {
        let Some(operation) = operation else {
            return act(id).await;
        };
        let (own, now) = (id.to_string(), self.clock.now());
        let first = match self.store.begin(&operation, &own, now).await? {
            Begun::Yours(first) => first,
            Begun::Running => return Err(ApiError::request_in_progress()),
            Begun::Different => return Err(ApiError::idempotency_key_reused()),
            Begun::Done(answer) => return Ok(read(&answer)?),
        };
        let id = parse(&first).map_err(|_| corrupt())?;
        let reply = match act(id).await {
            Ok(reply) => reply,
            // Refused, and asking again would not change that: so the key is used up.
            Err(error) if error.status() == StatusCode::CONFLICT => error.into_reply(),
            Err(error) => {
                // Where this fails as well, others wait until the attempt is over.
                let _ = self.store.release(&operation).await;
                return Err(error);
            }
        };
        // It is done. Where this cannot be kept, who asks again finds what was made by its id.
        let _ = self.store.finish(&operation, &write(&reply)).await;
        Ok(reply)
    }
}

/// The operation that the request names by its `Idempotency-Key`: that of `scope`, which says what is
/// done and for whom. `None` without one.
pub(crate) fn asked(
    request: &Request,
    scope: impl FnOnce() -> String,
    content: &[&[u8]],
) -> Result<Option<Operation>, ApiError> {
    let key = key(request)?;
    Ok(key.map(|key| operation(&scope(), &key, content)))
}

/// A key in quotes is a string of RFC 8941, as the draft has it; most clients send it without.
fn key(request: &Request) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = request.headers().get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let raw = value.to_str().unwrap_or_default().trim();
    let unquoted = raw
        .strip_prefix('"')
        .and_then(|raw| raw.strip_suffix('"'))
        .unwrap_or(raw);
    match IdempotencyKey::parse(unquoted) {
        Ok(key) => Ok(Some(key)),
        Err(error) => Err(ApiError::invalid_request(error.to_string())),
    }
}

fn write(reply: &Reply) -> String {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = reply.headers.iter();
    let kept = Kept {
        status: reply.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: reply.body.clone(),
    };
    serde_json::to_string(&kept).expect("texts and a number")
}

fn read(answer: &str) -> Result<Reply, StorageError> {
    let kept: Kept = serde_json::from_str(answer).map_err(|_| corrupt())?;
    let headers = kept.headers.into_iter().map(|(name, value)| {
        let name = HeaderName::try_from(name).map_err(|_| corrupt())?;
        Ok((name, HeaderValue::try_from(value).map_err(|_| corrupt())?))
    });
    Ok(Reply {
        status: StatusCode::from_u16(kept.status).map_err(|_| corrupt())?,
        headers: headers.collect::<Result<_, StorageError>>()?,
        body: kept.body,
        is_base64: false,
    })
}

fn corrupt() -> StorageError {
    StorageError::Corrupt("what was kept of an operation".into())
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    fn key_of(header: &str) -> Result<Option<String>, u16> {
        let request = http::Request::builder()
            .header("Idempotency-Key", header)
            .body(Body::Empty)
            .unwrap();
        match key(&request) {
            Ok(key) => Ok(key.map(|key| key.as_str().to_owned())),
            Err(error) => Err(error.status().as_u16()),
        }
    }

    #[test]
    fn a_key_may_stand_in_quotes() {
        let raw = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        for header in [raw.to_owned(), format!("\"{raw}\""), format!(" {raw} ")] {
            assert_eq!(key_of(&header), Ok(Some(raw.to_owned())), "{header}");
        }
        assert_eq!(key(&Request::new(Body::Empty)).unwrap(), None);
        for header in [
            "",
            "\"\"",
            "short",
            "with a space in the middle of it",
            &"x".repeat(256),
        ] {
            assert_eq!(key_of(header), Err(400), "{header}");
        }
    }

    #[test]
    fn an_answer_reads_back_as_it_was() {
        let mut reply = crate::response::created(&"Größe 🍲").no_store();
        reply
            .headers
            .insert("etag", HeaderValue::from_static("\"1\""));
        let again = read(&write(&reply)).unwrap();
        assert_eq!(again.status, reply.status);
        assert_eq!(again.headers, reply.headers);
        assert_eq!(again.body, reply.body);
    }

    #[test]
    fn what_is_no_answer_of_ours_is_corrupt() {
        for kept in ["", "{}", r#"{"status":99,"headers":{},"body":""}"#] {
            assert!(
                matches!(read(kept), Err(StorageError::Corrupt(_))),
                "{kept}"
            );
        }
    }
}
