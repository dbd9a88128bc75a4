//! What API Gateway would do, seen by a client of `Local`.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::io::{Read, Write};

use local::{Options, StartError, Storage};
use serde_json::json;
use support::{Folder, Response, Server, path, picture};

const MB: usize = 1024 * 1024;

#[test]
fn a_request_reaches_its_function_and_the_answer_its_client() {
    let server = Server::start();
    let client = &server.client;
    let created = client.sign_up("ada@example.com");
    assert_eq!(created.status, 201);
    assert_eq!(created.header("content-type"), Some("application/json"));
    assert_eq!(created.header("apigw-requestid").map(str::len), Some(16));
    let user = created.json();
    let id = user["id"].as_str().unwrap();
    assert_eq!(client.get("/users").json(), json!([user]));
    // The path is decoded on the way.
    let encoded = format!("/users/%3{}{}", &id[..1], &id[1..]);
    assert_eq!(client.get(&encoded).json(), user);
    client
        .sign_up("ADA@example.com")
        .assert_problem(409, "email_taken");
    client
        .get("/users/1")
        .assert_problem(400, "invalid_request");
    client
        .send("POST", "/logout", &[], b"")
        .assert_problem(401, "error");
}

#[test]
fn what_is_no_route_is_a_404() {
    let server = Server::start();
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/users/"),
        ("GET", "/users/1/2"),
        ("GET", "/food/a%2Fb"),
        ("PATCH", "/food/1"),
        ("OPTIONS", "/food"),
        ("POST", "/images/x"),
        ("GET", "/images"),
        ("GET", "/users;x"),
        ("BREW", "/food"),
    ] {
        let answer = server.client.send(method, target, &[], b"");
        answer.assert_problem(404, "not_found");
    }
}

#[test]
fn a_404_reaches_a_client_that_sends_a_large_body_all_the_same() {
    let server = Server::start();
    let body = vec![b'a'; 8 * MB];
    let answer = server.client.send("POST", "/nothing", &[], &body);
    answer.assert_problem(404, "not_found");
}

#[test]
fn head_is_not_routed() {
    let server = Server::start();
    let answer = server.client.send("HEAD", "/food", &[], b"");
    assert_eq!(answer.status, 404);
    assert!(answer.body.is_empty());
}

#[test]
fn a_target_that_cannot_be_read_is_a_400() {
    let server = Server::start();
    for target in [
        "/food/%",
        "/food/%zz",
        "/food/%4",
        "/food/%FF",
        "/%c3%28",
        "*",
    ] {
        let answer = server.client.get(target);
        answer.assert_problem(400, "invalid_request");
    }
    // These never get as far as to us: hyper refuses them.
    for target in ["food", "/food/<x>", "http://", "/\u{1}"] {
        assert_eq!(server.client.get(target).status, 400, "{target}");
    }
    let broken_query = server.client.get("/food?cursor=%zz&limit=%FF");
    broken_query.assert_problem(400, "invalid_request");
}

#[test]
fn no_header_makes_the_gateway_or_a_function_panic() {
    let server = Server::start();
    for host in [
        "",
        "a b",
        "a/b?c#d",
        "[::1",
        "host:99999",
        "user@host",
        "%zz",
        "::::",
        "\\",
    ] {
        let answer = server.client.send("GET", "/food", &[("Host", host)], b"");
        assert!(
            matches!(answer.status, 200 | 400),
            "{host}: {}",
            answer.status
        );
    }
    for value in [&b"\xFF\xFE"[..], "é\u{FFFD}".as_bytes(), b"\t"] {
        for name in [
            "Host",
            "Cookie",
            "Authorization",
            "Content-Type",
            "X-Forwarded-Proto",
            "Link",
        ] {
            let mut request = server.client.head("GET", "/food", &[]).into_bytes();
            request.extend_from_slice(format!("{name}: ").as_bytes());
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n\r\n");
            let status = server.client.raw(&request).status;
            assert!(matches!(status, 200 | 400), "{name}: {status}");
        }
    }
    assert_eq!(server.client.get("/food").status, 200);
}

#[test]
fn a_head_larger_than_api_gateway_takes_is_a_431() {
    let server = Server::start();
    let large = "a".repeat(10_240);
    let answer = server
        .client
        .send("GET", "/food", &[("X-Large", &large)], b"");
    answer.assert_problem(431, "invalid_request");
    let answer = server.client.get(&format!("/food?cursor={large}"));
    answer.assert_problem(431, "invalid_request");
}

#[test]
fn a_body_of_10_mb_and_one_byte_is_a_413_whoever_counts_it() {
    let server = Server::start();
    let client = &server.client;
    let json = ("Content-Type", "application/json");
    let body = vec![b' '; 10 * MB + 1];
    let too_large = |answer: &Response| {
        answer.assert_problem(413, "upload_err");
        assert!(
            answer.json()["upload_err"]
                .as_str()
                .unwrap()
                .contains("4.4 MB")
        );
    };

    // Announced, and sent all the same.
    too_large(&client.send("POST", "/login", &[json], &body));

    // Announced, and answered before a byte of it is sent.
    let head = client.head("POST", "/login", &[json, ("Expect", "100-continue")]);
    let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    let mut stream = client.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");

    // Not announced.
    let head = client.head("POST", "/login", &[json, ("Transfer-Encoding", "chunked")]);
    let mut request = format!("{head}\r\n{:x}\r\n", body.len()).into_bytes();
    request.extend_from_slice(&body);
    request.extend_from_slice(b"\r\n0\r\n\r\n");
    too_large(&client.raw(&request));
}

#[test]
fn an_event_of_more_than_6_mb_is_a_413() {
    let server = Server::start();
    let client = &server.client;
    // As base64 it is 4/3 of its size: 6 MB of event is 4.5 MB of form.
    let form = [("Content-Type", "application/octet-stream")];
    let answer = client.send("POST", "/login", &form, &vec![0; 9 * MB / 2]);
    answer.assert_problem(413, "upload_err");
    let json = [("Content-Type", "application/json")];
    let answer = client.send("POST", "/login", &json, &vec![b' '; 6 * MB]);
    answer.assert_problem(413, "upload_err");
    // What fits is the function's to judge.
    let answer = client.send("POST", "/login", &json, &vec![b' '; 6 * MB - 2000]);
    answer.assert_problem(422, "invalid_json");
    let answer = client.send("POST", "/login", &form, &vec![b' '; 9 * MB / 2 - 2000]);
    answer.assert_problem(422, "invalid_json");
}

#[test]
fn a_client_that_asks_whether_to_go_on_is_told_to() {
    let server = Server::start();
    let body = json!({ "email": "nobody@example.com", "password": "x" }).to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("Expect", "100-continue"),
    ];
    let head = server.client.head("POST", "/login", &headers);
    let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    let mut stream = server.client.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    Response::read(&mut stream).assert_problem(401, "incorrect_password");
}

#[test]
fn a_body_that_breaks_off_harms_nobody() {
    let server = Server::start();
    let head = server.client.head("POST", "/login", &[]);
    let mut stream = server.client.connect();
    stream
        .write_all(format!("{head}Content-Length: 100\r\n\r\nhalf").as_bytes())
        .unwrap();
    drop(stream);
    let head = server
        .client
        .head("POST", "/login", &[("Transfer-Encoding", "chunked")]);
    let answer = server
        .client
        .raw(format!("{head}\r\nnot a length\r\n").as_bytes());
    answer.assert_problem(400, "invalid_request");
    assert_eq!(server.client.get("/food").status, 200);
}

#[test]
fn a_connection_carries_many_requests() {
    let server = Server::start();
    let mut stream = server.client.connect();
    let request = "GET /food HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream
        .write_all(format!("{request}{request}{last}").as_bytes())
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[test]
fn a_preflight_is_answered_for_any_path() {
    let server = Server::start();
    for target in ["/food", "/food/1", "/nothing", "*"] {
        let headers = [
            ("Origin", "https://app.example"),
            ("Access-Control-Request-Method", "PUT"),
            (
                "Access-Control-Request-Headers",
                "authorization,content-type",
            ),
        ];
        let answer = server.client.send("OPTIONS", target, &headers, b"");
        assert_eq!(answer.status, 204);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert_eq!(methods, "GET,POST,PUT,DELETE,OPTIONS");
        let allowed = answer.header("access-control-allow-headers").unwrap();
        for header in [
            "authorization",
            "content-type",
            "if-none-match",
            "idempotency-key",
        ] {
            assert!(allowed.split(',').any(|name| name == header), "{header}");
        }
        assert!(answer.header("access-control-max-age").is_some());
    }
}

#[test]
fn every_answer_can_be_read_by_a_page_of_another_origin() {
    let server = Server::start();
    for (target, status) in [
        ("/food", 200),
        ("/food/1", 400),
        ("/nothing", 404),
        ("/%", 400),
    ] {
        let origin = [("Origin", "https://app.example")];
        let answer = server.client.send("GET", target, &origin, b"");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert_eq!(exposed, "link,etag,retry-after");
        let without = server.client.get(target);
        assert_eq!(without.header("access-control-allow-origin"), None);
    }
}

#[test]
fn only_listed_origins_are_allowed_once_there_is_a_list() {
    let server = Server::with(&[("ALLOWED_ORIGIN", "https://a.example,https://b.example")]);
    for (origin, allowed) in [
        ("https://a.example", true),
        ("https://b.example", true),
        ("https://c.example", false),
        ("null", false),
    ] {
        let answer = server
            .client
            .send("GET", "/food", &[("Origin", origin)], b"");
        assert_eq!(answer.status, 200);
        let expected = allowed.then_some(origin);
        assert_eq!(answer.header("access-control-allow-origin"), expected);
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

#[test]
fn a_picture_is_served_as_the_cdn_serves_it() {
    let server = Server::start();
    let client = &server.client;
    let picture = picture();
    let token = client.token("ada@example.com");
    let shared = client.share(&token, "Jollof rice", &picture);
    assert_eq!(shared.status, 201);
    let url = shared.json()["food_image"].as_str().unwrap().to_owned();
    let base_url = server.local.as_ref().unwrap().base_url();
    assert!(
        url.starts_with(&format!("{base_url}/images/foods/")),
        "{url}"
    );

    let target = path(&url);
    let got = client.get(target);
    assert_eq!(got.status, 200);
    assert_eq!(got.body, picture);
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(got.header(name), Some(value));
    }
    let e_tag = got.header("etag").unwrap();
    assert!(e_tag.starts_with('"') && e_tag.ends_with('"'), "{e_tag}");

    let head = client.send("HEAD", target, &[], b"");
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for name in ["content-type", "content-length", "etag", "cache-control"] {
        assert_eq!(head.header(name), got.header(name), "{name}");
    }

    let again = client.send("GET", target, &[("If-None-Match", e_tag)], b"");
    assert_eq!(again.status, 304);
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), Some(e_tag));
    assert_eq!(again.header("cache-control"), got.header("cache-control"));
    let other = client.send("GET", target, &[("If-None-Match", "\"other\"")], b"");
    assert_eq!(other.status, 200);

    client
        .send("DELETE", target, &[], b"")
        .assert_problem(404, "not_found");
    let shared_by = shared.json()["id"].as_str().unwrap().to_owned();
    let gone = target.replace(&shared_by, "0198d2a1-7c3e-7a55-9d52-3a9f7b1c2d3e");
    client.get(&gone).assert_problem(404, "not_found");
}

#[test]
fn no_address_of_a_picture_leaves_the_bucket() {
    let folder = Folder::new();
    let server = Server::options(Options {
        storage: Storage::Dir(folder.path.clone()),
        ..Options::default()
    });
    assert!(folder.path.join("secrets.json").exists());
    for target in [
        "/images/../secrets.json",
        "/images/../../secrets.json",
        "/images/%2e%2e/%2e%2e/secrets.json",
        "/images/..%2f..%2fsecrets.json",
        "/images//../secrets.json",
        "/images/foods/../../../secrets.json",
        "/images/..%5c..%5csecrets.json",
        "/images/",
        "/images/foods",
        "/images/foods/x/y.png",
        "/images/%00",
    ] {
        server.client.get(target).assert_problem(404, "not_found");
    }
}

#[test]
fn settings_win_over_what_is_filled_in() {
    let server = Server::with(&[
        ("PASSWORD_MIN_LENGTH", "30"),
        ("IMAGE_BASE_URL", "https://cdn.example"),
        ("USERS_TABLE", "people"),
        ("AWS_CA_BUNDLE", "/nowhere"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
    ]);
    let refused = server.client.sign_up("ada@example.com");
    refused.assert_problem(422, "invalid_password");
    let sentence = "password should be at least 30 characters";
    assert_eq!(refused.json()["invalid_password"], sentence);
}

#[test]
fn several_run_in_one_process_and_share_nothing() {
    let (one, other) = (Server::start(), Server::start());
    assert_eq!(one.client.sign_up("ada@example.com").status, 201);
    assert_eq!(other.client.sign_up("ada@example.com").status, 201);
    let token = one.client.log_in("ada@example.com").json()["access_token"].clone();
    let authorization = format!("Bearer {}", token.as_str().unwrap());
    let headers = [("Authorization", authorization.as_str())];
    other
        .client
        .send("POST", "/logout", &headers, b"")
        .assert_problem(401, "error");
    drop(other);
    assert_eq!(
        one.client.send("POST", "/logout", &headers, b"").status,
        200
    );
}

#[test]
fn what_has_begun_is_answered_when_the_server_stops() {
    let mut server = Server::start();
    let body = json!({
        "first_name": "Ada",
        "last_name": "Okafor",
        "email": "ada@example.com",
        "password": support::PASSWORD,
    });
    let body = body.to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("Expect", "100-continue"),
    ];
    let head = server.client.head("POST", "/users", &headers);
    let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    let mut stream = server.client.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();

    let stopping = server.runtime.spawn(server.local.take().unwrap().stop());
    while server.client.try_connect().is_ok() {
        std::thread::yield_now();
    }
    assert!(!stopping.is_finished());
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream).status, 201);
    server.runtime.block_on(stopping).unwrap();
}

#[test]
fn a_wrong_setting_is_named() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build().unwrap();
    for (name, value) in [
        ("PASSWORD_MIN_LENGTH", "many"),
        ("TOKEN_STORE_URL", "http://x"),
        ("ACCESS_SECRET", "short"),
    ] {
        let started = runtime.block_on(local::Local::start(Options {
            settings: vec![(name.to_owned(), value.to_owned())],
            ..Options::default()
        }));
        let error = started.unwrap_err();
        assert!(matches!(error, StartError::Settings(_)), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(
            !error.to_string().contains(value) || value == "many",
            "{error}"
        );
    }
}
