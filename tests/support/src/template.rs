//! What `template.yaml` says, as `.ci/template.py` expands it into `tests/template/`.

use std::path::PathBuf;

use serde_json::Value;

/// One of the files in `tests/template/`, without `.json`.
pub fn template(name: &str) -> Value {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../template"));
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// The texts of an array.
pub fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().expect("an array");
    let text = |item: &Value| item.as_str().expect("a text").to_owned();
    items.iter().map(text).collect()
}
