//! A client of the API.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::Local;
use serde_json::{Value, json};

use super::IMAGE;

const PASSWORD: &str = "correct horse battery";

pub(crate) struct Client {
    base_url: String,
    http: HttpClient<HttpConnector, Full<bytes::Bytes>>,
}

/// A user who is logged in.
pub(crate) struct Member {
    pub(crate) access: String,
}

impl Client {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            http: HttpClient::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) fn of(local: &Local) -> Self {
        Self::new(local.base_url())
    }

    /// The absolute URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            client: self,
            request: Request::builder().method(method).uri(self.url(path)),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call<'_> {
        self.request(Method::POST, path)
    }

    pub(crate) async fn sign_up(&self, name: &str) -> Response {
        let user = json!({
            "first_name": name,
            "last_name": "Tester",
            "email": format!("{name}@example.com"),
            "password": PASSWORD,
        });
        self.post("/users").json(&user).send().await
    }

    pub(crate) async fn log_in(&self, name: &str) -> Member {
        let login = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        let response = self.post("/login").json(&login).send().await;
        assert_eq!(response.status, 200, "{}", response.text());
        Member {
            access: text(&response.json()["access_token"]),
        }
    }

    pub(crate) async fn member(&self, name: &str) -> Member {
        assert_eq!(self.sign_up(name).await.status, 201);
        self.log_in(name).await
    }

    pub(crate) async fn share(&self, member: &Member, title: &str) -> Value {
        let mut form = Vec::new();
        for (name, value) in [
            ("title", title.as_bytes()),
            ("description", b"Hot"),
            ("food_image", IMAGE),
        ] {
            let file = if name == "food_image" {
                "; filename=\"a.jpg\""
            } else {
                ""
            };
            form.extend(
                format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
                    .bytes(),
            );
            form.extend(value);
            form.extend(b"\r\n");
        }
        form.extend(b"--x--\r\n");
        let post = self.post("/food").token(&member.access);
        let response = post
            .body("multipart/form-data; boundary=x", form)
            .send()
            .await;
        assert_eq!(response.status, 201, "{}", response.text());
        response.json()
    }
}

/// The text of a JSON value.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A request under construction.
#[must_use]
pub(crate) struct Call<'a> {
    client: &'a Client,
    request: http::request::Builder,
    body: Vec<u8>,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) async fn send(self) -> Response {
        let request = self.request.body(Full::new(self.body.into()));
        let response = self.client.http.request(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().into(),
        }
    }
}

/// A response, read to its end.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    /// A header, empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}
