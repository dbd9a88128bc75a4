//! Tests of the program `local` that take minutes: `make test-slow`.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod crash;
mod derived;
#[cfg(target_os = "linux")] // `/proc`
mod load;
mod server;

/// Reads a number from the environment variable `name`; returns `default` if the variable is not set.
#[allow(clippy::disallowed_methods, reason = "not a setting of the API")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |number| number.parse().unwrap())
}
