//! Which call of a function goes wrong, and how.

use std::future::Future;
use std::sync::Mutex;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is not done, and the caller should slow down.
    Throttled,
    /// It is not done, and the connection ends.
    Refused,
    /// It is not done, and the caller waits in vain.
    Silent,
    /// The caller waits in vain, and then it is done.
    Late,
    /// It is done, and the connection ends.
    Lost,
    /// It is done, and the answer is a failure.
    Failed,
}

/// Which call goes wrong, how, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) operation: String,
    /// The table; any where there is none.
    pub(crate) resource: Option<String>,
    /// How many of them go well before.
    pub(crate) spared: usize,
    /// How many go wrong then.
    pub(crate) times: usize,
    pub(crate) failure: Failure,
}

/// What goes wrong at one engine, and what is held back meanwhile.
#[derive(Default)]
pub(crate) struct Faults {
    present: Mutex<Vec<Fault>>,
    late: Mutex<JoinSet<()>>,
    landing: watch::Sender<bool>,
}

impl Faults {
    /// From now on this goes wrong, beside what does already.
    pub(crate) fn break_down(&self, fault: Fault) {
        self.present.lock().expect("no panic").push(fault);
    }

    /// From now on all goes well, but for what is held back.
    pub(crate) fn mend(&self) {
        self.present.lock().expect("no panic").clear();
    }

    /// What becomes of this call, if it goes wrong.
    pub(crate) fn failure(&self, operation: &str, resource: &str) -> Option<Failure> {
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

    /// Does this once it may land.
    pub(crate) fn hold(&self, late: impl Future<Output = ()> + Send + 'static) {
        let mut landing = self.landing.subscribe();
        let late = async move {
            let landed = landing.wait_for(|lands| *lands).await;
            landed.expect("the proxy lives");
            late.await;
        };
        self.late.lock().expect("no panic").spawn(late);
    }

    /// What was held back lands, all of it.
    pub(crate) async fn land(&self) {
        self.landing.send_replace(true);
        let late = std::mem::take(&mut *self.late.lock().expect("no panic"));
        late.join_all().await;
    }
}
