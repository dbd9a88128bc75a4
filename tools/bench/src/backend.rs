//! The environment of a measured function: local `DynamoDB` and S3 behind TLS proxies, settings, and events.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engines::tls;
use serde_json::Value;
use tempfile::NamedTempFile;
use test_support::template::template;
use test_support::{Fixture, event};

use crate::Error;

/// Possible paths of the root certificates of the operating system: on Debian, on Amazon Linux.
const SYSTEM_ROOTS: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Certificates for functions that call local `DynamoDB` and S3 through TLS proxies.
pub struct Backend {
    /// A file with the root certificate of the proxies, which the functions trust instead of their five built-in roots.
    /// Reading the file costs as much as parsing these roots, so the measurements are realistic.
    test_root: NamedTempFile,
    /// A file with the roots of the operating system and of the proxies, which the AWS SDK trusts by default.
    system_roots: NamedTempFile,
}

impl Backend {
    /// Writes the certificates of the TLS proxies to temporary files.
    pub fn start() -> Result<Self, Error> {
        let system = SYSTEM_ROOTS.into_iter().find(|path| Path::new(path).exists());
        Ok(Self {
            test_root: bundle(&[])?,
            system_roots: bundle(&system.map(fs::read).transpose()?.unwrap_or_default())?,
        })
    }

    /// Creates settings and events for `function`, with engines of their own behind TLS proxies.
    pub async fn workload(&self, function: &str) -> Result<Workload, Error> {
        let fixture = Fixture::seeded().await;
        let template = &template("functions")[function];
        let path = |file: &NamedTempFile| file.path().display().to_string();
        let mut settings = fixture.settings_with(&[
            ("AWS_ENDPOINT_URL_DYNAMODB", &tls::terminate(fixture.engines.dynamodb().url())?),
            ("AWS_ENDPOINT_URL_S3", &tls::terminate(fixture.engines.s3().url())?),
            ("AWS_CA_BUNDLE", &path(&self.test_root)),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &template["memory"].to_string()),
            // The benchmark creates thousands of accounts from one client IP.
            ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "1000000"),
            ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "1000000"),
        ]);
        settings.retain(|(name, _)| {
            name.starts_with("AWS_") || template["variables"].get(name).is_some()
        });
        settings.push(("SSL_CERT_FILE".to_owned(), path(&self.system_roots)));
        Ok(Workload {
            settings,
            fixture,
            event: serde_json::from_str(&event(function))?,
            repeat: Repeat::of(function),
            sent: 0,
        })
    }
}

fn bundle(roots: &[u8]) -> Result<NamedTempFile, Error> {
    let mut file = NamedTempFile::new()?;
    file.write_all(roots)?;
    file.write_all(tls::ROOT.as_bytes())?;
    Ok(file)
}

/// The preparation before each event, so that repeated events succeed.
#[derive(Debug, Clone, Copy)]
enum Repeat {
    /// The event can be repeated without preparation.
    Unchanged,
    /// The fixture is restored, because the event changes or deletes a part of it.
    RestoreFixture,
    /// A number is appended to this text in the body, because the e-mail or title with this text must be unique.
    Number(&'static str),
}

impl Repeat {
    fn of(function: &str) -> Self {
        match function {
            "logout" | "refresh" | "delete_food" | "delete_user" | "change_password"
            | "revoke_session" | "revoke_sessions" | "like_food" | "unlike_food" => {
                Self::RestoreFixture
            }
            "create_user" => Self::Number("grace"),
            "create_food" => Self::Number("Suya"),
            _ => Self::Unchanged,
        }
    }
}

/// The fixture, the settings and the events that a measured function needs.
pub struct Workload {
    settings: Vec<(String, String)>,
    fixture: Fixture,
    event: Value,
    repeat: Repeat,
    sent: u32,
}

impl Workload {
    /// Returns the environment variables of the function, as pairs of name and value.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.settings.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the next event in JSON, prepared so that the function succeeds.
    pub async fn event(&mut self) -> Result<String, Error> {
        self.sent += 1;
        match self.repeat {
            Repeat::Unchanged => {}
            Repeat::RestoreFixture => self.fixture.restore().await,
            // Equal lengths keep the size of the event constant.
            Repeat::Number(text) => {
                return numbered(&self.event, text, 1_000_000 + self.sent);
            }
        }
        Ok(self.event.to_string())
    }
}

/// Appends `number` to each occurrence of `text` in the body of the event. Returns the changed event in JSON.
fn numbered(event: &Value, text: &str, number: u32) -> Result<String, Error> {
    let mut event = event.clone();
    let is_base64 = event["isBase64Encoded"] == true;
    let body = event["body"].as_str().ok_or("the event has no body")?;
    let body = if is_base64 { STANDARD.decode(body)? } else { body.as_bytes().to_vec() };
    let mut changed = Vec::new();
    let mut rest = body.as_slice();
    while let Some(at) = rest.windows(text.len()).position(|window| window == text.as_bytes()) {
        let (before, after) = rest.split_at(at + text.len());
        changed.extend_from_slice(before);
        changed.extend_from_slice(number.to_string().as_bytes());
        rest = after;
    }
    if changed.is_empty() {
        return Err(format!("the event's body has no {text:?}").into());
    }
    changed.extend_from_slice(rest);
    event["body"] = if is_base64 {
        STANDARD.encode(changed).into()
    } else {
        String::from_utf8(changed)?.into()
    };
    Ok(event.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn event_body_gets_number_after_each_occurrence_of_text() {
        let plain = json!({"body": "ada and ada", "isBase64Encoded": false});
        let changed: Value = serde_json::from_str(&numbered(&plain, "ada", 7).unwrap()).unwrap();
        assert_eq!(changed["body"], "ada7 and ada7");
        let encoded = json!({"body": STANDARD.encode("a\r\nada"), "isBase64Encoded": true});
        let changed: Value = serde_json::from_str(&numbered(&encoded, "ada", 7).unwrap()).unwrap();
        assert_eq!(changed["body"], STANDARD.encode("a\r\nada7"));
        assert!(numbered(&plain, "eve", 7).is_err());
    }
}
