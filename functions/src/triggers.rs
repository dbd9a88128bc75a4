//! Functions that a schedule invokes, not a request.

mod scheduled;

pub use scheduled::ScheduledHandler;
