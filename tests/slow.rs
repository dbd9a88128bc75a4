//! The tests that take minutes: `make test-slow`.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod e2e {
    mod timing;
}

mod event {
    pub(crate) mod events;
    #[allow(dead_code, reason = "the other tests use the rest")]
    pub(crate) mod recorded;
}

mod fault {
    mod cases;
    mod matrix;
    mod state_check;
}
