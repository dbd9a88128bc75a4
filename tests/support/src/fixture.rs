//! The fixture that the files in `events/` expect: see `events/generate.py` and `local --events`.

use std::path::PathBuf;
use std::sync::Arc;

use domain::storage::StorageError;
use engines::shared::Engines;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use local::SeedError;
pub use local::fixtures::{ADA, ADAS_LAPTOP, ADAS_SESSION, EVE, FUFU, JOLLOF};

/// Two users, their foods and sessions, in tables of their own.
pub struct Fixture {
    /// The settings of functions that use it.
    pub settings: Vec<(String, String)>,
    setup: Box<Dependencies>,
    _engines: Arc<Engines>,
}

impl Fixture {
    pub async fn set() -> Self {
        Self::with(&[]).await
    }

    /// Seeds it; functions have these settings as well.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        let engines = Engines::shared();
        let tables = engines.tables().await;
        let buckets = engines.buckets().await;
        let mut settings = local::fixtures::settings(&engines.settings(), tables, buckets);
        let more = more.iter();
        settings.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let setup =
            Dependencies::new(Settings::new(settings.clone())).expect("the settings are right");
        let fixture = Self {
            settings,
            setup: Box::new(setup),
            _engines: engines,
        };
        fixture.restore().await;
        fixture
    }

    /// Seeds it again, where events have changed it. Seeding is idempotent, so a call that a busy machine
    /// lets time out is repeated.
    pub async fn restore(&self) {
        for _ in 0..10 {
            match local::fixtures::fill(&self.setup).await {
                Err(SeedError::Store(StorageError::Unavailable(_))) => {}
                seeded => return seeded.expect("the fixture is seeded"),
            }
        }
        panic!("the engines are unavailable");
    }

    pub fn setting(&self, name: &str) -> &str {
        let found = self.settings.iter().find(|(other, _)| other == name);
        &found.expect("a setting").1
    }

    /// The settings with another value of some.
    pub fn settings_with(&self, others: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = self.settings.clone();
        for (name, value) in others {
            settings.retain(|(other, _)| other != name);
            settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        settings
    }
}

/// The folder of the event files.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// An event file, by its name without `.json`.
pub fn event(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What no log may contain: e-mails, passwords, hashes, tokens, keys and client IPs, of the fixture
/// and of all events.
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

/// Asserts that the log contains nothing confidential.
pub fn assert_tells_nothing(log: &str, case: &str) {
    for secret in CONFIDENTIAL {
        assert!(!log.contains(secret), "{case}: wrote {secret}: {log}");
    }
}
