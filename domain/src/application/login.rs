//! Signing in.

use futures_util::future::join;
use thiserror::Error;

use super::throttle::{Admitted, ThrottleError, admit, forgive};
use crate::attempt::{AttemptStore, Attempted, Limits, SourceAddress};
use crate::clock::Clock;
use crate::password::{HashError, Password, PasswordHasher, Verdict};
use crate::session::{Session, SessionStore, UserAgent};
use crate::storage::StorageError;
use crate::token::{SignError, TokenIssuer, TokenPair, TokenSigner};
use crate::user::{Credentials, Email, PublicUser, UserRepository};

/// What somebody who signs in says, once it can be compared.
#[derive(Debug, Clone)]
pub struct LoginAttempt {
    email: Email,
    password: Password,
    user_agent: Option<UserAgent>,
}

/// One thing wrong with what somebody who signs in says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidLoginField {
    /// No e-mail address.
    #[error("email is required")]
    EmailRequired,
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// No password.
    #[error("password is required")]
    PasswordRequired,
}

/// Everything wrong with what somebody who signs in says; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the login is not valid: {0:?}")]
pub struct InvalidLogin(pub Vec<InvalidLoginField>);

impl LoginAttempt {
    /// Checks everything and tells all that is wrong at once.
    pub fn parse(
        email: &str,
        password: &str,
        user_agent: Option<&str>,
    ) -> Result<Self, InvalidLogin> {
        let email = match email.trim() {
            "" => Err(InvalidLoginField::EmailRequired),
            email => Email::parse(email).map_err(|_| InvalidLoginField::InvalidEmail),
        };
        let password = match password {
            "" => Err(InvalidLoginField::PasswordRequired),
            password => Ok(Password::presented(password)),
        };
        match (email, password) {
            (Ok(email), Ok(password)) => Ok(Self {
                email,
                password,
                user_agent: user_agent.and_then(UserAgent::parse),
            }),
            (email, password) => Err(InvalidLogin(
                [email.err(), password.err()]
                    .into_iter()
                    .flatten()
                    .collect(),
            )),
        }
    }
}

/// Why nobody was signed in.
#[derive(Debug, Error)]
pub enum LoginError {
    /// Nobody has the address, or it is another password: nobody is told which.
    #[error("the e-mail address or the password is wrong")]
    IncorrectPassword,
    /// See [`ThrottleError`].
    #[error(transparent)]
    Throttle(#[from] ThrottleError),
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Who signed in, and what keeps them signed in.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// Who it is.
    pub user: PublicUser,
    /// What keeps them signed in.
    pub tokens: TokenPair,
}

/// An attempt that may be compared with what is stored.
#[derive(Debug)]
pub struct AdmittedLogin {
    attempt: LoginAttempt,
    credentials: Option<Credentials>,
    admitted: Admitted,
}

/// Counts the attempt and reads what it is to be compared with; neither waits for the other.
pub async fn admit_login(
    users: &impl UserRepository,
    attempts: &impl AttemptStore,
    clock: &impl Clock,
    limits: &Limits,
    source: &SourceAddress,
    attempt: LoginAttempt,
) -> Result<AdmittedLogin, LoginError> {
    let account = attempt.email.folded();
    let (admitted, credentials) = join(
        Box::pin(admit(
            attempts,
            clock,
            limits,
            Attempted::Login,
            account,
            source,
        )),
        Box::pin(users.find_credentials(&attempt.email)),
    )
    .await;
    let admitted = admitted?;
    Ok(AdmittedLogin {
        credentials: credentials?,
        attempt,
        admitted,
    })
}

/// Compares the password and begins a session. A hash from before the migration is replaced.
pub async fn login(
    users: &impl UserRepository,
    sessions: &(impl SessionStore + AttemptStore),
    hasher: &impl PasswordHasher,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    admitted: AdmittedLogin,
) -> Result<LoggedIn, LoginError> {
    let AdmittedLogin {
        attempt,
        credentials,
        admitted,
    } = admitted;
    let Some(credentials) = credentials else {
        hasher.verify(&attempt.password, &hasher.decoy());
        return Err(LoginError::IncorrectPassword);
    };
    let user = credentials.user;
    let mut compared = vec![credentials.password];
    match hasher.verify(&attempt.password, &compared[0]) {
        Verdict::Wrong => return Err(LoginError::IncorrectPassword),
        Verdict::Right => {}
        Verdict::RightButOutdated => {
            let new = hasher.hash(&attempt.password)?;
            // The password is right: where the new hash cannot be kept, the next login tries again.
            let _ = users.replace_password(user.id, &compared[0], &new).await;
            compared.push(new);
        }
    }
    let now = clock.now();
    let session = Session::begin(user.id, now, tokens.lifetimes.refresh, attempt.user_agent);
    let tokens = tokens.issue(&session, now)?;
    let (created, ()) = join(
        Box::pin(sessions.create(&session, now)),
        Box::pin(forgive(sessions, admitted)),
    )
    .await;
    created?;
    // Who changes a password, or leaves, ends all sessions afterwards. One that was begun too late for
    // that was begun before this: so either they end it or it is ended here.
    let latest = users.find_password(user.id).await;
    match latest {
        Ok(Some(latest)) if compared.contains(&latest) => Ok(LoggedIn { user, tokens }),
        latest => {
            sessions.revoke(session.user, session.id).await?;
            latest?;
            Err(LoginError::IncorrectPassword)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::test_support::issuer;
    use crate::password::PasswordHash;
    use crate::testing::{
        Fault, Faulty, FixedClock, MemorySessions, MemoryUsers, PlainHasher, faulty, sample,
    };
    use crate::user::User;

    async fn account(users: &MemoryUsers, hash: &str) -> User {
        let user = sample::user();
        let hash = PasswordHash::new(hash.to_owned());
        users.create(&user, &hash).await.unwrap();
        user
    }

    fn attempt(email: &str, password: &str) -> LoginAttempt {
        LoginAttempt::parse(email, password, Some("test/1.0")).unwrap()
    }

    const LIMITS: Limits = Limits {
        per_account: 3,
        per_address: 100,
        window: Duration::from_mins(15),
    };

    /// Is let through, then signs in.
    async fn login(
        users: &impl UserRepository,
        sessions: &(impl SessionStore + AttemptStore),
        hasher: &impl PasswordHasher,
        tokens: &TokenIssuer<impl TokenSigner>,
        clock: &FixedClock,
        attempt: LoginAttempt,
    ) -> Result<LoggedIn, LoginError> {
        let source = SourceAddress::parse("203.0.113.7");
        let admitted = admit_login(users, sessions, clock, &LIMITS, &source, attempt).await?;
        super::login(users, sessions, hasher, tokens, clock, admitted).await
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_in_order() {
        for (email, password, wrong) in [
            (
                " ",
                "",
                vec![
                    InvalidLoginField::EmailRequired,
                    InvalidLoginField::PasswordRequired,
                ],
            ),
            (
                "ada@",
                "",
                vec![
                    InvalidLoginField::InvalidEmail,
                    InvalidLoginField::PasswordRequired,
                ],
            ),
            ("ada@", "x", vec![InvalidLoginField::InvalidEmail]),
        ] {
            let error = LoginAttempt::parse(email, password, None).unwrap_err();
            assert_eq!(error, InvalidLogin(wrong));
        }
    }

    #[test]
    fn any_password_is_worth_comparing() {
        assert!(LoginAttempt::parse("ada@example.com", "x", None).is_ok());
        assert!(LoginAttempt::parse("ada@example.com", &"x".repeat(1_000), None).is_ok());
    }

    #[tokio::test]
    async fn the_right_password_begins_a_session() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock, tokens) = (PlainHasher::default(), FixedClock::default(), issuer());
        let ada = account(&users, "new:correct horse").await;
        let attempt = attempt(&ada.email.as_typed().to_uppercase(), "correct horse");
        let signed_in = login(&users, &sessions, &hasher, &tokens, &clock, attempt)
            .await
            .unwrap();
        assert_eq!(signed_in.user, ada.public);
        assert_eq!(signed_in.tokens.access_lifetime, tokens.lifetimes.access);
        assert_eq!(hasher.asked(), 1);

        let now = clock.now();
        let access = tokens.access.verify(&signed_in.tokens.access, now).unwrap();
        let refresh = tokens
            .refresh
            .verify(&signed_in.tokens.refresh, now)
            .unwrap();
        assert_eq!(
            (access.user, access.session),
            (ada.public.id, refresh.session)
        );
        assert_eq!(
            access.expires_at,
            now.whole_seconds().plus(tokens.lifetimes.access)
        );
        let session = sessions
            .find(ada.public.id, access.session, now)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(session.refresh.token, refresh.token);
        assert_eq!(session.refresh.expires_at, refresh.expires_at);
        assert_eq!(session.previous, None);
        assert_eq!(session.created_at, now);
        assert_eq!(session.user_agent.unwrap().as_str(), "test/1.0");
    }

    #[tokio::test]
    async fn each_login_is_a_session_of_its_own() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock, tokens) = (PlainHasher::default(), FixedClock::default(), issuer());
        let ada = account(&users, "new:correct horse").await;
        let mut held = Vec::new();
        for _ in 0..2 {
            let attempt = attempt(ada.email.as_typed(), "correct horse");
            let signed_in = login(&users, &sessions, &hasher, &tokens, &clock, attempt).await;
            held.push(signed_in.unwrap().tokens.refresh);
        }
        assert_eq!(sessions.count(), 2);
        assert_ne!(held[0], held[1]);
    }

    #[tokio::test]
    async fn a_wrong_password_begins_no_session() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock) = (PlainHasher::default(), FixedClock::default());
        for hash in ["new:correct horse", "old:correct horse", "unreadable"] {
            let ada = account(&users, hash).await;
            let attempt = attempt(ada.email.as_typed(), "battery staple");
            let refused = login(&users, &sessions, &hasher, &issuer(), &clock, attempt).await;
            assert!(matches!(refused, Err(LoginError::IncorrectPassword)));
            let kept = users.password_of(ada.public.id).unwrap();
            assert_eq!(kept.as_str(), hash);
        }
        assert_eq!(sessions.count(), 0);
        assert_eq!(hasher.asked(), 3);
    }

    #[tokio::test]
    async fn an_unknown_address_is_refused_like_a_wrong_password() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock) = (PlainHasher::default(), FixedClock::default());
        for password in ["correct horse", "decoy"] {
            let before = hasher.asked();
            let attempt = attempt("nobody@example.com", password);
            let refused = login(&users, &sessions, &hasher, &issuer(), &clock, attempt).await;
            assert!(matches!(refused, Err(LoginError::IncorrectPassword)));
            assert_eq!(hasher.asked(), before + 1);
        }
        assert_eq!(sessions.count(), 0);
    }

    #[tokio::test]
    async fn an_outdated_hash_is_replaced_once() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock, tokens) = (PlainHasher::default(), FixedClock::default(), issuer());
        let ada = account(&users, "old:correct horse").await;
        // Compared and hashed anew, then only compared.
        for asked in [2, 3] {
            let attempt = attempt(ada.email.as_typed(), "correct horse");
            let signed_in = login(&users, &sessions, &hasher, &tokens, &clock, attempt).await;
            assert_eq!(signed_in.unwrap().user, ada.public);
            let hash = users.password_of(ada.public.id).unwrap();
            assert_eq!(hash.as_str(), "new:correct horse");
            assert_eq!(hasher.asked(), asked);
        }
    }

    #[tokio::test]
    async fn a_password_that_was_changed_meanwhile_lets_nobody_in() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock, tokens) = (PlainHasher::default(), FixedClock::default(), issuer());
        let ada = account(&users, "new:correct horse").await;
        let (id, email) = (ada.public.id, ada.email.as_typed());
        let hash = |text: &str| PasswordHash::new(text.to_owned());
        let contended = Faulty::new(&users, async |call| {
            if call == "find_password" {
                let (old, new) = (hash("new:correct horse"), hash("new:better horse"));
                users.replace_password(id, &old, &new).await.unwrap();
            }
            Fault::None
        });
        let attempt = attempt(email, "correct horse");
        let refused = login(&contended, &sessions, &hasher, &tokens, &clock, attempt).await;
        assert!(matches!(refused, Err(LoginError::IncorrectPassword)));
        assert_eq!(sessions.count(), 0);
    }

    #[tokio::test]
    async fn too_many_attempts_are_refused_before_anything_is_compared() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock, tokens) = (PlainHasher::default(), FixedClock::default(), issuer());
        let ada = account(&users, "new:correct horse").await;
        // What was right is not counted, what was wrong is, for an address that nobody has as well.
        let unknown = "nobody@example.com";
        for email in [ada.email.as_typed(), unknown] {
            let asked = hasher.asked();
            for _ in 0..10 {
                let attempt = attempt(ada.email.as_typed(), "correct horse");
                let right = login(&users, &sessions, &hasher, &tokens, &clock, attempt).await;
                assert!(right.is_ok(), "{right:?}");
            }
            for _ in 0..3 {
                let attempt = attempt(email, "battery staple");
                let wrong = login(&users, &sessions, &hasher, &tokens, &clock, attempt).await;
                assert!(matches!(wrong, Err(LoginError::IncorrectPassword)));
            }
            let attempt = attempt(email, "battery staple");
            let refused = login(&users, &sessions, &hasher, &tokens, &clock, attempt).await;
            assert!(matches!(
                refused,
                Err(LoginError::Throttle(ThrottleError::TooMany { .. }))
            ));
            assert_eq!(hasher.asked(), asked + 13);
            clock.advance(LIMITS.window);
        }
    }

    #[tokio::test]
    async fn an_outdated_hash_that_cannot_be_replaced_lets_in_all_the_same() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock, tokens) = (PlainHasher::default(), FixedClock::default(), issuer());
        let ada = account(&users, "old:correct horse").await;
        let attempt = attempt(ada.email.as_typed(), "correct horse");
        let stuck = faulty(&users, "replace_password", Fault::Unavailable);
        let signed_in = login(&stuck, &sessions, &hasher, &tokens, &clock, attempt).await;
        assert_eq!(signed_in.unwrap().user, ada.public);
        assert_eq!(sessions.count(), 1);
        let hash = users.password_of(ada.public.id).unwrap();
        assert_eq!(hash.as_str(), "old:correct horse");
    }
}
