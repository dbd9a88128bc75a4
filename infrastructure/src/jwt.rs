//! JWT access and refresh tokens (RFC 7519), signed with HS256. Signatures come from ring, which TLS needs
//! anyway: the crypto backends of `jsonwebtoken` add 0.9 and 2.9 MB to each function.

use std::sync::Once;

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::token::{Claims, SignError, TokenError, TokenSigner};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The claim `iss` of every token.
const ISSUER: &str = "food-app";
const AUDIENCE: &str = "food-app";

/// Purpose of a token: the claim `token_use`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenUse {
    /// The use of an access token, which authenticates requests.
    Access,
    /// The use of a refresh token, which is exchanged for new tokens.
    Refresh,
}

/// An HMAC secret of at least 32 bytes, the length of the signature (RFC 7518, section 3.2).
#[derive(Clone)]
pub struct Secret {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The error for a secret with fewer than [`Secret::MIN_BYTES`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a secret must have at least {min} bytes", min = Secret::MIN_BYTES)]
pub struct InvalidSecret;

impl Secret {
    /// Minimum length of a secret in bytes.
    pub const MIN_BYTES: usize = 32;

    /// Checks the length of a secret and derives its key id.
    pub fn parse(raw: &str) -> Result<Self, InvalidSecret> {
        let bytes = raw.as_bytes();
        if bytes.len() < Self::MIN_BYTES {
            return Err(InvalidSecret);
        }
        // The `kid` of a token names its secret without revealing it.
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let tag = hmac::sign(&key, b"food-app key id");
        Ok(Self {
            id: hex::encode(&tag.as_ref()[..8]),
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        })
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

/// Signs and verifies tokens of one [`TokenUse`]. Tokens signed with the previous secret remain valid, so
/// that rotating secrets logs no user out.
#[derive(Debug, Clone)]
pub struct JwtTokens {
    token_use: TokenUse,
    current: Secret,
    previous: Option<Secret>,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct JwtClaims {
    sub: String,
    sid: String,
    jti: String,
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
    token_use: TokenUse,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
}

impl JwtTokens {
    /// Creates a signer that signs with `current` and verifies with both secrets.
    pub fn new(token_use: TokenUse, current: Secret, previous: Option<Secret>) -> Self {
        install_ring();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // `verify` compares `exp` with the time that its caller passes.
        validation.validate_exp = false;
        Self { token_use, current, previous, validation }
    }
}

impl TokenSigner for JwtTokens {
    fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        let header = Header { kid: Some(self.current.id.clone()), ..Header::new(Algorithm::HS256) };
        let claims = JwtClaims {
            sub: claims.user.to_string(),
            sid: claims.session.to_string(),
            jti: claims.token.to_string(),
            iat: claims.issued_at.unix_seconds(),
            exp: claims.expires_at.unix_seconds(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            token_use: self.token_use,
            auth_time: claims.authenticated_at.map(Timestamp::unix_seconds),
        };
        jsonwebtoken::encode(&header, &claims, &self.current.encoding)
            .map_err(|error| SignError(error.into()))
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| token_error(&error))?;
        // No critical header extension is supported (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(TokenError::Rejected);
        }
        let secret = std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|secret| header.kid.as_ref() == Some(&secret.id))
            .ok_or(TokenError::Rejected)?;
        let claims = jsonwebtoken::decode::<JwtClaims>(token, &secret.decoding, &self.validation)
            .map_err(|error| token_error(&error))?
            .claims;
        if claims.token_use != self.token_use {
            return Err(TokenError::Rejected);
        }
        let claims = parse(&claims).ok_or(TokenError::Rejected)?;
        if claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

fn parse(claims: &JwtClaims) -> Option<Claims> {
    Some(Claims {
        user: UserId::parse(&claims.sub).ok()?,
        session: SessionId::parse(&claims.sid).ok()?,
        token: TokenId::parse(&claims.jti).ok()?,
        issued_at: Timestamp::from_unix_seconds(claims.iat)?,
        expires_at: Timestamp::from_unix_seconds(claims.exp)?,
        authenticated_at: match claims.auth_time {
            Some(seconds) => Some(Timestamp::from_unix_seconds(seconds)?),
            None => None,
        },
    })
}

fn token_error(error: &Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidToken
        | ErrorKind::Base64(_)
        | ErrorKind::Json(_)
        | ErrorKind::Utf8(_) => TokenError::Malformed,
        _ => TokenError::Rejected,
    }
}

/// Signs and verifies HS256 with ring, for the provider interface of `jsonwebtoken`.
struct Hs256(hmac::Key);

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

fn hs256(algorithm: Algorithm, key: &[u8]) -> Result<Hs256, Error> {
    if algorithm == Algorithm::HS256 {
        Ok(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key)))
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(hs256(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(hs256(*algorithm, key.try_get_as_bytes()?)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_ring() {
    static INSTALLED: Once = Once::new();
    // Fails only if a provider is installed, and the built-in ones are not compiled in.
    INSTALLED.call_once(|| {
        let _ = RING.install_default();
    });
}
