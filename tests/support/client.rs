//! A client of the API on one machine.

use aws_sdk_dynamodb::types::AttributeValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::{Local, Options};
use serde_json::{Value, json};

use super::form::Form;
use super::pictures;

/// The API, with data of its own.
pub(crate) struct Api {
    pub(crate) local: Local,
    http: Client<HttpConnector, Full<Bytes>>,
}

const UNTHROTTLED: [(&str, &str); 4] = [
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("LOGIN_ATTEMPTS_PER_ADDRESS", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "1000000"),
    ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "1000000"),
];

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) const PASSWORD: &str = "correct horse battery";

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings. Where they say nothing of it, everybody may try as often as they like.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::with_options(settings, Options::default()).await
    }

    /// With pictures that are processed once they are saved.
    pub(crate) async fn processing() -> Self {
        let options = Options {
            process_images: true,
            ..Options::default()
        };
        Self::with_options(&[], options).await
    }

    async fn with_options(settings: &[(&str, &str)], options: Options) -> Self {
        let settings = UNTHROTTLED
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let options = Options {
            settings,
            ..options
        };
        Self::on(Local::start(options).await.expect("the API starts"))
    }

    /// On one that runs.
    pub(crate) fn on(local: Local) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { local, http }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Call<'_> {
        let uri = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.local.base_url())
        };
        Call {
            api: self,
            request: Request::builder().method(method).uri(uri),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call<'_> {
        self.request(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Call<'_> {
        self.request(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call<'_> {
        self.request(Method::DELETE, path)
    }

    /// Signs somebody up; `name` is the first name and begins the address.
    pub(crate) async fn sign_up(&self, name: &str) -> Answer {
        let user = json!({
            "first_name": name,
            "last_name": "Tester",
            "email": format!("{name}@example.com"),
            "password": PASSWORD,
        });
        self.post("/users").json(&user).send().await
    }

    pub(crate) async fn log_in(&self, name: &str) -> Member {
        let email = format!("{name}@example.com");
        let login = json!({"email": email, "password": PASSWORD});
        let answer = self.post("/login").json(&login).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        Member {
            id: text(&body["id"]),
            email,
            access: text(&body["access_token"]),
            refresh: text(&body["refresh_token"]),
        }
    }

    /// Somebody new who is signed in.
    pub(crate) async fn member(&self, name: &str) -> Member {
        let answer = self.sign_up(name).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.log_in(name).await
    }

    /// A food with this title and a picture of its own.
    pub(crate) async fn share(&self, member: &Member, title: &str) -> Value {
        let form = Form::food(title).file("food.jpg", &pictures::jpeg());
        let answer = self.post("/food").bearer(member).form(form).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let body = json!({"refresh_token": token});
        self.post("/refresh").json(&body).send().await
    }

    pub(crate) async fn log_out(&self, access: &str) -> Answer {
        self.post("/logout").token(access).send().await
    }

    /// The keys in the bucket of pictures.
    pub(crate) async fn stored_pictures(&self) -> Vec<String> {
        let client = self.local.aws().s3();
        let listed = client.list_objects_v2().bucket("images").send().await;
        let listed = listed.expect("listed");
        listed
            .contents()
            .iter()
            .filter_map(|object| object.key().map(str::to_owned))
            .filter(|key| key.starts_with("foods/"))
            .collect()
    }

    /// Whether nothing is stored under this key of a table.
    pub(crate) async fn is_free(&self, table: &str, pk: &str) -> bool {
        let client = self.local.aws().dynamodb();
        let answer = client
            .get_item()
            .table_name(table)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .send()
            .await;
        answer.expect("asked").item.is_none()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A request that is being made.
pub(crate) struct Call<'a> {
    api: &'a Api,
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

    pub(crate) fn bearer(self, member: &Member) -> Self {
        self.token(&member.access)
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn form(self, form: Form) -> Self {
        self.body(&Form::content_type(), form.body())
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(Full::from(self.body)).expect("a request");
        let answer = self.api.http.request(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.expect("a whole answer").to_bytes(),
        }
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    /// Empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// It is a problem with this status, these codes and sentences, and no others.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, codes: &[(&str, &str)]) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let mut problem = self.json();
        let members = problem.as_object_mut().expect("an object");
        assert_eq!(members.remove("type"), Some(json!("about:blank")));
        assert!(
            members
                .remove("title")
                .is_some_and(|title| title.is_string())
        );
        assert_eq!(members.remove("status"), Some(json!(status)));
        let expected: Value = codes
            .iter()
            .map(|(code, sentence)| ((*code).to_owned(), json!(sentence)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(problem, expected);
    }

    /// It is a problem with this status and this code first of all, whatever its sentence.
    #[track_caller]
    pub(crate) fn has_code(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert!(self.json()[code].is_string(), "{}", self.text());
    }

    /// The target of the `Link` to the next page.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.headers.get("link")?.to_str().expect("an ASCII header");
        let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
        Some(target.to_owned())
    }
}
