//! Reads the parts of `template.yaml` that `.ci/template.py` expands into `tests/template/`.

use std::path::PathBuf;

use serde_json::Value;

/// Reads the file `tests/template/<name>.json`.
pub fn template(name: &str) -> Value {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../template"));
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the strings in a JSON array of strings.
pub fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().expect("an array");
    let text = |item: &Value| item.as_str().expect("a string").to_owned();
    items.iter().map(text).collect()
}
