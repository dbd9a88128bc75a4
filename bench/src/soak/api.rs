//! A client that remembers how long each route took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long each route took, each time, in microseconds.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<&'static str, Vec<u32>>>);

impl Tally {
    fn add(&self, route: &'static str, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route).or_default().push(micros);
    }

    /// What was measured since the last time.
    pub fn take(&self) -> BTreeMap<&'static str, Vec<u32>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The API, wherever it listens at the moment.
#[derive(Clone)]
pub struct Api {
    base_url: Arc<RwLock<String>>,
    http: Client<HttpConnector, Full<Bytes>>,
    tally: Arc<Tally>,
}

/// What a request says, beside its method and path.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The access token.
    pub token: Option<String>,
    /// Other headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// Signed in.
    pub fn by(token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..Self::default()
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// The body, null where it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// For people.
    pub fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Api {
    /// At this address, until it moves.
    pub fn new(base_url: &str, tally: Arc<Tally>) -> Self {
        Self {
            base_url: Arc::new(RwLock::new(base_url.to_owned())),
            http: Client::builder(TokioExecutor::new()).build_http(),
            tally,
        }
    }

    /// From now on at this address.
    pub fn moved(&self, base_url: &str) {
        base_url.clone_into(
            &mut self
                .base_url
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// `None` where no whole answer came.
    pub fn send(
        &self,
        route: &'static str,
        method: &str,
        path: &str,
        asked: Asked,
    ) -> impl Future<Output = Option<Answer>> + Send + use<> {
        let uri = {
            let base_url = self.base_url.read().unwrap_or_else(PoisonError::into_inner);
            format!("{base_url}{path}")
        };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &asked.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::from(asked.body));
        let (http, tally) = (self.http.clone(), Arc::clone(&self.tally));
        async move {
            let began = Instant::now();
            let (head, body) = http.request(request.ok()?).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            tally.add(route, began.elapsed());
            Some(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            })
        }
    }
}
