//! What functions log: one JSON object a line.

pub(crate) mod log;
mod request_log;
mod trace;

pub use request_log::Outcome;
pub(crate) use request_log::{RequestInfo, Telemetry, UserSlot};
