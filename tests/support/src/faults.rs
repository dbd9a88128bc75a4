//! Fault injection for the calls to an engine.

use std::future::{Future, pending};
use std::io;
use std::sync::Mutex;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// An injected failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Not executed; the response is a throttling error.
    Throttled,
    /// Not executed; the connection is closed.
    Refused,
    /// Not executed; no response is sent.
    Silent,
    /// Executed after the caller has given up; no response is sent.
    Late,
    /// Executed; the connection is closed before the response.
    Lost,
    /// Executed; the response is a server error.
    Failed,
}

/// The calls that a fault affects, and their failure.
#[derive(Debug, Clone)]
pub struct Fault {
    pub operation: String,
    /// The table. `None` matches any.
    pub resource: Option<String>,
    /// The number of matching calls that succeed first.
    pub skip: usize,
    /// The number of calls that fail after those.
    pub times: usize,
    pub failure: Failure,
}

/// The error responses of an engine.
pub struct ErrorResponses<T> {
    pub throttled: T,
    pub failed: T,
}

/// The active faults of one engine, and its delayed calls.
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

    /// Removes all faults. Delayed calls wait for [`Self::release_late_calls`].
    pub fn clear(&self) {
        self.active.lock().expect("no panic").clear();
    }

    /// Counts a call and returns its failure. `None` if the call succeeds.
    pub fn next_failure(&self, operation: &str, resource: &str) -> Option<Failure> {
        let mut faults = self.active.lock().expect("no panic");
        let fault = faults.iter_mut().find(|fault| {
            let is_resource = |expected: &String| expected == resource;
            fault.operation == operation && fault.resource.as_ref().is_none_or(is_resource)
        })?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times = fault.times.checked_sub(1)?;
        Some(fault.failure)
    }

    /// Forwards a call to the engine or injects this failure. On `Err` the proxy closes the connection.
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

    /// Forwards the delayed calls and waits for their completion.
    pub async fn release_late_calls(&self) {
        self.released.send_replace(true);
        let late = std::mem::take(&mut *self.late.lock().expect("no panic"));
        late.join_all().await;
    }
}
