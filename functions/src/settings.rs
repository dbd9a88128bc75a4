//! Settings from environment variables. A missing or invalid setting stops the function at startup, with the
//! setting's name.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use thiserror::Error;

/// A missing or invalid setting: its name and the reason, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("setting {name}: {reason}")]
pub struct SettingsError {
    /// The name of the setting.
    pub name: String,
    /// The reason, such as "is missing".
    pub reason: String,
}

/// Setting values by name.
#[derive(Clone, Default)]
pub struct Settings(HashMap<String, String>);

impl Settings {
    /// Creates settings from pairs of name and value.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Reads settings from the environment of the process.
    pub fn from_env() -> Self {
        // No setting of ours has a name or value that is not Unicode.
        Self::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Returns the value of a setting, or `None` if it is missing or empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of a setting; an error if it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&str, SettingsError> {
        self.optional(name).ok_or_else(|| Self::error(name, "is missing"))
    }

    /// Returns the value of a setting as an integer in `range`, or `default` if it is missing or empty.
    pub fn number(
        &self,
        name: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, SettingsError> {
        match self.optional(name).map(str::parse) {
            None => Ok(default),
            Some(Ok(number)) if range.contains(&number) => Ok(number),
            Some(_) => {
                let (min, max) = range.into_inner();
                let reason = format!("should be a whole number from {min} to {max}");
                Err(Self::error(name, &reason))
            }
        }
    }

    /// Creates the error for an invalid value of a setting.
    pub fn error(name: &str, reason: &str) -> SettingsError {
        SettingsError { name: name.to_owned(), reason: reason.to_owned() }
    }
}

impl std::fmt::Debug for Settings {
    /// Writes only the names of the settings, because some values are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, value: &str) -> Settings {
        Settings::new([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn missing_or_empty_setting_is_reported_by_name() {
        for settings in [Settings::default(), settings("USERS_TABLE", "")] {
            let error = settings.required("USERS_TABLE").unwrap_err();
            assert_eq!(error.to_string(), "setting USERS_TABLE: is missing");
        }
    }

    #[test]
    fn invalid_numeric_setting_is_reported_without_its_value() {
        let invalid = "setting N: should be a whole number from 1 to 128";
        for value in ["0", "129", "-1", "eight", "8.0"] {
            let error = settings("N", value).number("N", 8, 1..=128).unwrap_err();
            assert_eq!(error.to_string(), invalid);
        }
        assert_eq!(Settings::default().number("N", 8, 1..=128), Ok(8));
        assert_eq!(settings("N", "12").number("N", 8, 1..=128), Ok(12));
    }

    #[test]
    fn debug_output_of_settings_has_no_values() {
        let shown = format!("{:?}", settings("ACCESS_SECRET", "sesame"));
        assert!(shown.contains("ACCESS_SECRET") && !shown.contains("sesame"));
    }
}
