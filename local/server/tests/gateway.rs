//! Tests of the local server, started in this process: routing, limits, images and shutdown.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use http::Method;
use local::{Local, Options};
use serde_json::json;
use test_support::{Client, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const IMAGE: &[u8] = include_bytes!("../../../events/jollof.jpg");

async fn start() -> (Local, Client) {
    let local = Local::start(Options::default()).await.unwrap();
    let client = Client::new(local.base_url());
    (local, client)
}

#[tokio::test]
async fn request_is_routed_to_its_function() {
    let (_local, client) = start().await;
    let user = client.sign_up("ada").await;
    assert_eq!(user.status, 201, "{}", user.text());
    assert_eq!(user.header("content-type"), "application/json");
    assert_eq!(user.header("apigw-requestid").len(), 16);
    let id = text(&user.json()["id"]);
    // The gateway decodes the path.
    let encoded = format!("/users/%3{}{}", &id[..1], &id[1..]);
    assert_eq!(client.get(&encoded).send().await.json(), user.json());
}

#[tokio::test]
async fn root_redirects_to_docs_page() {
    let (_local, client) = start().await;
    let response = client.get("/").send().await;
    assert_eq!(response.status, 307);
    assert_eq!(response.header("location"), "/docs");
    assert_eq!(client.get("/docs").send().await.status, 200);
}

#[tokio::test]
async fn unknown_route_returns_api_gateway_404() {
    let (_local, client) = start().await;
    for (method, path) in [
        (Method::POST, "/"),
        (Method::GET, "/users/"),
        (Method::GET, "/users/a/b"),
        (Method::GET, "/login"),
        (Method::DELETE, "/users"),
        (Method::GET, "/food/a%2Fb"),
        (Method::PATCH, "/food/1"),
        (Method::POST, "/images/x"),
        (Method::GET, "/images"),
    ] {
        let response = client.request(method, path).send().await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.json(), json!({"message": "Not Found"}));
    }
    let head = client.request(Method::HEAD, "/food").send().await;
    assert_eq!(head.status, 404);
    let undecodable = client.get("/food/%FF").send().await;
    assert_eq!(undecodable.status, 400);
    assert_eq!(undecodable.json(), json!({"message": "Bad Request"}));
}

/// Sends `GET /food` with this request line and headers. Returns the status.
async fn status_of(local: &Local, head: &str) -> String {
    let address = local.base_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn request_needs_one_host_that_is_this_machine() {
    let local = Local::start(Options {
        settings: vec![("IMAGE_BASE_URL".to_owned(), "https://tunnel.example/images".to_owned())],
        ..Options::default()
    });
    let local = local.await.unwrap();
    for (head, status) in [
        ("GET /food HTTP/1.1\r\nHost: localhost:8888\r\n", "200"),
        ("GET /food HTTP/1.1\r\nHost: [::1]\r\n", "200"),
        ("GET /food HTTP/1.1\r\nHost: tunnel.example\r\n", "200"),
        ("GET http://localhost/food HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("GET /food HTTP/1.0\r\n", "200"),
        ("GET /food HTTP/1.1\r\n", "400"),
        ("GET /food HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", "400"),
        ("GET /food HTTP/1.1\r\nHost: \r\n", "400"),
        ("GET /food HTTP/1.1\r\nHost: evil.example:8888\r\n", "403"),
        ("GET http://evil.example/food HTTP/1.1\r\nHost: localhost\r\n", "403"),
        ("GET /docs HTTP/1.1\r\nHost: evil.example\r\n", "403"),
        ("GET /images/x HTTP/1.1\r\nHost: evil.example\r\n", "403"),
    ] {
        assert_eq!(status_of(&local, head).await, status, "{head}");
    }
}

#[tokio::test]
async fn request_body_over_10_mb_returns_api_gateway_413() {
    let (_local, client) = start().await;
    let body = vec![b' '; 10 * 1024 * 1024 + 1];
    let login = client.post("/login").body("application/json", body);
    let response = login.send().await;
    assert_eq!(response.status, 413);
    let body = response.json();
    assert_eq!(body["message"], "Request Entity Too Large");
    assert!(text(&body["upload_err"]).contains("POST /food/images"));
    // The connection is still usable.
    assert_eq!(client.get("/food").send().await.status, 200);
}

#[tokio::test]
async fn image_is_served_with_its_stored_headers() {
    let (local, client) = start().await;
    let key =
        "foods/01990000-0000-7000-8000-00000000f001/01990000-0000-7000-8000-00000000c001/320.jpg";
    let put = local.aws().s3().put_object().bucket("images").key(key);
    let put = put.content_type("image/jpeg").cache_control("max-age=7");
    put.body(IMAGE.to_vec().into()).send().await.unwrap();

    let path = format!("/images/{key}");
    let image = client.get(&path).send().await;
    assert_eq!(image.status, 200);
    assert_eq!(image.body, IMAGE);
    assert_eq!(image.header("content-type"), "image/jpeg");
    assert_eq!(image.header("cache-control"), "max-age=7");
    assert_eq!(image.header("x-content-type-options"), "nosniff");

    let head = client.request(Method::HEAD, &path).send().await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for name in ["content-type", "content-length", "etag"] {
        assert!(!head.header(name).is_empty(), "{name}");
        assert_eq!(head.header(name), image.header(name), "{name}");
    }

    let conditional = |tag| client.get(&path).header("if-none-match", tag).send();
    let unchanged = conditional(image.header("etag")).await;
    assert_eq!(unchanged.status, 304);
    assert!(unchanged.body.is_empty());
    assert_eq!(unchanged.header("etag"), image.header("etag"));
    assert_eq!(conditional("\"other\"").await.status, 200);
}

#[tokio::test]
async fn image_route_serves_only_renditions() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(Options {
        storage: local::Storage::Dir(folder.path().to_owned()),
        ..Options::default()
    });
    let local = local.await.unwrap();
    let put = local.aws().s3().put_object().bucket("images");
    let put = put.key("uploads/1/2").body(IMAGE.to_vec().into());
    put.send().await.unwrap();
    assert!(folder.path().join("secrets.json").exists());
    let client = Client::new(local.base_url());
    for key in [
        "../secrets.json",
        "../../secrets.json",
        "%2e%2e/%2e%2e/secrets.json",
        "..%2f..%2fsecrets.json",
        "/../secrets.json",
        "..%5c..%5csecrets.json",
        "foods",
        "foods/1/2.jpg",
        "uploads/1/2",
    ] {
        let response = client.get(&format!("/images/{key}")).send().await;
        assert_eq!(response.status, 404, "{key}");
    }
}

#[tokio::test]
async fn request_in_flight_completes_during_shutdown() {
    let (local, _) = start().await;
    let body = json!({"email": "ada@example.com", "password": "x"}).to_string();
    let address = local.base_url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");

    let stopping = tokio::spawn(local.stop());
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    stopping.await.unwrap();
}
