//! A password hasher and a token signer for tests.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::password::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use crate::token::{Claims, SignError, TokenError, TokenSigner};

/// Hashes nothing, and counts how often it was asked.
#[derive(Debug, Default)]
pub struct PlainHasher {
    asked: AtomicI64,
}

impl PlainHasher {
    /// How often something was hashed or compared.
    pub fn asked(&self) -> i64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl PasswordHasher for PlainHasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(PasswordHash::new(format!("new:{}", password.reveal())))
    }

    fn verify(&self, password: &Password, hash: &PasswordHash) -> Verdict {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match hash.as_str().split_once(':') {
            Some(("new", secret)) if secret == password.reveal() => Verdict::Right,
            Some(("old", secret)) if secret == password.reveal() => Verdict::RightButOutdated,
            _ => Verdict::Wrong,
        }
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new("decoy".to_owned())
    }
}

/// Signs with a name instead of a secret.
#[derive(Debug, Clone)]
pub struct PlainSigner(pub &'static str);

impl TokenSigner for PlainSigner {
    fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        Ok(format!(
            "{}|{}|{}|{}|{}|{}",
            self.0,
            claims.user,
            claims.session,
            claims.token,
            claims.issued_at.unix_seconds(),
            claims.expires_at.unix_seconds()
        ))
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let parts: Vec<&str> = token.split('|').collect();
        let [signer, user, session, jti, issued_at, expires_at] = parts[..] else {
            return Err(TokenError::Malformed);
        };
        if signer != self.0 {
            return Err(TokenError::Refused);
        }
        let time = |raw: &str| raw.parse().ok().and_then(Timestamp::from_unix_seconds);
        let claims = (|| {
            Some(Claims {
                user: UserId::parse(user).ok()?,
                session: SessionId::parse(session).ok()?,
                token: TokenId::parse(jti).ok()?,
                issued_at: time(issued_at)?,
                expires_at: time(expires_at)?,
            })
        })()
        .ok_or(TokenError::Malformed)?;
        if claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}
