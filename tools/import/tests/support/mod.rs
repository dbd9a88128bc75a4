//! The fixture of the importer's tests: empty stores on the embedded engines, CSV files, and an image server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use domain::food::{Food, FoodRepository};
use domain::page::{PageRequest, PageSize};
use domain::testing::sample::GIF;
use domain::user::UserRepository;
use engines::{Engines, TableNames};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// The password of [`HASH`], from a test vector of `crypt_blowfish`.
pub(crate) const PASSWORD: &str = "U*U";
pub(crate) const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// The setting `MAX_IMAGE_BYTES`, smaller than the default so that small files exceed the limit.
pub(crate) const MAX_IMAGE_BYTES: usize = 100_000;

pub(crate) struct Fixture {
    engines: Arc<Engines>,
    tables: TableNames,
    bucket: String,
    dir: TempDir,
}

/// The exit status of the importer, and its standard output followed by its standard error.
pub(crate) struct CommandOutput {
    pub(crate) status: i32,
    pub(crate) text: String,
}

impl Fixture {
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
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))
            .expect("the folder is created");
        std::fs::write(path, content).expect("the file is written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.dir.path().join(name)).expect("the file is removed");
    }

    /// Runs the importer with two CSV files and these arguments. `settings` are added to the settings of the stores;
    /// `None` runs the importer without any settings.
    pub(crate) async fn import_with(
        &self,
        users: impl AsRef<[u8]>,
        foods: impl AsRef<[u8]>,
        arguments: &[&str],
        settings: Option<&[(&str, &str)]>,
    ) -> CommandOutput {
        self.write("users.csv", users);
        self.write("foods.csv", foods);
        let mut command = Command::new(env!("CARGO_BIN_EXE_import"));
        command
            .current_dir(self.dir.path())
            .args(["--users", "users.csv", "--foods", "foods.csv"])
            .args(arguments)
            .env_clear()
            .kill_on_drop(true);
        if let Some(settings) = settings {
            let aws = self.engines.settings();
            command
                .env("AWS_REGION", aws.region)
                .env("AWS_ACCESS_KEY_ID", aws.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", aws.secret_access_key)
                .env("AWS_ENDPOINT_URL_DYNAMODB", self.engines.dynamodb().url())
                .env("AWS_ENDPOINT_URL_S3", self.engines.s3().url())
                .env("USERS_TABLE", &self.tables.users)
                .env("FOODS_TABLE", &self.tables.foods)
                .env("IMAGES_BUCKET", &self.bucket)
                .env("MAX_IMAGE_BYTES", MAX_IMAGE_BYTES.to_string())
                .envs(settings.iter().copied());
        }
        let output = command.output().await.expect("the program starts");
        CommandOutput {
            status: output.status.code().expect("the program exits"),
            text: String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8"),
        }
    }

    /// Runs the importer with two CSV files and the images in the folder `images`.
    pub(crate) async fn import(
        &self,
        users: impl AsRef<[u8]>,
        foods: impl AsRef<[u8]>,
    ) -> CommandOutput {
        let arguments = ["--images", "images"];
        self.import_with(users, foods, &arguments, Some(&[])).await
    }

    pub(crate) fn users(&self) -> DynamoDbUsers {
        DynamoDbUsers::new(self.engines.aws().dynamodb(), self.tables.users.clone())
    }

    /// Returns the number of stored accounts.
    pub(crate) async fn count_users(&self) -> usize {
        let listed = self.users().list(first_page()).await;
        listed.expect("listed").items.len()
    }

    /// Returns the stored foods, newest first.
    pub(crate) async fn foods(&self) -> Vec<Food> {
        let foods = DynamoDbFoods::new(self.engines.aws().dynamodb(), self.tables.foods.clone());
        foods.list(first_page()).await.expect("listed").items
    }

    /// Returns the keys of all objects in the bucket of images.
    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        let client = self.engines.aws().s3();
        let listed = client.list_objects_v2().bucket(&self.bucket).send().await;
        let objects = listed.expect("listed").contents.unwrap_or_default();
        objects.into_iter().filter_map(|object| object.key).collect()
    }
}

fn first_page<Id>() -> PageRequest<Id> {
    PageRequest { after: None, size: PageSize::default() }
}

/// Starts a server of valid and invalid images on a free port. Returns its URL and a list that collects the requested
/// paths.
pub(crate) async fn image_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let paths = Arc::<Mutex<Vec<String>>>::default();
    let requested = Arc::clone(&paths);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_image(stream, Arc::clone(&requested)));
        }
    });
    (url, paths)
}

async fn serve_image(mut stream: TcpStream, requested: Arc<Mutex<Vec<String>>>) {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).await.unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..length]);
    let path = request.split(' ').nth(1).unwrap_or_default();
    requested.lock().expect("the lock is not poisoned").push(path.to_owned());
    let large = vec![0; MAX_IMAGE_BYTES + 1];
    let (status, body, missing) = match path {
        "/spaces/a.gif" | "/spaces/b.gif" => (200, GIF, 0),
        "/page.gif" => (200, &b"<html>It moved</html>"[..], 0),
        "/large.gif" => (200, &large[..], 0),
        "/cut.gif" => (200, &GIF[..GIF.len() - 4], 0),
        // Declares more bytes than it sends.
        "/broken.gif" => (200, GIF, 1),
        _ => (404, &b""[..], 0),
    };
    let length = body.len() + missing;
    let head =
        format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
}
