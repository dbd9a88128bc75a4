//! Empty stores on the real engines, files for the importer, and a server of pictures.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::food::{Food, FoodRepository};
use domain::page::{PageRequest, PageSize};
use domain::testing::sample::GIF;
use domain::user::UserRepository;
use engines::{Engines, TableNames};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

/// What [`HASH`] is made of: a test vector of `crypt_blowfish`.
pub(crate) const PASSWORD: &str = "U*U";
pub(crate) const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// Smaller than by default, so that too large is soon reached.
const MAX_IMAGE_BYTES: &str = "100000";

pub(crate) struct Scene {
    engines: Arc<Engines>,
    tables: TableNames,
    bucket: String,
    dir: TempDir,
}

/// What the importer said, on both outputs, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) output: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let engines = Engines::shared();
        Self {
            tables: engines.tables().await,
            bucket: engines.bucket().await,
            dir: TempDir::new().expect("a folder"),
            engines,
        }
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("made");
        std::fs::write(path, content).expect("written");
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.dir.path().join(name)).expect("removed");
    }

    pub(crate) async fn import(
        &self,
        users: impl AsRef<[u8]>,
        foods: impl AsRef<[u8]>,
        arguments: &[&str],
    ) -> Ran {
        self.import_with(users, foods, arguments, &[]).await
    }

    /// With other settings.
    pub(crate) async fn import_with(
        &self,
        users: impl AsRef<[u8]>,
        foods: impl AsRef<[u8]>,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Ran {
        let aws = self.engines.settings();
        let mut command = self.command(users, foods);
        command
            .args(arguments)
            .env("AWS_REGION", aws.region)
            .env("AWS_ACCESS_KEY_ID", aws.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", aws.secret_access_key)
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.engines.dynamodb().url())
            .env("AWS_ENDPOINT_URL_S3", self.engines.s3().url())
            .env("USERS_TABLE", &self.tables.users)
            .env("FOODS_TABLE", &self.tables.foods)
            .env("IMAGES_BUCKET", &self.bucket)
            .env("MAX_IMAGE_BYTES", MAX_IMAGE_BYTES)
            .envs(settings.iter().copied());
        run(command).await
    }

    /// `--dry-run`, with no setting at all.
    pub(crate) async fn dry_run(&self, users: &str, foods: &str) -> Ran {
        let mut command = self.command(users, foods);
        command.arg("--dry-run");
        run(command).await
    }

    fn command(&self, users: impl AsRef<[u8]>, foods: impl AsRef<[u8]>) -> Command {
        self.write("users.csv", users);
        self.write("foods.csv", foods);
        let mut command = Command::new(env!("CARGO_BIN_EXE_import"));
        command
            .current_dir(self.dir.path())
            .args(["--users", "users.csv", "--foods", "foods.csv"])
            .env_clear()
            .kill_on_drop(true);
        command
    }

    pub(crate) fn users(&self) -> DynamoDbUsers {
        DynamoDbUsers::new(self.engines.aws().dynamodb(), self.tables.users.clone())
    }

    pub(crate) fn foods(&self) -> DynamoDbFoods {
        DynamoDbFoods::new(self.engines.aws().dynamodb(), self.tables.foods.clone())
    }

    /// How many accounts there are.
    pub(crate) async fn everybody(&self) -> usize {
        self.users()
            .list(first_page())
            .await
            .expect("listed")
            .items
            .len()
    }

    /// Newest first.
    pub(crate) async fn all_foods(&self) -> Vec<Food> {
        self.foods().list(first_page()).await.expect("listed").items
    }

    /// Those of all pictures.
    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        let client = self.engines.aws().s3();
        let listed = client.list_objects_v2().bucket(&self.bucket).send().await;
        let listed = listed.expect("listed");
        let keys = listed.contents().iter().filter_map(|object| object.key());
        keys.map(str::to_owned).collect()
    }

    pub(crate) async fn picture(&self, key: &str) -> Bytes {
        let client = self.engines.aws().s3();
        let object = client.get_object().bucket(&self.bucket).key(key).send();
        let body = object.await.expect("it is there").body;
        body.collect().await.expect("it comes").into_bytes()
    }
}

fn first_page<Id>() -> PageRequest<Id> {
    PageRequest {
        after: None,
        size: PageSize::default(),
    }
}

async fn run(mut command: Command) -> Ran {
    let ended = tokio::time::timeout(Duration::from_mins(1), command.output());
    let ended = ended.await.expect("it ends").expect("it starts");
    Ran {
        code: ended.status.code().expect("no signal ended it"),
        output: String::from_utf8([ended.stdout, ended.stderr].concat()).expect("text"),
    }
}

/// Serves pictures, and what is none, on a free port.
pub(crate) struct PictureServer {
    url: String,
    fetched: Arc<Mutex<Vec<String>>>,
}

impl PictureServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let fetched = Arc::<Mutex<Vec<String>>>::default();
        let paths = fetched.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let paths = paths.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let path = request.uri().path().to_owned();
                    let response = picture(&path);
                    paths.lock().expect("no panic").push(path);
                    async { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, fetched }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The paths that were asked for, in order.
    pub(crate) fn fetched(&self) -> Vec<String> {
        self.fetched.lock().expect("no panic").clone()
    }
}

fn picture(path: &str) -> Response<Full<Bytes>> {
    let body = match path {
        "/spaces/a.gif" | "/spaces/b.gif" => Bytes::from_static(GIF),
        "/page.gif" => Bytes::from_static(b"<html>It moved</html>"),
        "/large.gif" => vec![0; 100_001].into(),
        "/cut.gif" => GIF[..GIF.len() - 4].to_vec().into(),
        _ => {
            let mut missing = Response::new(Full::default());
            *missing.status_mut() = http::StatusCode::NOT_FOUND;
            return missing;
        }
    };
    Response::new(Full::new(body))
}

/// Promises more than it sends, on a free port; answers with its URL.
pub(crate) async fn broken_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 43\r\n\r\nGIF89a";
            let _ = stream.write_all(head).await;
        }
    });
    url
}
