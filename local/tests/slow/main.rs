//! The tests that take minutes: `make test-slow`.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod crash;
#[cfg(target_os = "linux")] // `/proc`
mod load;
mod server;
