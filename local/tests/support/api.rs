//! A client of a server that may be killed.

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use image::{ImageFormat, RgbImage};
use serde_json::Value;

/// Settings without rate limits.
pub(crate) const UNLIMITED: [(&str, &str); 4] = [
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("LOGIN_ATTEMPTS_PER_ADDRESS", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "1000000"),
];

const BOUNDARY: &str = "a-boundary";

pub(crate) struct Api {
    base_url: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            http: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A request to a path, or to an absolute URL.
    pub(crate) fn request(&self, method: &str, path: &str) -> Call {
        let uri = if path.starts_with('/') {
            format!("{}{path}", self.base_url)
        } else {
            path.to_owned()
        };
        Call {
            http: self.http.clone(),
            request: Request::builder().method(method).uri(uri),
            body: Vec::new(),
        }
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let response = self.request("GET", &path).try_send().await.unwrap();
            all.extend(response.json().as_array().unwrap().iter().cloned());
            next = response.next();
        }
        all
    }
}

pub(crate) struct Call {
    http: Client<HttpConnector, Full<Bytes>>,
    request: http::request::Builder,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    pub(crate) fn form(mut self, mut form: Form) -> Self {
        form.0.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.body = form.0;
        self.header(
            "content-type",
            &format!("multipart/form-data; boundary={BOUNDARY}"),
        )
    }

    /// `None` without a whole response.
    pub(crate) async fn try_send(self) -> Option<Response> {
        let request = self.request.body(Full::from(self.body)).unwrap();
        let (head, body) = self.http.request(request).await.ok()?.into_parts();
        Some(Response {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await.ok()?.to_bytes(),
        })
    }
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Null where the body is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The URL of the next page.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.headers.get("link")?.to_str().unwrap();
        let url = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
        Some(url.to_owned())
    }
}

/// Empty where the value is not a text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) struct Form(Vec<u8>);

impl Form {
    pub(crate) fn food(title: &str) -> Self {
        let form = Self(Vec::new());
        let form = form.part("name=\"title\"", title.as_bytes());
        form.part("name=\"description\"", b"<p>Rice and beans</p>")
    }

    pub(crate) fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.part(&format!("name=\"food_image\"; filename=\"{name}\""), bytes)
    }

    fn part(mut self, disposition: &str, value: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        self.0.extend(head.as_bytes());
        self.0.extend(value);
        self.0.extend(b"\r\n");
        self
    }
}

/// A small image of this width.
pub(crate) fn jpeg(width: u32) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let image = RgbImage::from_pixel(width, 12, image::Rgb([200, 80, 30]));
    image.write_to(&mut file, ImageFormat::Jpeg).unwrap();
    file.into_inner()
}
