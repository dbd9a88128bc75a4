//! Fault injection: fails the backend calls of functions, one call at a time and in each way, and checks the
//! outcome. `resilience.rs` covers some functions, `matrix.rs` all.

use std::sync::Arc;

use functions::routes::WITHOUT_ROUTE;
use futures_util::stream::{StreamExt as _, iter};
use serde_json::Value;

use crate::event::expected::{STATIC_RESPONSES, check, expected};
use crate::event::recorded_fixture::RecordedFixture;
use crate::fault::calls::{
    Backend, BackendCall, SessionEngine, all_faults, calls_of, expected_status, faults, payload,
    start, status, table_prefix,
};
use crate::fault::state_check::{StateCheck, expire_leases};
use test_support::Function;
use test_support::faults::{Failure, Fault};
use test_support::fixture::assert_no_secrets;

/// How many calls fail: one, or all from then on.
pub(crate) const ONCE: usize = 1;
pub(crate) const ALWAYS: usize = usize::MAX;

/// Events with an `Idempotency-Key` header.
pub(crate) const IDEMPOTENT_EVENTS: [&str; 3] =
    ["create_user.idempotent", "create_food.idempotent", "create_food.upload_idempotent"];

/// Events whose calls to `DynamoDB` and S3 fail also in the cases with Redis as session store. For any other
/// event these cases would equal those without Redis.
const AWS_FAULTS_WITH_REDIS: [&str; 4] =
    ["login", "change_password", "delete_user", "create_food.idempotent"];

/// The number of fault cases that run concurrently. Most cases wait for a timeout.
const CONCURRENT_CASES: usize = 4;

/// The outcome of a fault case, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CaseResult {
    /// The first request succeeded.
    Success,
    /// The first request got a 503, and the retry succeeded.
    Retried,
    /// The first request got a 503 but was executed, so the retry got the status of [`repeat_status`].
    AlreadyExecuted,
    /// The first request got a 503. The retry got a 409 until the lease expired, then the saved response.
    Replayed,
}

/// Returns the status of a retry without an idempotency key if the first request was executed. `None` if the
/// retry succeeds.
fn repeat_status(event_name: &str) -> Option<u64> {
    match event_name {
        "create_user" | "create_food" | "create_food.upload" => Some(409),
        "delete_food" | "revoke_session" => Some(404),
        // `revoke_sessions` on Redis: the session of the request is updated after the write that revokes all.
        "logout"
        | "delete_user"
        | "revoke_session.current"
        | "revoke_sessions.all"
        | "revoke_sessions" => Some(401),
        _ => None,
    }
}

/// A fault case: a fault in one backend call of one event.
#[derive(Debug, Clone)]
struct Case {
    event_name: &'static str,
    call: BackendCall,
    failure: Failure,
    times: usize,
}

impl Case {
    /// Runs the fault case. Returns whether a single failure reached the client, which internal retries should
    /// prevent.
    async fn run(self, engine: Arc<SessionEngine>) -> bool {
        let (name, case) = (self.event_name, format!("{self:?}"));
        let recorded = engine.fixture(name).await;
        let mut running = start(&recorded, name).await;
        self.inject(&recorded);
        let first = running.try_invoke(&payload(name)).await;
        for faults in all_faults(&recorded) {
            faults.clear();
            // Late calls are executed now, after the timeout of the function.
            faults.release_late_calls().await;
        }
        let (mut result, mut response) = (CaseResult::Success, first);
        if status(&response) == 503 {
            if let Ok(response) = response
                && !WITHOUT_ROUTE.contains(&name)
            {
                assert_eq!(response["headers"]["retry-after"], "1", "{case}");
            }
            StateCheck::read(&recorded).await.check_invariants(&case);
            result = CaseResult::Retried;
            response = running.try_invoke(&payload(name)).await;
        }
        let is_exposed = self.times == ONCE && result != CaseResult::Success;
        let retry_status = status(&response);
        let has_key = IDEMPOTENT_EVENTS.contains(&name);
        if result == CaseResult::Retried && retry_status == 409 && has_key {
            let conflict = response.expect("a response");
            assert_eq!(conflict["headers"]["retry-after"], "1", "{case}");
            let is_in_progress = conflict.to_string().contains("request_in_progress");
            assert!(is_in_progress, "{case}: {conflict}");
            expire_leases(&recorded).await;
            response = running.try_invoke(&payload(name)).await;
            result = CaseResult::Replayed;
        } else if result == CaseResult::Retried && repeat_status(name) == Some(retry_status) {
            result = CaseResult::AlreadyExecuted;
        }
        let state = StateCheck::read(&recorded).await;
        state.check_invariants(&case);
        if result == CaseResult::AlreadyExecuted {
            state.check_effect(name, None, &case);
        } else {
            let expected = expected_status(name);
            assert_eq!(status(&response), expected, "{case}: {response:?}");
            let response = response.expect("a response");
            state.check_effect(name, Some(&body(&response)), &case);
            self.check_response(&recorded, &mut running, &state, &response).await;
        }
        self.check_log(&running.into_log().await, result);
        is_exposed
    }

    fn inject(&self, recorded: &RecordedFixture) {
        let resource = self.call.resource.as_ref();
        faults(recorded, self.call.backend).add(Fault {
            operation: self.call.operation.clone(),
            resource: resource.map(|resource| table_prefix(recorded) + resource),
            skip: self.call.nth,
            times: self.times,
            failure: self.failure,
        });
    }

    /// Checks the response, and those effects of the request that only a further request shows.
    async fn check_response(
        &self,
        recorded: &RecordedFixture,
        running: &mut Function,
        state: &StateCheck,
        response: &Value,
    ) {
        let (name, case) = (self.event_name, format!("{self:?}"));
        let expected = expected();
        if let Some((_, status, body)) = expected.iter().find(|(event, ..)| *event == name) {
            check(name, response, *status, body);
        }
        match name {
            // A retry after the lease returns the saved response and creates nothing.
            name if IDEMPOTENT_EVENTS.contains(&name) => {
                expire_leases(recorded).await;
                let retry = running.invoke(&payload(name)).await;
                assert_eq!(&retry, response, "{case}");
                let state = StateCheck::read(recorded).await;
                state.check_effect(name, Some(&body(&retry)), &case);
            }
            // Login succeeds if the new hash cannot be stored; the next login stores it.
            "login.bcrypt_hash" if !state.has_eves_new_hash() => {
                assert_eq!(self.call.operation, "UpdateItem", "{case}");
                assert_eq!(self.times, ALWAYS, "{case}");
                let retry = running.invoke(&payload(name)).await;
                assert_eq!(retry["statusCode"], 200, "{case}: {retry}");
                let state = StateCheck::read(recorded).await;
                assert!(state.has_eves_new_hash(), "{case}");
            }
            _ => {}
        }
    }

    /// Checks that the log of the function has the cause of a 503 and no secrets.
    fn check_log(&self, log: &str, result: CaseResult) {
        let case = format!("{self:?}");
        assert_no_secrets(log, &case);
        let has_cause = log.contains("\"error.type\":\"unavailable\"") || log.contains("failed");
        assert!(result == CaseResult::Success || has_cause, "{case}: {log}");
    }
}

/// Returns the body of an HTTP response, or the whole report of a scheduled function.
fn body(response: &Value) -> Value {
    let Some(body) = response["body"].as_str() else {
        return response.clone();
    };
    serde_json::from_str(body).unwrap_or_default()
}

/// Runs each event many times. In each run one backend call fails in one of these ways, [`ONCE`] or [`ALWAYS`]. Checks the
/// response, the stored state and the log of each run.
pub(crate) async fn assert_survives(
    engine: SessionEngine,
    events: &[&'static str],
    failures: &[(Failure, usize)],
) {
    let engine = Arc::new(engine);
    let mut cases = Vec::new();
    for event_name in events {
        let mut calls = calls_of(&engine, event_name).await;
        let with_redis = matches!(*engine, SessionEngine::Redis(..));
        if with_redis && !AWS_FAULTS_WITH_REDIS.contains(event_name) {
            calls.retain(|call| call.backend == Backend::Redis);
        }
        let is_static = STATIC_RESPONSES.contains(event_name);
        assert_eq!(calls.is_empty(), is_static, "{event_name}");
        for call in calls {
            for &(failure, times) in failures {
                cases.push(Case { event_name, call: call.clone(), failure, times });
            }
        }
    }
    let count = cases.len();
    let done: Vec<(Case, bool)> = iter(cases)
        .map(|case| {
            let engine = Arc::clone(&engine);
            async move {
                let running = tokio::spawn(case.clone().run(engine));
                (case, running.await.expect("a passed case"))
            }
        })
        .buffer_unordered(CONCURRENT_CASES)
        .collect()
        .await;
    // On a busy machine the internal retry may time out too, so such a case runs again alone.
    for (case, is_exposed) in &done {
        if *is_exposed {
            println!("again: {case:?}");
            let is_exposed = case.clone().run(Arc::clone(&engine)).await;
            assert!(!is_exposed, "{case:?}: a single failure reached the client");
        }
    }
    println!("{count} faults survived");
    assert_eq!(done.len(), count);
}
