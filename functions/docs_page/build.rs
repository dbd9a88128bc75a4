//! Builds the API documentation page from the files of Swagger UI and of this crate, and computes the hashes of its
//! script and style sheet for a `Content-Security-Policy` (CSP level 3, section 2.3.1).

use std::error::Error;
use std::io::{Cursor, Read as _, Write as _};
use std::path::PathBuf;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

#[expect(clippy::disallowed_methods, reason = "Cargo sets OUT_DIR")]
fn main() -> Result<(), Box<dyn Error>> {
    for file in ["build.rs", "page.html", "page.js", "page.css"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let mut read = |name: &str| -> Result<String, Box<dyn Error>> {
        let end = format!("/dist/{name}");
        let paths = archive.file_names().filter_map(Result::ok);
        let path = paths.map(String::from).find(|path| path.ends_with(&end));
        let path = path.ok_or_else(|| format!("Swagger UI has no file {end}"))?;
        let mut text = String::new();
        archive.by_name(&path)?.read_to_string(&mut text)?;
        Ok(text)
    };
    let script = format!("{}\n{}", read("swagger-ui-bundle.js")?, fs::read_to_string("page.js")?);
    // `</script` would end the HTML element. In a JavaScript string `<\/` is equal to `</`.
    let script = script.replace("</script", "<\\/script");
    let style = format!("{}\n{}", read("swagger-ui.css")?, fs::read_to_string("page.css")?);
    let page = fs::read_to_string("page.html")?;
    let page = page.replace("/* style */", &style).replace("/* script */", &script);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(page.as_bytes())?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("page.html.gz"), gzip.finish()?)?;
    fs::write(out.join("script"), hash(&script))?;
    fs::write(out.join("style"), hash(&style))?;
    Ok(())
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}
