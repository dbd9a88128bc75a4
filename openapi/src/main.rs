//! Writes `openapi.json` and `docs/API.md`: `cargo run -p openapi`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for (path, text) in openapi::files()? {
        std::fs::write(root.join(path), text)?;
    }
    Ok(())
}
