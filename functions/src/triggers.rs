//! Functions that no request invokes.

mod scheduled;

pub use scheduled::ScheduledHandler;
