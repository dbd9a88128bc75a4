//! The engines for functions that run somewhere else, and the scene that the events expect.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use functions::api::Api;
use functions::routes::ROUTES;
use functions::settings::Settings;
use local::scene;
use serde_json::{Value, json};
use support::{Folder, Program, assert_refused, command, output, path};
use tokio::runtime::Runtime;

type Variables = BTreeMap<String, String>;

/// The functions as another process has them: made from these variables and nothing else.
struct Functions {
    runtime: Runtime,
    api: Api,
}

impl Functions {
    fn new(variables: &Variables) -> Self {
        Self {
            runtime: Runtime::new().unwrap(),
            api: Api::new(&Settings::new(variables.clone())).unwrap(),
        }
    }

    fn invoke(&self, event: &str) -> (u16, Value) {
        let (function, _) = event.split_once('.').unwrap_or((event, ""));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");
        let payload = fs::read_to_string(Path::new(file).join(format!("{event}.json"))).unwrap();
        let answer = self.runtime.block_on(self.api.invoke(function, &payload));
        let answer: Value = serde_json::from_str(&answer.unwrap()).unwrap();
        let status = answer["statusCode"].as_u64().unwrap();
        let body = match answer["body"].as_str() {
            None | Some("") => Value::Null,
            // A page.
            Some(body) if function == "get_docs" => json!(body),
            Some(body) => serde_json::from_str(body).unwrap(),
        };
        (u16::try_from(status).unwrap(), body)
    }
}

/// What a shell exports that runs this script in an environment that has other values.
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

fn engines(arguments: &[&str]) -> Program {
    let mut command = command(arguments);
    command.arg("--engines-only");
    Program::start(command)
}

fn in_folder(folder: &Folder) -> Program {
    let dir = folder.path.to_str().unwrap();
    engines(&["--events", "--data-dir", dir])
}

#[test]
fn what_is_printed_tells_a_shell_every_setting_that_a_function_reads() {
    let program = engines(&["--memory"]);
    let variables = exported(&program.banner);
    let readme = include_str!("../../README.md");
    let settings = readme.split_once("\n## Settings\n").unwrap().1;
    let settings = settings.split("\n## ").next().unwrap();
    let is_name = |word: &&str| {
        let is_letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        word.contains('_') && word.chars().all(is_letter)
    };
    let mut documented: BTreeSet<_> = settings.split('`').filter(is_name).collect();
    assert!(documented.len() > 15, "{documented:?}");
    // Only the gateway reads the first; other tools take an empty second for "check nothing".
    for other in ["ALLOWED_ORIGIN", "AWS_CA_BUNDLE"] {
        documented.remove(other);
    }
    let named: BTreeSet<_> = variables.keys().map(String::as_str).collect();
    assert_eq!(named, documented);
    assert_eq!(variables["AWS_SESSION_TOKEN"], "");
    assert_eq!(variables["TOKEN_STORE_URL"], "");
    let pictures = program.client.url("/images");
    assert_eq!(variables["IMAGE_BASE_URL"], pictures);

    // And they are right: the engines answer functions that know nothing else.
    let functions = Functions::new(&variables);
    let (status, users) = functions.invoke("list_users");
    assert_eq!((status, users), (200, json!([])));
    assert_eq!(functions.invoke("create_user").0, 201);
}

#[test]
fn the_environment_is_in_files_for_the_owner_alone() {
    let folder = Folder::new();
    let program = in_folder(&folder);
    let dir = folder.path.canonicalize().unwrap();
    for name in ["env", "env.json"] {
        let file = dir.join(name);
        let line = format!("# the same in {}\n", file.display());
        assert!(program.banner.contains(&line), "{}", program.banner);
        let rights = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(rights, 0o600, "{name}");
    }
    let variables = exported(&program.banner);
    let script = fs::read_to_string(dir.join("env")).unwrap();
    assert_eq!(exported(&script), variables);
    // As `sam local invoke --env-vars` has it for all functions at once.
    let json = fs::read(dir.join("env.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json, json!({ "Parameters": variables }));
}

#[test]
fn the_files_are_new_on_each_start() {
    let folder = Folder::new();
    let env = || exported(&fs::read_to_string(folder.path.join("env")).unwrap());
    let first = in_folder(&folder);
    assert!(first.interrupt().success());
    // Somebody else could read it, for a moment.
    let rights = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path.join("env"), rights).unwrap();
    let second = in_folder(&folder);
    assert_eq!(env(), exported(&second.banner));
    let rights = fs::metadata(folder.path.join("env")).unwrap();
    assert_eq!(rights.permissions().mode() & 0o777, 0o600);
}

#[test]
fn memory_writes_no_file() {
    let elsewhere = Folder::new();
    fs::create_dir(&elsewhere.path).unwrap();
    let mut command = command(&["--memory", "--engines-only", "--events"]);
    command
        .current_dir(&elsewhere.path)
        .env("TMPDIR", &elsewhere.path);
    let program = Program::start(command);
    assert!(!program.banner.contains("the same in"));
    assert!(program.interrupt().success());
    assert_eq!(fs::read_dir(&elsewhere.path).unwrap().count(), 0);
}

#[test]
fn the_api_itself_writes_no_environment() {
    let folder = Folder::new();
    let program = Program::in_folder(&folder.path);
    assert!(!program.banner.contains("export"));
    assert!(!folder.path.join("env").exists());
    assert!(!folder.path.join("env.json").exists());
}

#[test]
fn pictures_are_served_and_routes_are_not() {
    let program = engines(&["--memory", "--events"]);
    for route in ROUTES {
        let target = route
            .path
            .replace("{food_id}", scene::JOLLOF)
            .replace("{user_id}", scene::ADA);
        let answer = program.client.send(route.method, &target, &[], b"{}");
        answer.assert_problem(404, "not_found");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains("--engines-only"), "{text}");
    }
    let functions = Functions::new(&exported(&program.banner));
    let (_, shown) = functions.invoke("get_food");
    let url = shown["food"]["food_image"].as_str().unwrap();
    assert!(url.starts_with(&program.client.url("/images/")));
    // The first may be one of its variants already.
    let saved = "/images/foods/01990000-0000-7000-8000-00000000f001/01990000-0000-7000-8000-00000000c001.jpg";
    for target in [path(url), saved] {
        let picture = program.client.get(target);
        assert_eq!(picture.status, 200);
        assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    }
    let picture = program.client.get(saved);
    assert_eq!(picture.body, include_bytes!("../../events/jollof.jpg"));
}

#[test]
fn requests_write_no_line_that_a_shell_could_take_for_a_command() {
    let mut program = engines(&["--memory"]);
    assert_eq!(program.client.get("/food").status, 404);
    program.terminate();
    assert_eq!(program.next_line(), "");
}

#[test]
fn with_the_scene_every_event_of_a_function_succeeds() {
    for route in ROUTES {
        let program = engines(&["--memory", "--events"]);
        let functions = Functions::new(&exported(&program.banner));
        let (status, body) = functions.invoke(route.name);
        assert!((200..300).contains(&status), "{}: {body}", route.name);
    }
}

#[test]
fn a_scene_that_events_have_changed_is_restored_and_the_rest_stays() {
    let folder = Folder::new();
    // Each finds what the one before has left behind, and all find what the first round has.
    for is_first_round in [true, false] {
        for route in ROUTES {
            let name = route.name;
            let program = in_folder(&folder);
            let functions = Functions::new(&exported(&program.banner));
            let (_, shown) = functions.invoke("get_food");
            assert_eq!(shown["food"]["title"], "Jollof rice");
            assert_eq!(shown["food"]["description"], "<p>Smoky</p>");
            let url = shown["food"]["food_image"].as_str().unwrap();
            assert_eq!(program.client.get(path(url)).status, 200);
            let (status, body) = functions.invoke(name);
            // The user that an event has made is still there; the food went with Ada's account.
            if name == "create_user" && !is_first_round {
                assert_eq!(status, 409, "{body}");
            } else {
                assert!((200..300).contains(&status), "{name}: {body}");
            }
            assert!(program.interrupt().success());
        }
    }
    let program = in_folder(&folder);
    let functions = Functions::new(&exported(&program.banner));
    for name in ["login", "refresh", "end_session", "list_sessions"] {
        let (status, body) = functions.invoke(name);
        assert!((200..300).contains(&status), "{name}: {body}");
    }
    // One picture for each food: Ada's, Eve's and the one that an event may have made.
    let (_, foods) = functions.invoke("list_food");
    let foods = foods.as_array().unwrap().len();
    let folders = fs::read_dir(folder.path.join("images/images/foods")).unwrap();
    let pictures = folders.map(|food| fs::read_dir(food.unwrap().path()).unwrap().count());
    assert_eq!(pictures.sum::<usize>(), foods);
}

#[test]
fn the_api_itself_has_the_scene_as_well() {
    let program = Program::start(command(&["--memory", "--events"]));
    let line = "log in as ada@example.com with the password \"analytical\"\n";
    assert!(program.banner.contains(line), "{}", program.banner);
    let client = &program.client;
    let shown = client.get(&format!("/food/{}", scene::JOLLOF));
    assert_eq!(shown.status, 200);
    let food = &shown.json()["food"];
    assert_eq!(food["title"], "Jollof rice");
    let picture = client.get(path(food["food_image"].as_str().unwrap()));
    assert_eq!(picture.status, 200);
    let login = json!({ "email": "ada@example.com", "password": "analytical" });
    assert_eq!(client.post("/login", &login).status, 200);

    // The token of an event is good here.
    let event = include_str!("../../events/logout.json");
    let event: Value = serde_json::from_str(event).unwrap();
    let token = event["headers"]["authorization"].as_str().unwrap();
    let headers = [("Authorization", token)];
    assert_eq!(client.send("POST", "/logout", &headers, b"").status, 200);
}

#[test]
fn the_secrets_of_the_events_win_over_those_of_the_environment() {
    let mut command = command(&["--memory", "--events", "--engines-only"]);
    command
        .env("ACCESS_SECRET", "an access secret of my own, long enough")
        .env("REFRESH_SECRET", "a refresh secret of my own, long enough")
        .env("PASSWORD_MIN_LENGTH", "12")
        .env("USERS_TABLE", "people");
    let program = Program::start(command);
    let variables = exported(&program.banner);
    assert_eq!(variables["ACCESS_SECRET"], scene::ACCESS_SECRET);
    assert_eq!(variables["REFRESH_SECRET"], scene::REFRESH_SECRET);
    assert_eq!(variables["PASSWORD_MIN_LENGTH"], "12");
    assert_eq!(variables["USERS_TABLE"], "people");
    assert_eq!(Functions::new(&variables).invoke("logout").0, 200);
}

#[test]
fn without_the_scene_the_secrets_are_those_of_the_folder() {
    let folder = Folder::new();
    let dir = folder.path.to_str().unwrap();
    let secret = || {
        let program = engines(&["--data-dir", dir]);
        let variables = exported(&program.banner);
        assert!(program.interrupt().success());
        variables["ACCESS_SECRET"].clone()
    };
    let first = secret();
    assert_ne!(first, scene::ACCESS_SECRET);
    assert!(in_folder(&folder).interrupt().success());
    assert_eq!(secret(), first);
}

#[test]
fn a_scene_that_others_stand_in_the_way_of_is_a_one_line_error() {
    let folder = Folder::new();
    let program = Program::in_folder(&folder.path);
    program.client.token("Ada@example.com");
    assert!(program.interrupt().success());
    let dir = folder.path.to_str().unwrap();
    let refused = output(&["--port", "0", "--events", "--data-dir", dir]);
    let says = ["ada@example.com", "another", "--data-dir", "--memory"];
    assert_refused(&refused, &says);
}

#[test]
fn the_demo_can_be_behind_functions_that_run_somewhere_else() {
    let program = engines(&["--memory", "--demo"]);
    let functions = Functions::new(&exported(&program.banner));
    let (status, foods) = functions.invoke("list_food");
    assert_eq!((status, foods.as_array().unwrap().len()), (200, 6));
    let url = foods[0]["food_image"].as_str().unwrap();
    assert_eq!(program.client.get(path(url)).status, 200);
}
