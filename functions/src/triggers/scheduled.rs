//! Functions invoked by a schedule.

use std::fmt::Debug;
use std::future::Future;

use lambda_runtime::Error;
use serde::Serialize;

use crate::dependencies::FromDependencies;

/// A function that a schedule invokes.
pub trait ScheduledHandler: FromDependencies + Send + Sync {
    /// The summary of a run, which is written to the log.
    type Report: Debug + Serialize + Send;

    /// Runs the task. A run may be interrupted at any point and repeated after a failure.
    fn run(&self) -> impl Future<Output = Result<Self::Report, Error>> + Send;

    /// Returns the numbers of a run that `CloudWatch` records as metrics, by name.
    fn metrics(_: &Self::Report) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}
