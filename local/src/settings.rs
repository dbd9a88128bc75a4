//! The settings of the functions: what the environment says, and the rest for this machine.

use std::collections::HashMap;

use crate::data_dir::Secrets;

/// What the engine of pictures asks for and the clients bring. No secret: it guards nothing.
pub(crate) const ACCESS_KEY_ID: &str = "local";
pub(crate) const SECRET_ACCESS_KEY: &str = "local-secret";
pub(crate) const REGION: &str = "us-east-1";

/// What this run has made.
pub(crate) struct Machine<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) images_path: &'a str,
    pub(crate) dynamodb_url: &'a str,
    pub(crate) s3_url: &'a str,
    pub(crate) secrets: &'a Secrets,
}

/// Settings by name, complete.
pub(crate) struct Complete(HashMap<String, String>);

impl Complete {
    /// `given` wins where it says something, except for what begins with `AWS_`: a developer's own
    /// account, profile or certificates must never come into it.
    pub(crate) fn new(
        given: impl IntoIterator<Item = (String, String)>,
        machine: &Machine<'_>,
    ) -> Self {
        let given = given.into_iter();
        let mut settings: HashMap<_, _> = given
            .filter(|(name, value)| !name.starts_with("AWS_") && !value.is_empty())
            .collect();
        let image_base_url = format!("{}{}", machine.base_url, machine.images_path);
        for (name, value) in [
            ("USERS_TABLE", "users"),
            ("FOODS_TABLE", "foods"),
            ("SESSIONS_TABLE", "sessions"),
            ("IMAGES_BUCKET", "images"),
            ("IMAGE_BASE_URL", &image_base_url),
            ("ACCESS_SECRET", &machine.secrets.access_secret),
            ("REFRESH_SECRET", &machine.secrets.refresh_secret),
            ("ALLOWED_ORIGIN", "*"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_ENDPOINT_URL_DYNAMODB", machine.dynamodb_url),
            ("AWS_ENDPOINT_URL_S3", machine.s3_url),
        ] {
            let entry = settings.entry(name.to_owned());
            entry.or_insert_with(|| value.to_owned());
        }
        Self(settings)
    }

    /// One that is always there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn into_inner(self) -> HashMap<String, String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(given: &[(&str, &str)]) -> Complete {
        let secrets = Secrets {
            access_secret: "a".to_owned(),
            refresh_secret: "r".to_owned(),
        };
        let machine = Machine {
            base_url: "http://127.0.0.1:8888",
            images_path: "/images",
            dynamodb_url: "http://127.0.0.1:1",
            s3_url: "http://127.0.0.1:2",
            secrets: &secrets,
        };
        let given = given.iter();
        let given = given.map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Complete::new(given, &machine)
    }

    #[test]
    fn the_machine_fills_in_what_is_not_given() {
        let settings = complete(&[("ACCESS_SECRET", "mine"), ("REFRESH_SECRET", "")]);
        assert_eq!(settings.get("ACCESS_SECRET"), "mine");
        assert_eq!(settings.get("REFRESH_SECRET"), "r");
        assert_eq!(settings.get("USERS_TABLE"), "users");
        assert_eq!(
            settings.get("IMAGE_BASE_URL"),
            "http://127.0.0.1:8888/images"
        );
        assert_eq!(settings.get("TOKEN_STORE_URL"), "");
    }

    #[test]
    fn other_settings_are_passed_on() {
        let settings = complete(&[("PASSWORD_MIN_LENGTH", "6"), ("USERS_TABLE", "people")]);
        assert_eq!(settings.get("PASSWORD_MIN_LENGTH"), "6");
        assert_eq!(settings.get("USERS_TABLE"), "people");
    }

    #[test]
    fn nothing_of_a_developers_own_account_comes_in() {
        let settings = complete(&[
            ("AWS_PROFILE", "work"),
            ("AWS_CA_BUNDLE", "/nowhere"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_REGION", "eu-west-1"),
            (
                "AWS_ENDPOINT_URL_DYNAMODB",
                "https://dynamodb.eu-west-1.amazonaws.com",
            ),
        ]);
        for absent in ["AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN"] {
            assert_eq!(settings.get(absent), "", "{absent}");
        }
        assert_eq!(settings.get("AWS_ACCESS_KEY_ID"), ACCESS_KEY_ID);
        assert_eq!(settings.get("AWS_REGION"), REGION);
        assert_eq!(
            settings.get("AWS_ENDPOINT_URL_DYNAMODB"),
            "http://127.0.0.1:1"
        );
    }
}
