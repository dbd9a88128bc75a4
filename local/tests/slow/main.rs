//! The tests that take minutes: `make test-slow`.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod crash;
mod load;
#[path = "../support/mod.rs"]
mod support;
