//! Rate limits of logins, also of concurrent ones.

use futures_util::future::join_all;

use super::*;

/// Logs in 24 times concurrently, at the default limits: every attempt is counted before one is verified.
async fn concurrent_logins(
    fixture: &AuthFixture,
    email: &str,
    password: &str,
) -> Vec<Result<LoggedIn, LoginError>> {
    let limits = Limits { per_account: 10, per_ip: 100, window: Duration::from_mins(15) };
    let users = contended(&fixture.users, "find_credentials", async || {
        fixture.sessions.wait(Duration::ZERO).await;
    });
    let login = || fixture.login_on(&users, &fixture.sessions, &limits, email, password);
    join_all((0..24).map(|_| login())).await
}

#[tokio::test]
async fn concurrent_logins_with_correct_password_all_succeed() {
    let (fixture, ada) = fixture("new:correct horse").await;
    let email = ada.email.as_typed();
    let outcomes = concurrent_logins(&fixture, email, "correct horse").await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    // Some had to wait for others.
    assert!(fixture.sessions.attempts.take_waits() > 24);
    assert_eq!(fixture.sessions.attempts.counts(), (0, 0));
}

#[tokio::test]
async fn concurrent_wrong_passwords_never_exceed_the_rate_limit() {
    let (fixture, ada) = fixture("new:correct horse").await;
    for email in [ada.email.as_typed(), "nobody@example.com"] {
        let calls = fixture.hasher.call_count();
        let outcomes = concurrent_logins(&fixture, email, "battery staple").await;
        let is_verified =
            |outcome: &&Result<_, _>| matches!(outcome, Err(LoginError::IncorrectPassword { .. }));
        assert_eq!(outcomes.iter().filter(is_verified).count(), 10);
        assert_eq!(fixture.hasher.call_count(), calls + 10);
    }
    // Each failure is counted for an account and for the client IP.
    assert_eq!(fixture.sessions.attempts.counts(), (0, 40));
}

#[tokio::test]
async fn valid_logins_leave_failure_counters_at_zero() {
    let (fixture, ada) = fixture("new:correct horse").await;
    for _ in 0..30 {
        fixture.login(ada.email.as_typed(), "correct horse").await.unwrap();
    }
    assert_eq!(fixture.sessions.attempts.counts(), (0, 0));
}

#[tokio::test]
async fn only_failed_logins_count_toward_the_rate_limit() {
    let (fixture, ada) = fixture("new:correct horse").await;
    let known = ada.email.as_typed();
    for email in [known, "nobody@example.com"] {
        let calls = fixture.hasher.call_count();
        for _ in 0..10 {
            assert!(fixture.login(known, "correct horse").await.is_ok());
        }
        for _ in 0..3 {
            let wrong = fixture.login(email, "battery staple").await;
            assert!(matches!(wrong, Err(LoginError::IncorrectPassword { .. })));
        }
        let rejected = fixture.login(email, "battery staple").await;
        assert!(matches!(rejected, Err(LoginError::RateLimit(RateLimitError::TooMany { .. }))));
        assert_eq!(fixture.hasher.call_count(), calls + 13, "no hash is verified");
        fixture.clock.advance(LIMITS.window);
    }
}
