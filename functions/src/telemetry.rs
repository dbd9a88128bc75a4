//! Logging and metrics of the functions: one JSON object per line.

pub(crate) mod log;
mod metrics;
mod outcome;
mod request_log;
mod trace;

pub use outcome::Outcome;
pub(crate) use outcome::{RequestInfo, UserSlot};
pub(crate) use request_log::Telemetry;
