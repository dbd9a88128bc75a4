//! Measures the functions as Lambda runs them: the real binaries, started cold behind a stand-in for
//! the Runtime API, with the databases behind TLS.

/// The engines behind TLS, and the events of a function.
pub mod backend;
/// Numbers of many runs.
pub mod numbers;
/// A program that is measured, and one run of it.
pub mod program;

/// Whatever stops a measurement.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
