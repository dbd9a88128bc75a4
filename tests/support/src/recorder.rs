//! Stands between a function and its engines, and writes down what is called: the actions and
//! resources as IAM names them, the capacity that `DynamoDB` says each call took, and what went on
//! at the same time.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::watch;

use crate::faults::{Failure, Failures, Fault, Faults};
use crate::server::{Server, response};

/// One call over the network.
#[derive(Debug, Clone)]
pub struct Call {
    /// As the API names it: `TransactWriteItems`, `PutObject`.
    pub operation: String,
    /// What it takes to be allowed: pairs of an action and the resource it is done to, such as
    /// `dynamodb:Query` and `<table>/index/feed`, `s3:PutObject` and `<bucket>/foods/…`.
    pub grants: Vec<(String, String)>,
    /// The trace that the caller counts it to.
    pub trace: Option<String>,
    /// The names of the headers that are signed.
    pub signed: String,
    /// What `DynamoDB` says it took.
    pub capacity: f64,
    /// When it came, among all calls to all engines: the moments are counted.
    pub came: usize,
    /// When it was answered, likewise.
    pub answered: usize,
}

impl Call {
    fn new(operation: &str, grants: Vec<(String, String)>) -> Self {
        Self {
            operation: operation.to_owned(),
            grants,
            trace: None,
            signed: String::new(),
            capacity: 0.0,
            came: timestamp(),
            answered: 0,
        }
    }
}

fn timestamp() -> usize {
    static MOMENTS: AtomicUsize = AtomicUsize::new(0);
    MOMENTS.fetch_add(1, Ordering::SeqCst)
}

/// How many of the calls had to wait for one another: the longest row in which each came after the
/// one before was answered.
pub fn in_sequence(calls: &[Call]) -> usize {
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|call| call.answered);
    let mut last = None;
    let later = calls.iter().filter(|call| {
        let is_later = last.is_none_or(|answered| answered < call.came);
        if is_later {
            last = Some(call.answered);
        }
        is_later
    });
    later.count()
}

fn failures(is_dynamodb: bool) -> Failures<Response<Full<Bytes>>> {
    let error = |status, code| {
        if is_dynamodb {
            let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}"}}"#);
            response(status, body)
        } else {
            response(status, format!("<Error><Code>{code}</Code></Error>"))
        }
    };
    if is_dynamodb {
        Failures {
            throttled: error(400, "ThrottlingException"),
            failed: error(500, "InternalServerError"),
        }
    } else {
        Failures {
            throttled: error(503, "SlowDown"),
            failed: error(500, "InternalError"),
        }
    }
}

/// A proxy before one engine.
pub struct Recorder {
    pub url: String,
    server: Server,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<Call>>,
    faults: Faults,
    is_holding: AtomicBool,
    delay: Mutex<Duration>,
    /// The tables that an item was read from.
    read: watch::Sender<BTreeSet<String>>,
}

struct Proxy {
    engine: String,
    http: Client<HttpConnector, Full<Bytes>>,
    record: Arc<Record>,
}

impl Recorder {
    pub async fn before(engine: &str) -> Self {
        let record = Arc::<Record>::default();
        let proxy = Arc::new(Proxy {
            engine: engine.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
            record: Arc::clone(&record),
        });
        let server = Server::start(move |request| Arc::clone(&proxy).pass(request)).await;
        Self {
            url: server.url(),
            server,
            record,
        }
    }

    pub fn faults(&self) -> &Faults {
        &self.record.faults
    }

    /// From now on the answers to this operation are lost: it is done, and the caller hears of a
    /// failure.
    pub fn lose_answers_to(&self, operation: &'static str) {
        self.lose_answers_after(operation, 0);
    }

    /// The same, after so many were answered.
    pub fn lose_answers_after(&self, operation: &'static str, answered: usize) {
        self.faults().break_down(Fault {
            operation: operation.to_owned(),
            resource: None,
            spared: answered,
            times: usize::MAX,
            failure: Failure::Failed,
        });
    }

    /// From now on nobody hears of an item before another table was read as well. Who reads one
    /// after the other waits in vain.
    pub fn hold_reads(&self) {
        self.record.is_holding.store(true, Ordering::SeqCst);
    }

    /// Delays every response from now on.
    pub fn delay_responses(&self, by: Duration) {
        *self.record.delay.lock().expect("no panic") = by;
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// What was called since the last time.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.record.calls.lock().expect("no panic"))
    }
}

impl Proxy {
    async fn pass(self: Arc<Self>, request: Request<Bytes>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let target = parts.headers.get("x-amz-target");
        let is_dynamodb = target.is_some();
        let (mut call, body) = match target {
            Some(target) => {
                let target = target.to_str().expect("an operation");
                let operation = target.rsplit('.').next().unwrap_or_default();
                let mut input: Value = serde_json::from_slice(&body).expect("JSON");
                let call = dynamodb(operation, &input);
                input["ReturnConsumedCapacity"] = "TOTAL".into();
                (call, Bytes::from(input.to_string()))
            }
            None => (s3(&parts, &body), body),
        };
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        call.trace = header("x-amzn-trace-id").map(str::to_owned);
        let signature = header("authorization").unwrap_or_default();
        let (_, signed) = signature.split_once("SignedHeaders=").unwrap_or_default();
        call.signed = signed.split(',').next().unwrap_or_default().to_owned();
        let faults = &self.record.faults;
        let failure = faults.failure(&call.operation, &call.grants[0].1);
        if let Some(Failure::Throttled | Failure::Refused | Failure::Silent) = failure {
            self.note(call.clone());
        }
        let proxy = Arc::clone(&self);
        let forward = async move { Ok(proxy.forward(parts, body, call).await) };
        faults.apply(failure, forward, failures(is_dynamodb)).await
    }

    fn note(&self, mut call: Call) {
        call.answered = timestamp();
        self.record.calls.lock().expect("no panic").push(call);
    }

    async fn forward(
        &self,
        mut parts: Parts,
        body: Bytes,
        mut call: Call,
    ) -> Response<Full<Bytes>> {
        let path = parts.uri.path_and_query().expect("a path").clone();
        parts.uri = format!("{}{path}", self.engine)
            .parse::<Uri>()
            .expect("a URI");
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        // The host stays the one that was signed.
        let request = Request::from_parts(parts, Full::from(body));
        let (parts, body) = self
            .http
            .request(request)
            .await
            .expect("the engine answers")
            .into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        if call.operation == "GetObject" && parts.status == StatusCode::NOT_FOUND {
            // Who may not list is told 403 of what is not there.
            let (_, object) = &call.grants[0];
            let (bucket, _) = object.split_once('/').expect("an object in a bucket");
            let list = ("s3:ListBucket".to_owned(), bucket.to_owned());
            call.grants.push(list);
        }
        if let Ok(output) = serde_json::from_slice::<Value>(&body) {
            call.capacity = capacity(&output["ConsumedCapacity"]);
        }
        if call.operation == "GetItem" {
            self.meet_another_read(&call).await;
        }
        let delay = *self.record.delay.lock().expect("no panic");
        tokio::time::sleep(delay).await;
        self.note(call);
        Response::from_parts(parts, Full::from(body))
    }

    async fn meet_another_read(&self, call: &Call) {
        let (_, table) = &call.grants[0];
        self.record.read.send_modify(|tables| {
            tables.insert(table.clone());
        });
        if self.record.is_holding.load(Ordering::SeqCst) {
            let mut read = self.record.read.subscribe();
            let another = read.wait_for(|tables| tables.len() > 1).await;
            another.expect("the recorder lives");
        }
    }
}

/// The objects that a `DeleteObjects` names.
fn objects(bucket: &str, body: &[u8]) -> Vec<String> {
    let xml = String::from_utf8_lossy(body);
    let keys = xml.split("<Key>").skip(1);
    let keys = keys.filter_map(|rest| rest.split_once("</Key>"));
    keys.map(|(key, _)| format!("{bucket}/{key}")).collect()
}

/// A text field of a form.
fn field(form: &[u8], name: &str) -> String {
    let form = String::from_utf8_lossy(form);
    let (_, value) = form
        .split_once(&format!("name=\"{name}\"\r\n\r\n"))
        .expect("a field");
    value.split("\r\n").next().unwrap_or_default().to_owned()
}

fn capacity(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(tables) => tables.iter().map(capacity).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

fn dynamodb(operation: &str, input: &Value) -> Call {
    let table = |input: &Value| input["TableName"].as_str().expect("a table").to_owned();
    let grants = match operation {
        // A transaction is allowed by what its items do.
        "TransactWriteItems" => input["TransactItems"]
            .as_array()
            .expect("items")
            .iter()
            .flat_map(|item| item.as_object().expect("an item"))
            .map(|(kind, item)| {
                let action = match kind.as_str() {
                    "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                    kind => format!("dynamodb:{kind}Item"),
                };
                (action, table(item))
            })
            .collect(),
        "BatchGetItem" => input["RequestItems"]
            .as_object()
            .expect("tables")
            .keys()
            .map(|table| ("dynamodb:BatchGetItem".to_owned(), table.clone()))
            .collect(),
        operation => {
            let resource = match input["IndexName"].as_str() {
                Some(index) => format!("{}/index/{index}", table(input)),
                None => table(input),
            };
            vec![(format!("dynamodb:{operation}"), resource)]
        }
    };
    Call::new(operation, grants)
}

fn s3(request: &Parts, body: &[u8]) -> Call {
    let resource = request.uri.path().trim_matches('/').to_owned();
    let asks = |what| {
        let query = request.uri.query();
        query.is_some_and(|query| query.split('&').any(|part| part.starts_with(what)))
    };
    let (operation, resources) = match request.method {
        Method::GET if asks("list-type=2") => ("ListBucket", vec![resource]),
        Method::PUT => ("PutObject", vec![resource]),
        Method::GET | Method::HEAD => ("GetObject", vec![resource]),
        Method::DELETE => ("DeleteObject", vec![resource]),
        Method::POST if asks("delete") => ("DeleteObject", objects(&resource, body)),
        // A form that was signed for somebody: with the permission of who signed it.
        Method::POST => (
            "PutObject",
            vec![format!("{resource}/{}", field(body, "key"))],
        ),
        _ => panic!("an operation of S3 that no permission is known for: {request:?}"),
    };
    let action = format!("s3:{operation}");
    let grants = resources.into_iter();
    let grants = grants.map(|resource| (action.clone(), resource));
    Call::new(operation, grants.collect())
}
