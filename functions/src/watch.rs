//! What the log tells of each event that a function is given: one line, in which `CloudWatch` finds the
//! metrics as well (embedded metric format). Which names and why:
//! docs/decisions/0021-one-line-per-request.md.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::id::UserId;
use http::{HeaderMap, Method};
use lambda_runtime::Context;
use serde::Serialize;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::error::Sentence;
use crate::log::{self, Line, chain};
use crate::settings::{Settings, SettingsError};
use crate::trace::Trace;

/// What the log tells of a request before anybody answers it, and who asks, once that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: Option<Method>,
    /// As API Gateway has it, parameters in braces: a path names users.
    pub(crate) route: Option<String>,
    traceparent: Option<Trace>,
    x_ray: Option<Trace>,
    pub(crate) user: Noted,
}

impl Asked {
    /// Which traces the client, and the gateway, count the request to.
    pub(crate) fn read_traces(&mut self, headers: &HeaderMap) {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        self.traceparent = text("traceparent").and_then(Trace::from_traceparent);
        self.x_ray = text("x-amzn-trace-id").and_then(Trace::from_x_ray);
    }
}

/// Who asks. In the request's extensions, where the one who finds out writes it down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted(Arc<OnceLock<UserId>>);

impl Noted {
    pub(crate) fn note(&self, user: UserId) {
        // Nobody becomes somebody else within a request.
        let _ = self.0.set(user);
    }
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) asked: Asked,
    /// The status of the answer.
    pub status: u16,
    /// What was wrong.
    pub problem: Option<Told>,
}

/// What the log knows of an error.
#[derive(Debug, Clone)]
pub struct Told {
    /// What it is to those who count errors: its first code, or which kind of token was no good.
    pub kind: &'static str,
    /// The codes that the client was told, each with its sentence.
    pub codes: Vec<(&'static str, Sentence)>,
    /// What happened behind a 5xx, with everything that led to it.
    pub cause: Option<String>,
}

impl Outcome {
    /// Of a request that nothing is known of but what was wrong.
    pub fn failed(status: u16, problem: Told) -> Self {
        Self {
            asked: Asked::default(),
            status,
            problem: Some(problem),
        }
    }

    fn level(&self) -> Level {
        match self.status {
            500.. => Level::ERROR,
            429 => Level::WARN,
            _ => Level::INFO,
        }
    }
}

/// What a function knows of itself.
pub(crate) struct Watch {
    function: Option<String>,
    namespace: String,
    is_cold: AtomicBool,
}

impl Watch {
    /// `METRICS_NAMESPACE`, and what Lambda says.
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "METRICS_NAMESPACE";
        let namespace = settings.optional(name).unwrap_or("food-app");
        let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
        if namespace.len() > 255 || !namespace.bytes().all(is_one) {
            let reason = "should be up to 255 letters, digits and .-_/#";
            return Err(Settings::error(name, reason));
        }
        // What was made ready beforehand keeps nobody waiting.
        let is_on_demand = settings
            .optional("AWS_LAMBDA_INITIALIZATION_TYPE")
            .is_none_or(|how| how == "on-demand");
        Ok(Self {
            function: settings
                .optional("AWS_LAMBDA_FUNCTION_NAME")
                .map(str::to_owned),
            namespace: namespace.to_owned(),
            is_cold: AtomicBool::new(is_on_demand),
        })
    }

    /// The function is given an event.
    pub(crate) fn begin(&self, context: &Context) -> Invocation<'_> {
        log::begin(&context.request_id);
        Invocation {
            watch: self,
            began: Instant::now(),
            is_cold: self.is_cold.swap(false, Ordering::Relaxed),
            request_id: context.request_id.clone(),
            x_ray: context.xray_trace_id.as_deref().and_then(Trace::from_x_ray),
        }
    }
}

/// An event that a function is at.
pub(crate) struct Invocation<'a> {
    watch: &'a Watch,
    began: Instant,
    is_cold: bool,
    request_id: String,
    x_ray: Option<Trace>,
}

impl Invocation<'_> {
    /// It was a request, and is answered.
    pub(crate) fn answered(self, outcome: &Outcome) {
        let level = outcome.level();
        if LevelFilter::current() >= level {
            self.request(outcome, level, SystemClock.now()).write();
        }
    }

    /// It was none, and this came of it.
    pub(crate) fn done<T: Serialize>(
        self,
        trigger: &str,
        key: Option<&str>,
        report: Result<&T, &(dyn Error + 'static)>,
    ) {
        let level = report.map_or(Level::ERROR, |_| Level::INFO);
        if LevelFilter::current() < level {
            return;
        }
        let mut line = Line::new(level, SystemClock.now(), &self.request_id);
        line.member("message", report.map_or("failed", |_| "done"));
        self.describe(&mut line, None);
        line.member("faas.trigger", trigger);
        if let Some(key) = key {
            line.member("image.key", key);
        }
        match report {
            Ok(report) => line.member("report", report),
            Err(error) => {
                line.member("error.type", "_OTHER");
                line.member("exception.message", &chain(error));
            }
        }
        line.write();
    }

    fn request(self, outcome: &Outcome, level: Level, at: Timestamp) -> Line {
        let Outcome {
            asked,
            status,
            problem,
        } = outcome;
        let method = asked.method.as_ref().map_or("_OTHER", Method::as_str);
        let route = asked.route.as_deref();
        let mut line = Line::new(level, at, &self.request_id);
        let message = format!("{method} {} {status}", route.unwrap_or("?"));
        line.member("message", &message);
        self.describe(&mut line, Some(asked));
        line.member("http.request.method", method);
        if let Some(route) = route {
            line.member("http.route", route);
        }
        line.member("http.response.status_code", status);
        if let Some(user) = asked.user.0.get() {
            line.member("user.id", &user.to_string());
        }
        if let Some(problem) = problem {
            line.member("error.type", problem.kind);
            if let Some(cause) = &problem.cause {
                line.member("exception.message", cause);
            }
        }
        self.measure(&mut line, *status, problem.as_ref(), at);
        line
    }

    /// What all events have.
    fn describe(&self, line: &mut Line, asked: Option<&Asked>) {
        let x_ray = self.x_ray.as_ref();
        let x_ray = x_ray.or_else(|| asked.and_then(|asked| asked.x_ray.as_ref()));
        if let Some(trace) = x_ray {
            line.member("xray_trace_id", &trace.x_ray_id());
        }
        let traceparent = asked.and_then(|asked| asked.traceparent.as_ref());
        if let Some(trace) = traceparent.or(x_ray) {
            line.member("trace_id", &trace.id);
            if let Some(span) = &trace.span {
                line.member("span_id", span);
            }
        }
        if let Some(function) = &self.watch.function {
            line.member("faas.name", function);
        }
        line.member("faas.coldstart", &self.is_cold);
        line.member("duration_ms", &millis(self.began));
    }

    /// Metrics, beside what they are of. Without a dimension, as each combination of values is paid
    /// for; errors alone have their code.
    fn measure(&self, line: &mut Line, status: u16, problem: Option<&Told>, at: Timestamp) {
        let kind = problem.map(|problem| problem.kind);
        let counts = [
            (Metric::REQUESTS, true),
            (Metric::COLD_STARTS, self.is_cold),
            (
                Metric::LOGINS_REFUSED,
                status == 401 && kind == Some("incorrect_password"),
            ),
            (Metric::THROTTLED, status == 429),
        ];
        let mut metrics = Vec::with_capacity(counts.len() + 1);
        metrics.push(Metric::DURATION);
        metrics.extend(counts.iter().filter(|(_, counts)| *counts).map(|it| it.0));
        for metric in &metrics[1..] {
            line.member(metric.name, &1);
        }
        let mut directives = Vec::with_capacity(2);
        directives.push(Directive {
            namespace: &self.watch.namespace,
            dimensions: [&[]],
            metrics: &metrics,
        });
        if kind.is_some() {
            line.member(Metric::ERRORS.name, &1);
            directives.push(Directive {
                namespace: &self.watch.namespace,
                dimensions: [&["error.type"]],
                metrics: &[Metric::ERRORS],
            });
        }
        let metadata = Embedded {
            timestamp: at.unix_millis(),
            cloud_watch_metrics: &directives,
        };
        line.member("_aws", &metadata);
    }
}

/// With as many digits as say something.
fn millis(since: Instant) -> f64 {
    let micros = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}

/// The member `_aws` (`CloudWatch`, "Specification: Embedded metric format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a [Directive<'a>],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [&'a [&'a str]; 1],
    metrics: &'a [Metric],
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl Metric {
    const DURATION: Self = Self::new("duration_ms", "Milliseconds");
    const REQUESTS: Self = Self::new("requests", "Count");
    const COLD_STARTS: Self = Self::new("cold_starts", "Count");
    const LOGINS_REFUSED: Self = Self::new("logins_refused", "Count");
    const THROTTLED: Self = Self::new("throttled", "Count");
    const ERRORS: Self = Self::new("errors", "Count");

    const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ApiError;

    const ADA: &str = "0198c8f0-9b5e-7c3a-8a54-0d6c3b1f2e4d";

    fn watch(settings: &[(&str, &str)]) -> Result<Watch, SettingsError> {
        let settings = settings.iter();
        let owned = settings.map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Watch::new(&Settings::new(owned))
    }

    fn context() -> Context {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let trace = "Root=1-6a13f5b0-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1";
        context.xray_trace_id = Some(trace.to_owned());
        context
    }

    fn asked() -> Asked {
        Asked {
            method: Some(Method::GET),
            route: Some("/food/{food_id}".to_owned()),
            ..Asked::default()
        }
    }

    fn line(invocation: Invocation<'_>, outcome: &Outcome) -> Value {
        let at = Timestamp::from_unix_millis(1_792_002_005_123).unwrap();
        let line = invocation.request(outcome, outcome.level(), at).end();
        let mut line: Value = serde_json::from_slice(&line).unwrap();
        assert!(line["duration_ms"].take().is_f64());
        line
    }

    #[test]
    fn a_request_is_one_line_with_its_metrics() {
        let watch = watch(&[
            ("METRICS_NAMESPACE", "food-app-prod"),
            ("AWS_LAMBDA_FUNCTION_NAME", "food-app-prod-GetFoodFunction"),
        ])
        .unwrap();
        let outcome = Outcome {
            asked: asked(),
            status: 200,
            problem: None,
        };
        outcome.asked.user.note(UserId::parse(ADA).unwrap());
        let wanted = json!({
            "timestamp": "2026-10-14T18:20:05.123Z",
            "level": "INFO",
            "requestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "message": "GET /food/{food_id} 200",
            "xray_trace_id": "1-6a13f5b0-0123456789abcdef01234567",
            "trace_id": "6a13f5b00123456789abcdef01234567",
            "span_id": "53995c3f42cd8ad8",
            "faas.name": "food-app-prod-GetFoodFunction",
            "faas.coldstart": true,
            "duration_ms": null,
            "http.request.method": "GET",
            "http.route": "/food/{food_id}",
            "http.response.status_code": 200,
            "user.id": ADA,
            "requests": 1,
            "cold_starts": 1,
            "_aws": {
                "Timestamp": 1_792_002_005_123_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "food-app-prod",
                    "Dimensions": [[]],
                    "Metrics": [
                        {"Name": "duration_ms", "Unit": "Milliseconds"},
                        {"Name": "requests", "Unit": "Count"},
                        {"Name": "cold_starts", "Unit": "Count"},
                    ],
                }],
            },
        });
        assert_eq!(line(watch.begin(&context()), &outcome), wanted);
        let warm = line(watch.begin(&context()), &outcome);
        assert_eq!(warm["faas.coldstart"], false);
        assert_eq!(warm.get("cold_starts"), None);
    }

    fn failed(error: &ApiError) -> Outcome {
        Outcome {
            asked: asked(),
            status: error.status().as_u16(),
            problem: Some(error.told()),
        }
    }

    #[test]
    fn an_error_is_counted_by_its_code_and_a_5xx_says_why() {
        let watch = watch(&[]).unwrap();
        let error = ApiError::unavailable(Some("the table is away".into()));
        let line = line(watch.begin(&context()), &failed(&error));
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["http.response.status_code"], 503);
        assert_eq!(line["error.type"], "unavailable");
        assert_eq!(line["exception.message"], "the table is away");
        assert_eq!(line["errors"], 1);
        let wanted = json!({
            "Namespace": "food-app",
            "Dimensions": [["error.type"]],
            "Metrics": [{"Name": "errors", "Unit": "Count"}],
        });
        assert_eq!(line["_aws"]["CloudWatchMetrics"][1], wanted);
    }

    #[test]
    fn who_is_refused_or_sent_away_at_a_login_is_counted() {
        use domain::application::{LoginError, ThrottleError};

        let watch = watch(&[]).unwrap();
        let refused = failed(&LoginError::IncorrectPassword.into());
        let line = |outcome| line(watch.begin(&context()), outcome);
        assert_eq!(line(&refused)["logins_refused"], 1);
        assert_eq!(line(&refused)["level"], "INFO");
        let retry_after = std::time::Duration::from_mins(1);
        let throttled = failed(&ThrottleError::TooMany { retry_after }.into());
        assert_eq!(line(&throttled)["throttled"], 1);
        assert_eq!(line(&throttled)["level"], "WARN");
        assert_eq!(line(&throttled).get("logins_refused"), None);
    }

    #[test]
    fn the_clients_trace_is_told_and_a_malformed_one_is_not() {
        let watch = watch(&[]).unwrap();
        let line = |headers: &[(&'static str, &'static str)], context| {
            let headers = headers.iter();
            let headers = headers.map(|&(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            });
            let mut asked = asked();
            asked.read_traces(&headers.collect());
            let outcome = Outcome {
                asked,
                status: 200,
                problem: None,
            };
            line(watch.begin(&context), &outcome)
        };
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let told = line(&[("traceparent", traceparent)], context());
        assert_eq!(told["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(told["span_id"], "00f067aa0ba902b7");
        assert_eq!(told["xray_trace_id"], "1-6a13f5b0-0123456789abcdef01234567");
        let told = line(&[("traceparent", "00-sesame-open-01")], context());
        assert_eq!(told["trace_id"], "6a13f5b00123456789abcdef01234567");
        // Where Lambda says nothing, the gateway may.
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let told = line(&[("x-amzn-trace-id", root)], Context::default());
        assert_eq!(told["trace_id"], "5759e988bd862e3fe1be46a994272793");
        let told = line(&[("x-amzn-trace-id", "Root=sesame")], Context::default());
        assert_eq!((told.get("trace_id"), told.get("span_id")), (None, None));
        assert!(!told.to_string().contains("sesame"));
    }

    #[test]
    fn what_was_made_ready_beforehand_is_no_cold_start() {
        let how = |how| watch(&[("AWS_LAMBDA_INITIALIZATION_TYPE", how)]).unwrap();
        let is_cold = |watch: &Watch| watch.begin(&context()).is_cold;
        assert!(is_cold(&how("on-demand")));
        assert!(!is_cold(&how("provisioned-concurrency")));
    }

    #[test]
    fn a_namespace_that_cloudwatch_does_not_take_is_named() {
        let long = "n".repeat(256);
        for wrong in ["two words", "a:b", "caf\u{e9}", &long] {
            let error = watch(&[("METRICS_NAMESPACE", wrong)]).err().unwrap();
            assert_eq!(error.name, "METRICS_NAMESPACE");
        }
        assert!(watch(&[("METRICS_NAMESPACE", &long[1..])]).is_ok());
    }
}
