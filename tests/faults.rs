//! What becomes of every function when any one of its calls goes wrong, in every way: `make faults`
//! prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engines::stored::text;
use engines::{Stored, TableNames, Valkey};
use functions::routes::{ROUTES, WITHOUT_ROUTE};
use futures_util::stream::{StreamExt as _, iter};
use serde_json::Value;

use crate::permissions::Recorded;
use crate::support::faults::{Failure, Fault, Faults};
use crate::support::recorder::Call;
use crate::support::scene::{ADA, JOLLOF, event};

const FAILURES: [Failure; 6] = [
    Failure::Throttled,
    Failure::Refused,
    Failure::Silent,
    Failure::Late,
    Failure::Lost,
    Failure::Failed,
];

/// Beside the routes: what asks with an idempotency key.
const WITH_KEYS: [&str; 2] = ["create_user.once", "create_food.once"];

/// What asks nothing of where sessions are.
const WITHOUT_SESSIONS: [&str; 4] = ["list_users", "get_user", "list_food", "get_food"];

/// How many cases run at once. Most of them wait for a timeout.
const AT_ONCE: usize = 24;

/// All that is stored, and which sessions live.
struct State {
    stored: Stored,
    sessions: BTreeSet<String>,
}

impl State {
    async fn behind(recorded: &Recorded) -> Self {
        let tables = TableNames {
            users: recorded.setting("USERS_TABLE"),
            foods: recorded.setting("FOODS_TABLE"),
            sessions: recorded.setting("SESSIONS_TABLE"),
        };
        let bucket = recorded.setting("IMAGES_BUCKET");
        let (dynamodb, s3) = (recorded.dynamodb_engine(), recorded.s3_engine());
        let stored = Stored::read(&dynamodb, &s3, &tables, &bucket).await;
        let sessions = if recorded.redis.is_some() {
            sessions_on_redis(&recorded.setting("TOKEN_STORE_URL")).await
        } else {
            let sessions = stored.sessions.iter();
            sessions.map(|item| text(item, "sk").to_owned()).collect()
        };
        Self { stored, sessions }
    }

    /// Every user has exactly its claim, every food exactly its claim and a picture. Gives how many
    /// pictures no food shows.
    fn check(&self, case: &str) -> usize {
        assert_eq!(self.stored.contradictions(), Vec::<String>::new(), "{case}");
        self.stored.orphans()
    }

    /// What was acknowledged is so.
    fn holds(&self, name: &str, answer: &Value, case: &str) {
        let body: Value =
            serde_json::from_str(answer["body"].as_str().unwrap_or("null")).unwrap_or_default();
        let food = format!("FOOD#{JOLLOF}");
        let session = crate::support::scene::ADAS_SESSION;
        let laptop = crate::support::scene::ADAS_LAPTOP;
        let is_so = match name {
            "create_user" => {
                let key = format!("USER#{}", body["id"].as_str().expect("an id"));
                self.stored.users.contains_key(&key)
            }
            "create_food" => {
                let key = format!("FOOD#{}", body["id"].as_str().expect("an id"));
                let stored = self.stored.foods.get(&key).map(|food| text(food, "title"));
                stored == body["title"].as_str()
            }
            "update_food" => text(&self.stored.foods[&food], "title") == body["title"],
            "delete_food" => !self.stored.foods.contains_key(&food),
            "logout" => !self.sessions.contains(session),
            "end_session" => !self.sessions.contains(laptop),
            "end_sessions" | "change_password" => {
                !self.sessions.contains(laptop) && self.sessions.contains(session)
            }
            "delete_user" => {
                !self.stored.users.contains_key(&format!("USER#{ADA}"))
                    && !self.stored.foods.contains_key(&food)
                    && !self.sessions.contains(session)
                    && !self.sessions.contains(laptop)
            }
            _ => true,
        };
        assert!(is_so, "{case}: {answer}");
    }
}

async fn sessions_on_redis(url: &str) -> BTreeSet<String> {
    let client = redis::Client::open(url).expect("a URL");
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.expect("connected");
    let mut keys = redis::cmd("KEYS");
    let keys = keys.arg("session:*").query_async(&mut connection).await;
    let keys: Vec<String> = keys.expect("keys");
    let ids = keys
        .iter()
        .map(|key| key.rsplit(':').next().expect("an id").to_owned());
    ids.collect()
}

/// What a function calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    DynamoDb,
    S3,
    Redis,
}

/// One call of a function: which one it is of those to the same operation and resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    part: Part,
    operation: String,
    resource: Option<String>,
    nth: usize,
}

/// What a function calls when nothing goes wrong: of AWS, or of the Redis-compatible server.
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
    let calls: Vec<_> = if let Some(redis) = &recorded.redis {
        let calls = redis.take().into_iter();
        calls
            .map(|operation| (Part::Redis, operation, None))
            .collect()
    } else {
        recorded.take().into_iter().map(step_of_aws).collect()
    };
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for (part, operation, resource) in calls {
        let nth = seen
            .entry((operation.clone(), resource.clone()))
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
}

/// The status, and whether to come back. A function that the clock calls has none.
fn status(outcome: &Result<Value, Value>) -> u64 {
    match outcome {
        Ok(answer) => answer["statusCode"].as_u64().unwrap_or(200),
        Err(_) => 503,
    }
}

/// What a retry may be told where the first attempt did it, without an idempotency key.
fn done_before(event_name: &str) -> &'static [u64] {
    match event_name {
        // With a key, until what the first one has begun is over.
        "create_user" | "create_food" | "create_user.once" | "create_food.once" => &[409],
        "delete_food" | "end_session" => &[404],
        "logout" | "delete_user" => &[401],
        _ => &[],
    }
}

async fn case(
    store: Arc<Store>,
    event_name: &'static str,
    step: Step,
    failure: Failure,
    times: usize,
) -> (Outcome, usize) {
    let name = crate::events::function(event_name);
    let case = format!("{event_name}: {step:?} {failure:?} {times}");
    let recorded = store.scene().await;
    let faults: &Faults = match step.part {
        Part::DynamoDb => recorded.dynamodb.faults(),
        Part::S3 => recorded.s3_proxy.faults(),
        Part::Redis => recorded.redis.as_ref().expect("a proxy").faults(),
    };
    let mut running = recorded.start(name).await;
    faults.break_down(Fault {
        operation: step.operation.clone(),
        resource: step
            .resource
            .as_ref()
            .map(|resource| prefix(&recorded) + resource),
        spared: step.nth,
        times,
        failure,
    });
    let first = running.attempt(&event(event_name)).await;
    faults.mend();
    // What was held back lands now, when nobody waits for it any more.
    faults.land().await;
    let mut outcome = Outcome::Success;
    let answer = if status(&first) == 503 {
        if let Ok(answer) = &first {
            assert_eq!(answer["headers"]["retry-after"], "1", "{case}");
        }
        State::behind(&recorded).await.check(&case);
        outcome = Outcome::Retried;
        running.attempt(&event(event_name)).await
    } else {
        first
    };
    if times == 1 {
        assert_eq!(
            outcome,
            Outcome::Success,
            "{case}: one failure is nobody's business"
        );
    }
    let stored = State::behind(&recorded).await;
    let orphans = stored.check(&case);
    match status(&answer) {
        200..300 => stored.holds(name, &answer.expect("an answer"), &case),
        told if outcome == Outcome::Retried && done_before(event_name).contains(&told) => {
            let answer = answer.expect("an answer").to_string();
            let is_waiting = answer.contains("request_in_progress");
            assert_eq!(
                is_waiting,
                WITH_KEYS.contains(&event_name),
                "{case}: {answer}"
            );
            outcome = Outcome::DoneBefore;
        }
        told => panic!("{case}: {told} {answer:?}"),
    }
    (outcome, orphans)
}

/// The calls of a function while it answers its event.
async fn calls_of(store: &Store, event_name: &str) -> Vec<Step> {
    let recorded = store.scene().await;
    let mut running = recorded.start(crate::events::function(event_name)).await;
    let answer = running.attempt(&event(event_name)).await;
    assert!(
        (200..300).contains(&status(&answer)),
        "{event_name}: {answer:?}"
    );
    steps(&recorded)
}

/// Where sessions are, and whose calls go wrong.
enum Store {
    /// All in `DynamoDB`, and those to S3.
    DynamoDb,
    /// Sessions on a server, of which each case has a database.
    Redis(Valkey, AtomicUsize),
}

impl Store {
    async fn scene(&self) -> Recorded {
        match self {
            Self::DynamoDb => Recorded::scene(&[]).await,
            Self::Redis(valkey, databases) => {
                let database = databases.fetch_add(1, Ordering::Relaxed);
                assert!(database < Valkey::DATABASES, "no database is left");
                let url = format!("{}/{database}", valkey.url());
                Recorded::scene(&[("TOKEN_STORE_URL", &url)]).await
            }
        }
    }
}

/// Lets every call of the events go wrong in every way, and prints what became of it.
async fn survive(store: Store, events: &[&'static str], at_once: usize) {
    let store = Arc::new(store);
    let mut cases = Vec::new();
    let mut calls = BTreeMap::new();
    for event_name in events {
        let steps = calls_of(&store, event_name).await;
        assert!(!steps.is_empty(), "{event_name}");
        calls.insert(*event_name, steps.len());
        for step in steps {
            for failure in FAILURES {
                for times in [1, usize::MAX] {
                    cases.push((*event_name, step.clone(), failure, times));
                }
            }
        }
    }
    let count = cases.len();
    let done: Vec<_> = iter(cases)
        .map(|(event_name, step, failure, times)| {
            let store = Arc::clone(&store);
            async move {
                let case = tokio::spawn(case(store, event_name, step, failure, times));
                (event_name, case.await.expect("it survives"))
            }
        })
        .buffer_unordered(at_once)
        .collect()
        .await;
    let mut table = String::from(
        "| Event | Calls | Faults | Unnoticed | Told 503, then done | Told 503, then done before | Orphans |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for event_name in events {
        let of_event = || done.iter().filter(|(name, _)| name == event_name);
        let ended = |as_| {
            of_event()
                .filter(|(_, (outcome, _))| *outcome == as_)
                .count()
        };
        let orphans: usize = of_event().map(|(_, (_, orphans))| orphans).sum();
        writeln!(
            table,
            "| {event_name} | {} | {} | {} | {} | {} | {orphans} |",
            calls[event_name],
            of_event().count(),
            ended(Outcome::Success),
            ended(Outcome::Retried),
            ended(Outcome::DoneBefore),
        )
        .unwrap();
    }
    println!("{table}\n{count} faults survived");
    assert_eq!(done.len(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_survives_the_failure_of_every_call() {
    let routes = ROUTES.iter().map(|route| route.name);
    let events: Vec<_> = routes.chain(WITH_KEYS).chain(WITHOUT_ROUTE).collect();
    survive(Store::DynamoDb, &events, AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_survives_the_failure_of_every_call_to_redis() {
    let routes = ROUTES.iter().map(|route| route.name);
    let events = routes.filter(|name| !WITHOUT_SESSIONS.contains(name));
    let events: Vec<_> = events.chain(WITH_KEYS).collect();
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    survive(
        Store::Redis(valkey, AtomicUsize::new(0)),
        &events,
        2 * AT_ONCE,
    )
    .await;
}
