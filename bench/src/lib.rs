//! Measures the functions as Lambda runs them: the real binaries, started cold behind a stand-in for
//! the Runtime API, with the databases behind TLS.

/// What the functions talk to, and what they are asked.
pub mod backend;
/// Numbers of many runs.
pub mod numbers;
/// A program that is measured, and one run of it.
pub mod program;
/// The stand-in for the Lambda Runtime API.
mod runtime_api;
/// What a process costs.
pub mod usage;

/// Whatever stops a measurement.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
