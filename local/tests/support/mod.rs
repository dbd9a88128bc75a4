//! What the tests share: a small HTTP client that can also misbehave, a server in this process, and
//! the real program.

#![allow(
    dead_code,
    reason = "every test program has its own copy and uses a part of it"
)]

pub(crate) mod api;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use image::{ImageFormat, RgbImage};
use local::{Local, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const PASSWORD: &str = "correct horse battery";
const BOUNDARY: &str = "a-boundary";

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    }

    /// A problem of this status with this code, as every error of the API is one.
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let body = self.json();
        assert_eq!(body["status"], status);
        assert!(body[code].is_string(), "{body}");
    }

    /// Interim answers are skipped.
    pub(crate) fn read(from: &mut impl Read) -> Self {
        Self::try_read(from).expect("an answer")
    }

    /// `None` when there is none.
    pub(crate) fn try_read(from: &mut impl Read) -> Option<Self> {
        let mut bytes = Vec::new();
        // A reset after the answer is not our business.
        let _ = from.read_to_end(&mut bytes);
        Self::parse(&bytes)
    }

    /// `None` when it breaks off before the end of its body.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        loop {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            bytes = &bytes[end + 4..];
            let mut lines = head.split("\r\n");
            let status = lines.next().unwrap().split(' ').nth(1).unwrap();
            let status = status.parse().unwrap();
            if status == 100 {
                continue;
            }
            let headers = lines.map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_owned(), value.trim().to_owned())
            });
            let answer = Self {
                status,
                headers: headers.collect(),
                body: bytes.to_vec(),
            };
            let length = answer
                .header("content-length")
                .and_then(|length| length.parse().ok());
            let is_whole =
                bytes.is_empty() || length.is_none_or(|length: usize| length == bytes.len());
            return is_whole.then_some(answer);
        }
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    address: String,
}

impl Client {
    pub(crate) fn new(base_url: &str) -> Self {
        let address = base_url.strip_prefix("http://").unwrap();
        Self {
            address: address.to_owned(),
        }
    }

    pub(crate) fn try_connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(stream)
    }

    /// The absolute URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        self.try_connect().unwrap()
    }

    /// The bytes of a request as they are; the answer is all there is until the server closes.
    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        self.try_raw(request).expect("an answer")
    }

    /// `None` when the server is gone.
    pub(crate) fn try_raw(&self, request: &[u8]) -> Option<Response> {
        let mut stream = self.try_connect().ok()?;
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request);
        Response::try_read(&mut stream)
    }

    pub(crate) fn head(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        let own_host = ("Host", self.address.as_str());
        let has_host = headers.iter().any(|(name, _)| *name == "Host");
        for (name, value) in headers.iter().chain((!has_host).then_some(&own_host)) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head
    }

    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.try_send(method, target, headers, body)
            .expect("an answer")
    }

    pub(crate) fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Response> {
        let head = self.head(method, target, headers);
        let length = body.len();
        let mut request = format!("{head}Content-Length: {length}\r\n\r\n").into_bytes();
        request.extend_from_slice(body);
        self.try_raw(&request)
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.send("GET", target, &[], b"")
    }

    pub(crate) fn post(&self, target: &str, body: &Value) -> Response {
        let json = [("Content-Type", "application/json")];
        self.send("POST", target, &json, body.to_string().as_bytes())
    }

    pub(crate) fn sign_up(&self, email: &str) -> Response {
        self.try_sign_up(email).expect("an answer")
    }

    pub(crate) fn try_sign_up(&self, email: &str) -> Option<Response> {
        let user = json!({
            "first_name": "Ada",
            "last_name": "Okafor",
            "email": email,
            "password": PASSWORD,
        });
        let json = [("Content-Type", "application/json")];
        self.try_send("POST", "/users", &json, user.to_string().as_bytes())
    }

    pub(crate) fn log_in(&self, email: &str) -> Response {
        self.post("/login", &json!({ "email": email, "password": PASSWORD }))
    }

    /// An access token of a new account.
    pub(crate) fn token(&self, email: &str) -> String {
        assert_eq!(self.sign_up(email).status, 201);
        let login = self.log_in(email);
        assert_eq!(login.status, 200);
        login.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn share(&self, token: &str, title: &str, picture: &[u8]) -> Response {
        self.try_share(token, title, picture).expect("an answer")
    }

    pub(crate) fn try_share(&self, token: &str, title: &str, picture: &[u8]) -> Option<Response> {
        let authorization = format!("Bearer {token}");
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", &content_type),
        ];
        self.try_send("POST", "/food", &headers, &form(title, picture))
    }
}

fn form(title: &str, picture: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in [("title", title), ("description", "<p>Good.</p>")] {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        form.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"food_image\"; filename=\"a.png\"\
         \r\nContent-Type: text/html\r\n\r\n"
    );
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(picture);
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    form
}

pub(crate) fn picture() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = RgbImage::from_pixel(8, 8, image::Rgb([200, 80, 30]));
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// The path of an absolute URL.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    &rest[rest.find('/').unwrap()..]
}

/// The API in this process.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) local: Option<Local>,
    pub(crate) client: Client,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter();
        Self::options(Options {
            settings: settings
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            ..Options::default()
        })
    }

    pub(crate) fn options(options: Options) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let local = runtime.block_on(Local::start(options)).unwrap();
        Self {
            client: Client::new(local.base_url()),
            local: Some(local),
            runtime,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(local) = self.local.take() {
            self.runtime.block_on(local.stop());
        }
    }
}

/// A folder that goes with the test, not yet made.
pub(crate) struct Folder {
    _parent: TempDir,
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        Self {
            path: parent.path().join("data"),
            _parent: parent,
        }
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end, which must come by itself.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// One line on standard error, nothing on standard output, and a failure.
pub(crate) fn assert_refused(output: &Output, says: &[&str]) {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("error: "), "{error}");
    for part in says {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert!(output.stdout.is_empty());
}

/// The real program on a free port.
pub(crate) struct Program {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    pub(crate) banner: String,
    pub(crate) client: Client,
}

impl Program {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self::start(command(&["--data-dir", folder.to_str().unwrap()]))
    }

    /// Without rate limits, and nothing reads its output.
    pub(crate) fn unlimited(folder: &Path) -> Self {
        let mut command = command(&["--data-dir", folder.to_str().unwrap()]);
        command.envs(api::UNLIMITED);
        let mut program = Self::start(command);
        program.drop_output();
        program
    }

    /// Returns once the banner is printed: the API is ready.
    pub(crate) fn start(mut command: Command) -> Self {
        command.args(["--port", "0"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.ends_with("Ctrl-C ends it.\n") {
            let read = stdout.read_line(&mut banner).unwrap();
            assert_ne!(read, 0, "it ended: {banner}");
        }
        let url = banner
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        Self {
            client: Client::new(url.unwrap()),
            child,
            stdout: Some(stdout),
            banner,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().unwrap();
        stdout.read_line(&mut line).unwrap();
        line
    }

    /// Drops what it prints from now on: a full pipe would stop it.
    pub(crate) fn drop_output(&mut self) {
        let mut stdout = self.stdout.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
