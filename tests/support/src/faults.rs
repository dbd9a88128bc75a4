//! Fault injection for the calls to `DynamoDB`, S3 and Redis.

use std::future::{Future, pending};
use std::io;
use std::sync::Mutex;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// The way in which an injected fault fails a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The call is not executed; the response is a throttling error.
    Throttled,
    /// The call is not executed; the connection is closed.
    Refused,
    /// The call is not executed; no response is sent.
    Silent,
    /// The call is executed after the timeout of the caller; no response is sent.
    Late,
    /// The call is executed; the connection is closed before the response.
    Lost,
    /// The call is executed; the response is a server error.
    Failed,
}

/// A fault to inject: which calls fail, how many, and in which way.
#[derive(Debug, Clone)]
pub struct Fault {
    pub operation: String,
    /// The name of the `DynamoDB` table. `None` matches every table, bucket and key.
    pub resource: Option<String>,
    /// The number of matching calls that succeed before the first one fails.
    pub skip: usize,
    /// The number of calls that fail after the first `skip` calls.
    pub times: usize,
    pub failure: Failure,
}

/// The error responses with which a proxy replaces the response of its engine.
pub struct ErrorResponses<T> {
    pub throttled: T,
    pub failed: T,
}

/// The faults to inject into the calls to one engine, and the calls that [`Failure::Late`] delays.
#[derive(Default)]
pub struct Faults {
    active: Mutex<Vec<Fault>>,
    late: Mutex<JoinSet<()>>,
    released: watch::Sender<bool>,
}

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.active.lock().expect("no panic").push(fault);
    }

    /// Removes all faults. Calls that [`Failure::Late`] delays wait for [`Self::release_late_calls`].
    pub fn clear(&self) {
        self.active.lock().expect("no panic").clear();
    }

    /// Counts a call for the first matching fault that still fails calls, and returns the failure to inject. `None` if the call succeeds.
    pub fn next_failure(&self, operation: &str, resource: &str) -> Option<Failure> {
        let mut faults = self.active.lock().expect("no panic");
        let fault = faults.iter_mut().find(|fault| {
            let is_resource = |expected: &String| expected == resource;
            let is_matching =
                fault.operation == operation && fault.resource.as_ref().is_none_or(is_resource);
            is_matching && fault.times > 0
        })?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.failure)
    }

    /// Forwards a call to the engine, or injects `failure`. On `Err` the proxy closes the connection to the caller.
    pub async fn apply<T>(
        &self,
        failure: Option<Failure>,
        forward: impl Future<Output = io::Result<T>> + Send + 'static,
        errors: ErrorResponses<T>,
    ) -> io::Result<T> {
        let closed = || io::Error::other("the proxy closes the connection");
        match failure {
            None => forward.await,
            Some(Failure::Throttled) => Ok(errors.throttled),
            Some(Failure::Refused) => Err(closed()),
            Some(Failure::Silent) => pending().await,
            Some(Failure::Late) => {
                self.delay(async {
                    forward.await.map(drop).expect("a response of the engine");
                });
                pending().await
            }
            Some(Failure::Lost) => Err(forward.await.err().unwrap_or_else(closed)),
            Some(Failure::Failed) => forward.await.map(|_| errors.failed),
        }
    }

    fn delay(&self, call: impl Future<Output = ()> + Send + 'static) {
        let mut released = self.released.subscribe();
        let late = async move {
            let released = released.wait_for(|is_released| *is_released).await;
            released.expect("a running proxy");
            call.await;
        };
        self.late.lock().expect("no panic").spawn(late);
    }

    /// Forwards the calls that [`Failure::Late`] delays, and waits until the engine has executed them.
    pub async fn release_late_calls(&self) {
        self.released.send_replace(true);
        let late = std::mem::take(&mut *self.late.lock().expect("no panic"));
        late.join_all().await;
    }
}
