//! Measures the release binaries of the functions: starts them with a local Lambda Runtime API and with
//! local `DynamoDB` and S3 behind TLS proxies.

/// The environment of a measured function: local `DynamoDB` and S3, settings, and events.
pub mod backend;
/// Statistics (median, quantile) and conversions of units.
pub mod numbers;
/// Runs a program and measures cold starts, warm calls and instruction counts.
pub mod program;
/// The progress display on standard error.
pub mod progress;

/// Any error that aborts a measurement.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
