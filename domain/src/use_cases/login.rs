//! Login.

use futures_util::future::join;
use thiserror::Error;

use super::create_session::start_session;
use super::rate_limit::{RateLimitError, check_rate_limit};
use crate::clock::Clock;
use crate::id::UserId;
use crate::password::{HashError, Password, PasswordCheck, PasswordHasher};
use crate::rate_limit::{ClientIp, LimitedAction, Limits, RateLimitStore};
use crate::session::{SessionStore, UserAgent};
use crate::storage::StorageError;
use crate::token::{SignError, TokenIssuer, TokenPair, TokenSigner};
use crate::user::{Credentials, Email, PublicUser, UserRepository};

/// A validated login request.
#[derive(Debug, Clone)]
pub struct LoginAttempt {
    email: Email,
    password: Password,
    user_agent: Option<UserAgent>,
    client_ip: ClientIp,
}

/// One invalid field of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidLoginField {
    /// The e-mail is missing.
    #[error("email is required")]
    EmailRequired,
    /// The e-mail is not valid.
    #[error("not a valid e-mail")]
    InvalidEmail,
    /// The password is missing.
    #[error("password is required")]
    PasswordRequired,
}

/// All invalid fields of a login; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the login is not valid: {0:?}")]
pub struct InvalidLogin(pub Vec<InvalidLoginField>);

impl LoginAttempt {
    /// Validates all fields of a login and reports all errors in the order of the fields.
    pub fn parse(
        email: &str,
        password: &str,
        user_agent: Option<&str>,
        client_ip: ClientIp,
    ) -> Result<Self, InvalidLogin> {
        let email = match email.trim() {
            "" => Err(InvalidLoginField::EmailRequired),
            email => Email::parse(email).map_err(|_| InvalidLoginField::InvalidEmail),
        };
        let password = match password {
            "" => Err(InvalidLoginField::PasswordRequired),
            password => Ok(Password::unvalidated(password)),
        };
        match (email, password) {
            (Ok(email), Ok(password)) => Ok(Self {
                email,
                password,
                user_agent: user_agent.and_then(UserAgent::parse),
                client_ip,
            }),
            (email, password) => {
                let invalid = [email.err(), password.err()];
                Err(InvalidLogin(invalid.into_iter().flatten().collect()))
            }
        }
    }

    /// Returns the account of the attempt, which need not exist: the e-mail as the rate limit counts it.
    pub fn account(&self) -> &str {
        self.email.folded()
    }
}

/// Why a login failed.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The e-mail is unknown or the password is wrong. The response does not reveal which.
    #[error("the e-mail or the password is wrong")]
    IncorrectPassword {
        /// The user with this e-mail, for the log; `None` if the e-mail is unknown.
        user: Option<UserId>,
    },
    /// The rate limit was exceeded or could not be checked; see [`RateLimitError`].
    #[error(transparent)]
    RateLimit(#[from] RateLimitError),
    /// The password could not be hashed; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The new tokens could not be signed; see [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The result of a successful login.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The user who logged in.
    pub user: PublicUser,
    /// The tokens of the new session.
    pub tokens: TokenPair,
}

/// Checks the rate limit and the password, and creates a session. Replaces an outdated password hash.
pub async fn login(
    users: &impl UserRepository,
    sessions: &(impl SessionStore + RateLimitStore),
    hasher: &impl PasswordHasher,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    limits: &Limits,
    attempt: LoginAttempt,
) -> Result<LoggedIn, LoginError> {
    let (account, client_ip) = (attempt.account(), &attempt.client_ip);
    let (permit, credentials) = join(
        Box::pin(check_rate_limit(
            sessions,
            clock,
            limits,
            LimitedAction::Login,
            account,
            client_ip,
        )),
        Box::pin(users.find_credentials(&attempt.email)),
    )
    .await;
    let permit = permit?;
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => {
            permit.refund(sessions).await;
            return Err(error.into());
        }
    };
    let Some(Credentials { user, password: stored }) = credentials else {
        // Takes as long as the check of a real hash.
        hasher.verify(&attempt.password, &hasher.dummy_hash());
        permit.settle(sessions).await;
        return Err(LoginError::IncorrectPassword { user: None });
    };
    let incorrect = LoginError::IncorrectPassword { user: Some(user.id) };
    match hasher.verify(&attempt.password, &stored.hash) {
        PasswordCheck::Invalid => {
            permit.settle(sessions).await;
            return Err(incorrect);
        }
        PasswordCheck::Valid => {}
        PasswordCheck::ValidNeedsRehash => {
            let new = hasher.hash(&attempt.password)?;
            // If the new hash cannot be stored, the next login tries again.
            let _ = users.replace_password(user.id, &stored.hash, &new).await;
        }
    }
    // A password change or account deletion since the password was read revokes this session, because its
    // credentials version was read with the password.
    let (now, version) = (clock.now(), stored.credentials_version);
    let agent = attempt.user_agent;
    let session = start_session(sessions, tokens, now, user.id, version, agent, None);
    let (tokens, ()) = join(Box::pin(session), Box::pin(permit.refund(sessions))).await;
    tokens.map(|tokens| LoggedIn { user, tokens })
}

#[cfg(test)]
mod tests {
    mod rate_limit;

    use std::time::Duration;

    use super::*;
    use crate::password::PasswordHash;
    use crate::testing::{Fault, contended, faulty};
    use crate::use_cases::test_support::AuthFixture;
    use crate::user::User;

    const LIMITS: Limits = Limits { per_account: 3, per_ip: 100, window: Duration::from_mins(15) };

    fn client_ip() -> ClientIp {
        ClientIp::parse("203.0.113.7")
    }

    /// Stores a user with this password hash; returns the stores and the user.
    async fn fixture(hash: &str) -> (AuthFixture, User) {
        let fixture = AuthFixture::new();
        let ada = fixture.add_user(hash).await;
        (fixture, ada)
    }

    impl AuthFixture {
        async fn login(&self, email: &str, password: &str) -> Result<LoggedIn, LoginError> {
            self.login_on(&self.users, &self.sessions, &LIMITS, email, password).await
        }

        async fn login_on(
            &self,
            users: &impl UserRepository,
            sessions: &(impl SessionStore + RateLimitStore),
            limits: &Limits,
            email: &str,
            password: &str,
        ) -> Result<LoggedIn, LoginError> {
            let attempt = LoginAttempt::parse(email, password, Some("test/1.0"), client_ip());
            let (hasher, tokens, clock) = (&self.hasher, &self.tokens, &self.clock);
            login(users, sessions, hasher, tokens, clock, limits, attempt.unwrap()).await
        }
    }

    #[test]
    fn invalid_login_returns_all_field_errors() {
        use InvalidLoginField::{EmailRequired, InvalidEmail, PasswordRequired};
        for (email, password, expected) in [
            (" ", "", vec![EmailRequired, PasswordRequired]),
            ("ada@", "", vec![InvalidEmail, PasswordRequired]),
            ("ada@", "x", vec![InvalidEmail]),
        ] {
            let error = LoginAttempt::parse(email, password, None, client_ip()).unwrap_err();
            assert_eq!(error, InvalidLogin(expected));
        }
        // The password policy applies to new passwords only.
        for password in ["x", &"x".repeat(1_000)] {
            assert!(LoginAttempt::parse("ada@example.com", password, None, client_ip()).is_ok());
        }
    }

    #[tokio::test]
    async fn login_with_correct_password_creates_a_session() {
        let (fixture, ada) = fixture("new:correct horse").await;
        let email = ada.email.as_typed().to_uppercase();
        let logged_in = fixture.login(&email, "correct horse").await.unwrap();
        assert_eq!(logged_in.user, ada.public);
        assert_eq!(fixture.hasher.call_count(), 1);

        let (tokens, now) = (&fixture.tokens, fixture.clock.now());
        assert_eq!(logged_in.tokens.access_lifetime, tokens.lifetimes.access);
        let access = tokens.access.verify(&logged_in.tokens.access, now);
        let refresh = tokens.refresh.verify(&logged_in.tokens.refresh, now);
        let (access, refresh) = (access.unwrap(), refresh.unwrap());
        assert_eq!(access.user, ada.public.id);
        assert_eq!(access.session, refresh.session);
        let ends_at = now.whole_seconds().plus(tokens.lifetimes.access);
        assert_eq!(access.expires_at, ends_at);
        let found = fixture.sessions.find(access.user, access.session, now).await;
        let session = found.unwrap().unwrap();
        assert_eq!(session.refresh.token, refresh.token);
        assert_eq!(session.refresh.expires_at, refresh.expires_at);
        assert_eq!((session.previous, session.created_at), (None, now));
        assert_eq!(session.user_agent.unwrap().as_str(), "test/1.0");

        let again = fixture.login(&email, "correct horse").await.unwrap();
        assert_ne!(again.tokens.refresh, logged_in.tokens.refresh);
        assert_eq!(fixture.sessions.count(), 2);
    }

    #[tokio::test]
    async fn login_takes_equal_time_for_wrong_password_and_unknown_email() {
        for hash in ["new:correct horse", "old:correct horse", "unreadable"] {
            let (fixture, ada) = fixture(hash).await;
            for (email, password) in [
                (ada.email.as_typed(), "battery staple"),
                ("nobody@example.com", "correct horse"),
                ("nobody@example.com", "dummy_hash"),
            ] {
                let calls = fixture.hasher.call_count();
                match fixture.login(email, password).await {
                    Err(LoginError::IncorrectPassword { user }) => {
                        let is_known = email == ada.email.as_typed();
                        assert_eq!(user, is_known.then_some(ada.public.id));
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(fixture.hasher.call_count(), calls + 1);
            }
            assert_eq!(fixture.sessions.count(), 0);
            assert_eq!(fixture.hash_of(ada.public.id), hash);
        }
    }

    #[tokio::test]
    async fn outdated_password_hash_is_replaced_at_login() {
        let (fixture, ada) = fixture("old:correct horse").await;
        let failing = faulty(&fixture.users, "replace_password", Fault::Unavailable);
        let (email, sessions) = (ada.email.as_typed(), &fixture.sessions);
        let logged_in = fixture.login_on(&failing, sessions, &LIMITS, email, "correct horse").await;
        assert_eq!(logged_in.unwrap().user, ada.public);
        assert_eq!(fixture.hash_of(ada.public.id), "old:correct horse");
        // Verify and rehash, then only verify.
        for calls in [4, 5] {
            let logged_in = fixture.login(email, "correct horse").await;
            assert_eq!(logged_in.unwrap().user, ada.public);
            assert_eq!(fixture.hash_of(ada.public.id), "new:correct horse");
            assert_eq!(fixture.hasher.call_count(), calls);
        }
    }

    #[tokio::test]
    async fn password_change_during_login_revokes_the_new_session() {
        let (fixture, ada) = fixture("new:correct horse").await;
        let contended = contended(&fixture.sessions, "create", async || {
            let [old, new] = ["new:correct horse", "new:better horse"]
                .map(|hash| PasswordHash::new(hash.to_owned()));
            let replaced = fixture.users.change_password(ada.public.id, &old, &new);
            assert_eq!(replaced.await.unwrap(), Some(1));
        });
        let (email, users) = (ada.email.as_typed(), &fixture.users);
        let logged_in = fixture.login_on(users, &contended, &LIMITS, email, "correct horse").await;
        let tokens = logged_in.unwrap().tokens;
        assert!(fixture.authenticate(&tokens.access).await.is_err());
        assert!(fixture.refresh(&tokens.refresh).await.is_err());
    }

    #[tokio::test]
    async fn fifty_first_login_revokes_the_oldest_session() {
        let (fixture, ada) = fixture("new:correct horse").await;
        let mut logins = Vec::new();
        for _ in 0..51 {
            let logged_in = fixture.login(ada.email.as_typed(), "correct horse").await;
            logins.push(logged_in.unwrap().tokens);
            fixture.clock.advance(Duration::from_millis(1));
        }
        for (nth, tokens) in logins.iter().enumerate() {
            assert_eq!(fixture.authenticate(&tokens.access).await.is_ok(), nth > 0, "{nth}");
        }
        assert_eq!(fixture.sessions.count(), 50);
    }
}
