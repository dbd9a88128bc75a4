//! Stands between a function and its engines, and writes down what is called: the actions and
//! resources as IAM names them, and the capacity that `DynamoDB` says each call took.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;

/// One call over the network.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// As the API names it: `TransactWriteItems`, `PutObject`.
    pub(crate) operation: String,
    /// What it takes to be allowed: pairs of an action and the resource it is done to, such as
    /// `dynamodb:Query` and `<table>/index/feed`, `s3:PutObject` and `<bucket>/foods/…`.
    pub(crate) grants: Vec<(String, String)>,
    /// What `DynamoDB` says it took.
    pub(crate) capacity: f64,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// A proxy before one engine.
pub(crate) struct Recorder {
    pub(crate) url: String,
    calls: Calls,
    lost: Arc<Mutex<Option<&'static str>>>,
}

struct Proxy {
    engine: String,
    http: Client<HttpConnector, Full<Bytes>>,
    calls: Calls,
    lost: Arc<Mutex<Option<&'static str>>>,
}

impl Recorder {
    pub(crate) async fn before(engine: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (calls, lost) = (Calls::default(), Arc::default());
        let proxy = Arc::new(Proxy {
            engine: engine.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
            calls: Arc::clone(&calls),
            lost: Arc::clone(&lost),
        });
        tokio::spawn(serve(listener, proxy));
        Self {
            url: format!("http://{address}"),
            calls,
            lost,
        }
    }

    /// From now on the answers to this operation are lost: it is done, and the caller hears of a
    /// failure.
    pub(crate) fn lose_answers_to(&self, operation: &'static str) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
    }

    /// What was called since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(listener: TcpListener, proxy: Arc<Proxy>) {
    while let Ok((stream, _)) = listener.accept().await {
        let proxy = Arc::clone(&proxy);
        let service = service_fn(move |request| {
            let proxy = Arc::clone(&proxy);
            async move { Ok::<_, Infallible>(proxy.pass(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

impl Proxy {
    async fn pass(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let (mut call, body) = match parts.headers.get("x-amz-target") {
            Some(target) => {
                let target = target.to_str().expect("an operation");
                let operation = target.rsplit('.').next().unwrap_or_default();
                let mut input: Value = serde_json::from_slice(&body).expect("JSON");
                let call = dynamodb(operation, &input);
                input["ReturnConsumedCapacity"] = "TOTAL".into();
                (call, Bytes::from(input.to_string()))
            }
            None => (s3(&parts), body),
        };
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
        if let Ok(output) = serde_json::from_slice::<Value>(&body) {
            call.capacity = capacity(&output["ConsumedCapacity"]);
        }
        let lost = *self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = lost == Some(call.operation.as_str());
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
        if is_lost {
            let failure = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}"#;
            return Response::builder()
                .status(500)
                .body(Full::from(failure))
                .expect("an answer");
        }
        Response::from_parts(parts, Full::from(body))
    }
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
        operation => {
            let resource = match input["IndexName"].as_str() {
                Some(index) => format!("{}/index/{index}", table(input)),
                None => table(input),
            };
            vec![(format!("dynamodb:{operation}"), resource)]
        }
    };
    Call {
        operation: operation.to_owned(),
        grants,
        capacity: 0.0,
    }
}

fn s3(request: &Parts) -> Call {
    let operation = match request.method {
        Method::PUT => "PutObject",
        Method::GET | Method::HEAD => "GetObject",
        Method::DELETE => "DeleteObject",
        _ => panic!("an operation of S3 that no permission is known for: {request:?}"),
    };
    let resource = request.uri.path().trim_start_matches('/').to_owned();
    Call {
        operation: operation.to_owned(),
        grants: vec![(format!("s3:{operation}"), resource)],
        capacity: 0.0,
    }
}
