//! An HTTP client of the API.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local::Local;
use serde_json::{Value, json};

use crate::Form;

/// An HTTP client of the API at one base URL, with a connection pool.
#[derive(Debug, Clone)]
pub struct Client {
    base_url: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

/// A logged-in user with the tokens of one session.
#[derive(Debug, Clone)]
pub struct Member {
    pub id: String,
    pub email: String,
    pub access: String,
    pub refresh: String,
}

/// The password of all users that [`Client::sign_up`] creates.
pub const PASSWORD: &str = "correct horse battery";

impl Client {
    pub fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            http: HttpClient::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Creates a client of a local server.
    pub fn of(local: &Local) -> Self {
        Self::new(local.base_url())
    }

    /// Returns the absolute URL of a path of the API.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Creates a request to a path of the API or to an absolute URL; [`Call::send`] sends it.
    pub fn request(&self, method: Method, path: &str) -> Call<'_> {
        let uri = if path.starts_with("http") { path.to_owned() } else { self.url(path) };
        Call {
            client: self,
            request: Request::builder().method(method).uri(uri),
            body: Bytes::new(),
        }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.request(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Call<'_> {
        self.request(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.request(Method::DELETE, path)
    }

    /// Signs up `<name>@example.com` with [`PASSWORD`] and returns the response.
    pub async fn sign_up(&self, name: &str) -> Response {
        let user = json!({
            "first_name": name,
            "last_name": "Tester",
            "email": format!("{name}@example.com"),
            "password": PASSWORD,
        });
        self.post("/users").json(&user).send().await
    }

    /// Logs in `<name>@example.com` and returns the user with the new tokens. Panics if the login is rejected.
    pub async fn log_in(&self, name: &str) -> Member {
        let email = format!("{name}@example.com");
        let login = json!({"email": email, "password": PASSWORD});
        let response = self.post("/login").json(&login).send().await;
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        Member {
            id: text(&body["id"]),
            email,
            access: text(&body["access_token"]),
            refresh: text(&body["refresh_token"]),
        }
    }

    /// Signs up `<name>@example.com`, logs in and returns the user with the tokens. Panics if a request is rejected.
    pub async fn member(&self, name: &str) -> Member {
        let response = self.sign_up(name).await;
        assert_eq!(response.status, 201, "{}", response.text());
        self.log_in(name).await
    }

    /// Creates a food with this title and a new image, and returns the JSON of the food.
    pub async fn share(&self, member: &Member, title: &str) -> Value {
        let response = self.post_food(member, Form::food_with_image(title)).await;
        assert_eq!(response.status, 201, "{}", response.text());
        response.json()
    }

    /// Sends `POST /food` as this user.
    pub async fn post_food(&self, member: &Member, form: Form) -> Response {
        self.post("/food").bearer(member).form(form).send().await
    }

    /// Sends `PUT /food/{food_id}` as this user. `food` is the JSON of a food.
    pub async fn put_food(&self, member: &Member, food: &Value, form: Form) -> Response {
        let put = self.put(&food_path(food)).bearer(member).form(form);
        put.send().await
    }

    /// Sends `DELETE /food/{food_id}` as this user. `food` is the JSON of a food.
    pub async fn delete_food(&self, member: &Member, food: &Value) -> Response {
        self.delete(&food_path(food)).bearer(member).send().await
    }

    /// Sends `GET /food/{food_id}`. `food` is the JSON of a food.
    pub async fn get_food(&self, food: &Value) -> Response {
        self.get(&food_path(food)).send().await
    }

    /// Sends `PUT /food/{food_id}/like` as this user. `food` is the JSON of a food.
    pub async fn like(&self, member: &Member, food: &Value) -> Response {
        let path = format!("{}/like", food_path(food));
        self.put(&path).bearer(member).send().await
    }

    /// Sends `DELETE /food/{food_id}/like` as this user. `food` is the JSON of a food.
    pub async fn unlike(&self, member: &Member, food: &Value) -> Response {
        let path = format!("{}/like", food_path(food));
        self.delete(&path).bearer(member).send().await
    }

    /// Fetches all pages of the list at `path` and returns the items of all pages.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let response = self.get(&path).send().await;
            all.extend(response.json().as_array().expect("a list").iter().cloned());
            next = response.next();
        }
        all
    }

    /// Returns the first page of `GET /food` as a JSON array.
    pub async fn foods(&self) -> Value {
        self.get("/food").send().await.json()
    }

    /// Sends `POST /refresh` with this refresh token.
    pub async fn refresh(&self, token: &str) -> Response {
        let body = json!({"refresh_token": token});
        self.post("/refresh").json(&body).send().await
    }

    /// Returns whether the API accepts this access token.
    pub async fn is_signed_in(&self, access: &str) -> bool {
        let response = self.get("/sessions").token(access).send().await;
        match response.status {
            200 => true,
            401 => false,
            status => panic!("{status}: {}", response.text()),
        }
    }

    /// Sends `POST /logout` with this access token.
    pub async fn log_out(&self, access: &str) -> Response {
        self.post("/logout").token(access).send().await
    }

    /// Sends `POST /food/images`, which requests a presigned POST, as this user.
    pub async fn request_upload(&self, member: &Member, body: &Value) -> Response {
        let call = self.post("/food/images").bearer(member).json(body);
        call.send().await
    }

    /// Uploads a file with the presigned POST in `upload` and returns the HTTP status.
    pub async fn post_file(&self, upload: &Value, file: &[u8]) -> u16 {
        let mut form = Form::new();
        for (name, value) in upload["fields"].as_object().expect("fields") {
            form = form.text(name, &text(value));
        }
        let form = form.file_named("file", "photo", file);
        let posted = self.post(&text(&upload["url"])).form(form);
        posted.send().await.status
    }

    /// Requests a presigned POST, uploads an image with it and returns the image id.
    pub async fn upload(&self, member: &Member, media_type: &str, bytes: &[u8]) -> String {
        let body = json!({"content_type": media_type, "size": bytes.len()});
        let response = self.request_upload(member, &body).await;
        assert_eq!(response.status, 201, "{}", response.text());
        let body = response.json();
        assert_eq!(self.post_file(&body["upload"], bytes).await, 204);
        text(&body["image_id"])
    }

    /// Sends `POST /food` for a food whose image is the upload with this id.
    pub async fn share_upload(&self, member: &Member, title: &str, id: &str) -> Response {
        let food = json!({"title": title, "description": "Hot", "image_id": id});
        self.post("/food").bearer(member).json(&food).send().await
    }
}

/// Returns the path `/food/{food_id}` for the JSON of a food.
pub fn food_path(food: &Value) -> String {
    format!("/food/{}", text(&food["id"]))
}

/// Returns the string in a JSON value. Panics if the value is not a string.
pub fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// An HTTP request that is built step by step and then sent.
#[must_use]
pub struct Call<'a> {
    client: &'a Client,
    request: http::request::Builder,
    body: Bytes,
}

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    pub fn bearer(self, member: &Member) -> Self {
        self.token(&member.access)
    }

    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into().into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn form(self, form: Form) -> Self {
        self.body(&Form::content_type(), form.body())
    }

    pub async fn send(self) -> Response {
        self.try_send().await.expect("a response")
    }

    /// Sends the request. Returns `None` if the connection breaks before the whole response is received.
    pub async fn try_send(self) -> Option<Response> {
        let request = self.request.body(Full::new(self.body)).expect("a request");
        let response = self.client.http.request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        Some(Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.ok()?.to_bytes(),
        })
    }
}

/// An HTTP response with its whole body.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    /// Returns the value of a header, or an empty string if the response has no such header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// Asserts that the response is a problem (RFC 9457) with this status and exactly these pairs of code and message;
    /// any `detail` is accepted.
    #[track_caller]
    pub fn is_problem(&self, status: u16, codes: &[(&str, &str)]) {
        self.assert_problem(status);
        let mut problem = self.json();
        let members = problem.as_object_mut().expect("an object");
        assert_eq!(members.remove("type"), Some(json!("about:blank")));
        assert!(members.remove("title").is_some_and(|title| title.is_string()));
        assert_eq!(members.remove("status"), Some(json!(status)));
        members.remove("detail");
        let expected: Value = codes
            .iter()
            .map(|(code, message)| ((*code).to_owned(), json!(message)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(problem, expected);
    }

    /// Asserts that the response is a problem (RFC 9457) with this status and code; any message is accepted.
    #[track_caller]
    pub fn has_code(&self, status: u16, code: &str) {
        self.assert_problem(status);
        assert!(self.json()[code].is_string(), "{}", self.text());
    }

    #[track_caller]
    fn assert_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
    }

    /// Returns the URL of the next page from the `Link` header. `None` on the last page.
    pub fn next(&self) -> Option<String> {
        let link = self.headers.get("link")?.to_str().expect("an ASCII header");
        let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
        Some(target.to_owned())
    }
}
