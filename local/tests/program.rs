//! The real program: how it starts, what it says, how it ends, and what it keeps.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use serde_json::json;
use support::{Folder, PASSWORD, Program, assert_refused, command, output, path, picture};

#[test]
fn help_tells_everything_there_is_to_tell() {
    let output = output(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "--port",
        "--data-dir",
        "--memory",
        "--demo",
        "--events",
        "--engines-only",
        "env.json",
        "8888",
        ".local",
        "PASSWORD_MIN_LENGTH",
        "TOKEN_STORE_URL",
        "ALLOWED_ORIGIN",
        "NO_COLOR",
        "AWS_",
        "Ctrl-C",
    ] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
}

#[test]
fn a_wrong_command_line_is_explained() {
    for arguments in [
        &["--prot", "1"][..],
        &["--port", "x"],
        &["--memory", "--data-dir", "x"],
        &["--demo", "--events"],
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("--help"), "{error}");
    }
}

#[test]
fn it_says_where_it_is_what_it_keeps_and_what_it_answers() {
    let folder = Folder::new();
    let mut program = Program::in_folder(&folder.path);
    let banner = &program.banner;
    assert!(
        banner.starts_with("food-app on http://127.0.0.1:"),
        "{banner}"
    );
    let (_, after) = banner.split_once("ready in ").unwrap();
    let (milliseconds, _) = after.split_once(" ms").unwrap();
    assert!(milliseconds.parse::<u32>().unwrap() < 1_000, "{banner}");
    let dir = folder.path.canonicalize().unwrap();
    assert!(
        banner.contains(&format!(
            "data in {}\nread the API and try it on http://127.0.0.1:",
            dir.display()
        )),
        "{banner}"
    );
    for route in functions::routes::ROUTES {
        let is_line = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some(route.method) && words.next() == Some(route.path)
        };
        assert!(
            banner.lines().any(is_line),
            "{} is not in {banner}",
            route.name
        );
    }

    program.client.get("/food?limit=5");
    let line = program.next_line();
    let words: Vec<_> = line.split_whitespace().collect();
    assert!(
        matches!(words[..], ["GET", "/food", "200", _, "ms"]),
        "{line}"
    );
    program.client.get("/nothing");
    let line = program.next_line();
    assert!(line.starts_with("GET     /nothing 404 "), "{line}");
    let problem = program.next_line();
    assert_eq!(problem, "        not_found: there is no such thing\n");
}

#[test]
fn lines_say_what_was_wrong_and_nothing_that_is_secret() {
    let folder = Folder::new();
    let mut program = Program::in_folder(&folder.path);
    let client = &program.client;
    let token = client.token("ada@example.com");
    let wrong = json!({"email": "ada@example.com", "password": "Sesame, open"});
    assert_eq!(client.post("/login", &wrong).status, 401);
    assert_eq!(client.share(&token, "", &[]).status, 422);
    client.get("/food");
    let mut lines = String::new();
    while !lines.contains("GET     /food 200 ") {
        let line = program.next_line();
        assert!(!line.is_empty(), "it ended: {lines}");
        lines.push_str(&line);
    }
    for told in [
        "POST    /users 201 ",
        "POST    /login 200 ",
        "POST    /login 401 ",
        "        incorrect_password: incorrect email or password\n",
        "POST    /food 422 ",
        "        title_required: title is required\n",
    ] {
        assert!(lines.contains(told), "{told} is not in {lines}");
    }
    for secret in ["ada@", PASSWORD, "Sesame", &token, "\x1b"] {
        assert!(!lines.contains(secret), "{secret} is in {lines}");
    }
}

#[test]
fn a_taken_port_is_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = output(&["--memory", "--port", &port]);
    assert_refused(&output, &[&port, "is taken", "--port"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_a_one_line_error() {
    let folder = Folder::new();
    fs::write(&folder.path, "a file").unwrap();
    let below = folder.path.join("data");
    let below = below.to_str().unwrap();
    let output = output(&["--port", "0", "--data-dir", below]);
    assert_refused(&output, &[below, "--data-dir", "--memory"]);
}

#[test]
fn a_folder_in_use_is_a_one_line_error() {
    let folder = Folder::new();
    let first = Program::in_folder(&folder.path);
    let dir = folder.path.to_str().unwrap();
    let output = output(&["--port", "0", "--data-dir", dir]);
    assert_refused(&output, &[dir, "in use", "--data-dir"]);
    assert_eq!(first.client.get("/food").status, 200);
}

#[test]
fn a_damaged_database_is_a_one_line_error_and_stays_as_it_is() {
    let folder = Folder::new();
    assert!(Program::in_folder(&folder.path).interrupt().success());
    let database = folder.path.join("dynamodb.sqlite");
    let whole = fs::read(&database).unwrap();
    let mut scribbled = whole.clone();
    scribbled[100..4096].fill(0x5A);
    for damaged in [
        &b"This is no database."[..],
        &[0; 4096],
        &scribbled,
        &whole[..5000],
    ] {
        fs::write(&database, damaged).unwrap();
        let output = output(&["--port", "0", "--data-dir", folder.path.to_str().unwrap()]);
        assert_refused(&output, &["dynamodb.sqlite", "delete it"]);
        assert_eq!(fs::read(&database).unwrap(), damaged);
    }
    fs::write(&database, whole).unwrap();
    Program::in_folder(&folder.path);
}

#[test]
fn a_part_of_the_folder_that_cannot_be_used_is_a_one_line_error() {
    for (part, is_file) in [
        ("dynamodb.sqlite", false),
        ("images", true),
        ("lock", false),
    ] {
        let folder = Folder::new();
        fs::create_dir(&folder.path).unwrap();
        let path = folder.path.join(part);
        if is_file {
            fs::write(&path, "a file").unwrap();
        } else {
            fs::create_dir(&path).unwrap();
        }
        let output = output(&["--port", "0", "--data-dir", folder.path.to_str().unwrap()]);
        assert_refused(
            &output,
            &[folder.path.to_str().unwrap(), "--data-dir", "--memory"],
        );
    }
}

#[test]
fn damaged_secrets_are_a_one_line_error() {
    let folder = Folder::new();
    fs::create_dir(&folder.path).unwrap();
    fs::write(folder.path.join("secrets.json"), "{\"access_secret\":").unwrap();
    let output = output(&["--port", "0", "--data-dir", folder.path.to_str().unwrap()]);
    assert_refused(&output, &["secrets.json", "damaged", "delete it"]);
}

#[test]
fn a_wrong_setting_is_a_one_line_error() {
    let mut command = command(&["--port", "0", "--memory"]);
    let output = command.env("MAX_IMAGE_BYTES", "huge").output().unwrap();
    assert_refused(&output, &["MAX_IMAGE_BYTES", "environment"]);
}

#[test]
fn ctrl_c_ends_it_cleanly_and_everything_is_there_the_next_time() {
    let folder = Folder::new();
    let first = Program::in_folder(&folder.path);
    let token = first.client.token("ada@example.com");
    let shared = first.client.share(&token, "Jollof rice", &picture());
    assert_eq!(shared.status, 201);
    let shared = shared.json();
    let picture_url = shared["food_image"].as_str().unwrap();
    assert_eq!(first.interrupt().code(), Some(0));

    let secrets = fs::metadata(folder.path.join("secrets.json")).unwrap();
    assert_eq!(secrets.permissions().mode() & 0o777, 0o600);

    let second = Program::in_folder(&folder.path);
    assert_eq!(second.client.log_in("ada@example.com").status, 200);
    // The picture's address has the port in it, which is another one now.
    let food = &second.client.get("/food").json()[0];
    assert_eq!(food["title"], "Jollof rice");
    assert_eq!(second.client.get(path(picture_url)).body, picture());
    // Signed with the same secret, and the session is still there.
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str())];
    assert_eq!(
        second.client.send("POST", "/logout", &headers, b"").status,
        200
    );
}

#[test]
fn memory_keeps_nothing() {
    let elsewhere = Folder::new();
    fs::create_dir(&elsewhere.path).unwrap();
    let start = || {
        let mut command = command(&["--memory"]);
        command
            .current_dir(&elsewhere.path)
            .env("TMPDIR", &elsewhere.path);
        Program::start(command)
    };
    let first = start();
    assert!(first.banner.contains("data in nowhere"), "{}", first.banner);
    first.client.token("ada@example.com");
    assert!(first.interrupt().success());
    assert_eq!(fs::read_dir(&elsewhere.path).unwrap().count(), 0);
    let second = start();
    let login = second.client.log_in("ada@example.com");
    login.assert_problem(401, "incorrect_password");
}

#[test]
fn the_environment_wins_and_a_developers_aws_account_does_not_matter() {
    let mut command = command(&["--memory"]);
    command
        .env("PASSWORD_MIN_LENGTH", "30")
        .env("AWS_PROFILE", "work")
        .env("AWS_CA_BUNDLE", "/nowhere")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1");
    let program = Program::start(command);
    let refused = program.client.sign_up("ada@example.com");
    refused.assert_problem(422, "invalid_password");
    assert_eq!(program.client.get("/users").status, 200);
}

#[test]
fn the_demo_is_there_to_look_at_however_often_it_is_asked_for() {
    let folder = Folder::new();
    for _ in 0..2 {
        let dir = folder.path.to_str().unwrap();
        let program = Program::start(command(&["--demo", "--data-dir", dir]));
        let client = &program.client;
        let line = program
            .banner
            .lines()
            .find(|line| line.starts_with("log in as"));
        let line = line.unwrap();
        let email = line.split_whitespace().nth(3).unwrap();
        let password = line.split('"').nth(1).unwrap();
        let login = serde_json::json!({ "email": email, "password": password });
        assert_eq!(client.post("/login", &login).status, 200);

        assert_eq!(client.get("/users").json().as_array().unwrap().len(), 3);
        let feed = client.get("/food").json();
        let foods = feed.as_array().unwrap();
        assert_eq!(foods.len(), 6);
        for food in foods {
            let shown = client.get(path(food["food_image"].as_str().unwrap()));
            assert_eq!(shown.status, 200);
            assert!(shown.body.len() > 1000);
            assert!(shown.header("content-type").unwrap().starts_with("image/"));
        }
        assert!(program.interrupt().success());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn it_takes_less_than_60_mb_when_idle() {
    let program = Program::start(command(&["--memory"]));
    // After some work as well: Argon2 takes 19 MB for each of these (see .cargo/config.toml).
    thread::scope(|scope| {
        for nth in 0..8 {
            let client = &program.client;
            scope.spawn(move || client.token(&format!("user{nth}@example.com")));
        }
    });
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let resident = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u32 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 60 * 1024, "{kilobytes} KB");
}
