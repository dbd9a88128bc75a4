//! Checks of the log of a function: JSON lines without secrets, with valid metrics.

use std::collections::BTreeSet;

use serde_json::Value;

/// Parses the lines of a log. Panics unless each is a JSON object with `timestamp`, `level` and `message`.
pub fn lines(log: &str) -> Vec<Value> {
    let line = |line: &str| {
        let parsed: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(parsed[field].is_string(), "no {field}: {line}");
        }
        parsed
    };
    log.lines().map(line).collect()
}

/// Parses a log and returns the lines that report an invocation, which have `duration_ms`.
pub fn invocation_lines(log: &str) -> Vec<Value> {
    let mut lines = lines(log);
    lines.retain(|line| line.get("duration_ms").is_some());
    lines
}

/// Checks that a log line is valid in the `CloudWatch` embedded metric format
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
/// `Err` describes the first violation.
pub fn check_metrics(line: &Value) -> Result<(), String> {
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &line["_aws"];
    let timestamp = metadata["Timestamp"].as_u64().unwrap_or_default();
    // Milliseconds, not seconds.
    if !(1_000_000_000_000..10_000_000_000_000).contains(&timestamp) {
        return Err(format!("Timestamp {timestamp}"));
    }
    let directives = array(&metadata["CloudWatchMetrics"]);
    if directives.is_empty() {
        return Err("no directive".to_owned());
    }
    for directive in directives {
        let namespace = text(&directive["Namespace"]);
        if namespace.is_empty() || namespace.starts_with("AWS/") {
            return Err(format!("Namespace {namespace}"));
        }
        for name in array(&directive["Dimensions"]).iter().flat_map(array) {
            let value = text(&line[text(&name)]);
            if value.is_empty() || !value.is_ascii() {
                return Err(format!("dimension {name}: {value:?}"));
            }
        }
        for metric in array(&directive["Metrics"]) {
            let value = line[text(&metric["Name"])].as_f64();
            let is_known = matches!(
                metric["Unit"].as_str(),
                None | Some("Count" | "Milliseconds" | "Bytes" | "None")
            );
            if !is_known || value.is_none() {
                return Err(format!("metric {metric}: {value:?}"));
            }
        }
    }
    // CloudWatch Logs truncates events over 256 KB.
    match line.to_string().len() {
        ..=262_144 => Ok(()),
        length => Err(format!("{length} bytes")),
    }
}

/// The secrets and personal data in settings, events and responses, which no log may contain.
#[derive(Debug, Default)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Creates the set with the signing secrets and the URL of the token store in the settings.
    pub fn of_settings(settings: &[(String, String)]) -> Self {
        let mut secrets = Self::default();
        for (name, value) in settings {
            if name.contains("SECRET") || name == "TOKEN_STORE_URL" {
                secrets.add(value);
            }
        }
        secrets
    }

    fn add(&mut self, value: &str) {
        // Short values and plain words can appear in any log.
        let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase()) && value.len() < 12;
        if value.len() >= 6 && !is_word {
            self.0.insert(value.to_owned());
        }
    }

    /// Adds the secrets and personal data of an event or a response.
    pub fn collect(&mut self, message: &Value) {
        let header = |name: &str| message["headers"][name].as_str().unwrap_or_default();
        self.add(header("authorization").trim_start_matches("Bearer "));
        self.add(header("idempotency-key"));
        self.add(header("user-agent"));
        self.add(message["requestContext"]["http"]["sourceIp"].as_str().unwrap_or_default());
        if let Some(query) = message["rawQueryString"].as_str() {
            self.add(query);
        }
        if let Some(body) = message["body"].as_str() {
            self.add(body);
            self.collect_fields(&serde_json::from_str(body).unwrap_or_default());
        }
    }

    fn collect_fields(&mut self, body: &Value) {
        for (name, value) in body.as_object().into_iter().flatten() {
            let is_secret = ["email", "password", "token", "signature", "policy"]
                .iter()
                .any(|part| name.to_lowercase().contains(part));
            match value {
                Value::String(value) if is_secret => self.add(value),
                Value::Object(_) => self.collect_fields(value),
                _ => {}
            }
        }
    }

    /// Returns a secret that the log contains. `None` if the log contains no secret.
    pub fn find_in(&self, log: &str) -> Option<&str> {
        let is_logged = |secret: &&String| log.contains(secret.as_str());
        self.0.iter().find(is_logged).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_scan_finds_secrets_of_settings_events_and_responses() {
        let mut secrets = Secrets::of_settings(&[("ACCESS_SECRET".to_owned(), "s".repeat(32))]);
        secrets.collect(&serde_json::json!({
            "headers": {"authorization": "Bearer a.b.cdefg", "idempotency-key": "key-of-ada"},
            "requestContext": {"http": {"sourceIp": "203.0.113.9"}},
            "body": "{\"email\":\"ada@example.com\",\"password\":\"Sesame, open\"}",
        }));
        secrets.collect(&serde_json::json!({"body": "{\"access_token\":\"d.e.fghij\"}"}));
        for secret in [
            "ssssssssssssssssssssssssssssssss",
            "a.b.cdefg",
            "key-of-ada",
            "203.0.113.9",
            "ada@example.com",
            "Sesame, open",
            "d.e.fghij",
        ] {
            assert_eq!(secrets.find_in(&format!("{{\"x\":\"{secret}\"}}")), Some(secret));
        }
        assert_eq!(secrets.find_in("{\"user.id\":\"1\"}"), None);
    }
}
