//! Functions that no request invokes: scheduled functions and functions of streams.

mod scheduled;
mod stream;

pub use scheduled::ScheduledHandler;
pub use stream::{BatchItemFailure, BatchResponse, StreamEvent, StreamHandler, StreamRecord};
