//! Tests of the whole API: events sent to the handlers and the binaries, and HTTP requests to the local server.
//! They use local `DynamoDB`, S3 and Redis servers on free ports, and each test has its own data.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

/// Tests that send HTTP requests to the local server.
mod e2e {
    mod accounts;
    mod errors;
    mod foods;
    mod hostile;
    mod http;
    mod idempotency;
    mod images;
    mod likes;
    mod lists;
    mod old_client;
    mod races;
    mod rate_limits;
    mod recommendations;
    mod rotation;
    mod sessions;
    mod sweep;
    mod uploads;
    mod users;
}

/// Tests that send example events to the handlers and to the binaries of the functions.
mod event {
    mod binaries;
    mod capacity;
    pub(crate) mod expected;
    mod handlers;
    mod likes;
    mod permissions;
    pub(crate) mod recorded_fixture;
    mod request_log;
    mod round_trips;
}

/// Tests that inject faults into calls to `DynamoDB`, S3 and Redis.
mod fault {
    mod calls;
    mod cases;
    mod resilience;
    pub(crate) mod state_check;
}

/// Tests that `template.yaml`, `Cargo.toml` and the documents match the code.
mod drift {
    mod documents;
    mod settings;
    mod template;
}
