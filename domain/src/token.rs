//! Access and refresh tokens, and the port that signs them.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::session::{RefreshTokenState, Session};

/// The claims of a token. A signer adds the issuer, the audience and the use (access or refresh).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The id of the user, the claim `sub`.
    pub user: UserId,
    /// The id of the session, the claim `sid`.
    pub session: SessionId,
    /// The id of the token, the claim `jti`.
    pub token: TokenId,
    /// The time of issue in whole seconds, the claim `iat`.
    pub issued_at: Timestamp,
    /// The time of expiry in whole seconds, the claim `exp`.
    pub expires_at: Timestamp,
    /// The time of login in whole seconds, the claim `auth_time`; `None` in tokens of versions without it.
    pub authenticated_at: Option<Timestamp>,
}

/// Why a token was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The request has no token.
    #[error("the token is missing")]
    Missing,
    /// The token cannot be parsed.
    #[error("the token is malformed")]
    Malformed,
    /// The token has a valid signature and has expired.
    #[error("the token has expired")]
    Expired,
    /// The signature, issuer, audience or use (access or refresh) is wrong, or the session is not active.
    #[error("the token was rejected")]
    Rejected,
}

/// The error of signing a token.
#[derive(Debug, Error)]
#[error("the token could not be signed")]
pub struct SignError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Port: signs and verifies either access or refresh tokens. A signer of access tokens rejects refresh
/// tokens, and vice versa.
pub trait TokenSigner {
    /// Signs the claims. Deterministic: equal claims give equal tokens.
    fn sign(&self, claims: &Claims) -> Result<String, SignError>;

    /// Verifies the token and returns its claims. Returns `Expired` only if the signature is valid.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError>;

    /// Verifies a token that may have expired, and returns its claims.
    fn verify_ignoring_expiry(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify(token, Timestamp::UNIX_EPOCH)
    }
}

/// The lifetimes of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The lifetime of access tokens: the setting `ACCESS_TOKEN_TTL_SECONDS`.
    pub access: Duration,
    /// The lifetime of refresh tokens, and so of an unused session: the setting `REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh: Duration,
    /// The maximum lifetime of a session, however often it is refreshed: the setting `SESSION_MAX_SECONDS`. At least
    /// [`Self::refresh`].
    pub session: Duration,
}

/// The tokens that login and refresh return.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// The user who logged in.
    pub user: UserId,
    /// The access token, which authenticates requests.
    pub access: String,
    /// The refresh token, which is exchanged for the next pair.
    pub refresh: String,
    /// The lifetime of the access token.
    pub access_lifetime: Duration,
}

redacted_debug!(TokenPair);

/// Issues token pairs.
#[derive(Debug, Clone)]
pub struct TokenIssuer<S> {
    /// Signs access tokens.
    pub access: S,
    /// Signs refresh tokens.
    pub refresh: S,
    /// The lifetimes of access and refresh tokens.
    pub lifetimes: Lifetimes,
}

impl<S: TokenSigner> TokenIssuer<S> {
    /// Issues a new access token and signs the session's current refresh token. Concurrent refreshes
    /// therefore return the same refresh token.
    pub fn issue(&self, session: &Session, now: Timestamp) -> Result<TokenPair, SignError> {
        let claims = |state: &RefreshTokenState| Claims {
            user: session.user,
            session: session.id,
            token: state.token,
            issued_at: state.issued_at,
            expires_at: state.expires_at,
            authenticated_at: Some(session.created_at.whole_seconds()),
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
