//! The scene that the files in `events/` expect: see `events/generate.py`.

use std::path::PathBuf;
use std::sync::Arc;

use engines::shared::Engines;
use functions::settings::Settings;
use functions::setup::Setup;
pub(crate) use local::scene::{ADA, ADAS_LAPTOP, ADAS_SESSION, EVE, FUFU, JOLLOF};

/// Two users, their foods and sessions, in tables of their own.
pub(crate) struct Scene {
    pub(crate) settings: Vec<(String, String)>,
    _engines: Arc<Engines>,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        Self::with(&[]).await
    }

    /// With these settings as well.
    pub(crate) async fn with(more: &[(&str, &str)]) -> Self {
        let engines = Engines::shared();
        let tables = engines.tables().await;
        let bucket = engines.bucket().await;
        let mut settings = local::scene::settings(&engines.settings(), tables, bucket);
        let more = more.iter();
        settings.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let setup = Setup::new(Settings::new(settings.clone())).expect("the settings are right");
        local::scene::fill(&setup).await.expect("the scene is set");
        Self {
            settings,
            _engines: engines,
        }
    }
}

/// The folder of the event files.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

/// An event file, by its name without `.json`.
pub(crate) fn event(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What no log may have: addresses, passwords, their hashes, tokens, keys and what signs them, of the
/// scene and of all events.
const UNTOLD: [&str; 12] = [
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

/// The log has nothing in it that is a secret, or that tells of anybody.
pub(crate) fn assert_tells_nothing(log: &str, case: &str) {
    for secret in UNTOLD {
        assert!(!log.contains(secret), "{case}: wrote {secret}: {log}");
    }
}
