//! Passwords as Argon2id hashes; bcrypt hashes from a migration still verify.

use ::argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use ::argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHash as Phc};
use domain::password::{HashError, Password, PasswordHash, PasswordHasher, Verdict};

/// A hash of random bytes: nobody has its password, and comparing takes as long as with any other.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Zm9vZC1hcHAtZGVjb3ktMQ$\
                     n7Yc2kHqM0wQe3x8Zr1VfUoTjGd5LbSiPaCvNy6E4hI";

/// Argon2id with the crate's defaults, which are OWASP's: 19 MiB, 2 passes, 1 lane
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>).
#[derive(Debug, Clone, Copy, Default)]
pub struct Argon2Hasher;

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        Argon2::default()
            .hash_password(password.reveal().as_bytes())
            .map(|phc| PasswordHash::new(phc.to_string()))
            .map_err(|error| HashError(error.into()))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Verdict {
        let password = password.reveal().as_bytes();
        if hash.as_str().starts_with("$2") {
            return match bcrypt::verify(password, hash.as_str()) {
                Ok(true) => Verdict::RightButOutdated,
                Ok(false) | Err(_) => Verdict::Wrong,
            };
        }
        let Ok(phc) = Phc::new(hash.as_str()) else {
            return Verdict::Wrong;
        };
        if Argon2::default().verify_password(password, &phc).is_err() {
            return Verdict::Wrong;
        }
        if is_current(&phc) {
            Verdict::Right
        } else {
            Verdict::RightButOutdated
        }
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new(DECOY.to_owned())
    }
}

fn is_current(phc: &Phc) -> bool {
    let ours = Params::DEFAULT;
    Params::try_from(phc).is_ok_and(|params| {
        phc.algorithm == ARGON2ID_IDENT
            && (params.m_cost(), params.t_cost(), params.p_cost())
                == (ours.m_cost(), ours.t_cost(), ours.p_cost())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(password: &str, hash: &str) -> Verdict {
        Argon2Hasher.verify(
            &Password::presented(password),
            &PasswordHash::new(hash.to_owned()),
        )
    }

    #[test]
    fn a_new_hash_is_argon2id_at_owasps_settings_and_verifies() {
        let password = Password::presented("correct horse battery");
        let hash = Argon2Hasher.hash(&password).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(Argon2Hasher.verify(&password, &hash), Verdict::Right);
        assert_eq!(verdict("correct horse", hash.as_str()), Verdict::Wrong);
        let again = Argon2Hasher.hash(&password).unwrap();
        assert_ne!(again, hash, "each hash has a salt of its own");
    }

    #[test]
    fn bcrypt_hashes_from_the_migration_verify_and_are_outdated() {
        for version in ["2a", "2b"] {
            let hash = bcrypt::hash_with_salt("secret", 4, *b"sixteen bytes ok")
                .unwrap()
                .to_string()
                .replacen("$2b$", &format!("${version}$"), 1);
            assert_eq!(verdict("secret", &hash), Verdict::RightButOutdated);
            assert_eq!(verdict("Secret", &hash), Verdict::Wrong);
        }
    }

    #[test]
    fn a_published_bcrypt_vector_verifies() {
        // From the test vectors of crypt_blowfish.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!(verdict("U*U", hash), Verdict::RightButOutdated);
    }

    #[test]
    fn weaker_argon2_settings_are_outdated() {
        let weak = Argon2::from(Params::new(8 * 1024, 1, 1, None).unwrap())
            .hash_password(b"secret")
            .unwrap()
            .to_string();
        assert_eq!(verdict("secret", &weak), Verdict::RightButOutdated);
    }

    #[test]
    fn the_decoy_is_compared_at_full_cost_and_has_no_password() {
        let decoy = Argon2Hasher.decoy();
        assert!(is_current(&Phc::new(decoy.as_str()).unwrap()));
        assert_eq!(verdict("", decoy.as_str()), Verdict::Wrong);
    }

    #[test]
    fn an_unreadable_hash_is_a_wrong_password() {
        for hash in [
            "",
            "$2",
            "$2a$99$short",
            "$argon2id$",
            "plain",
            "$argon2id$v=19$m=1,t=1,p=1$AA$AA",
        ] {
            assert_eq!(verdict("plain", hash), Verdict::Wrong, "{hash}");
        }
    }
}
