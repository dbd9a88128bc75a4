//! A fast password hasher and token signer for tests.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::password::{HashError, Password, PasswordCheck, PasswordHash, PasswordHasher};
use crate::token::{Claims, SignError, TokenError, TokenSigner};

/// A fake hasher: writes `new:<password>` instead of a hash, treats `old:<password>` as an outdated hash, and
/// counts the calls of `hash` and `verify_text`.
#[derive(Debug, Default)]
pub struct FakeHasher {
    call_count: AtomicI64,
}

impl FakeHasher {
    /// Returns the number of calls of `hash` and `verify_text`.
    pub fn call_count(&self) -> i64 {
        self.call_count.load(Ordering::SeqCst)
    }
}

impl PasswordHasher for FakeHasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.call_count.fetch_add(1, Ordering::SeqCst);
        Ok(PasswordHash::new(format!("new:{}", password.reveal())))
    }

    fn verify_text(&self, text: &str, hash: &PasswordHash) -> PasswordCheck {
        self.call_count.fetch_add(1, Ordering::SeqCst);
        match hash.as_str().split_once(':') {
            Some(("new", secret)) if secret == text => PasswordCheck::Valid,
            Some(("old", secret)) if secret == text => PasswordCheck::ValidNeedsRehash,
            _ => PasswordCheck::Invalid,
        }
    }

    fn dummy_hash(&self) -> PasswordHash {
        PasswordHash::new("dummy_hash".to_owned())
    }
}

/// A fake signer: writes its name and the claims as plain text, without a signature.
#[derive(Debug, Clone)]
pub struct FakeSigner(pub &'static str);

impl TokenSigner for FakeSigner {
    fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        Ok(format!(
            "{}|{}|{}|{}|{}|{}|{}",
            self.0,
            claims.user,
            claims.session,
            claims.token,
            claims.issued_at.unix_seconds(),
            claims.expires_at.unix_seconds(),
            claims.authenticated_at.map(|at| at.unix_seconds().to_string()).unwrap_or_default()
        ))
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let parts: Vec<&str> = token.split('|').collect();
        let [signer, user, session, jti, issued_at, expires_at, authenticated_at] = parts[..]
        else {
            return Err(TokenError::Malformed);
        };
        if signer != self.0 {
            return Err(TokenError::Rejected);
        }
        let time = |raw: &str| raw.parse().ok().and_then(Timestamp::from_unix_seconds);
        let claims = (|| {
            Some(Claims {
                user: UserId::parse(user).ok()?,
                session: SessionId::parse(session).ok()?,
                token: TokenId::parse(jti).ok()?,
                issued_at: time(issued_at)?,
                expires_at: time(expires_at)?,
                authenticated_at: time(authenticated_at),
            })
        })()
        .ok_or(TokenError::Malformed)?;
        if claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}
