//! The scene that the files in `events/` expect: see `events/generate.py`.

use std::path::PathBuf;
use std::sync::Arc;

use engines::shared::Engines;
use functions::settings::Settings;
use functions::setup::Setup;
use local::scene::{ACCESS_SECRET, REFRESH_SECRET};
pub(crate) use local::scene::{ADA, EVE, FUFU, JOLLOF};

/// Two users, their foods and sessions, in tables of their own.
pub(crate) struct Scene {
    pub(crate) settings: Vec<(String, String)>,
    _engines: Arc<Engines>,
}

/// The names of the settings that a function reads, with the values of the scene.
fn settings(
    aws: &infrastructure::aws::AwsSettings,
    tables: engines::TableNames,
    bucket: String,
) -> Vec<(String, String)> {
    let endpoint = |url: &Option<String>| url.clone().expect("an engine");
    [
        ("AWS_REGION", aws.region.clone()),
        ("AWS_ACCESS_KEY_ID", aws.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", aws.secret_access_key.clone()),
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            endpoint(&aws.dynamodb_endpoint),
        ),
        ("AWS_ENDPOINT_URL_S3", endpoint(&aws.s3_endpoint)),
        ("USERS_TABLE", tables.users),
        ("FOODS_TABLE", tables.foods),
        ("SESSIONS_TABLE", tables.sessions),
        ("IMAGES_BUCKET", bucket),
        ("IMAGE_BASE_URL", "https://images.food.example".to_owned()),
        ("ACCESS_SECRET", ACCESS_SECRET.to_owned()),
        ("REFRESH_SECRET", REFRESH_SECRET.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
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
        let mut settings = settings(&engines.settings(), tables, bucket);
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
