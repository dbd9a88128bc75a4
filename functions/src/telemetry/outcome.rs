//! The outcome of a request: the input of the request log.

use std::sync::{Arc, OnceLock};

use domain::id::UserId;
use http::{HeaderMap, Method};
use tracing::Level;

use super::trace::Trace;
use crate::error::ErrorReport;

/// The data of a request that the request log records.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestInfo {
    pub(crate) method: Option<Method>,
    /// The route's path, with parameters in braces. Real paths would identify users.
    pub(crate) route: Option<String>,
    pub(super) traceparent: Option<Trace>,
    pub(super) x_ray: Option<Trace>,
    pub(crate) user: UserSlot,
}

impl RequestInfo {
    /// Reads the trace ids from the headers `traceparent` and `X-Amzn-Trace-Id`.
    pub(crate) fn read_traces(&mut self, headers: &HeaderMap) {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        self.traceparent = text("traceparent").and_then(Trace::from_traceparent);
        self.x_ray = text("x-amzn-trace-id").and_then(Trace::from_x_ray);
    }
}

/// The user of a request, for the request log: set by the handler when the token or the password is verified.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserSlot(Arc<OnceLock<UserId>>);

impl UserSlot {
    pub(super) fn get(&self) -> Option<&UserId> {
        self.0.get()
    }

    pub(crate) fn set(&self, user: UserId) {
        let _ = self.0.set(user);
    }
}

/// The outcome of a request, for the request log.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) request: RequestInfo,
    /// The status of the response.
    pub status: u16,
    /// The error that the response reports; `None` if the request succeeded.
    pub problem: Option<ErrorReport>,
}

impl Outcome {
    /// Creates the outcome of a request that could not be parsed.
    pub fn failed(status: u16, problem: ErrorReport) -> Self {
        Self { request: RequestInfo::default(), status, problem: Some(problem) }
    }

    pub(super) fn level(&self) -> Level {
        match self.status {
            500.. => Level::ERROR,
            429 => Level::WARN,
            _ => Level::INFO,
        }
    }
}
