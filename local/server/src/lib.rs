//! Runs the whole API in one process: API Gateway, the functions, the database, the image storage and the CDN.

mod apigw_event;
mod data_dir;
pub mod demo;
mod error;
pub mod fixtures;
mod forward;
mod gateway;
mod images;
mod request_log;
pub mod settings;
mod streams;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::serve::ListenerExt as _;
use engines::dynamodb::{DynamoDbError, StreamError};
use engines::s3::S3Error;
use engines::setup::SetupError;
use engines::{AccessKey, DynamoDb, S3, TableNames};
use functions::api::Api;
use functions::dependencies::Dependencies;
use functions::settings::{Settings, SettingsError};
use http::Uri;
use http::uri::Authority;
use infrastructure::aws::{Aws, InvalidCaBundle};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

pub use crate::data_dir::DataDirError;
use crate::data_dir::{DataDir, Secrets};
pub use crate::demo::DemoError;
pub use crate::fixtures::SeedError;
use crate::gateway::{Gateway, run_to_completion};
use crate::images::Images;
use crate::settings::{EffectiveSettings, JSON_FILE, LocalDefaults, SHELL_FILE};
use crate::streams::{Mapping, Positions, Streams};

/// The time limit for requests in flight to complete after [`Local::stop`].
const GRACE: Duration = Duration::from_secs(5);
/// The interval at which recommendations are trained after changes.
const TRAINING_INTERVAL: Duration = Duration::from_mins(10);

/// Options of [`Local::start`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The port to listen on (127.0.0.1); 0 selects a free port.
    pub port: u16,
    /// Where data is stored.
    pub storage: Storage,
    /// Environment variables that override the default settings; names that begin with `AWS_` are ignored.
    pub settings: Vec<(String, String)>,
    /// The data to create at start; `None` creates no data.
    pub seed: Option<Seed>,
    /// Whether to train recommendations before the start, not only every ten minutes after changes.
    pub train: bool,
    /// Whether to serve images but no routes of the API, and to write the settings of functions that run in other
    /// processes to the data dir.
    pub engines_only: bool,
    /// Another address of this machine at which the engines are reachable, for functions in containers.
    pub listen: Option<IpAddr>,
    /// Whether requests are logged to standard output.
    pub log: bool,
}

impl Default for Options {
    /// Returns options for tests: a free port, storage in memory and default settings.
    fn default() -> Self {
        Self {
            port: 0,
            storage: Storage::Memory,
            settings: Vec::new(),
            seed: None,
            train: false,
            engines_only: false,
            listen: None,
            log: false,
        }
    }
}

/// The data to create at start. Other existing data is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// Demo data: users and foods with likes.
    Demo,
    /// The fixtures that the files in `events/` expect, and the secrets that sign their tokens.
    Fixtures,
}

/// Where data is stored.
#[derive(Debug, Clone)]
pub enum Storage {
    /// In temporary folders, which are removed at the end.
    Memory,
    /// In this folder. A missing folder is created; only one process can use the folder at a time.
    Dir(PathBuf),
}

/// Errors of starting the API. Each message is one line and names the remedy.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is in use, or the user has no permission to listen on this port.
    #[error(
        "cannot listen on port {port}: {source}; choose another with --port (0 picks a free one)"
    )]
    Port {
        /// The requested port.
        port: u16,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The address is none of this machine, or a port of an engine is in use there.
    #[error("cannot listen on {address}: {source}; name another address with --listen")]
    Address {
        /// The requested address.
        address: IpAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The data dir cannot be read, written or locked.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The `DynamoDB` engine cannot start.
    #[error("{0}{advice}", advice = if matches!(.0, DynamoDbError::Unusable { .. }) { ELSEWHERE } else { "" })]
    DynamoDb(#[from] DynamoDbError),
    /// The S3 engine cannot start.
    #[error("{0}{advice}", advice = if matches!(.0, S3Error::Unusable { .. }) { ELSEWHERE } else { "" })]
    S3(#[from] S3Error),
    /// A table or bucket cannot be created in the engines.
    #[error(
        "{0}: {reason}; correct the names of tables and buckets in the environment, or choose an \
         empty folder with --data-dir",
        reason = root_cause(.0)
    )]
    Setup(#[from] SetupError),
    /// A table has no stream.
    #[error("{0}; choose an empty folder with --data-dir")]
    Stream(#[from] StreamError),
    /// The value of a setting is invalid.
    #[error("{0}; correct it in the environment, or unset it")]
    Settings(#[from] SettingsError),
    /// The file of CA certificates is invalid.
    #[error(transparent)]
    Certificates(#[from] InvalidCaBundle),
    /// The demo data cannot be seeded.
    #[error(
        "cannot seed the demo data: {0}, choose another folder with --data-dir, or delete this folder"
    )]
    Demo(#[from] DemoError),
    /// The fixtures cannot be seeded.
    #[error(
        "cannot seed the fixtures: {0}; choose an empty folder with --data-dir, or store nothing \
         on disk with --memory"
    )]
    Fixtures(#[from] SeedError),
}

const ELSEWHERE: &str =
    "; choose another folder with --data-dir, or store nothing on disk with --memory";

/// Returns the message of the last error in the chain of sources, on one line.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().replace('\n', " ")
}

/// The running API. Drop stops the API without waiting for requests in flight; [`Local::stop`] waits.
#[derive(Debug)]
pub struct Local {
    base_url: String,
    data_dir: Option<PathBuf>,
    settings: EffectiveSettings,
    aws: Aws,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    engines: Engines,
}

/// The engines. The order of the fields is the drop order: the data dir is unlocked after both engines have stopped.
#[derive(Debug)]
struct Engines {
    dynamodb: DynamoDb,
    s3: S3,
    data_dir: Option<DataDir>,
}

impl Engines {
    fn start(storage: &Storage) -> Result<(Self, Secrets), StartError> {
        // A new one for each start, so that only functions with the settings of this start can use the engines.
        let key = &AccessKey::random();
        match storage {
            Storage::Memory => {
                let engines = Self {
                    dynamodb: DynamoDb::temporary(key)?,
                    s3: S3::temporary(key)?,
                    data_dir: None,
                };
                Ok((engines, Secrets::generate()?))
            }
            Storage::Dir(path) => {
                let dir = DataDir::open(path)?;
                let secrets = dir.secrets()?;
                let engines = Self {
                    dynamodb: DynamoDb::open(&dir.database(), key)?,
                    s3: S3::open(&dir.images(), key)?,
                    data_dir: Some(dir),
                };
                Ok((engines, secrets))
            }
        }
    }

    /// Starts forwarding connections to the engines from the same ports of `address`, until the tasks are dropped.
    async fn listen(&self, address: IpAddr) -> Result<JoinSet<()>, StartError> {
        let mut forwarders = JoinSet::new();
        for url in [self.dynamodb.url(), self.s3.url()] {
            let server = url.trim_start_matches("http://").parse();
            let server = server.expect("the URL of an engine has an IP address and a port");
            let forwarder = forward::listen(address, server).await;
            forwarders.spawn(forwarder.map_err(|source| StartError::Address { address, source })?);
        }
        Ok(forwarders)
    }

    /// Returns the event source mappings of `template.yaml`.
    fn mappings(
        &self,
        settings: &EffectiveSettings,
        api: &Arc<Api>,
    ) -> Result<Vec<Mapping>, StreamError> {
        let mapping = |table, filter| {
            let (table, api) = (settings.get(table), Arc::clone(api));
            Ok(Mapping {
                name: format!("{table}/update_recommendations"),
                stream: self.dynamodb.stream(table)?,
                filter,
                handler: Box::new(move |event| {
                    let api = Arc::clone(&api);
                    Box::pin(async move { api.update_recommendations(event).await })
                }),
            })
        };
        Ok(vec![mapping("LIKES_TABLE", ("sk", "LIKE#"))?, mapping("FOODS_TABLE", ("pk", "FOOD#"))?])
    }

    /// Creates the missing tables and buckets with the names in the settings. Returns AWS clients of the engines.
    async fn create(&self, settings: &EffectiveSettings) -> Result<Aws, StartError> {
        let aws = Aws::new(engines::settings(&self.dynamodb, &self.s3))?;
        let tables = TableNames {
            users: settings.get("USERS_TABLE").to_owned(),
            foods: settings.get("FOODS_TABLE").to_owned(),
            sessions: settings.get("SESSIONS_TABLE").to_owned(),
            likes: settings.get("LIKES_TABLE").to_owned(),
        };
        engines::create_tables(&aws.dynamodb(), &tables).await?;
        for bucket in ["IMAGES_BUCKET", "UPLOADS_BUCKET"] {
            engines::create_bucket(&aws.s3(), settings.get(bucket)).await?;
        }
        Ok(aws)
    }
}

impl Local {
    /// Starts the engines and the server. Once this function returns, requests are served and the
    /// [initial data](Options::seed) exists.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let port = options.port;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|source| StartError::Port { port, source })?;
        let address = listener.local_addr();
        let address = address.map_err(|source| StartError::Port { port, source })?;
        let (engines, secrets) = Engines::start(&options.storage)?;
        let forwarders = match options.listen {
            Some(address) => engines.listen(address).await?,
            None => JoinSet::new(),
        };
        let base_url = format!("http://{address}");
        let mut overrides = options.settings;
        if options.seed == Some(Seed::Fixtures) {
            // Last, to override the others: the tokens in the events are signed with them.
            let (access, refresh) = (fixtures::ACCESS_SECRET, fixtures::REFRESH_SECRET);
            overrides.push(("ACCESS_SECRET".to_owned(), access.to_owned()));
            overrides.push(("REFRESH_SECRET".to_owned(), refresh.to_owned()));
        }
        let settings = EffectiveSettings::new(
            overrides,
            &LocalDefaults {
                image_base_url: &format!("{base_url}{}", Images::PATH),
                dynamodb_url: engines.dynamodb.url(),
                s3_url: engines.s3.url(),
                key: engines.dynamodb.key(),
                secrets: &secrets,
            },
        );
        let aws = engines.create(&settings).await?;
        let function_settings = Settings::new(settings.to_map());
        let api = Arc::new(Api::new(&function_settings)?);
        let gateway = Gateway {
            api: Arc::clone(&api),
            images: Images::new(aws.s3(), settings.get("IMAGES_BUCKET").to_owned()),
            address,
            public_host: host_of(settings.get("IMAGE_BASE_URL")),
            allowed_origin: settings.get("ALLOWED_ORIGIN").to_owned(),
            log: options.log,
        };
        let seeded = match options.seed {
            Some(Seed::Demo) => demo::seed(&Dependencies::new(function_settings)?).await?,
            Some(Seed::Fixtures) => {
                fixtures::seed(&Dependencies::new(function_settings)?).await?;
                false
            }
            None => false,
        };
        let mappings = engines.mappings(&settings, &api)?;
        let dir = engines.data_dir.as_ref().map(DataDir::path);
        let (positions, complete) = Positions::load(dir, &mappings);
        // Training repairs what missed records left: the data dir may be of a version without streams.
        let trained = seeded || options.train;
        let changed = Arc::new(AtomicBool::new(dir.is_some() && !complete && !trained));
        if trained {
            train(&api).await;
        }
        let streams = Streams::start(mappings, positions, &changed);
        if let (true, Some(dir)) = (options.engines_only, &engines.data_dir) {
            dir.write(SHELL_FILE, settings.shell().as_bytes())?;
            dir.write(JSON_FILE, settings.json().as_bytes())?;
        }
        let router = Arc::new(gateway).router(!options.engines_only);
        let (stop, stopped) = oneshot::channel();
        Ok(Self {
            base_url,
            data_dir: engines.data_dir.as_ref().map(|dir| dir.path().to_owned()),
            settings,
            aws,
            stop,
            server: tokio::spawn(async move {
                let _forwarders = forwarders;
                tokio::select! {
                    () = serve(listener, router, stopped) => {}
                    () = sweep(Arc::clone(&api)) => {}
                    () = train_after_changes(api, changed) => {}
                }
                streams.stop().await;
            }),
            engines,
        })
    }

    /// Returns the URL of the API: `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the absolute path of the data dir; `None` for [`Storage::Memory`].
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// Returns the settings of functions that run in other processes and use these engines.
    pub fn environment(&self) -> &EffectiveSettings {
        &self.settings
    }

    /// Returns AWS clients of the engines, to inspect the stored data without the API.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Stops accepting requests, waits up to 5 seconds for requests in flight and batches of streams, and stops the engines.
    pub async fn stop(self) {
        let Self { stop, mut server, engines, .. } = self;
        let _ = stop.send(());
        if tokio::time::timeout(GRACE, &mut server).await.is_err() {
            server.abort();
        }
        // Dropping them blocks until their threads end.
        let _ = tokio::task::spawn_blocking(move || drop(engines)).await;
    }
}

/// Returns the host of a URL; `None` if it is no absolute URL.
fn host_of(url: &str) -> Option<Authority> {
    url.parse::<Uri>().ok()?.into_parts().authority
}

/// Serves HTTP requests until `stop` is sent or dropped and the requests in flight are complete.
async fn serve(listener: TcpListener, router: axum::Router, stop: oneshot::Receiver<()>) {
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async {
        let _ = stop.await;
    });
    if let Err(error) = server.await {
        tracing::error!(%error, "the server stopped");
    }
}

/// Runs the function `sweep_images` every hour; in the cloud, `EventBridge` invokes it daily.
async fn sweep(api: Arc<Api>) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        hourly.tick().await;
        api.sweep_images().await;
    }
}

/// Trains every ten minutes, if a stream delivered changes; in the cloud, `EventBridge` invokes the function nightly.
async fn train_after_changes(api: Arc<Api>, changed: Arc<AtomicBool>) {
    let mut interval = tokio::time::interval(TRAINING_INTERVAL);
    loop {
        interval.tick().await;
        if changed.swap(false, Ordering::Relaxed) {
            train(&api).await;
        }
    }
}

/// Runs the function `train_recommendations`, which logs its result or error. A panic is logged as well.
async fn train(api: &Arc<Api>) {
    let api = Arc::clone(api);
    let _ = run_to_completion(async move { api.train_recommendations().await }).await;
}
