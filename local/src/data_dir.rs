//! The folder that keeps everything between runs: one process at a time, its secrets for the owner
//! alone.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use thiserror::Error;

const SECRETS: &str = "secrets.json";

/// A folder that is locked for this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What tokens are signed with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    pub(crate) access_secret: String,
    pub(crate) refresh_secret: String,
}

/// Why a folder cannot be used. Each says in one line what to do.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// The folder cannot be made, or nothing can be written into it.
    #[error(
        "cannot write to the data dir {}: {source}; choose another with --data-dir, or keep \
         nothing with --memory",
        path.display()
    )]
    Unwritable {
        /// Which folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process works in the folder.
    #[error(
        "the data dir {} is in use by another process: stop that one, or choose another with \
         --data-dir",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file of secrets is not what was written.
    #[error(
        "{} is damaged: put back a copy, or delete it to get new secrets (everybody has to log in \
         again)",
        .0.display()
    )]
    DamagedSecrets(PathBuf),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes to make secrets of")]
    NoRandomness,
}

impl DataDir {
    /// Makes the folder where it is missing and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let unwritable = |source| DataDirError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder.create(path).map_err(unwritable)?;
        let path = path.canonicalize().map_err(unwritable)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        }
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.path.join("images")
    }

    /// Those of earlier runs; new ones on the first.
    pub(crate) fn secrets(&self) -> Result<Secrets, DataDirError> {
        let file = self.path.join(SECRETS);
        match fs::read(&file) {
            Ok(json) => {
                let secrets: Secrets = serde_json::from_slice(&json)
                    .map_err(|_| DataDirError::DamagedSecrets(file.clone()))?;
                // Somebody may have copied the folder with other rights.
                let restrict = fs::set_permissions(&file, Permissions::from_mode(0o600));
                restrict.map_err(|source| DataDirError::Unwritable { path: file, source })?;
                Ok(secrets)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Secrets::generate()?;
                let json = serde_json::to_vec_pretty(&secrets).expect("texts can be written");
                self.write(SECRETS, &json)?;
                Ok(secrets)
            }
            Err(source) => Err(DataDirError::Unwritable { path: file, source }),
        }
    }

    /// Writes a file for the owner alone: all of it or nothing, whenever the machine stops.
    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> Result<(), DataDirError> {
        self.try_write(name, contents)
            .map_err(|source| DataDirError::Unwritable {
                path: self.path.join(name),
                source,
            })
    }

    fn try_write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let draft = self.path.join(format!("{name}.tmp"));
        // Its rights are those of whoever made it.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut output = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        output.write_all(contents)?;
        output.sync_all()?;
        fs::rename(&draft, self.path.join(name))?;
        File::open(&self.path)?.sync_all()
    }
}

impl Secrets {
    /// 256 random bits each.
    pub(crate) fn generate() -> Result<Self, DataDirError> {
        let random = SystemRandom::new();
        let secret = || {
            let mut bytes = [0; 32];
            random
                .fill(&mut bytes)
                .map_err(|_| DataDirError::NoRandomness)?;
            Ok(URL_SAFE_NO_PAD.encode(bytes))
        };
        Ok(Self {
            access_secret: secret()?,
            refresh_secret: secret()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("food-app-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn secrets_are_made_once_and_for_the_owner_alone() {
        let scratch = Scratch::new("secrets");
        let dir = DataDir::open(&scratch.0.join("a/b")).unwrap();
        let made = dir.secrets().unwrap();
        assert_eq!(made.access_secret.len(), 43);
        assert_ne!(made.access_secret, made.refresh_secret);

        let file = dir.path().join("secrets.json");
        let rights = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(rights(), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let kept = dir.secrets().unwrap();
        assert_eq!(kept.access_secret, made.access_secret);
        assert_eq!(kept.refresh_secret, made.refresh_secret);
        assert_eq!(rights(), 0o600);
        assert!(!dir.path().join("secrets.json.tmp").exists());
    }

    #[test]
    fn damaged_secrets_are_refused_and_left_as_they_are() {
        let scratch = Scratch::new("damaged");
        let dir = DataDir::open(&scratch.0).unwrap();
        let file = dir.path().join("secrets.json");
        for damaged in ["", "{", "[]", r#"{"access_secret":"x"}"#] {
            fs::write(&file, damaged).unwrap();
            assert!(matches!(
                dir.secrets(),
                Err(DataDirError::DamagedSecrets(_))
            ));
            assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
        }
    }

    #[test]
    fn a_folder_is_for_one_at_a_time() {
        let scratch = Scratch::new("lock");
        let first = DataDir::open(&scratch.0).unwrap();
        assert!(matches!(
            DataDir::open(&scratch.0),
            Err(DataDirError::InUse(_))
        ));
        drop(first);
        DataDir::open(&scratch.0).unwrap();
    }

    #[test]
    fn a_path_below_a_file_cannot_be_used() {
        let scratch = Scratch::new("file");
        fs::write(&scratch.0, "").unwrap_or_else(|error| panic!("{error}"));
        let below = scratch.0.join("data");
        let refused = DataDir::open(&below).unwrap_err();
        assert!(matches!(refused, DataDirError::Unwritable { .. }));
        assert!(refused.to_string().contains("--data-dir"), "{refused}");
        fs::remove_file(&scratch.0).unwrap();
    }
}
