//! The settings of the functions: environment variables, and defaults for the local engines.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use engines::AccessKey;
use engines::host::DOCKER_HOST;
use serde_json::{Map, Value, json};

use crate::data_dir::Secrets;

const REGION: &str = "us-east-1";

/// The file in the data dir with the output of [`EffectiveSettings::shell`].
pub const SHELL_FILE: &str = "env";
/// The file in the data dir with the output of [`EffectiveSettings::json`].
pub const JSON_FILE: &str = "env.json";

/// The names of all settings that a function reads. Empty settings are exported as well, to override the variables of
/// the developer's own environment.
///
/// `AWS_CA_BUNDLE` is omitted: the engines use no TLS, and an empty value disables the certificate checks of AWS tools.
const NAMES: [&str; 31] = [
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_S3",
    "USERS_TABLE",
    "FOODS_TABLE",
    "SESSIONS_TABLE",
    "LIKES_TABLE",
    "IMAGES_BUCKET",
    "UPLOADS_BUCKET",
    "IMAGE_BASE_URL",
    "TOKEN_STORE_URL",
    "ACCESS_SECRET",
    "ACCESS_SECRET_PREVIOUS",
    "REFRESH_SECRET",
    "REFRESH_SECRET_PREVIOUS",
    "ACCESS_TOKEN_TTL_SECONDS",
    "REFRESH_TOKEN_TTL_SECONDS",
    "SESSION_MAX_SECONDS",
    "PASSWORD_MIN_LENGTH",
    "MAX_IMAGE_BYTES",
    "LOGIN_ATTEMPTS_PER_ACCOUNT",
    "LOGIN_ATTEMPTS_PER_ADDRESS",
    "SIGN_UP_ATTEMPTS_PER_ACCOUNT",
    "SIGN_UP_ATTEMPTS_PER_ADDRESS",
    "ATTEMPT_WINDOW_SECONDS",
    "ORPHAN_MIN_AGE_SECONDS",
    "METRICS_NAMESPACE",
    "AWS_LAMBDA_LOG_LEVEL",
];

/// The default settings that differ between runs: URLs with free ports, the access key of the engines, and the
/// secrets of the data dir.
pub(crate) struct LocalDefaults<'a> {
    pub(crate) image_base_url: &'a str,
    pub(crate) dynamodb_url: &'a str,
    pub(crate) s3_url: &'a str,
    pub(crate) key: &'a AccessKey,
    pub(crate) secrets: &'a Secrets,
}

/// The settings by name: environment variables merged with the defaults.
#[derive(Clone)]
pub struct EffectiveSettings(HashMap<String, String>);

impl EffectiveSettings {
    /// Merges `overrides` into the defaults. Empty values are ignored, and so are names that begin with `AWS_`, because
    /// the developer's own AWS account, profile or certificates must have no effect.
    pub(crate) fn new(
        overrides: impl IntoIterator<Item = (String, String)>,
        defaults: &LocalDefaults<'_>,
    ) -> Self {
        let mut settings: HashMap<_, _> = [
            ("USERS_TABLE", "users"),
            ("FOODS_TABLE", "foods"),
            ("SESSIONS_TABLE", "sessions"),
            ("LIKES_TABLE", "likes"),
            ("IMAGES_BUCKET", "images"),
            ("UPLOADS_BUCKET", "uploads"),
            ("IMAGE_BASE_URL", defaults.image_base_url),
            ("ACCESS_SECRET", &defaults.secrets.access_secret),
            ("REFRESH_SECRET", &defaults.secrets.refresh_secret),
            ("ALLOWED_ORIGIN", "*"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &defaults.key.id),
            ("AWS_SECRET_ACCESS_KEY", &defaults.key.secret),
            ("AWS_ENDPOINT_URL_DYNAMODB", defaults.dynamodb_url),
            ("AWS_ENDPOINT_URL_S3", defaults.s3_url),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let is_applied =
            |(name, value): &(String, String)| !name.starts_with("AWS_") && !value.is_empty();
        settings.extend(overrides.into_iter().filter(is_applied));
        Self(settings)
    }

    /// Returns the value of the setting `name`; empty if the setting has no value.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn to_map(&self) -> HashMap<String, String> {
        self.0.clone()
    }

    /// Formats all settings of the functions as lines `export NAME='value'`, for a shell or `cargo lambda watch
    /// --env-file`.
    pub fn shell(&self) -> String {
        let mut lines = String::new();
        for name in NAMES {
            let value = self.get(name).replace('\'', r"'\''");
            let _ = writeln!(lines, "export {name}='{value}'");
        }
        lines
    }

    /// Formats all settings of the functions as JSON for `sam local invoke --env-vars`. The functions run in containers,
    /// where the engines have another host.
    pub fn json(&self) -> String {
        let variables = NAMES.map(|name| {
            let mut value = self.get(name).to_owned();
            if name.starts_with("AWS_ENDPOINT_URL") {
                value = value.replace("127.0.0.1", DOCKER_HOST);
            }
            (name.to_owned(), Value::from(value))
        });
        let parameters = Map::from_iter(variables);
        format!("{:#}\n", json!({ "Parameters": parameters }))
    }

    /// Returns the non-empty settings of the functions, as pairs of name and value.
    pub fn variables(&self) -> Vec<(String, String)> {
        let variables = NAMES.map(|name| (name.to_owned(), self.get(name).to_owned()));
        let set = variables.into_iter().filter(|(_, value)| !value.is_empty());
        set.collect()
    }
}

impl fmt::Debug for EffectiveSettings {
    /// Prints only the names of the settings, because some values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn settings(overrides: &[(&str, &str)]) -> EffectiveSettings {
        let defaults = LocalDefaults {
            image_base_url: "http://127.0.0.1:8888/images",
            dynamodb_url: "http://127.0.0.1:1",
            s3_url: "http://127.0.0.1:2",
            key: &AccessKey::new("key", "secret"),
            secrets: &Secrets {
                access_secret: "sesame".to_owned(),
                refresh_secret: "r".to_owned(),
            },
        };
        let overrides = overrides.iter();
        let overrides = overrides.map(|&(name, value)| (name.to_owned(), value.to_owned()));
        EffectiveSettings::new(overrides, &defaults)
    }

    #[test]
    fn environment_settings_override_defaults() {
        let settings = settings(&[
            ("ACCESS_SECRET", "mine"),
            ("REFRESH_SECRET", ""),
            ("PASSWORD_MIN_LENGTH", "6"),
        ]);
        assert_eq!(settings.get("ACCESS_SECRET"), "mine");
        assert_eq!(settings.get("REFRESH_SECRET"), "r");
        assert_eq!(settings.get("PASSWORD_MIN_LENGTH"), "6");
        assert_eq!(settings.get("USERS_TABLE"), "users");
        assert_eq!(settings.get("TOKEN_STORE_URL"), "");
    }

    #[test]
    fn shell_reads_exported_settings_unchanged() {
        let value = "a 'b' \"c\" $HOME `id` \\ = # é\nd";
        let settings = settings(&[("METRICS_NAMESPACE", value)]);
        let script = format!("{}printf %s \"$METRICS_NAMESPACE\"", settings.shell());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }

    #[test]
    fn debug_output_hides_setting_values() {
        let shown = format!("{:?}", settings(&[]));
        assert!(shown.contains("ACCESS_SECRET") && !shown.contains("sesame"));
    }
}
