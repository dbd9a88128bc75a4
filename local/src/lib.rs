//! The whole API on one machine: API Gateway, the functions, their database, their store of
//! pictures and the CDN, in one process.

/// The command line.
pub mod cli;
mod cors;
mod data_dir;
/// A few people and foods to look at.
pub mod demo;
/// The settings of the functions, for other processes.
pub mod environment;
mod event;
mod gateway;
mod images;
mod notifications;
mod problem;
mod reply;
mod request_log;
mod router;
/// The scene that the files in `events/` expect.
pub mod scene;
mod settings;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::storage::StorageError;
use engines::dynamodb::DynamoDbError;
use engines::s3::Created;
use engines::s3::S3Error;
use engines::setup::SetupError;
use engines::{DynamoDb, S3, TableNames};
use functions::api::Api;
use functions::settings::{Settings, SettingsError};
use functions::setup::Setup;
use infrastructure::aws::{Aws, InvalidCaBundle};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::cors::Cors;
pub use crate::data_dir::DataDirError;
use crate::data_dir::{DataDir, Secrets};
pub use crate::demo::DemoError;
use crate::environment::Environment;
use crate::gateway::Gateway;
use crate::images::Images;
pub use crate::request_log::Colours;
pub use crate::scene::SceneError;
use crate::settings::{ACCESS_KEY_ID, Complete, Machine, SECRET_ACCESS_KEY};

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen on 127.0.0.1; 0 picks a free port.
    pub port: u16,
    /// Where everything is kept.
    pub storage: Storage,
    /// Settings as the environment would have them; they win over what is filled in here. Those
    /// that begin with `AWS_` are ignored.
    pub settings: Vec<(String, String)>,
    /// What to fill in.
    pub fill: Option<Fill>,
    /// Whether the functions run somewhere else: then the routes are not served here, and
    /// [`Environment`] is written into the folder.
    pub engines_only: bool,
    /// Whether each request is a line on standard output, and how it looks.
    pub log: Option<Colours>,
    /// Whether pictures are processed once they are saved. Where they are not, what a food shows of its
    /// picture does not change by itself.
    pub process_images: bool,
}

impl Default for Options {
    /// A free port, nothing kept, no settings, nothing that happens by itself: what a test wants.
    fn default() -> Self {
        Self {
            port: 0,
            storage: Storage::Memory,
            settings: Vec::new(),
            fill: None,
            engines_only: false,
            log: None,
            process_images: false,
        }
    }
}

/// What there is to begin with. What is there already stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// A few people and foods to look at.
    Demo,
    /// What the files in `events/` expect, their secrets included.
    Events,
}

/// Where everything is kept.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Nowhere.
    Memory,
    /// In this folder, which is made where it is missing, and is for one process at a time.
    Dir(PathBuf),
}

/// Why it does not start. Each says in one line what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another program listens there.
    #[error(
        "port {0} is taken: end the program that listens there, or choose another port with --port \
         (0 picks a free one)"
    )]
    PortTaken(u16),
    /// The system does not let us listen there.
    #[error("cannot listen on port {port}: {source}; choose another with --port")]
    Port {
        /// Which port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// See [`DataDirError`].
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// See [`DynamoDbError`].
    #[error("{0}{advice}", advice = if matches!(.0, DynamoDbError::Unusable { .. }) { ELSEWHERE } else { "" })]
    DynamoDb(#[from] DynamoDbError),
    /// See [`S3Error`].
    #[error("{0}{advice}", advice = if matches!(.0, S3Error::Unusable { .. }) { ELSEWHERE } else { "" })]
    S3(#[from] S3Error),
    /// An engine refuses a table or the bucket.
    #[error(
        "{0}: {reason}; check the names of tables and bucket in the environment, or start with an \
         empty folder: --data-dir",
        reason = root(.0)
    )]
    Setup(#[from] SetupError),
    /// A setting from the environment is wrong.
    #[error("{0}; correct it in the environment, or unset it")]
    Settings(#[from] SettingsError),
    /// See [`InvalidCaBundle`].
    #[error(transparent)]
    Certificates(#[from] InvalidCaBundle),
    /// The API refused what the demo sent.
    #[error("the demo cannot be filled in: {0}; start without --demo, or with an empty folder")]
    Demo(#[from] DemoError),
    /// What was kept cannot be read.
    #[error("{0}{ELSEWHERE}")]
    Stored(#[from] StorageError),
    /// See [`SceneError`].
    #[error(
        "the scene of the events cannot be set: {0}; choose an empty folder with --data-dir, or \
         keep nothing with --memory"
    )]
    Scene(#[from] SceneError),
}

const ELSEWHERE: &str = "; choose another folder with --data-dir, or keep nothing with --memory";

/// What is at the bottom of an error, in one line.
fn root(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().replace('\n', " ")
}

/// The API, running until it is stopped or dropped.
#[derive(Debug)]
pub struct Local {
    base_url: String,
    data_dir: Option<PathBuf>,
    environment: Environment,
    aws: Aws,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    engines: Engines,
}

/// In the order in which they stop: the folder is free for others once nothing writes to it.
#[derive(Debug)]
struct Engines {
    dynamodb: DynamoDb,
    s3: S3,
    data_dir: Option<DataDir>,
}

impl Engines {
    fn start(
        storage: &Storage,
        told: mpsc::UnboundedSender<Created>,
    ) -> Result<(Self, Secrets), StartError> {
        let (key, secret, told) = (ACCESS_KEY_ID, SECRET_ACCESS_KEY, Some(told));
        match storage {
            Storage::Memory => {
                let engines = Self {
                    dynamodb: DynamoDb::memory()?,
                    s3: S3::temporary(key, secret, told)?,
                    data_dir: None,
                };
                Ok((engines, Secrets::generate()?))
            }
            Storage::Dir(path) => {
                let dir = DataDir::open(path)?;
                let secrets = dir.secrets()?;
                let engines = Self {
                    dynamodb: DynamoDb::open(&dir.database())?,
                    s3: S3::open(&dir.images(), key, secret, told)?,
                    data_dir: Some(dir),
                };
                Ok((engines, secrets))
            }
        }
    }
}

impl Local {
    /// Starts everything. Once this returns, requests are answered and what was to be
    /// [filled in](Options::fill) is there.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listener = listen(options.port).await?;
        let address = listener.local_addr().map_err(|source| StartError::Port {
            port: options.port,
            source,
        })?;
        let (told, created) = mpsc::unbounded_channel();
        let (engines, secrets) = Engines::start(&options.storage, told)?;
        let base_url = format!("http://{address}");
        let mut given = options.settings;
        if options.fill == Some(Fill::Events) {
            // Last, so that they win: with others the tokens of the events are worth nothing.
            given.push(("ACCESS_SECRET".to_owned(), scene::ACCESS_SECRET.to_owned()));
            given.push((
                "REFRESH_SECRET".to_owned(),
                scene::REFRESH_SECRET.to_owned(),
            ));
        }
        let settings = Complete::new(
            given,
            &Machine {
                base_url: &base_url,
                images_path: images::PATH,
                dynamodb_url: engines.dynamodb.url(),
                s3_url: engines.s3.url(),
                secrets: &secrets,
            },
        );
        let aws = Aws::new(engines::settings(&engines.dynamodb, &engines.s3))?;
        let tables = TableNames {
            users: settings.get("USERS_TABLE").to_owned(),
            foods: settings.get("FOODS_TABLE").to_owned(),
            sessions: settings.get("SESSIONS_TABLE").to_owned(),
        };
        let bucket = settings.get("IMAGES_BUCKET").to_owned();
        engines::create_tables(&aws.dynamodb(), &tables).await?;
        engines::create_bucket(&aws.s3(), &bucket).await?;
        let cors = Cors::parse(settings.get("ALLOWED_ORIGIN"));
        let environment = Environment::new(&settings);
        let settings = Settings::new(settings.into_inner());
        let setup = Setup::new(settings.clone())?;
        let mut gateway = Gateway {
            api: Arc::new(Api::new(&settings)?),
            images: Images::new(aws.s3(), bucket),
            cors,
            address,
            routes: true,
            log: options.log,
        };
        match options.fill {
            Some(Fill::Demo) => demo::fill(&gateway, address).await?,
            Some(Fill::Events) => scene::fill(&setup).await?,
            None => {}
        }
        if options.engines_only {
            gateway.routes = false;
            if let Some(dir) = &engines.data_dir {
                dir.write(environment::FILE, environment.shell().as_bytes())?;
                dir.write(environment::JSON_FILE, environment.json().as_bytes())?;
            }
        }
        let api = Arc::clone(&gateway.api);
        let notified = if options.process_images {
            let unprocessed = notifications::unprocessed(&setup.foods()?).await?;
            Some((unprocessed, created))
        } else {
            None
        };
        let (stop, stopped) = oneshot::channel();
        Ok(Self {
            base_url,
            data_dir: engines.data_dir.as_ref().map(|dir| dir.path().to_owned()),
            environment,
            aws,
            stop,
            server: tokio::spawn(async move {
                tokio::select! {
                    () = Arc::new(gateway).run(listener, stopped) => {}
                    () = sweep(Arc::clone(&api)) => {}
                    () = notify(api, notified) => {}
                }
            }),
            engines,
        })
    }

    /// `http://127.0.0.1:<port>`
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The absolute path of the folder; `None` when nothing is kept.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// What functions that run in other processes should be told.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Clients of the engines, to look at what is behind the API.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Takes no more requests, ends those that have begun, within a few seconds, and then the
    /// engines.
    pub async fn stop(self) {
        let Self {
            stop,
            server,
            engines,
            ..
        } = self;
        let _ = stop.send(());
        let _ = server.await;
        // They wait for their threads.
        let _ = tokio::task::spawn_blocking(move || drop(engines)).await;
    }
}

/// What `EventBridge` does once a day, as often as suits one machine.
async fn sweep(api: Arc<Api>) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        hourly.tick().await;
        api.sweep_images().await;
    }
}

/// Calls `process_image` for what was saved, where that is wanted.
async fn notify(api: Arc<Api>, notified: Option<(Vec<String>, mpsc::UnboundedReceiver<Created>)>) {
    match notified {
        Some((unprocessed, created)) => notifications::deliver(api, unprocessed, created).await,
        None => std::future::pending().await,
    }
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken(port),
            _ => StartError::Port { port, source },
        })
}
