//! Writes every sample into a folder twice: as it may be uploaded, and as it would be served.

use std::path::PathBuf;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("usage: samples <folder>")?;
    fs::create_dir_all(&folder)?;
    for sample in pictures::testing::samples() {
        let name = |what| format!("{}.{what}.{}", sample.name, sample.extension());
        fs::write(folder.join(name("original")), &sample.bytes)?;
        let cleaned = pictures::clean(sample.bytes.clone().into())?;
        fs::write(folder.join(name("cleaned")), &cleaned.bytes)?;
    }
    Ok(())
}
