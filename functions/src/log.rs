//! What a function writes: one JSON object a line, with the names that Lambda's own JSON logs have
//! (`timestamp`, `level`, `message`, `requestId`), on standard output. `CloudWatch` reads each as it
//! stands (docs/decisions/0021-one-line-per-request.md).

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

use crate::settings::Settings;

/// Which event the function is at: it has one at a time.
static REQUEST_ID: Mutex<String> = Mutex::new(String::new());

fn request_id() -> MutexGuard<'static, String> {
    REQUEST_ID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on lines are of this event.
pub(crate) fn begin(id: &str) {
    id.clone_into(&mut request_id());
}

/// What libraries and adapters have to say, line by line. Spans say nothing: to keep track of them, as
/// `tracing-subscriber` does, makes functions larger and slower to start.
pub(crate) struct Log {
    least: LevelFilter,
}

impl Log {
    /// As detailed as Lambda says (`AWS_LAMBDA_LOG_LEVEL`, from the function's `LoggingConfig`).
    pub(crate) fn new(settings: &Settings) -> Self {
        let least = match settings.optional("AWS_LAMBDA_LOG_LEVEL") {
            Some("FATAL" | "ERROR") => LevelFilter::ERROR,
            Some("WARN") => LevelFilter::WARN,
            Some("DEBUG") => LevelFilter::DEBUG,
            Some("TRACE") => LevelFilter::TRACE,
            _ => LevelFilter::INFO,
        };
        Self { least }
    }

    /// Hears of everything from now on. Whoever was first stays.
    pub(crate) fn start(self) {
        let _ = tracing::subscriber::set_global_default(self);
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.least
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.least)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::new(*event.metadata().level(), SystemClock.now(), &request_id());
        event.record(&mut line);
        line.write();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1) // none is enabled
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A line that is being written.
pub(crate) struct Line(Vec<u8>);

impl Line {
    /// Begins with what every line has.
    pub(crate) fn new(level: Level, at: Timestamp, request_id: &str) -> Self {
        let mut line = Self(Vec::with_capacity(1024));
        line.0.extend_from_slice(b"{\"timestamp\":");
        line.value(&at.to_string());
        line.member("level", level.as_str());
        if !request_id.is_empty() {
            line.member("requestId", request_id);
        }
        line
    }

    /// The name is one that JSON need not escape.
    pub(crate) fn member(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        self.value(value);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        let began = self.0.len();
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.truncate(began);
            self.0.extend_from_slice(b"null");
        }
    }

    /// The object as it is now.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    pub(crate) fn write(self) {
        let mut line = self.end();
        line.push(b'\n');
        // Where nobody reads the log there is nobody to tell.
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.member(field.name(), &chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field.name(), &format!("{value:?}"));
    }
}

/// An error with everything that led to it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        chain.push_str(": ");
        chain.push_str(&source.to_string());
        next = source.source();
    }
    chain
}

#[cfg(test)]
mod tests {
    use domain::storage::StorageError;
    use serde_json::{Value, json};

    use super::*;

    fn log(level: &str) -> Log {
        let level = ("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.to_owned());
        Log::new(&Settings::new([level]))
    }

    #[test]
    fn the_level_is_the_one_that_lambda_gives() {
        for (level, least) in [
            ("TRACE", LevelFilter::TRACE),
            ("DEBUG", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
            ("", LevelFilter::INFO),
            ("loud", LevelFilter::INFO),
        ] {
            assert_eq!(log(level).least, least, "{level}");
        }
        assert_eq!(Log::new(&Settings::default()).least, LevelFilter::INFO);
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_in_it() {
        let at = Timestamp::from_unix_millis(1_792_002_005_123).unwrap();
        let mut line = Line::new(Level::WARN, at, "8476a536");
        line.member("message", "two\nlines, \"quoted\"");
        line.member("faas.coldstart", &false);
        line.member("duration_ms", &1.25);
        line.member("not_a_number", &f64::NAN);
        let text = String::from_utf8(line.end()).unwrap();
        assert!(!text.contains('\n'));
        let line: Value = serde_json::from_str(&text).unwrap();
        let wanted = json!({
            "timestamp": at.to_string(),
            "level": "WARN",
            "requestId": "8476a536",
            "message": "two\nlines, \"quoted\"",
            "faas.coldstart": false,
            "duration_ms": 1.25,
            "not_a_number": null,
        });
        assert_eq!(line, wanted);
    }

    #[test]
    fn an_error_is_told_with_what_led_to_it() {
        let error = StorageError::Unavailable("connection refused".into());
        assert_eq!(
            chain(&error),
            "the store is unavailable: connection refused"
        );
        assert_eq!(chain(&fmt::Error), fmt::Error.to_string());
    }
}
