//! Functions that no request calls, but the clock.

use std::fmt::Debug;
use std::future::Future;

use lambda_runtime::Error;
use serde::Serialize;

use crate::dependencies::FromDependencies;

/// A function that has something to do from time to time.
pub trait ScheduledHandler: FromDependencies + Send + Sync {
    /// What it tells when it is done.
    type Report: Debug + Serialize + Send;

    /// Does it. It may be cut off at any point, and be called again after a failure.
    fn run(&self) -> impl Future<Output = Result<Self::Report, Error>> + Send;
}
