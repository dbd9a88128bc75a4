//! Tests that take minutes; `make test-slow` runs them.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod e2e {
    mod timing;
}

mod event {
    pub(crate) mod expected;
    #[allow(dead_code, reason = "the tests of main.rs use the rest")]
    pub(crate) mod recorded_fixture;
}

mod fault {
    mod calls;
    mod cases;
    mod matrix;
    mod state_check;
}
