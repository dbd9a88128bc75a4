//! Writes one log line per invocation, with its metrics. Field names and reasons:
//! docs/decisions/0021-one-log-line-per-request.md.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use domain::clock::{Clock as _, SystemClock, Timestamp};
use http::Method;
use lambda_runtime::Context;
use serde::Serialize;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::log::{self, JsonRecord};
use super::metrics::{add_counts, add_metrics};
use super::outcome::{Outcome, RequestInfo};
use super::trace::Trace;
use crate::error::error_chain;
use crate::settings::{Settings, SettingsError};

/// Logs the invocations of a function.
pub(crate) struct Telemetry {
    function: Option<String>,
    namespace: String,
    is_cold: AtomicBool,
}

impl Telemetry {
    /// Reads `METRICS_NAMESPACE`, which must be valid for `CloudWatch`, and the variables that Lambda sets.
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let name = "METRICS_NAMESPACE";
        let namespace = settings.optional(name).unwrap_or("food-app");
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
        if namespace.len() > 255 || !namespace.bytes().all(is_allowed) {
            let reason = "should be up to 255 letters, digits and .-_/#";
            return Err(Settings::error(name, reason));
        }
        // With provisioned concurrency, the start delays no request.
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

    /// Starts to time an invocation and sets the request id of the log.
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

/// An invocation in progress, until its result is logged.
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

    /// Logs the result of an invocation that no request caused. `trigger` is the `faas.trigger` of
    /// OpenTelemetry. A line with metrics is written at any log level, because alarms need them.
    pub(crate) fn log_result<T: Serialize>(
        self,
        trigger: &str,
        result: Result<&T, &(dyn Error + 'static)>,
        metrics: &[(&'static str, u64)],
    ) {
        let level = result.map_or(Level::ERROR, |_| Level::INFO);
        if LevelFilter::current() >= level || !metrics.is_empty() {
            self.result(trigger, result, metrics, level, SystemClock.now()).write();
        }
    }

    fn result<T: Serialize>(
        self,
        trigger: &str,
        result: Result<&T, &(dyn Error + 'static)>,
        metrics: &[(&'static str, u64)],
        level: Level,
        at: Timestamp,
    ) -> JsonRecord {
        let mut record = JsonRecord::new(level, at, &self.request_id);
        record.field("message", result.map_or("failed", |_| "done"));
        self.add_common(&mut record, None);
        record.field("faas.trigger", trigger);
        match result {
            Ok(report) => record.field("report", report),
            Err(error) => {
                record.field("error.type", "_OTHER");
                record.field("exception.message", &error_chain(error));
            }
        }
        if !metrics.is_empty() {
            add_counts(&mut record, &self.telemetry.namespace, metrics, at);
        }
        record
    }

    fn response(self, outcome: &Outcome, level: Level, at: Timestamp) -> JsonRecord {
        let Outcome { request, status, problem } = outcome;
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
        if let Some(user) = request.user.get() {
            record.field("user.id", &user.to_string());
        }
        if let Some(problem) = problem {
            record.field("error.type", problem.kind);
            if let Some(cause) = &problem.cause {
                record.field("exception.message", cause);
            }
            for (name, value) in &problem.attributes {
                record.field(name, value);
            }
        }
        let kind = problem.as_ref().map(|problem| problem.kind);
        let namespace = &self.telemetry.namespace;
        add_metrics(&mut record, namespace, self.is_cold, *status, kind, at);
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
}

#[cfg(test)]
mod tests {
    use domain::id::{SessionId, UserId};
    use domain::token::TokenError;
    use domain::use_cases::{LoginError, RateLimitError, RefreshError};
    use http::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;
    use crate::error::{ApiError, ErrorReport};

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
        Outcome { request, status, problem }
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
    fn request_log_line_has_request_fields_and_metrics() {
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
    fn log_line_counts_error_by_code_and_has_cause_of_5xx() {
        let telemetry = telemetry(&[]).unwrap();
        let error = ApiError::unavailable(Some("connection refused".into()));
        let line = line(&telemetry, &context(), &failed(error));
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["http.response.status_code"], 503);
        assert_eq!(line["error.type"], "unavailable");
        assert_eq!(line["exception.message"], "connection refused");
        assert_eq!(line["errors"], 1);
        let expected = json!({
            "Namespace": "food-app",
            "Dimensions": [["error.type"]],
            "Metrics": [{"Name": "errors", "Unit": "Count"}],
        });
        assert_eq!(line["_aws"]["CloudWatchMetrics"][1], expected);
    }

    #[test]
    fn log_line_counts_rejected_and_rate_limited_logins() {
        let telemetry = telemetry(&[]).unwrap();
        let line = |outcome| line(&telemetry, &context(), &outcome);
        for user in [None, UserId::parse(ADA).ok()] {
            let rejected = line(failed(LoginError::IncorrectPassword { user }));
            assert_eq!(rejected["logins_refused"], 1);
            assert_eq!(rejected["level"], "INFO");
            assert_eq!(rejected["error.type"], "incorrect_password");
            assert_eq!(rejected.get("user.id"), user.map(|_| json!(ADA)).as_ref());
        }
        let retry_after = std::time::Duration::from_mins(1);
        let limited = line(failed(RateLimitError::TooMany { retry_after }));
        assert_eq!(limited["throttled"], 1);
        assert_eq!(limited["level"], "WARN");
        assert_eq!(limited.get("logins_refused"), None);
    }

    #[test]
    fn log_line_names_the_session_of_a_reused_refresh_token() {
        let telemetry = telemetry(&[]).unwrap();
        let user = UserId::parse(ADA).unwrap();
        let session = SessionId::from_bytes([7; 16]);
        let reused = failed(RefreshError::Reused { user, session });
        let codes = &reused.problem.as_ref().unwrap().codes;
        assert_eq!(codes, &ApiError::from(TokenError::Rejected).report().codes);
        let line = line(&telemetry, &context(), &reused);
        for (field, value) in [
            ("error.type", json!("refresh_reused")),
            ("user.id", json!(ADA)),
            ("session.id", json!(session.to_string())),
            ("refresh_reused", json!(1)),
            ("http.response.status_code", json!(401)),
        ] {
            assert_eq!(line[field], value, "{field}: {line}");
        }
    }

    #[test]
    fn log_line_prefers_client_trace_id_unless_malformed() {
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
            ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793", &none, (id, "")),
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
    fn report_line_has_its_metrics() {
        let telemetry = telemetry(&[]).unwrap();
        let at = Timestamp::from_unix_millis(1_792_002_005_123).unwrap();
        let line = |metrics: &[(&'static str, u64)]| -> Value {
            let report = json!({"users": 3});
            let invocation = telemetry.start_invocation(&context());
            let line = invocation.result("timer", Ok(&report), metrics, Level::INFO, at);
            serde_json::from_slice(&line.finish()).unwrap()
        };
        let with_metrics = line(&[("likes_drift", 0), ("trained_lists", 1)]);
        assert_eq!(with_metrics["report"], json!({"users": 3}));
        assert_eq!(with_metrics["likes_drift"], 0);
        assert_eq!(with_metrics["trained_lists"], 1);
        let expected = json!({
            "Timestamp": 1_792_002_005_123_i64,
            "CloudWatchMetrics": [{
                "Namespace": "food-app",
                "Dimensions": [[]],
                "Metrics": [
                    {"Name": "likes_drift", "Unit": "Count"},
                    {"Name": "trained_lists", "Unit": "Count"},
                ],
            }],
        });
        assert_eq!(with_metrics["_aws"], expected);
        assert_eq!(line(&[]).get("_aws"), None);
    }

    #[test]
    fn provisioned_concurrency_logs_no_cold_start() {
        for (kind, is_cold) in [("on-demand", true), ("provisioned-concurrency", false)] {
            let telemetry = telemetry(&[("AWS_LAMBDA_INITIALIZATION_TYPE", kind)]).unwrap();
            assert_eq!(telemetry.start_invocation(&context()).is_cold, is_cold);
        }
    }

    #[test]
    fn invalid_metrics_namespace_is_rejected() {
        let long = "n".repeat(256);
        for invalid in ["two words", "a:b", "caf\u{e9}", &long] {
            let error = telemetry(&[("METRICS_NAMESPACE", invalid)]).err().unwrap();
            assert_eq!(error.name, "METRICS_NAMESPACE");
        }
        assert!(telemetry(&[("METRICS_NAMESPACE", &long[1..])]).is_ok());
    }
}
