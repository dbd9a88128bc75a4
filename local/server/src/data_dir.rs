//! The data dir: the folder with database, images and secrets, which one process uses at a time.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use thiserror::Error;

const SECRETS: &str = "secrets.json";

/// An open data dir, locked for this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// The generated secrets that sign access tokens and refresh tokens.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    pub(crate) access_secret: String,
    pub(crate) refresh_secret: String,
}

/// Errors of opening, reading or writing a data dir. Each message is one line and names the remedy.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// The data dir cannot be created, or a file in the data dir cannot be read or written.
    #[error(
        "cannot write to the data dir {}: {source}; choose another with --data-dir, or \
         store nothing on disk with --memory",
        path.display()
    )]
    Unwritable {
        /// The path of the data dir or file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process uses the data dir at this path.
    #[error(
        "the data dir {} is in use by another process; stop that process, or choose another \
         folder with --data-dir",
        .0.display()
    )]
    InUse(PathBuf),
    /// The secrets file at this path cannot be parsed.
    #[error(
        "{} is damaged; restore a copy, or delete it to generate new secrets (all users must log \
         in again)",
        .0.display()
    )]
    DamagedSecrets(PathBuf),
    /// The random number generator of the operating system failed.
    #[error("the system cannot generate random bytes for the secrets; try again")]
    NoRandomness,
}

impl DataDir {
    /// Opens the data dir at `path`: creates a missing folder, and locks the folder for this process.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let unwritable = |source| DataDirError::Unwritable { path: path.to_owned(), source };
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder.create(path).map_err(unwritable)?;
        let path = path.canonicalize().map_err(unwritable)?;
        let mut lock = OpenOptions::new();
        lock.create(true).truncate(false).write(true);
        let lock = lock.open(path.join("lock")).map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        }
    }

    /// Returns the absolute path of the data dir.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.path.join("images")
    }

    /// Returns the stored secrets; on the first run, generates and stores them.
    pub(crate) fn secrets(&self) -> Result<Secrets, DataDirError> {
        let file = self.path.join(SECRETS);
        let json = match fs::read(&file) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Secrets::generate()?;
                let json = serde_json::to_vec_pretty(&secrets).expect("strings are valid JSON");
                self.write(SECRETS, &json)?;
                return Ok(secrets);
            }
            Err(source) => return Err(DataDirError::Unwritable { path: file, source }),
        };
        let secrets = serde_json::from_slice(&json)
            .map_err(|_| DataDirError::DamagedSecrets(file.clone()))?;
        // Restoring a copy of the folder may have changed the permissions.
        fs::set_permissions(&file, Permissions::from_mode(0o600))
            .map_err(|source| DataDirError::Unwritable { path: file, source })?;
        Ok(secrets)
    }

    /// Replaces the file `name` in the data dir; see [`write`].
    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> Result<(), DataDirError> {
        write(&self.path, name, contents)
    }
}

/// Replaces the file `name` in the data dir `dir` atomically and durably; only its owner can read the new file.
pub(crate) fn write(dir: &Path, name: &str, contents: &[u8]) -> Result<(), DataDirError> {
    let path = dir.join(name);
    let write = || {
        let mut draft = NamedTempFile::new_in(dir)?;
        draft.write_all(contents)?;
        draft.as_file().sync_all()?;
        draft.persist(&path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|source| DataDirError::Unwritable { path: path.clone(), source })
}

impl Secrets {
    /// Generates two secrets of 256 random bits.
    pub(crate) fn generate() -> Result<Self, DataDirError> {
        let random = SystemRandom::new();
        let secret = || {
            let mut bytes = [0; 32];
            let filled = random.fill(&mut bytes);
            filled.map_err(|_| DataDirError::NoRandomness)?;
            Ok(URL_SAFE_NO_PAD.encode(bytes))
        };
        Ok(Self { access_secret: secret()?, refresh_secret: secret()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_file_is_generated_once_with_mode_600() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&folder.path().join("a/b")).unwrap();
        let generated = dir.secrets().unwrap();
        assert_eq!(generated.access_secret.len(), 43);
        assert_ne!(generated.access_secret, generated.refresh_secret);

        let file = dir.path().join(SECRETS);
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let stored = dir.secrets().unwrap();
        assert_eq!(stored.access_secret, generated.access_secret);
        assert_eq!(stored.refresh_secret, generated.refresh_secret);
        assert_eq!(mode(), 0o600);
    }
}
