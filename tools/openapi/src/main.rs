//! Generates `openapi.json` in the root of the repository: `cargo run -p openapi`.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");
    std::fs::write(path, openapi::openapi_json())
}
