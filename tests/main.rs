//! The whole API, driven from outside: events given to the handlers and to the real binaries, and
//! HTTP requests to the API on one machine. Engines are real, ports are free ones, and each test
//! has its own data.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod accounts;
mod binaries;
mod capacity;
mod drift;
mod errors;
mod events;
mod faults;
mod foods;
mod handlers;
mod hostile;
mod images;
mod lists;
mod old_client;
mod once;
mod permissions;
mod races;
mod recorded;
mod resilience;
mod rotation;
mod round_trips;
mod sessions;
mod sweep;
mod throttle;
mod uploads;
mod users;
mod watching;
