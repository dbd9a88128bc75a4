//! Emulates the event source mappings of Lambda: delivers the records of a table's stream to a function in batches, until it
//! has succeeded for each record.
//!
//! A position is stored after a batch was handled. A killed process therefore delivers its last batch again, and loses none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use engines::dynamodb::{Stream, StreamError};
use functions::Error;
use functions::triggers::{BatchResponse, StreamEvent};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, sleep};

use crate::data_dir;
use crate::gateway::run_to_completion;

/// The file in the data dir with the positions: the sequence number of the last handled record, by mapping.
const FILE: &str = "streams.json";
/// The maximum number of records of a batch, as in `template.yaml`.
const BATCH: usize = 100;
/// The pause after a batch.
const BUSY: Duration = Duration::from_millis(100);
/// The pause if there is no record.
const IDLE: Duration = Duration::from_millis(500);
/// The pauses after failures; the last one repeats.
const RETRIES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(2),
];
/// The number of attempts after which a failing record is skipped: after a quarter of an hour. The cloud sends such a record
/// to a queue.
const MAX_ATTEMPTS: usize = 10;
/// The interval at which handled records are removed.
const TRIM_INTERVAL: Duration = Duration::from_mins(1);

/// A function that handles batches of records.
pub(crate) type Handler =
    Box<dyn Fn(StreamEvent) -> BoxFuture<'static, Result<BatchResponse, Error>> + Send + Sync>;

/// The delivery of a table's stream to a function.
pub(crate) struct Mapping {
    /// The name in the file of positions and in the log: `<table>/<function>`.
    pub(crate) name: String,
    pub(crate) stream: Stream,
    /// The filter: a key attribute, and how its value must begin. Other records are skipped.
    pub(crate) filter: (&'static str, &'static str),
    pub(crate) handler: Handler,
}

/// Delivers the streams until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Streams {
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Streams {
    /// Starts the delivery from the stored positions. Sets `changed` for each handled batch.
    pub(crate) fn start(
        mappings: Vec<Mapping>,
        positions: Positions,
        changed: &Arc<AtomicBool>,
    ) -> Self {
        let (stop, stopped) = watch::channel(());
        let positions = Arc::new(positions);
        let mut tasks = JoinSet::new();
        let mappings: Vec<_> = mappings.into_iter().map(Arc::new).collect();
        for mapping in &mappings {
            let (mapping, positions) = (Arc::clone(mapping), Arc::clone(&positions));
            tasks.spawn(mapping.run(positions, Arc::clone(changed), stopped.clone()));
        }
        tasks.spawn(trim_handled(mappings, positions, stopped));
        Self { stop, tasks }
    }

    /// Stops the delivery after the current batches.
    pub(crate) async fn stop(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The positions of mappings, in the data dir or in memory.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    dir: Option<PathBuf>,
    by_name: Mutex<BTreeMap<String, String>>,
}

impl Positions {
    /// Reads the positions in the data dir `dir`, or creates none in memory. Drops those that `mappings` do not have: then the
    /// database is another one, or older. Mappings without a position begin with the oldest record. Returns whether the
    /// positions are complete; otherwise records may have been missed.
    pub(crate) fn load(dir: Option<&Path>, mappings: &[Mapping]) -> (Self, bool) {
        let mut by_name = dir.map(read).unwrap_or_default();
        for Mapping { name, stream, .. } in mappings {
            if by_name.get(name).is_some_and(|at| !stream.contains(at).unwrap_or(false)) {
                tracing::warn!(
                    "the stream {name} was replaced: it is delivered from its oldest record"
                );
                by_name.remove(name);
            }
        }
        let complete = mappings.iter().all(|mapping| by_name.contains_key(&mapping.name));
        (Self { dir: dir.map(Path::to_owned), by_name: Mutex::new(by_name) }, complete)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Stores a position. Blocks.
    fn set(&self, name: &str, sequence_number: &str) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.insert(name.to_owned(), sequence_number.to_owned());
        let Some(dir) = &self.dir else { return };
        let json = serde_json::to_vec_pretty(&*by_name).expect("strings are valid JSON");
        // The records after the stored position are then delivered again.
        if let Err(error) = data_dir::write(dir, FILE, &json) {
            tracing::warn!(%error, "the position of the stream {name} is not stored");
        }
    }
}

fn read(dir: &Path) -> BTreeMap<String, String> {
    let path = dir.join(FILE);
    let positions = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => Err(error),
        Ok(json) => serde_json::from_slice(&json).map_err(io::Error::from),
    };
    positions.unwrap_or_else(|error| {
        let path = path.display();
        tracing::warn!(
            "{path} is damaged ({error}): all streams are delivered from their oldest record"
        );
        BTreeMap::new()
    })
}

/// The records of a delivery without failure.
#[derive(Debug, Default)]
struct Delivery {
    read: usize,
    /// Those that the filter selects.
    handled: usize,
}

/// A failed delivery.
#[derive(Debug)]
struct Failure {
    /// The sequence number of the first failed record; `None` if the stream could not be read.
    record: Option<String>,
    reason: String,
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self { record: None, reason: error.to_string() }
    }
}

impl Mapping {
    async fn run(
        self: Arc<Self>,
        positions: Arc<Positions>,
        changed: Arc<AtomicBool>,
        mut stop: watch::Receiver<()>,
    ) {
        let (mut failed, mut attempts) = (None, 0);
        loop {
            let pause = match Arc::clone(&self).deliver(&positions).await {
                Ok(Delivery { read: 0, .. }) => IDLE,
                Ok(Delivery { handled, .. }) => {
                    changed.fetch_or(handled > 0, Ordering::Relaxed);
                    BUSY
                }
                Err(failure) => {
                    attempts = if failure.record == failed { attempts + 1 } else { 1 };
                    failed.clone_from(&failure.record);
                    let Failure { record, reason } = failure;
                    tracing::warn!(attempts, "{}: {reason}; delivered again later", self.name);
                    if let (Some(record), MAX_ATTEMPTS..) = (record, attempts) {
                        tracing::error!("{}: record {record} is skipped", self.name);
                        self.store(&positions, record).await;
                    }
                    RETRIES[attempts.clamp(1, RETRIES.len()) - 1]
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Delivers the next batch, and stores the position after the records that were handled.
    async fn deliver(self: Arc<Self>, positions: &Arc<Positions>) -> Result<Delivery, Failure> {
        let (mapping, after) = (Arc::clone(&self), positions.get(&self.name));
        let read = spawn_blocking(move || mapping.stream.records(after.as_deref(), BATCH));
        let records = read.await.expect("reading does not panic")?;
        let records: Vec<_> = records.iter().map(|record| json!(record)).collect();
        let numbers: Vec<_> = records.iter().map(|record| number(record).to_owned()).collect();
        let Some(last) = numbers.last() else { return Ok(Delivery::default()) };
        let batch: Vec<_> = records.into_iter().filter(|record| self.selects(record)).collect();
        let Some(first) = batch.first().map(|record| number(record).to_owned()) else {
            self.store(positions, last.clone()).await;
            return Ok(Delivery { read: numbers.len(), handled: 0 });
        };
        let delivery = Delivery { read: numbers.len(), handled: batch.len() };
        let failed = match self.invoke(batch).await {
            Ok(failed) if failed.is_empty() => {
                self.store(positions, last.clone()).await;
                return Ok(delivery);
            }
            // All numbers have 21 digits. As Lambda: an unknown one means that the whole batch failed.
            Ok(failed) => {
                let lowest = failed.into_iter().min().unwrap_or_default();
                let record = if numbers.contains(&lowest) { lowest } else { first };
                Failure { record: Some(record), reason: "a record failed".to_owned() }
            }
            Err(reason) => Failure { record: Some(first), reason },
        };
        let handled = numbers.iter().take_while(|number| failed.record.as_ref() != Some(number));
        if let Some(handled) = handled.last() {
            self.store(positions, handled.clone()).await;
        }
        Err(failed)
    }

    fn selects(&self, record: &Value) -> bool {
        let (key, prefix) = self.filter;
        let value = record["dynamodb"]["Keys"][key]["S"].as_str();
        value.is_some_and(|value| value.starts_with(prefix))
    }

    /// Invokes the function with the event that Lambda would send. Returns the sequence numbers of failed records.
    async fn invoke(&self, mut batch: Vec<Value>) -> Result<Vec<String>, String> {
        for record in &mut batch {
            record["eventSourceARN"] = self.stream.arn().into();
        }
        let event = serde_json::from_value(json!({ "Records": batch }));
        let event = event.map_err(|error| error.to_string())?;
        let response = run_to_completion((self.handler)(event)).await;
        let response = response.map_err(|_| "the function panicked".to_owned())?;
        let response = response.map_err(|error| error.to_string())?;
        let failures = response.batch_item_failures.into_iter();
        Ok(failures.map(|failure| failure.item_identifier).collect())
    }

    async fn store(&self, positions: &Arc<Positions>, sequence_number: String) {
        let (positions, name) = (Arc::clone(positions), self.name.clone());
        let store = spawn_blocking(move || positions.set(&name, &sequence_number));
        store.await.expect("storing does not panic");
    }
}

fn number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}

/// Removes records that all mappings of a stream have handled, every minute.
async fn trim_handled(
    mappings: Vec<Arc<Mapping>>,
    positions: Arc<Positions>,
    mut stop: watch::Receiver<()>,
) {
    let mut every_minute = interval(TRIM_INTERVAL);
    loop {
        tokio::select! {
            _ = every_minute.tick() => {}
            _ = stop.changed() => return,
        }
        let (mappings, positions) = (mappings.clone(), Arc::clone(&positions));
        let trimmed = spawn_blocking(move || trim(&mappings, &positions));
        if let Err(error) = trimmed.await.expect("trimming does not panic") {
            tracing::warn!(%error, "handled records are not removed");
        }
    }
}

fn trim(mappings: &[Arc<Mapping>], positions: &Positions) -> Result<(), StreamError> {
    for mapping in mappings {
        let stream = &mapping.stream;
        let of_stream = mappings.iter().filter(|other| other.stream.arn() == stream.arn());
        // `None` is before all positions.
        let handled_by_all = of_stream.map(|mapping| positions.get(&mapping.name)).min().flatten();
        let Some(before) = handled_by_all else { continue };
        while stream.trim(&before)? > 0 {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use engines::dynoxide::Database;
    use engines::{AccessKey, DynamoDb};
    use functions::triggers::BatchItemFailure;
    use serde_json::from_value;
    use tempfile::tempdir;

    use super::*;

    const NAME: &str = "likes/update_recommendations";

    fn engine() -> DynamoDb {
        let dynamodb = DynamoDb::temporary(&AccessKey::random()).unwrap();
        let table = json!({
            "TableName": "likes",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
        });
        dynamodb.database().create_table(from_value(table).unwrap()).unwrap();
        dynamodb
    }

    fn put(database: &Database, sk: &str) {
        let item = json!({"pk": {"S": "USER#1"}, "sk": {"S": sk}});
        let request = json!({"TableName": "likes", "Item": item});
        database.put_item(from_value(request).unwrap()).unwrap();
    }

    /// The sort keys of the delivered batches, and the sort keys that fail.
    #[derive(Clone, Default)]
    struct Function {
        batches: Arc<Mutex<Vec<Vec<String>>>>,
        failing: Arc<Mutex<Vec<&'static str>>>,
        has_error: Arc<AtomicBool>,
    }

    impl Function {
        fn mapping(&self, dynamodb: &DynamoDb) -> Arc<Mapping> {
            self.mapping_named(NAME, dynamodb)
        }

        fn mapping_named(&self, name: &str, dynamodb: &DynamoDb) -> Arc<Mapping> {
            let function = self.clone();
            Arc::new(Mapping {
                name: name.to_owned(),
                stream: dynamodb.stream("likes").unwrap(),
                filter: ("sk", "LIKE#"),
                handler: Box::new(move |event| {
                    let result = function.handle(&event);
                    Box::pin(async { result })
                }),
            })
        }

        fn handle(&self, event: &StreamEvent) -> Result<BatchResponse, Error> {
            let key = |sk: Option<&str>| sk.unwrap().strip_prefix("LIKE#").unwrap().to_owned();
            let records = event.records.iter();
            let batch = records.map(|record| key(record.sk())).collect();
            self.batches.lock().unwrap().push(batch);
            if self.has_error.load(Ordering::Relaxed) {
                return Err("out of order".into());
            }
            let failing = self.failing.lock().unwrap();
            let failed = event.records.iter().rev();
            let failed = failed.filter(|record| failing.contains(&key(record.sk()).as_str()));
            let failure = failed.map(|record| BatchItemFailure {
                item_identifier: record.sequence_number().to_owned(),
            });
            Ok(BatchResponse { batch_item_failures: failure.collect() })
        }

        fn delivered(&self) -> Vec<String> {
            let batches = std::mem::take(&mut *self.batches.lock().unwrap());
            batches.into_iter().map(|batch| batch.join(" ")).collect()
        }
    }

    fn load(dir: &Path, mapping: &Arc<Mapping>) -> (Arc<Positions>, bool) {
        let same = Mapping {
            name: mapping.name.clone(),
            stream: mapping.stream.clone(),
            filter: mapping.filter,
            handler: Box::new(|_| Box::pin(async { Ok(BatchResponse::default()) })),
        };
        let (positions, complete) = Positions::load(Some(dir), &[same]);
        (Arc::new(positions), complete)
    }

    #[tokio::test]
    async fn batches_have_selected_records_in_order_and_once() {
        let (dynamodb, function) = (engine(), Function::default());
        let (mapping, positions) = (function.mapping(&dynamodb), Arc::default());
        for sk in ["LIKE#a", "PROFILE", "LIKE#b"] {
            put(dynamodb.database(), sk);
        }
        let deliver = async || {
            let Delivery { read, handled } =
                Arc::clone(&mapping).deliver(&positions).await.unwrap();
            (read, handled)
        };
        assert_eq!(deliver().await, (3, 2));
        assert_eq!(deliver().await, (0, 0));
        put(dynamodb.database(), "PROFILE");
        assert_eq!(deliver().await, (1, 0));
        assert_eq!(deliver().await, (0, 0));
        for number in 0..150 {
            put(dynamodb.database(), &format!("LIKE#{number}"));
        }
        assert_eq!((deliver().await, deliver().await), ((BATCH, BATCH), (50, 50)));
        let delivered = function.delivered();
        assert_eq!(delivered[0], "a b");
        let rest: Vec<_> = (0..150).map(|number| number.to_string()).collect();
        assert_eq!(delivered[1..].join(" "), rest.join(" "));
    }

    #[tokio::test]
    async fn delivery_continues_with_the_first_failed_record() {
        let (dynamodb, function) = (engine(), Function::default());
        let (mapping, positions) = (function.mapping(&dynamodb), Arc::default());
        for sk in ["LIKE#a", "LIKE#b", "PROFILE", "LIKE#c", "LIKE#d"] {
            put(dynamodb.database(), sk);
        }
        *function.failing.lock().unwrap() = vec!["c", "d"];
        let deliver = async || Arc::clone(&mapping).deliver(&positions).await;
        let first = deliver().await.unwrap_err().record;
        assert_eq!(deliver().await.unwrap_err().record, first);
        function.has_error.store(true, Ordering::Relaxed);
        let error = deliver().await.unwrap_err();
        assert_eq!((error.record, error.reason.as_str()), (first, "out of order"));
        function.has_error.store(false, Ordering::Relaxed);
        function.failing.lock().unwrap().clear();
        assert_eq!(deliver().await.unwrap().read, 2);
        assert_eq!(function.delivered(), ["a b c d", "c d", "c d", "c d"]);
    }

    #[tokio::test]
    async fn positions_survive_a_restart_but_not_a_damaged_file() {
        let (dynamodb, function, folder) = (engine(), Function::default(), tempdir().unwrap());
        let mapping = function.mapping(&dynamodb);
        put(dynamodb.database(), "LIKE#a");
        let deliver = async || {
            let (positions, complete) = load(folder.path(), &mapping);
            (complete, Arc::clone(&mapping).deliver(&positions).await.unwrap().read)
        };
        assert_eq!(deliver().await, (false, 1));
        put(dynamodb.database(), "LIKE#b");
        assert_eq!(deliver().await, (true, 1));
        assert_eq!(deliver().await, (true, 0));
        let file = folder.path().join(FILE);
        let intact = fs::read(&file).unwrap();
        let of_another = json!({ NAME: "100009999999999999999" }).to_string();
        let invalid = json!({ NAME: "7" }).to_string();
        let cut = &intact[..intact.len() / 2];
        for damaged in [&b""[..], cut, of_another.as_bytes(), invalid.as_bytes()] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(deliver().await, (false, 2), "{}", String::from_utf8_lossy(damaged));
        }
        fs::write(&file, intact).unwrap();
        assert_eq!(deliver().await, (true, 0));
        // A new database has none of the records.
        let new = function.mapping(&engine());
        assert!(!load(folder.path(), &new).1);
    }

    #[tokio::test]
    async fn trimming_keeps_records_that_one_mapping_has_not_handled() {
        let (dynamodb, function) = (engine(), Function::default());
        let fast = function.mapping(&dynamodb);
        let slow = function.mapping_named("likes/slow", &dynamodb);
        let positions: Arc<Positions> = Arc::default();
        for sk in ["LIKE#a", "LIKE#b", "LIKE#c"] {
            put(dynamodb.database(), sk);
        }
        let trim = || {
            trim(&[Arc::clone(&fast), Arc::clone(&slow)], &positions).unwrap();
            slow.stream.records(None, BATCH).unwrap().len()
        };
        Arc::clone(&fast).deliver(&positions).await.unwrap();
        assert_eq!(trim(), 3);
        *function.failing.lock().unwrap() = vec!["c"];
        Arc::clone(&slow).deliver(&positions).await.unwrap_err();
        // b is the position of the slow mapping.
        assert_eq!(trim(), 2);
        function.failing.lock().unwrap().clear();
        assert_eq!(Arc::clone(&slow).deliver(&positions).await.unwrap().read, 1);
        assert_eq!(trim(), 1);
        assert!(slow.stream.contains(&positions.get(NAME).unwrap()).unwrap());
    }

    #[tokio::test]
    async fn started_streams_deliver_new_records_until_they_are_stopped() {
        let (dynamodb, function) = (engine(), Function::default());
        let mapping = Arc::into_inner(function.mapping(&dynamodb)).unwrap();
        let changed = Arc::default();
        let streams = Streams::start(vec![mapping], Positions::default(), &changed);
        put(dynamodb.database(), "LIKE#a");
        while function.batches.lock().unwrap().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
        streams.stop().await;
        assert!(changed.load(Ordering::Relaxed));
        put(dynamodb.database(), "LIKE#b");
        sleep(IDLE).await;
        assert_eq!(function.delivered(), ["a"]);
    }
}
