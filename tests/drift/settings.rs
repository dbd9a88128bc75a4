//! The settings in `template.yaml` and docs/SETTINGS.md match those that the functions read.

use std::collections::BTreeSet;

use functions::dependencies::{Dependencies, FromDependencies as _};
use functions::handlers;
use functions::settings::{Settings, SettingsError};
use serde_json::Value;
use test_support::template::template;

/// Every setting with a valid and an invalid value. The invalid value is empty if any other text is valid.
const SETTINGS: [(&str, &str, &str); 24] = [
    ("USERS_TABLE", "users", ""),
    ("FOODS_TABLE", "foods", ""),
    ("SESSIONS_TABLE", "sessions", ""),
    ("LIKES_TABLE", "likes", ""),
    ("IMAGES_BUCKET", "images", ""),
    ("UPLOADS_BUCKET", "uploads", ""),
    ("IMAGE_BASE_URL", "https://images.example", "images"),
    ("TOKEN_STORE_URL", "", "http://sessions.example"),
    ("ACCESS_SECRET", "an access secret of 32 bytes or more", "short"),
    ("REFRESH_SECRET", "a refresh secret of 32 bytes or more", "short"),
    ("ACCESS_SECRET_PREVIOUS", "", "short"),
    ("REFRESH_SECRET_PREVIOUS", "", "short"),
    ("ACCESS_TOKEN_TTL_SECONDS", "900", "soon"),
    ("REFRESH_TOKEN_TTL_SECONDS", "604800", "late"),
    ("SESSION_MAX_SECONDS", "7776000", "604799"),
    ("PASSWORD_MIN_LENGTH", "8", "long"),
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "10", "many"),
    ("LOGIN_ATTEMPTS_PER_ADDRESS", "100", "many"),
    ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "10", "many"),
    ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "50", "many"),
    ("ATTEMPT_WINDOW_SECONDS", "900", "long"),
    ("ORPHAN_MIN_AGE_SECONDS", "86400", "old"),
    ("MAX_IMAGE_BYTES", "8192000", "large"),
    ("ALLOWED_ORIGIN", "*", ""),
];

/// Returns the names of the settings that a function reads: an invalid value of such a setting is a startup error.
fn read_by<T>(make: impl Fn(&Dependencies) -> Result<T, SettingsError>) -> BTreeSet<String> {
    let aws = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let new = |invalid: Option<&str>| -> Result<T, SettingsError> {
        let values = SETTINGS
            .map(|(name, good, bad)| (name, if invalid == Some(name) { bad } else { good }));
        let all = aws.map(|name| (name, "x")).into_iter().chain(values);
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        make(&Dependencies::new(Settings::new(all))?)
    };
    assert!(new(None).is_ok());
    let is_read = |name| new(Some(name)).is_err_and(|error| error.name == name);
    let mut read = BTreeSet::new();
    for (name, ..) in SETTINGS {
        if is_read(name) {
            read.insert(name.to_owned());
        }
    }
    read
}

macro_rules! settings_read {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        [
            $((stringify!($name), read_by(handlers::$handler::new)),)*
            $((stringify!($other), read_by(handlers::$other_handler::new)),)*
        ]
    };
}

#[test]
fn template_sets_exactly_the_settings_each_function_reads() {
    // Some are set only with Redis, or while secrets are rotated.
    let templates = ["functions", "functions.token-store"].map(template);
    for (name, read) in functions::for_each_function!(settings_read) {
        let variables = |template: &Value| template[name]["variables"].as_object().unwrap().clone();
        let set: BTreeSet<String> =
            templates.iter().flat_map(variables).map(|(name, _)| name).collect();
        let read = read.into_iter().chain([COMMON.to_owned()]).collect();
        assert_eq!(set, read, "{name}");
    }
}

/// The setting that every function reads, for its metrics.
const COMMON: &str = "METRICS_NAMESPACE";

#[test]
fn settings_document_names_every_setting() {
    let document = include_str!("../../docs/SETTINGS.md");
    for name in SETTINGS.map(|(name, ..)| name).into_iter().chain([COMMON]) {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}
