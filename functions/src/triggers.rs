//! Functions that are not invoked by a request.

mod scheduled;

pub use scheduled::ScheduledHandler;
