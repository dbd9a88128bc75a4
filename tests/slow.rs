//! The tests that take minutes: `make test-slow`.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod all_faults;
mod events;
mod faults;
#[allow(dead_code, reason = "the other tests use the rest")]
mod recorded;
mod timing;
