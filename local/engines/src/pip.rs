//! Python packages for tests, installed from `PyPI` into Cargo's target folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs `boto3` (the AWS SDK for Python), to compare our S3 requests with. Returns the folder for `PYTHONPATH`.
pub fn boto3() -> io::Result<PathBuf> {
    install("boto3==1.44.5")
}

/// Installs a `PyPI` package unless it is installed, and returns its folder. Safe to call concurrently.
pub(crate) fn install(package: &str) -> io::Result<PathBuf> {
    let target = target_folder()?;
    let folder = target.join(package);
    let lock = File::create(target.join("pip.lock"))?;
    lock.lock()?;
    if folder.is_dir() {
        return Ok(folder);
    }
    // Renamed once it is complete, because an installation may be interrupted.
    let new = tempfile::tempdir_in(&target)?;
    let pip = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .args(["--disable-pip-version-check", package, "--target"])
        .arg(new.path())
        .output()?;
    if !pip.status.success() {
        let reason = String::from_utf8_lossy(&pip.stderr);
        let message = format!("pip install {package} failed: {}", reason.trim());
        return Err(io::Error::other(message));
    }
    fs::rename(new.keep(), &folder)?;
    Ok(folder)
}

/// Returns Cargo's target folder: the folder above this executable with the marker `CACHEDIR.TAG`. If there is none,
/// returns the temporary folder.
fn target_folder() -> io::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let is_marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    let folder = exe.ancestors().skip(1).find(is_marked);
    Ok(folder.map_or_else(std::env::temp_dir, Path::to_owned))
}
