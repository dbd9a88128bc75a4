//! Faults of the calls to an engine: which call fails, how, and how often.

use std::future::{Future, pending};
use std::io;
use std::sync::Mutex;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It is not done, and the caller should slow down.
    Throttled,
    /// It is not done, and the connection ends.
    Refused,
    /// It is not done, and no response comes.
    Silent,
    /// It is done after the caller has given up.
    Late,
    /// It is done, and the connection ends.
    Lost,
    /// It is done, and the response is a failure.
    Failed,
}

/// Which call fails, how, and how often.
#[derive(Debug, Clone)]
pub struct Fault {
    pub operation: String,
    /// The table; any where there is none.
    pub resource: Option<String>,
    /// The number of calls that succeed before.
    pub spared: usize,
    /// The number of calls that fail then.
    pub times: usize,
    pub failure: Failure,
}

/// The responses of an engine that fails.
pub struct Failures<T> {
    pub throttled: T,
    pub failed: T,
}

/// The faults of one engine, and the calls that are held back.
#[derive(Default)]
pub struct Faults {
    present: Mutex<Vec<Fault>>,
    late: Mutex<JoinSet<()>>,
    landing: watch::Sender<bool>,
}

impl Faults {
    /// Adds a fault.
    pub fn break_down(&self, fault: Fault) {
        self.present.lock().expect("no panic").push(fault);
    }

    /// Removes all faults. Calls that are held back stay so.
    pub fn mend(&self) {
        self.present.lock().expect("no panic").clear();
    }

    /// How this call fails, if it does.
    pub fn failure(&self, operation: &str, resource: &str) -> Option<Failure> {
        let mut faults = self.present.lock().expect("no panic");
        let fault = faults.iter_mut().find(|fault| {
            let is_resource = |wanted: &String| wanted == resource;
            fault.operation == operation && fault.resource.as_ref().is_none_or(is_resource)
        })?;
        if fault.spared > 0 {
            fault.spared -= 1;
            return None;
        }
        fault.times = fault.times.checked_sub(1)?;
        Some(fault.failure)
    }

    /// Forwards a call to the engine, or fails in this way. An error closes the connection.
    pub async fn apply<T>(
        &self,
        failure: Option<Failure>,
        forward: impl Future<Output = io::Result<T>> + Send + 'static,
        failures: Failures<T>,
    ) -> io::Result<T> {
        let closed = || io::Error::other("the proxy closes the connection");
        match failure {
            None => forward.await,
            Some(Failure::Throttled) => Ok(failures.throttled),
            Some(Failure::Refused) => Err(closed()),
            Some(Failure::Silent) => pending().await,
            Some(Failure::Late) => {
                self.hold(async {
                    forward.await.map(drop).expect("the engine responds");
                });
                pending().await
            }
            Some(Failure::Lost) => Err(forward.await.err().unwrap_or_else(closed)),
            Some(Failure::Failed) => forward.await.map(|_| failures.failed),
        }
    }

    fn hold(&self, late: impl Future<Output = ()> + Send + 'static) {
        let mut landing = self.landing.subscribe();
        let late = async move {
            let landed = landing.wait_for(|lands| *lands).await;
            landed.expect("the proxy lives");
            late.await;
        };
        self.late.lock().expect("no panic").spawn(late);
    }

    /// Forwards the calls that were held back.
    pub async fn land(&self) {
        self.landing.send_replace(true);
        let late = std::mem::take(&mut *self.late.lock().expect("no panic"));
        late.join_all().await;
    }
}
