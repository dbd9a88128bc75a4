//! The engines for functions that run in other programs, and the data that the files in `events/` expect.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use functions::api::Api;
use functions::routes::ROUTES;
use functions::settings::Settings;
use local::fixtures;
use serde_json::{Value, json};
use support::{Program, assert_fails, command, output};
use tempfile::tempdir;
use test_support::text;

type Variables = BTreeMap<String, String>;

/// The functions as in another process: with these variables alone.
struct Functions(Api);

impl Functions {
    fn of(program: &Program) -> Self {
        let variables = exported(&program.banner);
        Self(Api::new(&Settings::new(variables)).unwrap())
    }

    /// Invokes a function with its event, and returns the status and the JSON of the body.
    async fn invoke(&self, function: &str) -> (u64, Value) {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let event = fs::read_to_string(events.join(format!("{function}.json"))).unwrap();
        let response = self.0.invoke(function, &event).await.unwrap();
        let response: Value = serde_json::from_str(&response).unwrap();
        let body = response["body"].as_str().unwrap();
        let body = serde_json::from_str(body).unwrap_or_default();
        (response["statusCode"].as_u64().unwrap(), body)
    }
}

/// Returns what a shell exports that runs a script in an environment with other values.
fn exported(script: &str) -> Variables {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("set -eu\n{script}\nenv -0")]);
    shell.env_clear().env("PATH", "/usr/bin:/bin");
    shell.env("AWS_SESSION_TOKEN", "mine");
    shell.env("TOKEN_STORE_URL", "redis://127.0.0.1:1");
    let output = shell.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let variables = String::from_utf8(output.stdout).unwrap();
    let variables = variables.split_terminator('\0').map(|variable| {
        let (name, value) = variable.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    // The shell's own.
    let ours = variables.filter(|(name, _)| !["PATH", "PWD", "SHLVL", "_"].contains(&&**name));
    ours.collect()
}

fn in_memory(arguments: &[&str]) -> Program {
    let mut command = command(&["--memory", "--engines-only"]);
    command.args(arguments);
    Program::start(command)
}

fn in_folder(folder: &Path) -> Program {
    Program::in_folder(folder, &["--engines-only", "--events"])
}

#[tokio::test]
async fn every_setting_of_a_function_is_exported() {
    let program = in_memory(&[]);
    let variables = exported(&program.banner);
    let readme = include_str!("../../../README.md");
    let settings = readme.split_once("\n## Settings\n").unwrap().1;
    let settings = settings.split("\n## ").next().unwrap();
    let is_name = |word: &&str| {
        let is_letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        word.contains('_') && word.chars().all(is_letter)
    };
    let mut documented: BTreeSet<_> = settings.split('`').filter(is_name).collect();
    // Only the gateway reads the first; other tools take an empty second for "check no certificate".
    for other in ["ALLOWED_ORIGIN", "AWS_CA_BUNDLE"] {
        assert!(documented.remove(other));
    }
    let names: BTreeSet<_> = variables.keys().map(String::as_str).collect();
    assert_eq!(names, documented);
    assert_eq!(variables["AWS_SESSION_TOKEN"], "");
    assert_eq!(variables["TOKEN_STORE_URL"], "");
    assert_eq!(variables["IMAGE_BASE_URL"], program.client.url("/images"));

    let functions = Functions::of(&program);
    assert_eq!(functions.invoke("list_users").await, (200, json!([])));
    assert_eq!(functions.invoke("create_user").await.0, 201);
}

#[tokio::test]
async fn settings_are_in_files_for_the_owner_alone() {
    let folder = tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    for _ in 0..2 {
        let program = in_folder(&dir);
        let variables = exported(&program.banner);
        for name in ["env", "env.json"] {
            let file = dir.join(name);
            let line = format!("# the same in {}\n", file.display());
            assert!(program.banner.contains(&line), "{}", program.banner);
            let mode = || fs::metadata(&file).unwrap().permissions();
            assert_eq!(mode().mode() & 0o777, 0o600, "{name}");
            // The next start makes it new.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        }
        let script = fs::read_to_string(dir.join("env")).unwrap();
        assert_eq!(exported(&script), variables);
        let json: Value = serde_json::from_slice(&fs::read(dir.join("env.json")).unwrap()).unwrap();
        assert_eq!(json, json!({ "Parameters": variables }));
    }
}

#[tokio::test]
async fn images_are_served_and_routes_are_not() {
    let mut program = in_memory(&["--events"]);
    let client = &program.client;
    for route in ROUTES {
        let method = route.method.parse().unwrap();
        let response = client.request(method, route.path.split('{').next().unwrap());
        let response = response.send().await;
        assert_eq!(response.status, 404);
        assert!(response.text().contains("--engines-only"));
    }
    let (_, shown) = Functions::of(&program).invoke("get_food").await;
    let url = text(&shown["food"]["food_image"]);
    let path = url.strip_prefix(&client.url("")).unwrap();
    assert_eq!(client.get(path).send().await.status, 200);

    // No line that a shell could take for a command.
    assert!(program.interrupt().success());
    assert_eq!(program.next_line(), "");
}

#[tokio::test]
async fn fixture_is_restored_after_events_changed_it() {
    let folder = tempdir().unwrap();
    for function in [
        "change_password",
        "update_food",
        "delete_food",
        "logout",
        "delete_user",
        "create_food",
    ] {
        let mut program = in_folder(folder.path());
        let functions = Functions::of(&program);
        let (_, shown) = functions.invoke("get_food").await;
        assert_eq!(shown["food"]["title"], "Jollof rice");
        assert_eq!(shown["food"]["description"], "<p>Smoky</p>");
        for function in ["login", "list_sessions", function] {
            let (status, body) = functions.invoke(function).await;
            assert!((200..300).contains(&status), "{function}: {body}");
        }
        assert!(program.interrupt().success());
    }
    // The food that an event created stays.
    let (_, foods) = Functions::of(&in_folder(folder.path()))
        .invoke("list_food")
        .await;
    assert_eq!(foods.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn fixture_is_behind_the_api_as_well() {
    let program = Program::start(command(&["--memory", "--events"]));
    assert!(!program.banner.contains("export"));
    let line = "log in as ada@example.com with the password \"analytical\"\n";
    assert!(program.banner.contains(line), "{}", program.banner);
    // The token of an event is valid here.
    let event: Value = serde_json::from_str(include_str!("../../../events/logout.json")).unwrap();
    let token = text(&event["headers"]["authorization"]);
    let logout = program
        .client
        .post("/logout")
        .header("authorization", &token);
    assert_eq!(logout.send().await.status, 200);
}

#[tokio::test]
async fn secrets_of_the_events_are_for_one_run() {
    let folder = tempdir().unwrap();
    let secret = |arguments: &[&str]| {
        let mut command = command(&["--engines-only", "--data-dir"]);
        command.arg(folder.path()).args(arguments);
        let mut program = Program::start(command);
        assert!(program.interrupt().success());
        exported(&program.banner)["ACCESS_SECRET"].clone()
    };
    let first = secret(&[]);
    assert_eq!(secret(&["--events"]), fixtures::ACCESS_SECRET);
    assert_ne!(first, fixtures::ACCESS_SECRET);
    assert_eq!(secret(&[]), first);
}

#[tokio::test]
async fn conflict_with_the_fixture_is_a_one_line_error() {
    let folder = tempdir().unwrap();
    let mut program = Program::in_folder(folder.path(), &[]);
    program.client.member("Ada").await;
    assert!(program.interrupt().success());
    let output = output(command(&["--events", "--data-dir"]).arg(folder.path()));
    assert_fails(
        &output,
        &["ada@example.com", "another", "--data-dir", "--memory"],
    );
}
