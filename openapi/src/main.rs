//! Writes `openapi.json`: `cargo run -p openapi`.

fn main() -> std::io::Result<()> {
    std::fs::write(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json"),
        openapi::text(),
    )
}
