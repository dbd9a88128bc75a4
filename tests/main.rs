//! The whole API, driven from outside: events given to the handlers and to the real binaries, and
//! HTTP requests to the API on one machine. Engines are real, ports are free ones, and each test
//! has its own data.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

/// HTTP requests to the API on one machine.
mod e2e {
    mod accounts;
    mod errors;
    mod foods;
    mod hostile;
    mod idempotency;
    mod images;
    mod lists;
    mod old_client;
    mod races;
    mod rate_limits;
    mod rotation;
    mod sessions;
    mod sweep;
    mod uploads;
    mod users;
}

/// Events for the handlers and for the real binaries.
mod event {
    mod binaries;
    mod capacity;
    pub(crate) mod events;
    mod handlers;
    mod permissions;
    pub(crate) mod recorded;
    mod request_log;
    mod round_trips;
}

/// Failed calls to DynamoDB, S3 and Redis.
mod fault {
    mod cases;
    mod resilience;
    mod state_check;
}

/// What is written twice is the same.
mod drift;
