//! The test data that the example events in `events/` expect; see `events/README.md`.

use std::path::PathBuf;
use std::sync::Arc;

use domain::storage::StorageError;
use engines::shared::Engines;
use functions::api::Api as Functions;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use local::SeedError;
use serde_json::Value;

pub use local::fixtures::{ADA, ADAS_LAPTOP, ADAS_SESSION, BOLA, EVE, FUFU, JOLLOF, WAAKYE};

/// The tables and buckets of one test, seeded with users, their foods, sessions and likes.
pub struct Fixture {
    /// The settings, as name and value, with which a function uses these tables and buckets.
    pub settings: Vec<(String, String)>,
    dependencies: Box<Dependencies>,
    _engines: Arc<Engines>,
}

impl Fixture {
    /// Creates and seeds tables and buckets.
    pub async fn seeded() -> Self {
        Self::with(&[]).await
    }

    /// Creates and seeds tables and buckets, and adds `extra` to the settings of the functions.
    pub async fn with(extra: &[(&str, &str)]) -> Self {
        let engines = Engines::shared();
        let tables = engines.tables().await;
        let buckets = engines.buckets().await;
        let mut settings = local::fixtures::settings(&engines.settings(), tables, buckets);
        let extra = extra.iter();
        settings.extend(extra.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let dependencies =
            Dependencies::new(Settings::new(settings.clone())).expect("valid settings");
        let fixture = Self { settings, dependencies: Box::new(dependencies), _engines: engines };
        fixture.restore().await;
        fixture
    }

    /// Restores the data that events have changed, by seeding again. Seeding is idempotent, so it is repeated if
    /// an engine on a busy machine does not respond in time.
    pub async fn restore(&self) {
        for _ in 0..10 {
            match local::fixtures::seed(&self.dependencies).await {
                Err(SeedError::Storage(StorageError::Unavailable(_))) => {}
                seeded => return seeded.expect("the fixture is seeded"),
            }
        }
        panic!("the engines are unavailable");
    }

    /// Returns the handlers of all functions, which run in this process.
    pub fn functions(&self) -> Functions {
        Functions::new(&Settings::new(self.settings.clone())).expect("valid settings")
    }

    pub fn setting(&self, name: &str) -> &str {
        let found = self.settings.iter().find(|(other, _)| other == name);
        &found.expect("a setting").1
    }

    /// Returns a copy of the settings in which `replacements` replace the values of the same name.
    pub fn settings_with(&self, replacements: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = self.settings.clone();
        for (name, value) in replacements {
            settings.retain(|(other, _)| other != name);
            settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        settings
    }
}

/// Returns the path of the folder `events/`, which has the example events.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// Reads the example event `events/<name>.json`.
pub fn event(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Invokes a function in this process with its example event, modified by `change`; returns the response.
pub async fn invoke(functions: &Functions, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut event: Value = serde_json::from_str(&event(name)).expect("JSON");
    change(&mut event);
    let response = functions.invoke(name, &event.to_string()).await;
    serde_json::from_str(&response.expect("a function")).expect("JSON")
}

/// Parts of the e-mails, passwords, hashes, tokens, keys and client IPs in the fixture and in all example events.
/// No log may contain these texts.
const CONFIDENTIAL: [&str; 12] = [
    "@example.",
    "analytical",
    "difference",
    "anchors",
    "U*U",
    "secret",
    "eyJ",
    "$argon2",
    "$2a$",
    "203.0.113.",
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "redis://",
];

/// Asserts that the log has no secrets and no personal data of the fixture. `case` is for the panic message.
pub fn assert_no_secrets(log: &str, case: &str) {
    for secret in CONFIDENTIAL {
        assert!(!log.contains(secret), "{case}: logged {secret}: {log}");
    }
}
