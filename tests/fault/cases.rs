//! Fails the calls of functions, one at a time and in every way, and checks the outcome: `resilience.rs`
//! for some functions, `all_faults.rs` for all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::fault::state_check::{StateCheck, end_leases};
use engines::Valkey;
use functions::routes::WITHOUT_ROUTE;
use futures_util::stream::{StreamExt as _, iter};
use serde_json::Value;

use crate::event::events::BRING_THEIR_ANSWERS;
use crate::event::recorded::{Recorded, eves_login};
use test_support::Function;
use test_support::faults::{Failure, Fault, Faults};
use test_support::fixture::{assert_tells_nothing, event};
use test_support::recorder::Call;
use test_support::redis_proxy::RedisProxy;
use test_support::template::template;

/// All of them.
pub(crate) const FAILURES: [Failure; 6] = [
    Failure::Throttled,
    Failure::Refused,
    Failure::Silent,
    Failure::Late,
    Failure::Lost,
    Failure::Failed,
];

/// Beside the routes: what asks with an idempotency key.
pub(crate) const WITH_KEYS: [&str; 3] = [
    "create_user.idempotent",
    "create_food.idempotent",
    "create_food.upload_idempotent",
];

/// Where sessions are on a server of their own: those whose calls to `DynamoDB` and S3 go wrong as well. The
/// code between the two is the same for all.
const BESIDE_REDIS: [&str; 4] = [
    "login",
    "change_password",
    "delete_user",
    "create_food.idempotent",
];

/// How many cases run at once. Most of them wait for a timeout.
const AT_ONCE: usize = 4;

/// What a function calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    DynamoDb,
    S3,
    Redis,
}

/// One call of a function: which one it is of those to the same operation and resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    part: Part,
    pub(crate) operation: String,
    resource: Option<String>,
    nth: usize,
}

/// What a function calls when nothing goes wrong.
fn steps(recorded: &Recorded) -> Vec<Step> {
    let of_scene = prefix(recorded);
    let step_of_aws = |call: Call| {
        let (action, resource) = &call.grants[0];
        // Each scene has tables of its own, and each upload a key of its own.
        if action.starts_with("s3:") {
            (Part::S3, call.operation, None)
        } else {
            let resource = resource.replace(&of_scene, "");
            (Part::DynamoDb, call.operation, Some(resource))
        }
    };
    let mut calls: Vec<_> = recorded.take().into_iter().map(step_of_aws).collect();
    let redis = recorded.redis.iter().flat_map(RedisProxy::take);
    calls.extend(redis.map(|operation| (Part::Redis, operation, None)));
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for (part, operation, resource) in calls {
        let nth = seen
            .entry((part, operation.clone(), resource.clone()))
            .or_default();
        steps.push(Step {
            part,
            operation,
            resource,
            nth: *nth,
        });
        *nth += 1;
    }
    steps
}

/// What begins the names of a scene's tables.
fn prefix(recorded: &Recorded) -> String {
    let users = recorded.setting("USERS_TABLE");
    users.strip_suffix("users").expect("a prefix").to_owned()
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The client noticed nothing.
    Success,
    /// It was told to come back, and then it was done.
    Retried,
    /// It was told to come back, and then that it was done before.
    DoneBefore,
    /// It was told to come back, then to wait, and then what the first attempt had made.
    Replayed,
}

/// The status, and whether to come back. A function that the clock calls has none, and comes back
/// for what it could not do.
fn status(outcome: &Result<Value, Value>) -> u64 {
    match outcome {
        Ok(report) if report["failed"].as_u64() > Some(0) => 503,
        Ok(answer) => answer["statusCode"].as_u64().unwrap_or(200),
        Err(_) => 503,
    }
}

/// What it is answered when nothing goes wrong.
fn expected_status(event_name: &str) -> u64 {
    let expected = crate::event::events::expected();
    let expected = expected.iter().find(|(name, ..)| *name == event_name);
    expected.map_or(200, |(_, status, _)| (*status).into())
}

/// What a retry may be told where the first attempt did it, without an idempotency key.
fn done_before(event_name: &str) -> Option<u64> {
    match event_name {
        "create_user" | "create_food" | "create_food.upload" => Some(409),
        "delete_food" | "revoke_session" => Some(404),
        "logout" | "delete_user" | "revoke_session.current" | "revoke_sessions.all" => Some(401),
        _ => None,
    }
}

fn payload(event_name: &str) -> String {
    match event_name {
        "login.outdated" => eves_login(),
        "login.unsure" => event("login"),
        name => event(name),
    }
}

/// What goes wrong in any case, so that the function does what it does then.
fn besides(event_name: &str) -> Option<Fault> {
    (event_name == "login.unsure").then(|| Fault {
        operation: "GetItem".to_owned(),
        resource: None,
        spared: 2,
        times: usize::MAX,
        failure: Failure::Failed,
    })
}

/// How long Lambda lets the function take.
fn timeout(event_name: &str) -> Duration {
    let function = crate::event::events::function(event_name);
    let seconds = template("functions")[function]["timeout"].as_u64();
    Duration::from_secs(seconds.expect("a timeout"))
}

/// One call of one event, and how it goes wrong.
#[derive(Debug, Clone)]
struct Case {
    event_name: &'static str,
    step: Step,
    failure: Failure,
    times: usize,
}

impl Case {
    /// Runs the case, and returns whether the client noticed a single failure.
    async fn run(self, store: Arc<Store>) -> bool {
        let (name, case) = (self.event_name, format!("{self:?}"));
        let recorded = store.scene(name).await;
        let mut running = start(&recorded, name).await;
        self.break_down(&recorded);
        let first = running.attempt(&payload(name)).await;
        for faults in all(&recorded) {
            faults.mend();
            // What was held back lands now, when nobody waits for it any more.
            faults.land().await;
        }
        let (mut outcome, mut answer) = (Outcome::Success, first);
        if status(&answer) == 503 {
            if let Ok(answer) = answer
                && !WITHOUT_ROUTE.contains(&name)
            {
                assert_eq!(answer["headers"]["retry-after"], "1", "{case}");
            }
            StateCheck::behind(&recorded).await.check(&case);
            outcome = Outcome::Retried;
            answer = running.attempt(&payload(name)).await;
        }
        // One failure is nobody's business.
        let is_noticed =
            self.times == 1 && (outcome == Outcome::Success) != besides(name).is_none();
        let told = status(&answer);
        if outcome == Outcome::Retried && told == 409 && WITH_KEYS.contains(&name) {
            let waits = answer.expect("an answer");
            assert_eq!(waits["headers"]["retry-after"], "1", "{case}");
            assert!(
                waits.to_string().contains("request_in_progress"),
                "{case}: {waits}"
            );
            end_leases(&recorded).await;
            answer = running.attempt(&payload(name)).await;
            outcome = Outcome::Replayed;
        } else if outcome == Outcome::Retried && done_before(name) == Some(told) {
            outcome = Outcome::DoneBefore;
        }
        let after = StateCheck::behind(&recorded).await;
        after.check(&case);
        if outcome == Outcome::DoneBefore {
            after.holds(name, None, &case);
        } else {
            assert_eq!(status(&answer), expected_status(name), "{case}: {answer:?}");
            let answer = answer.expect("an answer");
            after.holds(name, Some(&body(&answer)), &case);
            self.look_closer(&recorded, &mut running, &after, &answer)
                .await;
        }
        self.read_log(&running.log().await, outcome);
        recorded.clear().await;
        is_noticed
    }

    fn break_down(&self, recorded: &Recorded) {
        if let Some(fault) = besides(self.event_name) {
            recorded.dynamodb.faults().break_down(fault);
        }
        let resource = self.step.resource.as_ref();
        faults(recorded, self.step.part).break_down(Fault {
            operation: self.step.operation.clone(),
            resource: resource.map(|resource| prefix(recorded) + resource),
            spared: self.step.nth,
            times: self.times,
            failure: self.failure,
        });
    }

    /// What else an answer promises than what is stored then.
    async fn look_closer(
        &self,
        recorded: &Recorded,
        running: &mut Function,
        after: &StateCheck,
        answer: &Value,
    ) {
        let (name, case) = (self.event_name, format!("{self:?}"));
        let expected = crate::event::events::expected();
        if let Some((_, status, body)) = expected.iter().find(|(event, ..)| *event == name) {
            crate::event::events::check(name, answer, *status, body);
        }
        match name {
            // Asked for again, at any time, it is the same one and nothing is made.
            name if WITH_KEYS.contains(&name) => {
                end_leases(recorded).await;
                let again = running.invoke(&payload(name)).await;
                assert_eq!(&again, answer, "{case}");
                let after = StateCheck::behind(recorded).await;
                after.holds(name, Some(&body(&again)), &case);
            }
            // Where the new hash cannot be kept at all, the next login keeps it.
            "login.outdated" if !after.is_eve_migrated() => {
                assert_eq!(self.step.operation, "UpdateItem", "{case}");
                assert_eq!(self.times, usize::MAX, "{case}");
                let again = running.invoke(&payload(name)).await;
                assert_eq!(again["statusCode"], 200, "{case}: {again}");
                let after = StateCheck::behind(recorded).await;
                assert!(after.is_eve_migrated(), "{case}");
            }
            // The session of the first attempt was ended, where that could be done.
            "login.unsure" if self.times == 1 => assert_eq!(after.begun_sessions(), 1, "{case}"),
            _ => {}
        }
    }

    /// The log says why somebody was told to come back, and tells nobody's secrets.
    fn read_log(&self, log: &str, outcome: Outcome) {
        let case = format!("{self:?}");
        assert_tells_nothing(log, &case);
        let says_why = log.contains("\"error.type\":\"unavailable\"") || log.contains("failed");
        assert!(outcome == Outcome::Success || says_why, "{case}: {log}");
    }
}

async fn start(recorded: &Recorded, event_name: &str) -> Function {
    let name = crate::event::events::function(event_name);
    recorded.start_with_time(name, timeout(event_name)).await
}

fn faults(recorded: &Recorded, part: Part) -> &Faults {
    match part {
        Part::DynamoDb => recorded.dynamodb.faults(),
        Part::S3 => recorded.s3_proxy.faults(),
        Part::Redis => recorded.redis.as_ref().expect("a proxy").faults(),
    }
}

fn all(recorded: &Recorded) -> Vec<&Faults> {
    let mut all = vec![recorded.dynamodb.faults(), recorded.s3_proxy.faults()];
    all.extend(recorded.redis.as_ref().map(RedisProxy::faults));
    all
}

/// What is said: of a request in the answer's body, and of what the clock calls all of it.
fn body(answer: &Value) -> Value {
    let Some(body) = answer["body"].as_str() else {
        return answer.clone();
    };
    serde_json::from_str(body).unwrap_or_default()
}

/// The calls of a function while it answers its event.
pub(crate) async fn calls_of(store: &Store, event_name: &str) -> Vec<Step> {
    let recorded = store.scene(event_name).await;
    let mut running = start(&recorded, event_name).await;
    let besides = besides(event_name);
    if let Some(fault) = &besides {
        recorded.dynamodb.faults().break_down(fault.clone());
    }
    let answer = running.attempt(&payload(event_name)).await;
    let mut steps = steps(&recorded);
    let Some(besides) = besides else {
        assert_eq!(
            status(&answer),
            expected_status(event_name),
            "{event_name}: {answer:?}"
        );
        return steps;
    };
    // What goes wrong leads to these, beside what is called in any case.
    let usual = Box::pin(calls_of(store, crate::event::events::function(event_name))).await;
    steps.retain(|step| step.operation != besides.operation && !usual.contains(step));
    steps
}

/// Where sessions are.
pub(crate) enum Store {
    /// All in `DynamoDB`, and those to S3.
    DynamoDb,
    /// Sessions on a server, of which each case has a database.
    Redis(Valkey, AtomicUsize),
}

impl Store {
    /// Sessions on a server that starts with this.
    pub(crate) fn redis() -> Self {
        let valkey = Valkey::start().expect("a Valkey or Redis server");
        Self::Redis(valkey, AtomicUsize::new(0))
    }

    /// The scene of an event.
    async fn scene(&self, event_name: &str) -> Recorded {
        let mut more = Vec::new();
        let url = match self {
            Self::DynamoDb => None,
            Self::Redis(valkey, databases) => {
                let database = databases.fetch_add(1, Ordering::Relaxed);
                assert!(database < Valkey::DATABASES, "no database is left");
                Some(format!("{}/{database}", valkey.url()))
            }
        };
        more.extend(url.as_deref().map(|url| ("TOKEN_STORE_URL", url)));
        match event_name {
            "login.outdated" => {
                let recorded = Recorded::scene(&more).await;
                recorded.migrate_eve().await;
                recorded
            }
            "sweep_images" => {
                more.push(("ORPHAN_MIN_AGE_SECONDS", "1"));
                let recorded = Recorded::scene(&more).await;
                recorded.leave_behind().await;
                // Until all images are old enough to be looked at.
                tokio::time::sleep(Duration::from_millis(2_100)).await;
                recorded
            }
            _ => Recorded::scene(&more).await,
        }
    }
}

/// Fails every call of the events in these ways, once and always.
pub(crate) async fn survive(store: Store, events: &[&'static str], failures: &[Failure]) {
    let store = Arc::new(store);
    let mut cases = Vec::new();
    for event_name in events {
        let mut steps = calls_of(&store, event_name).await;
        if matches!(*store, Store::Redis(..)) && !BESIDE_REDIS.contains(event_name) {
            steps.retain(|step| step.part == Part::Redis);
        }
        let calls_nothing = BRING_THEIR_ANSWERS.contains(event_name);
        assert_eq!(steps.is_empty(), calls_nothing, "{event_name}");
        for step in steps {
            for &failure in failures {
                for times in [1, usize::MAX] {
                    cases.push(Case {
                        event_name,
                        step: step.clone(),
                        failure,
                        times,
                    });
                }
            }
        }
    }
    let count = cases.len();
    let done: Vec<(Case, bool)> = iter(cases)
        .map(|case| {
            let store = Arc::clone(&store);
            async move {
                let running = tokio::spawn(case.clone().run(store));
                (case, running.await.expect("it survives"))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    // On a busy machine what was asked again may have been too late as well. Then not, with nothing
    // beside it.
    for (case, is_noticed) in &done {
        if *is_noticed {
            println!("again: {case:?}");
            let is_noticed = case.clone().run(Arc::clone(&store)).await;
            assert!(!is_noticed, "{case:?}: one failure is nobody's business");
        }
    }
    println!("{count} faults survived");
    assert_eq!(done.len(), count);
}
