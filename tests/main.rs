//! Tests of the whole API: events sent to the handlers and the binaries, and HTTP requests to the
//! local server. They use real engines and free ports, and each test has its own data.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

/// HTTP requests to the local server.
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

/// Events sent to the handlers and the binaries.
mod event {
    mod binaries;
    mod capacity;
    pub(crate) mod expected;
    mod handlers;
    mod permissions;
    pub(crate) mod recorded_fixture;
    mod request_log;
    mod round_trips;
}

/// Fault injection in the calls to DynamoDB, S3 and Redis.
mod fault {
    mod calls;
    mod cases;
    mod resilience;
    mod state_check;
}

/// Consistency of code, template, manifest and documents.
mod drift {
    mod documents;
    mod settings;
    mod template;
}
