//! The settings of the functions, for processes that run them on their own: `cargo lambda watch` and
//! `sam local`.

use std::fmt::{self, Write};

use serde_json::{Map, Value, json};

use crate::settings::Complete;

/// The file in the folder that holds [`Environment::shell`].
pub const FILE: &str = "env";
/// The file in the folder that holds [`Environment::json`].
pub const JSON_FILE: &str = "env.json";

/// Every setting that a function reads. Those that say nothing are there as well, and empty, so that
/// a developer's own cannot come in.
///
/// `AWS_CA_BUNDLE` is not: nothing here is behind TLS, and to other AWS tools of the same shell an
/// empty one means that no certificate is checked.
const NAMES: [&str; 28] = [
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_S3",
    "USERS_TABLE",
    "FOODS_TABLE",
    "SESSIONS_TABLE",
    "IMAGES_BUCKET",
    "IMAGE_BASE_URL",
    "TOKEN_STORE_URL",
    "ACCESS_SECRET",
    "ACCESS_SECRET_PREVIOUS",
    "REFRESH_SECRET",
    "REFRESH_SECRET_PREVIOUS",
    "ACCESS_TOKEN_TTL_SECONDS",
    "REFRESH_TOKEN_TTL_SECONDS",
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

/// Settings by name, in the order of the README.
#[derive(Clone)]
pub struct Environment(Vec<(&'static str, String)>);

impl Environment {
    pub(crate) fn new(settings: &Complete) -> Self {
        let value = |name| (name, settings.get(name).to_owned());
        Self(NAMES.map(value).into())
    }

    /// `export NAME='value'`, a line each: for a shell, and for `cargo lambda watch --env-file`.
    pub fn shell(&self) -> String {
        let mut lines = String::new();
        for (name, value) in &self.0 {
            let value = value.replace('\'', r"'\''");
            let _ = writeln!(lines, "export {name}='{value}'");
        }
        lines
    }

    /// For a process that is started: those that say something, by name.
    pub fn variables(&self) -> Vec<(String, String)> {
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    /// For `sam local invoke --env-vars`.
    pub fn json(&self) -> String {
        let variables = self.0.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), json!(value)));
        let parameters: Map<String, Value> = variables.collect();
        format!("{:#}\n", json!({ "Parameters": parameters }))
    }
}

impl fmt::Debug for Environment {
    /// Names only: some values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_any_value_as_it_is() {
        let value = "a 'b' \"c\" $HOME `id` \\ = # é\nd";
        let environment = Environment(vec![("FOOD", value.to_owned())]);
        let script = format!("{}printf %s \"$FOOD\"", environment.shell());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment(vec![("ACCESS_SECRET", "sesame".to_owned())]);
        let shown = format!("{environment:?}");
        assert!(shown.contains("ACCESS_SECRET") && !shown.contains("sesame"));
    }
}
