//! Password hashing with Argon2id; verifies migrated bcrypt hashes too.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use ::argon2::password_hash::phc::{Output, ParamsString, Salt};
use ::argon2::password_hash::{self, PasswordVerifier as _};
use ::argon2::{ARGON2ID_IDENT, Argon2, Block, Params, PasswordHash as Phc, Version};
use domain::password::{HashError, Password, PasswordCheck, PasswordHash, PasswordHasher};

/// The hash for a login with an unknown e-mail. Its output is random, so no password matches; verifying takes as long
/// as for a user's hash.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$Zm9vZC1hcHAtZGVjb3ktMQ$\
                     n7Yc2kHqM0wQe3x8Zr1VfUoTjGd5LbSiPaCvNy6E4hI";

/// Hashes passwords with Argon2id and the parameters that OWASP recommends: 19 MiB, 2 passes, 1 lane
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>).
#[derive(Clone, Default)]
pub struct Argon2Hasher {
    memory: Option<Arc<Memory>>,
}

/// Working memory of Argon2. It is not wiped after a hash: an attacker who can read it can read passwords of requests
/// as well.
type Memory = OnceLock<Mutex<Vec<Block>>>;

impl Argon2Hasher {
    /// Creates a hasher that reuses 19 MiB of memory for all hashes (docs/decisions/0012-memory-sizes.md).
    pub fn with_reused_memory() -> Self {
        Self { memory: Some(Arc::default()) }
    }

    /// Allocates the reused memory on another thread, ahead of the first hash.
    pub fn preallocate(&self) {
        if let Some(memory) = self.memory.clone()
            && memory.get().is_none()
        {
            // If no thread starts, the first hash allocates it.
            let _ = thread::Builder::new().spawn(move || {
                memory.get_or_init(blocks);
            });
        }
    }

    fn output(&self, password: &[u8], salt: &[u8]) -> Result<Output, BoxError> {
        let argon2 = Argon2::default();
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        let memory = self.memory.as_ref().map(|memory| memory.get_or_init(blocks));
        // A concurrent hash allocates its own memory.
        if let Some(Ok(mut blocks)) = memory.map(Mutex::try_lock) {
            argon2.hash_password_into_with_memory(password, salt, &mut out, &mut *blocks)?;
        } else {
            argon2.hash_password_into(password, salt, &mut out)?;
        }
        Ok(Output::new(&out)?)
    }

    fn phc(&self, password: &[u8]) -> Result<Phc, BoxError> {
        let salt = Salt::new(&password_hash::try_generate_salt()?)?;
        Ok(Phc {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&Params::DEFAULT)?,
            salt: Some(salt),
            hash: Some(self.output(password, &salt)?),
        })
    }
}

fn blocks() -> Mutex<Vec<Block>> {
    Mutex::new(vec![Block::new(); Params::DEFAULT.block_count()])
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.phc(password.reveal().as_bytes())
            .map(|phc| PasswordHash::new(phc.to_string()))
            .map_err(HashError)
    }

    fn verify_text(&self, text: &str, hash: &PasswordHash) -> PasswordCheck {
        let password = text.as_bytes();
        if hash.as_str().starts_with("$2") {
            return match bcrypt::verify(password, hash.as_str()) {
                Ok(true) => PasswordCheck::ValidNeedsRehash,
                Ok(false) | Err(_) => PasswordCheck::Invalid,
            };
        }
        let Ok(phc) = Phc::new(hash.as_str()) else {
            return PasswordCheck::Invalid;
        };
        if let Some((salt, expected)) = with_current_params(&phc) {
            // `Output` compares in constant time.
            let is_equal = self.output(password, salt).is_ok_and(|output| output == *expected);
            return if is_equal { PasswordCheck::Valid } else { PasswordCheck::Invalid };
        }
        match Argon2::default().verify_password(password, &phc) {
            Ok(()) => PasswordCheck::ValidNeedsRehash,
            Err(_) => PasswordCheck::Invalid,
        }
    }

    fn dummy_hash(&self) -> PasswordHash {
        PasswordHash::new(DUMMY_HASH.to_owned())
    }
}

impl fmt::Debug for Argon2Hasher {
    /// Omits the working memory, which may hold password material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Hasher").finish_non_exhaustive()
    }
}

/// Returns salt and output of a hash; `None` if its parameters differ from those of new hashes.
fn with_current_params(phc: &Phc) -> Option<(&Salt, &Output)> {
    let params = ParamsString::try_from(&Params::DEFAULT).ok()?;
    let is_current = phc.algorithm == ARGON2ID_IDENT
        && phc.version == Some(Version::V0x13.into())
        && phc.params == params;
    let salt = phc.salt.as_ref().filter(|_| is_current)?;
    let output = phc.hash.as_ref()?;
    (output.len() == Params::DEFAULT_OUTPUT_LEN).then_some((salt, output))
}

#[cfg(test)]
mod tests {
    use ::argon2::Algorithm;
    use ::argon2::password_hash::PasswordHasher as _;

    use super::*;

    fn verify(password: &str, hash: &str) -> PasswordCheck {
        Argon2Hasher::default()
            .verify(&Password::unvalidated(password), &PasswordHash::new(hash.to_owned()))
    }

    #[test]
    fn new_password_hash_has_owasp_argon2id_parameters() {
        for hasher in [Argon2Hasher::default(), Argon2Hasher::with_reused_memory()] {
            let password = Password::unvalidated("correct horse battery");
            let hash = hasher.hash(&password).unwrap();
            assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
            assert_eq!(hasher.verify(&password, &hash), PasswordCheck::Valid);
            assert_eq!(verify("correct horse", hash.as_str()), PasswordCheck::Invalid);
            let second = hasher.hash(&password).unwrap();
            assert_ne!(second, hash, "each hash has its own salt");
        }
        let others = Argon2::default().hash_password(b"secret").unwrap();
        assert_eq!(verify("secret", &others.to_string()), PasswordCheck::Valid);
    }

    #[test]
    fn hasher_reuses_preallocated_memory_for_each_hash() {
        let memory_address = |hasher: &Argon2Hasher| {
            let memory = hasher.memory.as_ref().unwrap().get()?;
            Some(memory.lock().unwrap().as_ptr() as usize)
        };
        let hasher = Argon2Hasher::with_reused_memory();
        assert_eq!(memory_address(&hasher), None);
        hasher.preallocate();
        let prepared = loop {
            if let Some(address) = memory_address(&hasher) {
                break address;
            }
            thread::yield_now();
        };
        for _ in 0..2 {
            hasher.preallocate();
            hasher.hash(&Password::unvalidated("secret")).unwrap();
            assert_eq!(memory_address(&hasher), Some(prepared));
        }
    }

    #[test]
    fn concurrently_created_password_hashes_are_valid() {
        let hasher = Argon2Hasher::with_reused_memory();
        thread::scope(|scope| {
            for index in 0..4 {
                let hasher = &hasher;
                scope.spawn(move || {
                    let password = Password::unvalidated(&format!("password {index}"));
                    let hash = hasher.hash(&password).unwrap();
                    assert_eq!(hasher.verify(&password, &hash), PasswordCheck::Valid);
                });
            }
        });
    }

    #[test]
    fn password_with_bcrypt_hash_needs_rehash() {
        // From the test vectors of crypt_blowfish.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        for hash in [hash, &hash.replace("$2a$", "$2b$")] {
            assert_eq!(verify("U*U", hash), PasswordCheck::ValidNeedsRehash);
            assert_eq!(verify("U*u", hash), PasswordCheck::Invalid);
        }
    }

    #[test]
    fn hash_with_outdated_argon2_parameters_needs_rehash() {
        let weak = Params::new(8 * 1024, 1, 1, None).unwrap();
        for (algorithm, version, params) in [
            (Algorithm::Argon2id, Version::V0x13, weak),
            (Algorithm::Argon2id, Version::V0x10, Params::DEFAULT),
            (Algorithm::Argon2i, Version::V0x13, Params::DEFAULT),
        ] {
            let other = Argon2::new(algorithm, version, params);
            let other = other.hash_password(b"secret").unwrap().to_string();
            assert_eq!(verify("secret", &other), PasswordCheck::ValidNeedsRehash);
            assert_eq!(verify("Secret", &other), PasswordCheck::Invalid);
        }
    }

    #[test]
    fn dummy_password_hash_has_current_argon2_parameters() {
        let dummy_hash = Argon2Hasher::default().dummy_hash();
        assert!(with_current_params(&Phc::new(dummy_hash.as_str()).unwrap()).is_some());
        assert_eq!(verify("", dummy_hash.as_str()), PasswordCheck::Invalid);
    }

    #[test]
    fn malformed_password_hash_matches_no_password() {
        for hash in ["", "$2a$99$short", "$argon2id$", "plain", "$argon2id$v=19$m=1,t=1,p=1$AA$AA"]
        {
            assert_eq!(verify("plain", hash), PasswordCheck::Invalid, "{hash}");
        }
    }
}
