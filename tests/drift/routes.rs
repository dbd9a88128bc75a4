//! The routes in `Cargo.toml` and README match `routes.rs`.

use std::collections::BTreeMap;
use std::process::Command;

use functions::routes::{ROUTES, Route};
use serde_json::Value;

/// Function names with method and path.
type Routes = BTreeMap<String, String>;

/// Returns the routes of `routes.rs`.
fn routes_of_code() -> Routes {
    let entry = |route: Route| {
        let key = format!("{} {}", route.method, route.path);
        (route.name.to_owned(), key)
    };
    ROUTES.map(entry).into()
}

#[test]
fn cargo_lambda_router_matches_routes_rs() {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let router = &metadata["metadata"]["lambda"]["watch"]["router"];
    let mut routes = Routes::new();
    for (path, functions) in router.as_object().expect("a router") {
        for entry in functions.as_array().expect("functions by method") {
            let method = entry["method"].as_str().unwrap();
            let function = entry["function"].as_str().unwrap().to_owned();
            assert_eq!(routes.insert(function, format!("{method} {path}")), None);
        }
    }
    assert_eq!(routes, routes_of_code());
}

#[test]
fn readme_table_matches_routes_rs() {
    let readme = include_str!("../../README.md");
    let mut routes = Routes::new();
    let mut signed_in = BTreeMap::new();
    for row in readme.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let [route, function, user, _] = cells[..]
            && let Some((method, path)) = route.split_once(' ')
            && path.starts_with('/')
        {
            routes.insert(function.to_owned(), format!("{method} {path}"));
            signed_in.insert(
                function.to_owned(),
                !matches!(user, "" | "by refresh token"),
            );
        }
    }
    assert_eq!(routes, routes_of_code());
    for route in ROUTES {
        assert_eq!(signed_in[route.name], route.signed_in, "{}", route.name);
    }
}
