//! The log of a function: one JSON object per line on standard output, with the field names of Lambda's JSON
//! logs (`timestamp`, `level`, `message`, `requestId`). See docs/decisions/0021-one-log-line-per-request.md.

use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::clock::{Clock as _, SystemClock, Timestamp};
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::error::error_chain;
use crate::settings::Settings;

/// The request id of the current invocation. A function handles one invocation at a time.
static REQUEST_ID: Mutex<String> = Mutex::new(String::new());

fn request_id() -> MutexGuard<'static, String> {
    REQUEST_ID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the request id of subsequent log lines.
pub(crate) fn set_request_id(id: &str) {
    id.clone_into(&mut request_id());
}

/// A `tracing` subscriber that writes events as JSON. It ignores spans: tracking them, as
/// `tracing-subscriber` does, makes functions larger and slower to start.
pub(crate) struct Log {
    level: LevelFilter,
}

impl Log {
    /// Creates a log with the level `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets from the function's `LoggingConfig`.
    pub(crate) fn new(settings: &Settings) -> Self {
        let level = match settings.optional("AWS_LAMBDA_LOG_LEVEL") {
            Some("FATAL" | "ERROR") => LevelFilter::ERROR,
            Some("WARN") => LevelFilter::WARN,
            Some("DEBUG") => LevelFilter::DEBUG,
            Some("TRACE") => LevelFilter::TRACE,
            _ => LevelFilter::INFO,
        };
        Self { level }
    }

    /// Installs this log as the global `tracing` subscriber, unless the process has one.
    pub(crate) fn start(self) {
        let _ = tracing::subscriber::set_global_default(self);
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let level = *event.metadata().level();
        let mut record = JsonRecord::new(level, SystemClock.now(), &request_id());
        event.record(&mut record);
        record.write();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1) // no span is enabled
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A log line: a JSON object that grows field by field.
pub(crate) struct JsonRecord(Vec<u8>);

impl JsonRecord {
    /// Starts a line with the fields that every line has: timestamp, level and request id.
    pub(crate) fn new(level: Level, at: Timestamp, request_id: &str) -> Self {
        let mut record = Self(Vec::with_capacity(1024));
        record.0.extend_from_slice(b"{\"timestamp\":");
        record.value(&at.to_string());
        record.field("level", level.as_str());
        if !request_id.is_empty() {
            record.field("requestId", request_id);
        }
        record
    }

    /// Adds a field. The name is written verbatim, so it must not need JSON escaping.
    pub(crate) fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        self.value(value);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        let start = self.0.len();
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.truncate(start);
            self.0.extend_from_slice(b"null");
        }
    }

    /// Closes the object and returns the line without a line break.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    /// Writes the line to standard output. Errors are ignored: there is nowhere else to report them.
    pub(crate) fn write(self) {
        let mut line = self.finish();
        line.push(b'\n');
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

impl Visit for JsonRecord {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.field(field.name(), &error_chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn log_level_is_read_from_aws_lambda_log_level() {
        for (setting, level) in [
            ("TRACE", LevelFilter::TRACE),
            ("DEBUG", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
            ("", LevelFilter::INFO),
            ("loud", LevelFilter::INFO),
        ] {
            let setting = ("AWS_LAMBDA_LOG_LEVEL".to_owned(), setting.to_owned());
            assert_eq!(Log::new(&Settings::new([setting])).level, level);
        }
    }

    #[test]
    fn log_line_is_valid_json_for_any_value() {
        let at = Timestamp::from_unix_millis(1_792_002_005_123).unwrap();
        let mut record = JsonRecord::new(Level::WARN, at, "8476a536");
        record.field("message", "two\nlines, \"quoted\"");
        record.field("duration_ms", &1.25);
        record.field("not_a_number", &f64::NAN);
        let line = String::from_utf8(record.finish()).unwrap();
        assert!(!line.contains('\n'));
        let expected = json!({
            "timestamp": at.to_string(),
            "level": "WARN",
            "requestId": "8476a536",
            "message": "two\nlines, \"quoted\"",
            "duration_ms": 1.25,
            "not_a_number": null,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }
}
