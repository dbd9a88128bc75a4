//! Tests of the program `local`: flags, output, errors, settings and stored data.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use engines::dynoxide::Database;
use functions::routes::ROUTES;
use serde_json::{from_value, json};
use support::{Program, assert_fails, command, output};
use tempfile::tempdir;
use test_support::{Member, text};

#[test]
fn help_lists_flags_and_settings() {
    let output = command(&["--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "--port",
        "--data-dir",
        "--memory",
        "--demo",
        "--train",
        "--seed-fixtures",
        "--engines-only",
        "--listen",
        "PASSWORD_MIN_LENGTH",
        "TOKEN_STORE_URL",
        "ALLOWED_ORIGIN",
        "NO_COLOR",
    ] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
}

#[test]
fn unknown_flag_exits_with_status_2() {
    let output = command(&["--prot", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--help"), "{error}");
}

#[tokio::test]
async fn banner_shows_url_data_dir_and_routes() {
    let folder = tempdir().unwrap();
    let program = Program::in_folder(folder.path(), &[]);
    let (banner, url) = (&program.banner, program.client.url(""));
    let dir = folder.path().canonicalize().unwrap();
    for line in [
        format!("food-app on {url} (ready in "),
        format!("\ndata in {}\n", dir.display()),
        format!("on {url}/docs\n"),
    ] {
        assert!(banner.contains(&line), "{line} is not in {banner}");
    }
    for route in ROUTES {
        let mut lines = banner.lines().map(|line| line.split_whitespace());
        let is_shown = lines.any(|words| words.take(2).eq([route.method, route.path]));
        assert!(is_shown, "{} is not in {banner}", route.name);
    }
}

#[tokio::test]
async fn request_log_shows_errors_and_no_secrets() {
    let mut program = Program::start(command(&["--memory"]));
    let client = &program.client;
    let ada = client.member("ada").await;
    let wrong = json!({"email": "ada@example.com", "password": "Sesame, open"});
    client.post("/login").json(&wrong).send().await;
    client.get("/nothing").send().await;
    client.get("/food?limit=5").send().await;
    let mut lines = String::new();
    while !lines.contains("GET     /food 200 ") {
        let line = program.next_line();
        assert!(!line.is_empty(), "the program ended: {lines}");
        lines.push_str(&line);
    }
    for part in [
        "POST    /users 201 ",
        "POST    /login 200 ",
        "POST    /login 401 ",
        "        incorrect_password: incorrect email or password\n",
        "GET     /nothing 404 ",
    ] {
        assert!(lines.contains(part), "{part} is not in {lines}");
    }
    for secret in ["ada@", "battery", "Sesame", &ada.access, "limit", "\x1b"] {
        assert!(!lines.contains(secret), "{secret} is in {lines}");
    }
}

#[test]
fn port_in_use_is_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = command(&["--memory", "--port", &port]).output().unwrap();
    assert_fails(&output, &[&port, "in use", "--port"]);
}

#[test]
fn invalid_setting_is_a_one_line_error() {
    let mut command = command(&["--memory"]);
    let output = output(command.env("MAX_IMAGE_BYTES", "huge"));
    assert_fails(&output, &["MAX_IMAGE_BYTES", "environment"]);
}

#[tokio::test]
async fn data_dir_in_use_is_a_one_line_error() {
    let folder = tempdir().unwrap();
    let first = Program::in_folder(folder.path(), &[]);
    let output = output(command(&["--data-dir"]).arg(folder.path()));
    assert_fails(&output, &["in use", "--data-dir"]);
    assert_eq!(first.client.get("/food").send().await.status, 200);
}

#[test]
fn unusable_data_dir_is_a_one_line_error() {
    let setups: [fn(&Path); 4] = [
        |folder| fs::write(folder, "a file").unwrap(),
        |folder| {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("images"), "a file").unwrap();
        },
        |folder| fs::create_dir_all(folder.join("lock")).unwrap(),
        |folder| fs::create_dir_all(folder.join("dynamodb.sqlite")).unwrap(),
    ];
    for set_up in setups {
        let parent = tempdir().unwrap();
        let folder = parent.path().join("data");
        set_up(&folder);
        let output = output(command(&["--data-dir"]).arg(&folder));
        assert_fails(&output, &["data", "--data-dir", "--memory"]);
    }
}

#[test]
fn damaged_data_file_is_a_one_line_error() {
    let folder = tempdir().unwrap();
    assert!(Program::in_folder(folder.path(), &[]).interrupt().success());
    for (file, message) in [("secrets.json", "damaged"), ("dynamodb.sqlite", "delete it")] {
        let path = folder.path().join(file);
        let intact = fs::read(&path).unwrap();
        let mut overwritten = intact.clone();
        let end = intact.len().min(4096);
        overwritten[100..end].fill(0x5A);
        let cut = &intact[..(intact.len() / 2).min(5000)];
        for damaged in [&b"another format"[..], &overwritten, cut] {
            fs::write(&path, damaged).unwrap();
            let output = output(command(&["--data-dir"]).arg(folder.path()));
            assert_fails(&output, &[file, message]);
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
        fs::write(&path, intact).unwrap();
    }
    Program::in_folder(folder.path(), &[]);
}

#[tokio::test]
async fn stored_data_survives_program_restart() {
    let folder = tempdir().unwrap();
    let mut first = Program::in_folder(folder.path(), &[]);
    let ada = first.client.member("ada").await;
    let food = first.client.share(&ada, "Jollof rice").await;
    assert_eq!(first.interrupt().code(), Some(0));

    let second = Program::in_folder(folder.path(), &[]);
    let client = &second.client;
    client.log_in("ada").await;
    let foods = client.get("/food").send().await.json();
    assert_eq!(foods[0]["title"], "Jollof rice");
    // The second run has another port and so another URL.
    let url = text(&food["food_image"]);
    let path = url.strip_prefix(&first.client.url("")).unwrap();
    assert_eq!(client.get(path).send().await.status, 200);
    // The session and the secret of its token are stored as well.
    let logout = client.post("/logout").token(&ada.access);
    assert_eq!(logout.send().await.status, 200);
}

#[tokio::test]
async fn data_dir_of_earlier_version_gets_the_table_of_likes_and_streams() {
    let folder = tempdir().unwrap();
    let mut first = Program::in_folder(folder.path(), &[]);
    let ada = first.client.member("ada").await;
    first.client.share(&ada, "Jollof rice").await;
    assert!(first.interrupt().success());
    let path = folder.path().join("dynamodb.sqlite");
    let open = || Database::new(path.to_str().unwrap()).unwrap();
    let database = open();
    database.delete_table(from_value(json!({"TableName": "likes"})).unwrap()).unwrap();
    let no_stream = json!({"TableName": "foods", "StreamSpecification": {"StreamEnabled": false}});
    database.update_table(from_value(no_stream).unwrap()).unwrap();
    drop(database);
    let _ = fs::remove_file(folder.path().join("streams.json"));

    let mut second = Program::in_folder(folder.path(), &[]);
    second.client.log_in("ada").await;
    assert_eq!(second.client.list("/food").await.len(), 1);
    assert!(second.interrupt().success());
    for table in ["foods", "likes"] {
        let request = from_value(json!({"TableName": table})).unwrap();
        let table = json!(open().describe_table(request).unwrap());
        assert_eq!(table["Table"]["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
    }
}

#[tokio::test]
async fn memory_flag_leaves_no_files() {
    let folder = tempdir().unwrap();
    let mut command = command(&["--memory"]);
    command.current_dir(&folder).env("TMPDIR", folder.path());
    let mut program = Program::start(command);
    assert!(program.banner.contains("data in temporary files"));
    let ada = program.client.member("ada").await;
    program.client.share(&ada, "Jollof rice").await;
    assert!(program.interrupt().success());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[tokio::test]
async fn environment_overrides_defaults_except_aws_variables() {
    let mut command = command(&["--memory"]);
    command
        .env("PASSWORD_MIN_LENGTH", "30")
        .env("AWS_PROFILE", "work")
        .env("AWS_CA_BUNDLE", "/nowhere")
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1");
    let program = Program::start(command);
    let rejected = program.client.sign_up("ada").await;
    assert_eq!(rejected.status, 422);
    assert!(rejected.json()["invalid_password"].is_string());
    assert_eq!(program.client.get("/users").send().await.status, 200);
}

/// Logs in with the e-mail and password in the banner, and returns the access token.
async fn log_in(program: &Program) -> String {
    let (_, login) = program.banner.split_once("log in as ").unwrap();
    let email = login.split_whitespace().next().unwrap();
    let password = login.split('"').nth(1).unwrap();
    let login = json!({ "email": email, "password": password });
    let login = program.client.post("/login").json(&login).send().await;
    assert_eq!(login.status, 200);
    text(&login.json()["access_token"])
}

#[tokio::test]
async fn demo_data_is_seeded_once() {
    let folder = tempdir().unwrap();
    for _ in 0..2 {
        let program = Program::in_folder(folder.path(), &["--demo"]);
        let client = &program.client;
        log_in(&program).await;
        assert_eq!(client.list("/users?limit=100").await.len(), 40);
        let foods = client.list("/food?limit=100").await;
        assert_eq!(foods.len(), 48);
        assert!(foods.iter().all(|food| food["likes"].as_u64().is_some()));
        for food in foods {
            let url = text(&food["food_image"]);
            let path = url.split_once("/images/").unwrap().1;
            let image = client.get(&format!("/images/{path}")).send().await;
            assert!(image.header("content-type").starts_with("image/"), "{url}");
        }
    }
}

#[tokio::test]
async fn demo_recommends_foods_of_the_same_taste_with_reasons() {
    const BREAKFASTS: [&str; 6] = [
        "Menemen",
        "Shakshuka",
        "Çılbır",
        "Simit with olives",
        "Ful medames",
        "Manakish with za'atar",
    ];
    let program = Program::start(command(&["--memory", "--demo"]));
    let client = &program.client;
    let foods = client.list("/food?limit=100").await;
    let id = |title: &str| text(&foods.iter().find(|food| food["title"] == title).unwrap()["id"]);
    let anonymous = client.list("/recommendations").await;
    assert_eq!(anonymous.len(), 20);
    assert!(anonymous.iter().all(|found| found["because"].is_null()));

    let user = client.member("breakfast").await;
    for title in &BREAKFASTS[..2] {
        let like = client.put(&format!("/food/{}/like", id(title))).token(&user.access);
        assert_eq!(like.send().await.status, 200);
    }
    let found = client.get("/recommendations").token(&user.access).send().await.json();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 20);
    let creators: BTreeSet<_> = found.iter().map(|found| text(&found["food"]["user_id"])).collect();
    assert!(creators.len() >= 10, "{creators:?}");
    let titles: Vec<_> = found.iter().map(|found| text(&found["food"]["title"])).collect();
    let others = titles.iter().filter(|title| BREAKFASTS[2..].contains(&title.as_str()));
    assert!(others.count() >= 3, "{titles:?}");
    assert!(BREAKFASTS[2..].contains(&titles[0].as_str()), "{titles:?}");
    let because = text(&found[0]["because"]["title"]);
    assert!(BREAKFASTS[..2].contains(&because.as_str()), "{because}");
    // Not only one group.
    assert!(titles.iter().filter(|title| !BREAKFASTS.contains(&title.as_str())).count() >= 10);
    // Ada has liked foods for a month.
    let ada = client.get("/recommendations").token(&log_in(&program).await).send().await.json();
    let reasons = ada.as_array().unwrap().iter().filter(|found| !found["because"].is_null());
    assert!(reasons.count() >= 6, "{ada}");
}

/// Waits until the stream has reached the recommendations of another user.
#[tokio::test]
async fn likes_of_others_change_recommendations_through_the_stream() {
    let program = Program::start(command(&["--memory"]));
    let client = &program.client;
    let (ada, eve) = (client.member("ada").await, client.member("eve").await);
    let mut foods = Vec::new();
    for title in ["Menemen", "Shakshuka", "Simit"] {
        foods.push(text(&client.share(&ada, title).await["id"]));
    }
    let like = async |user: &Member, food: &str| {
        let like = client.put(&format!("/food/{food}/like")).token(&user.access);
        assert_eq!(like.send().await.status, 200);
    };
    like(&eve, &foods[0]).await;
    let other = client.member("bob").await;
    like(&other, &foods[0]).await;
    like(&other, &foods[1]).await;
    let started = Instant::now();
    loop {
        let found = client.get("/recommendations").token(&eve.access).send().await.json();
        let first = found.as_array().unwrap().iter().find(|found| found["food"]["id"] == foods[1]);
        if first.is_some_and(|found| found["because"]["id"] == foods[0]) {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("another user's recommendations changed after {:?}", started.elapsed());
}

#[tokio::test]
async fn train_flag_computes_recommendations_before_the_start() {
    let folder = tempdir().unwrap();
    let mut first = Program::in_folder(folder.path(), &["--demo"]);
    assert!(first.interrupt().success());
    let mut command = command(&["--train", "--data-dir"]);
    command.arg(folder.path()).stderr(Stdio::piped());
    let mut program = Program::start(command);
    assert!(program.interrupt().success());
    assert!(program.stderr().contains("trained recommendations"));
}

#[tokio::test]
async fn demo_email_of_another_account_is_a_one_line_error() {
    let folder = tempdir().unwrap();
    let mut program = Program::in_folder(folder.path(), &[]);
    program.client.member("ada").await;
    assert!(program.interrupt().success());
    let output = output(command(&["--demo", "--data-dir"]).arg(folder.path()));
    let remedies = ["start without --demo", "another folder", "delete"];
    assert_fails(&output, &[&["the account ada@example.com"], &remedies[..]].concat());
}
