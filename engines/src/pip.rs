//! What tests need from `PyPI`, kept in the target folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

/// An independent client of S3, to compare ours with.
const BOTO3: &str = "boto3==1.44.5";

/// Why a package is not there.
#[derive(Debug, Error)]
pub enum PipError {
    /// Python or pip are missing, or `PyPI` is out of reach.
    #[error("pip install {package}: {reason}")]
    NotInstalled {
        /// Which package.
        package: String,
        /// What pip says.
        reason: String,
    },
    /// The system gives no file or process.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A folder for `PYTHONPATH` from which `boto3` can be imported.
pub fn boto3() -> Result<PathBuf, PipError> {
    installed(&target_folder()?, "boto3", &[BOTO3], |folder| {
        folder.join("boto3/__init__.py").is_file().then_some(())
    })
}

/// The folder of Cargo's that our program is in; Cargo marks it.
pub(crate) fn target_folder() -> io::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    let folder = exe.ancestors().skip(1).find(marked);
    Ok(folder.map_or_else(std::env::temp_dir, Path::to_owned))
}

/// The folder of this name in `target` with what pip installs by these arguments, once it
/// `is_complete`. Many tests may want it at once: one installs, and what is half done has another name.
pub(crate) fn installed(
    target: &Path,
    name: &str,
    arguments: &[&str],
    is_complete: impl Fn(&Path) -> Option<()>,
) -> Result<PathBuf, PipError> {
    let folder = target.join(name);
    if is_complete(&folder).is_some() {
        return Ok(folder);
    }
    let lock = File::create(target.join(format!("{name}.lock")))?;
    lock.lock()?;
    if is_complete(&folder).is_some() {
        return Ok(folder);
    }
    let new = tempfile::Builder::new()
        .prefix(&format!("{name}-new-"))
        .tempdir_in(target)?;
    let not_installed = |reason: &str| PipError::NotInstalled {
        package: arguments.join(" "),
        reason: reason.trim().to_owned(),
    };
    let pip = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .arg("--disable-pip-version-check")
        .args(arguments)
        .arg("--target")
        .arg(new.path())
        .output()
        .map_err(|error| not_installed(&format!("python3: {error}")))?;
    if is_complete(new.path()).is_none() {
        return Err(not_installed(&String::from_utf8_lossy(&pip.stderr)));
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(new.keep(), &folder)?;
    Ok(folder)
}
