//! Tests of the flags `--engines-only` (for functions in other processes) and `--seed-fixtures` (for `events/`).

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

/// The functions, configured only with the settings that `--engines-only` prints, like functions in another process.
struct Functions(Api);

impl Functions {
    fn of(program: &Program) -> Self {
        Self::with(exported(&program.banner))
    }

    fn with(variables: Variables) -> Self {
        Self(Api::new(&Settings::new(variables)).unwrap())
    }

    /// Invokes `function` with its event in `events/`. Returns the status and the JSON body.
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

/// Returns the environment variables of a shell after `script`, which must override the different values before.
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
    // Without the shell's own variables.
    let ours = variables.filter(|(name, _)| !["PATH", "PWD", "SHLVL", "_"].contains(&&**name));
    ours.collect()
}

fn in_memory(arguments: &[&str]) -> Program {
    let mut command = command(&["--memory", "--engines-only"]);
    command.args(arguments);
    Program::start(command)
}

fn in_folder(folder: &Path) -> Program {
    Program::in_folder(folder, &["--engines-only", "--seed-fixtures"])
}

#[tokio::test]
async fn engines_only_exports_every_function_setting() {
    let program = in_memory(&[]);
    let variables = exported(&program.banner);
    let document = include_str!("../../../docs/SETTINGS.md");
    let settings = document.split_once("\n## Settings\n").unwrap().1;
    let settings = settings.split("\n## ").next().unwrap();
    let is_name = |word: &&str| {
        let is_letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        word.contains('_') && word.chars().all(is_letter)
    };
    let mut documented: BTreeSet<_> = settings.split('`').filter(is_name).collect();
    // Only the gateway reads the first; an empty second disables certificate checks in other tools; the endpoints of
    // the services take precedence over the third.
    for other in ["ALLOWED_ORIGIN", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"] {
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
async fn setting_files_are_readable_by_owner_only() {
    let folder = tempdir().unwrap();
    let dir = folder.path().canonicalize().unwrap();
    for _ in 0..2 {
        let program = in_folder(&dir);
        let variables = exported(&program.banner);
        for name in ["env", "env.json"] {
            let file = dir.join(name);
            let line = format!("# also written to {}\n", file.display());
            assert!(program.banner.contains(&line), "{}", program.banner);
            let mode = || fs::metadata(&file).unwrap().permissions();
            assert_eq!(mode().mode() & 0o777, 0o600, "{name}");
            // The next start replaces the file.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        }
        let script = fs::read_to_string(dir.join("env")).unwrap();
        assert_eq!(exported(&script), variables);
        let json: Value = serde_json::from_slice(&fs::read(dir.join("env.json")).unwrap()).unwrap();
        let in_container = at_host(&variables, "host.docker.internal");
        assert_eq!(json, json!({ "Parameters": in_container }));
    }
}

/// Returns the variables with another host in the URLs of the engines.
fn at_host(variables: &Variables, host: &str) -> Variables {
    let mut variables = variables.clone();
    for name in ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"] {
        let url = variables.get_mut(name).unwrap();
        *url = url.replace("127.0.0.1", host);
    }
    variables
}

/// Only Linux has the address 127.0.0.2 without configuration.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn engines_listen_on_another_address_only_with_listen() {
    for (arguments, status) in
        [(&["--seed-fixtures"][..], 503), (&["--seed-fixtures", "--listen", "127.0.0.2"], 201)]
    {
        let program = in_memory(arguments);
        let variables = at_host(&exported(&program.banner), "127.0.0.2");
        // Writes to both engines.
        assert_eq!(Functions::with(variables).invoke("create_food").await.0, status);
    }
}

#[test]
fn address_of_another_machine_is_a_one_line_error() {
    // Reserved for documentation.
    let arguments = ["--memory", "--engines-only", "--listen", "192.0.2.1"];
    assert_fails(&output(&mut command(&arguments)), &["192.0.2.1", "--listen"]);
}

#[tokio::test]
async fn engines_only_serves_images_but_no_routes() {
    let mut program = in_memory(&["--seed-fixtures"]);
    let client = &program.client;
    for route in ROUTES {
        let method = route.method.parse().unwrap();
        let response = client.request(method, route.path.split('{').next().unwrap());
        let response = response.send().await;
        assert_eq!(response.status, 404);
        assert!(response.text().contains("--engines-only"));
    }
    let (_, body) = Functions::of(&program).invoke("get_food").await;
    let url = text(&body["food"]["food_image"]);
    let path = url.strip_prefix(&client.url("")).unwrap();
    assert_eq!(client.get(path).send().await.status, 200);

    // Standard output has no line that a shell could execute.
    assert!(program.interrupt().success());
    assert_eq!(program.next_line(), "");
}

#[tokio::test]
async fn restart_restores_fixtures_changed_by_events() {
    let folder = tempdir().unwrap();
    for function in
        ["change_password", "update_food", "delete_food", "logout", "delete_user", "create_food"]
    {
        let mut program = in_folder(folder.path());
        let functions = Functions::of(&program);
        let (_, body) = functions.invoke("get_food").await;
        assert_eq!(body["food"]["title"], "Jollof rice");
        assert_eq!(body["food"]["description"], "<p>Smoky</p>");
        for function in ["login", "list_sessions", function] {
            let (status, body) = functions.invoke(function).await;
            assert!((200..300).contains(&status), "{function}: {body}");
        }
        assert!(program.interrupt().success());
    }
    // The food that an event created still exists.
    let (_, foods) = Functions::of(&in_folder(folder.path())).invoke("list_food").await;
    assert_eq!(foods.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn fixture_tokens_are_accepted_by_the_api() {
    let program = Program::start(command(&["--memory", "--seed-fixtures"]));
    assert!(!program.banner.contains("export"));
    let line = "log in as ada@example.com with the password \"analytical\"\n";
    assert!(program.banner.contains(line), "{}", program.banner);
    let event: Value = serde_json::from_str(include_str!("../../../events/logout.json")).unwrap();
    let token = text(&event["headers"]["authorization"]);
    let logout = program.client.post("/logout").header("authorization", &token);
    assert_eq!(logout.send().await.status, 200);
}

#[tokio::test]
async fn fixture_secrets_are_not_stored_in_data_dir() {
    let folder = tempdir().unwrap();
    let secret = |arguments: &[&str]| {
        let mut command = command(&["--engines-only", "--data-dir"]);
        command.arg(folder.path()).args(arguments);
        let mut program = Program::start(command);
        assert!(program.interrupt().success());
        exported(&program.banner)["ACCESS_SECRET"].clone()
    };
    let first = secret(&[]);
    assert_eq!(secret(&["--seed-fixtures"]), fixtures::ACCESS_SECRET);
    assert_ne!(first, fixtures::ACCESS_SECRET);
    assert_eq!(secret(&[]), first);
}

#[tokio::test]
async fn seeding_fails_if_another_account_has_a_fixture_email() {
    let folder = tempdir().unwrap();
    let mut program = Program::in_folder(folder.path(), &[]);
    program.client.member("Ada").await;
    assert!(program.interrupt().success());
    let output = output(command(&["--seed-fixtures", "--data-dir"]).arg(folder.path()));
    assert_fails(&output, &["ada@example.com", "another", "--data-dir", "--memory"]);
}
