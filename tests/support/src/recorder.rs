//! A proxy that records the calls of a function to `DynamoDB` and S3: IAM actions and resources,
//! consumed capacity, and which calls overlap.

mod grants;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engines::Engines;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::watch;

use crate::faults::{ErrorResponses, Failure, Fault, Faults};
use crate::server::{Server, response};

pub use grants::Grant;

/// A call of a function to `DynamoDB` or S3, as recorded.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// The API operation, such as `TransactWriteItems` or `PutObject`.
    pub operation: String,
    /// The IAM permissions that the call needs.
    pub grants: Vec<Grant>,
    /// The `X-Amzn-Trace-Id` header of the request. `None` if it is missing.
    pub trace: Option<String>,
    /// The names of the headers that the AWS signature covers, separated by `;`.
    pub signed_headers: String,
    /// The capacity units that `DynamoDB` reports for the call. 0 for S3.
    pub capacity: f64,
    /// The logical time of the request: the value of a counter that all recorders share.
    pub started_at: usize,
    /// The logical time of the response, of the same counter as `started_at`.
    pub finished_at: usize,
}

impl RecordedCall {
    fn new(operation: &str, grants: Vec<Grant>) -> Self {
        Self {
            operation: operation.to_owned(),
            grants,
            trace: None,
            signed_headers: String::new(),
            capacity: 0.0,
            started_at: logical_time(),
            finished_at: 0,
        }
    }
}

fn logical_time() -> usize {
    static TIME: AtomicUsize = AtomicUsize::new(0);
    TIME.fetch_add(1, Ordering::SeqCst)
}

/// Returns the length of the longest chain of calls in which each starts after the previous one has finished.
pub fn longest_sequence(calls: &[RecordedCall]) -> usize {
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|call| call.finished_at);
    let mut last = None;
    let later = calls.iter().filter(|call| {
        let is_later = last.is_none_or(|finished_at| finished_at < call.started_at);
        if is_later {
            last = Some(call.finished_at);
        }
        is_later
    });
    later.count()
}

fn error_responses(is_dynamodb: bool) -> ErrorResponses<Response<Full<Bytes>>> {
    let error = |status, code| {
        if is_dynamodb {
            let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}"}}"#);
            response(status, body)
        } else {
            response(status, format!("<Error><Code>{code}</Code></Error>"))
        }
    };
    if is_dynamodb {
        ErrorResponses {
            throttled: error(400, "ThrottlingException"),
            failed: error(500, "InternalServerError"),
        }
    } else {
        ErrorResponses { throttled: error(503, "SlowDown"), failed: error(500, "InternalError") }
    }
}

/// A running proxy in front of `DynamoDB` or S3, which records calls and injects faults.
pub struct Recorder {
    /// The URL of the proxy, which functions use as their AWS endpoint.
    pub url: String,
    server: Server,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    calls: Mutex<Vec<RecordedCall>>,
    faults: Faults,
    holds_reads: AtomicBool,
    rejects_transaction: AtomicBool,
    delay: Mutex<Duration>,
    /// The names of the tables of all `GetItem` calls so far, and the first table of each `BatchGetItem` call.
    tables_read: watch::Sender<BTreeSet<String>>,
}

struct Proxy {
    engine: String,
    http: Client<HttpConnector, Full<Bytes>>,
    record: Arc<Record>,
}

impl Recorder {
    /// Starts a proxy in front of the engine with this URL.
    pub async fn start(engine: &str) -> Self {
        let record = Arc::<Record>::default();
        let proxy = Arc::new(Proxy {
            engine: engine.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
            record: Arc::clone(&record),
        });
        let server = Server::start(move |request| Arc::clone(&proxy).handle(request)).await;
        Self { url: server.url(), server, record }
    }

    pub fn faults(&self) -> &Faults {
        &self.record.faults
    }

    /// Makes all calls of this operation return a server error although they are executed.
    pub fn lose_responses_to(&self, operation: &'static str) {
        self.faults().add(Fault {
            operation: operation.to_owned(),
            resource: None,
            skip: 0,
            times: usize::MAX,
            failure: Failure::Failed,
        });
    }

    /// Makes the next transaction fail because of a conflict with another one.
    pub fn reject_next_transaction(&self) {
        self.record.rejects_transaction.store(true, Ordering::SeqCst);
    }

    /// Delays every `GetItem` and `BatchGetItem` response until items of two tables are requested. A function that reads them one
    /// after the other therefore waits forever.
    pub fn require_concurrent_reads(&self) {
        self.record.holds_reads.store(true, Ordering::SeqCst);
    }

    /// Delays each response of the engine by this time.
    pub fn delay_responses(&self, by: Duration) {
        *self.record.delay.lock().expect("no panic") = by;
    }

    /// Returns the number of connections that the proxy has accepted so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Removes and returns the recorded calls, in the order of their responses.
    pub fn take(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut *self.record.calls.lock().expect("no panic"))
    }
}

impl Proxy {
    async fn handle(self: Arc<Self>, request: Request<Bytes>) -> io::Result<Response<Full<Bytes>>> {
        let (mut parts, body) = request.into_parts();
        let target = parts.headers.get("x-amz-target");
        let is_dynamodb = target.is_some();
        let (mut call, body) = match target {
            Some(target) => {
                let target = target.to_str().expect("an operation name");
                let operation = target.rsplit('.').next().unwrap_or_default();
                let mut input: Value = serde_json::from_slice(&body).expect("JSON");
                let call = grants::dynamodb(operation, &input);
                input["ReturnConsumedCapacity"] = "TOTAL".into();
                let body = Bytes::from(input.to_string());
                parts.headers.insert(CONTENT_LENGTH, body.len().into());
                Engines::key().sign_again(&mut parts, &body);
                (call, body)
            }
            None => (grants::s3(&parts, &body), body),
        };
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        call.trace = header("x-amzn-trace-id").map(str::to_owned);
        let signature = header("authorization").unwrap_or_default();
        let (_, signed) = signature.split_once("SignedHeaders=").unwrap_or_default();
        call.signed_headers = signed.split(',').next().unwrap_or_default().to_owned();
        let is_transaction = call.operation == "TransactWriteItems";
        if is_transaction && self.record.rejects_transaction.swap(false, Ordering::SeqCst) {
            self.add(call);
            let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"TransactionConflict"}]}"#;
            return Ok(response(400, body));
        }
        let faults = &self.record.faults;
        let failure = faults.next_failure(&call.operation, &call.grants[0].resource);
        if let Some(Failure::Throttled | Failure::Refused | Failure::Silent) = failure {
            self.add(call.clone());
        }
        let proxy = Arc::clone(&self);
        let forward = async move { Ok(proxy.forward(parts, body, call).await) };
        let errors = error_responses(is_dynamodb);
        faults.apply(failure, forward, errors).await
    }

    fn add(&self, mut call: RecordedCall) {
        call.finished_at = logical_time();
        self.record.calls.lock().expect("no panic").push(call);
    }

    async fn forward(
        &self,
        mut parts: Parts,
        body: Bytes,
        mut call: RecordedCall,
    ) -> Response<Full<Bytes>> {
        let path = parts.uri.path_and_query().expect("a path").clone();
        parts.uri = format!("{}{path}", self.engine).parse::<Uri>().expect("a URI");
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        // Keeps the Host header, which is signed.
        let request = Request::from_parts(parts, Full::from(body));
        let (parts, body) =
            self.http.request(request).await.expect("a response of the engine").into_parts();
        let body = body.collect().await.expect("a whole response").to_bytes();
        if call.operation == "GetObject" && parts.status == StatusCode::NOT_FOUND {
            // S3 returns 403 instead of 404 without permission to list the bucket.
            let object = &call.grants[0].resource;
            let (bucket, key) = object.split_once('/').expect("an object in a bucket");
            let prefix = BTreeSet::from([key.to_owned()]);
            let list = Grant {
                action: "s3:ListBucket".to_owned(),
                resource: bucket.to_owned(),
                context: BTreeMap::from([("s3:prefix", prefix)]),
            };
            call.grants.push(list);
        }
        if let Ok(output) = serde_json::from_slice::<Value>(&body) {
            call.capacity = capacity(&output["ConsumedCapacity"]);
        }
        if matches!(call.operation.as_str(), "GetItem" | "BatchGetItem") {
            self.wait_for_second_table(&call).await;
        }
        let delay = *self.record.delay.lock().expect("no panic");
        tokio::time::sleep(delay).await;
        self.add(call);
        Response::from_parts(parts, Full::from(body))
    }

    async fn wait_for_second_table(&self, call: &RecordedCall) {
        let table = &call.grants[0].resource;
        self.record.tables_read.send_modify(|tables| {
            tables.insert(table.clone());
        });
        if self.record.holds_reads.load(Ordering::SeqCst) {
            let mut tables_read = self.record.tables_read.subscribe();
            let second = tables_read.wait_for(|tables| tables.len() > 1).await;
            second.expect("a running recorder");
        }
    }
}

fn capacity(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(tables) => tables.iter().map(capacity).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}
