//! Measures the release binaries of the functions: starts them with a local Runtime API and with
//! `DynamoDB` and S3 behind TLS.

/// Local `DynamoDB` and S3 behind TLS, and the events of a function.
pub mod backend;
/// Medians, quantiles and units.
pub mod numbers;
/// Cold starts, warm calls and instruction counts of a program.
pub mod program;
/// Progress on stderr.
pub mod progress;

/// An error that ends a measurement.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
