//! The test data that the example events in `events/` expect; see `events/README.md`.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use domain::storage::StorageError;
use engines::TableNames;
use engines::shared::Engines;
use functions::api::Api as Functions;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use local::SeedError;
use serde_json::Value;
use tokio::sync::Mutex;

pub use local::fixtures::{ADA, ADAS_LAPTOP, ADAS_SESSION, BOLA, EVE, FUFU, JOLLOF, WAAKYE};

/// The tables and buckets of one test, seeded with users, their foods, sessions and likes.
pub struct Fixture {
    /// `DynamoDB` and S3 of this test.
    pub engines: Box<Engines>,
    /// The settings, as name and value, with which a function uses these tables and buckets.
    pub settings: Vec<(String, String)>,
    dependencies: Box<Dependencies>,
    _original: Arc<Original>,
}

/// The engines of which each fixture gets a copy, because seeding takes 100 requests.
struct Original {
    engines: Engines,
    tables: TableNames,
    buckets: [String; 2],
}

impl Original {
    /// Returns the seeded engines of this process, which stop when the last fixture is dropped. A `static` would never be
    /// dropped, and would not remove its temporary files.
    async fn shared() -> Arc<Self> {
        static CURRENT: Mutex<Weak<Original>> = Mutex::const_new(Weak::new());
        let mut current = CURRENT.lock().await;
        if let Some(original) = current.upgrade() {
            return original;
        }
        let engines = Engines::temporary();
        let (tables, buckets) = (engines.tables().await, engines.buckets().await);
        let original = Arc::new(Self { engines, tables, buckets });
        seed(&dependencies(original.settings(&original.engines))).await;
        *current = Arc::downgrade(&original);
        original
    }

    /// Returns the settings of functions that use these engines, which have the tables and buckets.
    fn settings(&self, engines: &Engines) -> Vec<(String, String)> {
        local::fixtures::settings(&engines.settings(), self.tables.clone(), self.buckets.clone())
    }
}

fn dependencies(settings: Vec<(String, String)>) -> Dependencies {
    Dependencies::new(Settings::new(settings)).expect("valid settings")
}

/// Seeds tables and buckets. Seeding is idempotent, so it is repeated if an engine on a busy machine does not respond in time.
async fn seed(dependencies: &Dependencies) {
    for _ in 0..10 {
        match local::fixtures::seed(dependencies).await {
            Err(SeedError::Storage(StorageError::Unavailable(_))) => {}
            seeded => return seeded.expect("the fixture is seeded"),
        }
    }
    panic!("the engines are unavailable");
}

impl Fixture {
    /// Copies seeded tables and buckets.
    pub async fn seeded() -> Self {
        Self::with(&[]).await
    }

    /// Copies seeded tables and buckets, and adds `extra` to the settings of the functions.
    pub async fn with(extra: &[(&str, &str)]) -> Self {
        let original = Original::shared().await;
        let engines = Box::new(original.engines.copy());
        let mut settings = original.settings(&engines);
        let owned = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        settings.extend(owned);
        let dependencies = Box::new(dependencies(settings.clone()));
        if extra.iter().any(|(name, _)| *name == "TOKEN_STORE_URL") {
            let seeded = local::fixtures::seed_sessions(&dependencies).await;
            seeded.expect("the sessions are seeded");
        }
        Self { engines, settings, dependencies, _original: original }
    }

    /// Restores the data that events have changed, by seeding again.
    pub async fn restore(&self) {
        seed(&self.dependencies).await;
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
