//! What the functions talk to, and what they are asked.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engines::{Engines, tls};
use functions::settings::Settings;
use functions::setup::Setup;
use local::scene;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::Error;

/// Where Debian, and where Amazon Linux, keep the certificates that the system trusts.
const SYSTEM_ROOTS: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// What `template.yaml` gives each function.
const TEMPLATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/template/functions.json"
);

/// `DynamoDB` and S3, and both behind TLS.
pub struct Backend {
    engines: Arc<Engines>,
    dynamodb: String,
    s3: String,
    /// What our functions trust. To read it costs as much as the five roots that they have built in.
    our_roots: NamedTempFile,
    /// What an SDK with its defaults trusts: the system's roots, and one.
    system_roots: NamedTempFile,
}

impl Backend {
    /// Starts them.
    pub fn start() -> Result<Self, Error> {
        let engines = Engines::shared();
        let system = SYSTEM_ROOTS
            .into_iter()
            .find(|path| Path::new(path).exists());
        Ok(Self {
            dynamodb: tls::terminate(engines.dynamodb().url())?,
            s3: tls::terminate(engines.s3().url())?,
            our_roots: bundle(&[])?,
            system_roots: bundle(&system.map(fs::read).transpose()?.unwrap_or_default())?,
            engines,
        })
    }

    /// What a function of this name needs, in tables of its own: what one writes, no other reads.
    pub async fn scene(&self, function: &str) -> Result<Scene, Error> {
        let tables = self.engines.tables().await;
        let bucket = self.engines.bucket().await;
        let mut settings = scene::settings(&self.engines.settings(), tables, bucket);
        let setup = Setup::new(Settings::new(settings.clone()))?;
        for (name, value) in &mut settings {
            match name.as_str() {
                "AWS_ENDPOINT_URL_DYNAMODB" => value.clone_from(&self.dynamodb),
                "AWS_ENDPOINT_URL_S3" => value.clone_from(&self.s3),
                _ => {}
            }
        }
        // Thousands of accounts are made from one address.
        for name in [
            "SIGN_UP_ATTEMPTS_PER_ACCOUNT",
            "SIGN_UP_ATTEMPTS_PER_ADDRESS",
        ] {
            settings.push((name.to_owned(), "1000000".to_owned()));
        }
        let template: Value = serde_json::from_slice(&fs::read(TEMPLATE)?)?;
        let template = &template[function];
        settings.retain(|(name, _)| {
            name.starts_with("AWS_") || template["variables"].get(name).is_some()
        });
        let memory = template["memory"].to_string();
        settings.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), memory));
        let path = |file: &NamedTempFile| file.path().display().to_string();
        settings.push(("AWS_CA_BUNDLE".to_owned(), path(&self.our_roots)));
        settings.push(("SSL_CERT_FILE".to_owned(), path(&self.system_roots)));
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../events")
            .join(format!("{function}.json"));
        scene::fill(&setup).await?;
        Ok(Scene {
            settings,
            setup,
            event: serde_json::from_slice(&fs::read(file)?)?,
            repeat: Repeat::of(function),
            given: 0,
        })
    }
}

fn bundle(roots: &[u8]) -> Result<NamedTempFile, Error> {
    let mut file = NamedTempFile::new()?;
    file.write_all(roots)?;
    file.write_all(tls::ROOT.as_bytes())?;
    Ok(file)
}

/// What must change for an event to succeed again.
#[derive(Debug, Clone, Copy)]
enum Repeat {
    /// Nothing.
    AsItIs,
    /// What it took away is put back.
    Restored,
    /// This text of its body, which nobody else may have, gets a number.
    Numbered(&'static str),
}

impl Repeat {
    fn of(function: &str) -> Self {
        match function {
            "logout" | "refresh" | "delete_food" | "delete_user" | "change_password"
            | "end_session" | "end_sessions" => Self::Restored,
            "create_user" => Self::Numbered("grace"),
            "create_food" => Self::Numbered("Suya"),
            _ => Self::AsItIs,
        }
    }
}

/// One function's tables, bucket, settings and events.
pub struct Scene {
    settings: Vec<(String, String)>,
    setup: Setup,
    event: Value,
    repeat: Repeat,
    given: u32,
}

impl Scene {
    /// The settings of the function, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.settings.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The next event, which will succeed.
    pub async fn event(&mut self) -> Result<String, Error> {
        self.given += 1;
        match self.repeat {
            Repeat::AsItIs => {}
            Repeat::Restored => scene::fill(&self.setup).await?,
            // All numbers are as long, or each event would be another.
            Repeat::Numbered(text) => {
                return numbered(&self.event, text, 1_000_000 + self.given);
            }
        }
        Ok(self.event.to_string())
    }
}

/// The event with a number behind every `text` of its body.
fn numbered(event: &Value, text: &str, number: u32) -> Result<String, Error> {
    let mut event = event.clone();
    let is_base64 = event["isBase64Encoded"] == true;
    let body = event["body"].as_str().ok_or("the event has no body")?;
    let body = if is_base64 {
        STANDARD.decode(body)?
    } else {
        body.as_bytes().to_vec()
    };
    let mut changed = Vec::new();
    let mut rest = body.as_slice();
    while let Some(at) = rest
        .windows(text.len())
        .position(|window| window == text.as_bytes())
    {
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
    fn a_number_makes_an_event_another() {
        let plain = json!({"body": "ada and ada", "isBase64Encoded": false});
        let changed: Value = serde_json::from_str(&numbered(&plain, "ada", 7).unwrap()).unwrap();
        assert_eq!(changed["body"], "ada7 and ada7");
        let encoded = json!({"body": STANDARD.encode("a\r\nada"), "isBase64Encoded": true});
        let changed: Value = serde_json::from_str(&numbered(&encoded, "ada", 7).unwrap()).unwrap();
        assert_eq!(changed["body"], STANDARD.encode("a\r\nada7"));
        assert!(numbered(&plain, "eve", 7).is_err());
    }
}
