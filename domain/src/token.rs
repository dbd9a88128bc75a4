//! Access and refresh tokens, and the port that signs them.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::session::{RefreshTokenState, Session};

/// What a token says, beside what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is: `sub`.
    pub user: UserId,
    /// Which login it belongs to: `sid`.
    pub session: SessionId,
    /// Which token it is: `jti`.
    pub token: TokenId,
    /// From when it counts, to the second: `iat`.
    pub issued_at: Timestamp,
    /// When it ends, to the second: `exp`.
    pub expires_at: Timestamp,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There is none.
    #[error("no token")]
    Missing,
    /// It cannot be read.
    #[error("a token that cannot be read")]
    Malformed,
    /// It was ours, and its time is over.
    #[error("the token has expired")]
    Expired,
    /// The signature, the issuer, the audience or the use is wrong, or the session was revoked.
    #[error("the token is not accepted")]
    Rejected,
}

/// A token could not be signed.
#[derive(Debug, Error)]
#[error("the token could not be signed")]
pub struct SignError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Signs and verifies tokens of one use: a signer of access tokens refuses refresh tokens, and the
/// other way round.
pub trait TokenSigner {
    /// The same claims always give the same text.
    fn sign(&self, claims: &Claims) -> Result<String, SignError>;

    /// What the token says; `Expired` only for one whose signature is ours.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError>;
}

/// How long tokens last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The setting `ACCESS_TOKEN_TTL_SECONDS`.
    pub access: Duration,
    /// The setting `REFRESH_TOKEN_TTL_SECONDS`; as long as a session lasts unused.
    pub refresh: Duration,
}

/// What a client gets to stay signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// Whose they are.
    pub user: UserId,
    /// For each request.
    pub access: String,
    /// For the next pair.
    pub refresh: String,
    /// How long the access token lasts.
    pub access_lifetime: Duration,
}

redacted_debug!(TokenPair);

/// Makes token pairs: two signers and how long their tokens last.
#[derive(Debug, Clone)]
pub struct TokenIssuer<S> {
    /// Signs access tokens.
    pub access: S,
    /// Signs refresh tokens.
    pub refresh: S,
    /// How long both last.
    pub lifetimes: Lifetimes,
}

impl<S: TokenSigner> TokenIssuer<S> {
    /// A new access token, and the session's current refresh token written out once more: callers
    /// that see the same session hold the same refresh token.
    pub fn issue(&self, session: &Session, now: Timestamp) -> Result<TokenPair, SignError> {
        let claims = |grant: &RefreshTokenState| Claims {
            user: session.user,
            session: session.id,
            token: grant.token,
            issued_at: grant.issued_at,
            expires_at: grant.expires_at,
        };
        let access = claims(&RefreshTokenState::new(now, self.lifetimes.access));
        let refresh = claims(&session.refresh);
        Ok(TokenPair {
            user: session.user,
            access: self.access.sign(&access)?,
            refresh: self.refresh.sign(&refresh)?,
            access_lifetime: self.lifetimes.access,
        })
    }
}
