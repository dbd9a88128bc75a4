//! One line for each invocation, which carries its metrics too (`CloudWatch` embedded metric format).
//! Names and reasons: docs/decisions/0021-one-log-line-per-request.md.

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

use super::log::{self, JsonRecord};
use super::trace::Trace;
use crate::error::{ErrorReport, error_chain};
use crate::settings::{Settings, SettingsError};

/// A request as the log records it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestInfo {
    pub(crate) method: Option<Method>,
    /// The path as API Gateway has it, parameters in braces: real paths verify_access_token users.
    pub(crate) route: Option<String>,
    traceparent: Option<Trace>,
    x_ray: Option<Trace>,
    pub(crate) user: UserSlot,
}

impl RequestInfo {
    /// Reads the trace of the client and that of the gateway.
    pub(crate) fn read_traces(&mut self, headers: &HeaderMap) {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        self.traceparent = text("traceparent").and_then(Trace::from_traceparent);
        self.x_ray = text("x-amzn-trace-id").and_then(Trace::from_x_ray);
    }
}

/// The user of a request, set once the token or the password is verified. The request has it among its
/// extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserSlot(Arc<OnceLock<UserId>>);

impl UserSlot {
    pub(crate) fn set(&self, user: UserId) {
        let _ = self.0.set(user);
    }
}

/// The outcome of a request.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) request: RequestInfo,
    /// The status of the response.
    pub status: u16,
    /// The error, where there was one.
    pub problem: Option<ErrorReport>,
}

impl Outcome {
    /// An error of an unknown request.
    pub fn failed(status: u16, problem: ErrorReport) -> Self {
        Self {
            request: RequestInfo::default(),
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

/// Logs the invocations of a function.
pub(crate) struct Telemetry {
    function: Option<String>,
    namespace: String,
    is_cold: AtomicBool,
}

impl Telemetry {
    /// Reads `METRICS_NAMESPACE` and the variables that Lambda sets.
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "METRICS_NAMESPACE";
        let namespace = settings.optional(name).unwrap_or("food-app");
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
        if namespace.len() > 255 || !namespace.bytes().all(is_allowed) {
            let reason = "should be up to 255 letters, digits and .-_/#";
            return Err(Settings::error(name, reason));
        }
        // With provisioned concurrency no client waits for the start.
        let is_on_demand = settings
            .optional("AWS_LAMBDA_INITIALIZATION_TYPE")
            .is_none_or(|kind| kind == "on-demand");
        let function = settings.optional("AWS_LAMBDA_FUNCTION_NAME");
        Ok(Self {
            function: function.map(str::to_owned),
            namespace: namespace.to_owned(),
            is_cold: AtomicBool::new(is_on_demand),
        })
    }

    pub(crate) fn start_invocation(&self, context: &Context) -> Invocation<'_> {
        log::set_request_id(&context.request_id);
        Invocation {
            telemetry: self,
            start: Instant::now(),
            is_cold: self.is_cold.swap(false, Ordering::Relaxed),
            request_id: context.request_id.clone(),
            x_ray: context.xray_trace_id.as_deref().and_then(Trace::from_x_ray),
        }
    }
}

/// An invocation in progress.
pub(crate) struct Invocation<'a> {
    telemetry: &'a Telemetry,
    start: Instant,
    is_cold: bool,
    request_id: String,
    x_ray: Option<Trace>,
}

impl Invocation<'_> {
    /// Logs the response to a request.
    pub(crate) fn log_response(self, outcome: &Outcome) {
        let level = outcome.level();
        if LevelFilter::current() >= level {
            self.response(outcome, level, SystemClock.now()).write();
        }
    }

    /// Logs the result of an invocation without a request. `key` is the object that it was about.
    pub(crate) fn log_result<T: Serialize>(
        self,
        trigger: &str,
        key: Option<&str>,
        result: Result<&T, &(dyn Error + 'static)>,
    ) {
        let level = result.map_or(Level::ERROR, |_| Level::INFO);
        if LevelFilter::current() < level {
            return;
        }
        let mut record = JsonRecord::new(level, SystemClock.now(), &self.request_id);
        record.field("message", result.map_or("failed", |_| "done"));
        self.add_common(&mut record, None);
        record.field("faas.trigger", trigger);
        if let Some(key) = key {
            record.field("image.key", key);
        }
        match result {
            Ok(report) => record.field("report", report),
            Err(error) => {
                record.field("error.type", "_OTHER");
                record.field("exception.message", &error_chain(error));
            }
        }
        record.write();
    }

    fn response(self, outcome: &Outcome, level: Level, at: Timestamp) -> JsonRecord {
        let Outcome {
            request,
            status,
            problem,
        } = outcome;
        let method = request.method.as_ref().map_or("_OTHER", Method::as_str);
        let route = request.route.as_deref();
        let mut record = JsonRecord::new(level, at, &self.request_id);
        let message = format!("{method} {} {status}", route.unwrap_or("?"));
        record.field("message", &message);
        self.add_common(&mut record, Some(request));
        record.field("http.request.method", method);
        if let Some(route) = route {
            record.field("http.route", route);
        }
        record.field("http.response.status_code", status);
        if let Some(user) = request.user.0.get() {
            record.field("user.id", &user.to_string());
        }
        if let Some(problem) = problem {
            record.field("error.type", problem.kind);
            if let Some(cause) = &problem.cause {
                record.field("exception.message", cause);
            }
        }
        let kind = problem.as_ref().map(|problem| problem.kind);
        self.add_metrics(&mut record, *status, kind, at);
        record
    }

    fn add_common(&self, record: &mut JsonRecord, request: Option<&RequestInfo>) {
        let x_ray = self.x_ray.as_ref();
        let x_ray = x_ray.or_else(|| request?.x_ray.as_ref());
        if let Some(trace) = x_ray {
            record.field("xray_trace_id", &trace.x_ray_id());
        }
        let traceparent = request.and_then(|request| request.traceparent.as_ref());
        if let Some(trace) = traceparent.or(x_ray) {
            record.field("trace_id", &trace.id);
            if let Some(span) = &trace.span {
                record.field("span_id", span);
            }
        }
        if let Some(function) = &self.telemetry.function {
            record.field("faas.name", function);
        }
        record.field("faas.coldstart", &self.is_cold);
        let micros = u32::try_from(self.start.elapsed().as_micros()).unwrap_or(u32::MAX);
        record.field("duration_ms", &(f64::from(micros) / 1000.0));
    }

    /// Adds the metrics, and the metadata that makes them metrics. Each combination of dimension values is
    /// charged, so only errors have a dimension.
    fn add_metrics(
        &self,
        record: &mut JsonRecord,
        status: u16,
        error: Option<&str>,
        at: Timestamp,
    ) {
        let is_login_refused = status == 401 && error == Some("incorrect_password");
        let mut metrics = Vec::with_capacity(5);
        metrics.push(Metric {
            name: "duration_ms",
            unit: "Milliseconds",
        });
        for (name, is_counted) in [
            ("requests", true),
            ("cold_starts", self.is_cold),
            ("logins_refused", is_login_refused),
            ("throttled", status == 429),
        ] {
            if is_counted {
                record.field(name, &1);
                metrics.push(Metric::count(name));
            }
        }
        let directive = |dimensions, metrics| Directive {
            namespace: &self.telemetry.namespace,
            dimensions: [dimensions],
            metrics,
        };
        let mut directives = Vec::with_capacity(2);
        directives.push(directive(&[], &metrics));
        let errors = [Metric::count("errors")];
        if error.is_some() {
            record.field("errors", &1);
            directives.push(directive(&["error.type"], &errors));
        }
        let metadata = Metadata {
            timestamp: at.unix_millis(),
            cloud_watch_metrics: &directives,
        };
        record.field("_aws", &metadata);
    }
}

/// The field `_aws` (`CloudWatch`, "Specification: Embedded metric format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
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

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl Metric {
    fn count(name: &'static str) -> Self {
        Self {
            name,
            unit: "Count",
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::use_cases::{LoginError, RateLimitError};
    use http::{HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ApiError;

    const ADA: &str = "0198c8f0-9b5e-7c3a-8a54-0d6c3b1f2e4d";

    fn telemetry(settings: &[(&str, &str)]) -> Result<Telemetry, SettingsError> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Telemetry::new(&Settings::new(settings.iter().map(owned)))
    }

    fn context() -> Context {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let trace = "Root=1-6a13f5b0-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1";
        context.xray_trace_id = Some(trace.to_owned());
        context
    }

    fn outcome(status: u16, problem: Option<ErrorReport>) -> Outcome {
        let request = RequestInfo {
            method: Some(Method::GET),
            route: Some("/food/{food_id}".to_owned()),
            ..RequestInfo::default()
        };
        Outcome {
            request,
            status,
            problem,
        }
    }

    fn failed(error: impl Into<ApiError>) -> Outcome {
        let error = error.into();
        outcome(error.status().as_u16(), Some(error.report()))
    }

    fn line(telemetry: &Telemetry, context: &Context, outcome: &Outcome) -> Value {
        let at = Timestamp::from_unix_millis(1_792_002_005_123).unwrap();
        let invocation = telemetry.start_invocation(context);
        let line = invocation.response(outcome, outcome.level(), at).finish();
        let mut line: Value = serde_json::from_slice(&line).unwrap();
        assert!(line["duration_ms"].take().is_f64());
        line
    }

    #[test]
    fn request_is_one_line_with_its_metrics() {
        let telemetry = telemetry(&[
            ("METRICS_NAMESPACE", "food-app-prod"),
            ("AWS_LAMBDA_FUNCTION_NAME", "food-app-prod-GetFoodFunction"),
        ]);
        let telemetry = telemetry.unwrap();
        let outcome = outcome(200, None);
        outcome.request.user.set(UserId::parse(ADA).unwrap());
        let expected = json!({
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
        assert_eq!(line(&telemetry, &context(), &outcome), expected);
        let warm = line(&telemetry, &context(), &outcome);
        assert_eq!(warm["faas.coldstart"], false);
        assert_eq!(warm.get("cold_starts"), None);
    }

    #[test]
    fn error_is_counted_by_its_code_and_5xx_has_its_cause() {
        let telemetry = telemetry(&[]).unwrap();
        let error = ApiError::unavailable(Some("the table is away".into()));
        let line = line(&telemetry, &context(), &failed(error));
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["http.response.status_code"], 503);
        assert_eq!(line["error.type"], "unavailable");
        assert_eq!(line["exception.message"], "the table is away");
        assert_eq!(line["errors"], 1);
        let expected = json!({
            "Namespace": "food-app",
            "Dimensions": [["error.type"]],
            "Metrics": [{"Name": "errors", "Unit": "Count"}],
        });
        assert_eq!(line["_aws"]["CloudWatchMetrics"][1], expected);
    }

    #[test]
    fn refused_and_throttled_logins_are_counted() {
        let telemetry = telemetry(&[]).unwrap();
        let line = |outcome| line(&telemetry, &context(), &outcome);
        let refused = line(failed(LoginError::IncorrectPassword));
        assert_eq!(refused["logins_refused"], 1);
        assert_eq!(refused["level"], "INFO");
        let retry_after = std::time::Duration::from_mins(1);
        let throttled = line(failed(RateLimitError::TooMany { retry_after }));
        assert_eq!(throttled["throttled"], 1);
        assert_eq!(throttled["level"], "WARN");
        assert_eq!(throttled.get("logins_refused"), None);
    }

    #[test]
    fn trace_of_client_wins_and_malformed_header_is_ignored() {
        let telemetry = telemetry(&[]).unwrap();
        let (lambda, none) = (context(), Context::default());
        let of_lambda = ("6a13f5b00123456789abcdef01234567", "53995c3f42cd8ad8");
        let id = "5759e988bd862e3fe1be46a994272793";
        for (header, value, context, (trace, span)) in [
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                &lambda,
                ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"),
            ),
            ("traceparent", "00-sesame-open-01", &lambda, of_lambda),
            ("x-amzn-trace-id", "Root=sesame", &lambda, of_lambda),
            (
                "x-amzn-trace-id",
                "Root=1-5759e988-bd862e3fe1be46a994272793",
                &none,
                (id, ""),
            ),
            ("x-amzn-trace-id", "Root=sesame", &none, ("", "")),
        ] {
            let mut outcome = outcome(200, None);
            let mut headers = HeaderMap::new();
            let name = HeaderName::from_static(header);
            headers.insert(name, HeaderValue::from_static(value));
            outcome.request.read_traces(&headers);
            let line = line(&telemetry, context, &outcome);
            assert_eq!(line["trace_id"].as_str().unwrap_or_default(), trace);
            assert_eq!(line["span_id"].as_str().unwrap_or_default(), span);
            assert!(!line.to_string().contains("sesame"));
        }
    }

    #[test]
    fn provisioned_start_is_no_cold_start() {
        for (kind, is_cold) in [("on-demand", true), ("provisioned-concurrency", false)] {
            let telemetry = telemetry(&[("AWS_LAMBDA_INITIALIZATION_TYPE", kind)]).unwrap();
            assert_eq!(telemetry.start_invocation(&context()).is_cold, is_cold);
        }
    }

    #[test]
    fn invalid_namespace_is_reported() {
        let long = "n".repeat(256);
        for invalid in ["two words", "a:b", "caf\u{e9}", &long] {
            let error = telemetry(&[("METRICS_NAMESPACE", invalid)]).err().unwrap();
            assert_eq!(error.name, "METRICS_NAMESPACE");
        }
        assert!(telemetry(&[("METRICS_NAMESPACE", &long[1..])]).is_ok());
    }
}
