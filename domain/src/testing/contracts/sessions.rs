use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{join, join_all};

use super::read_all;
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::session::{RefreshTokenState, Rotation, Session, SessionStore, UserAgent};
use crate::testing::sample;
use crate::use_cases::create_session;

/// Generates the contract tests of a `SessionStore`.
#[macro_export]
macro_rules! session_store_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            sessions,
            $adapter,
            [
                session_is_found_until_it_expires,
                previous_refresh_token_is_replayed_until_the_current_is_used,
                refresh_token_from_two_rotations_ago_revokes_session,
                refresh_token_of_expired_session_is_not_rotated,
                revoking_a_session_keeps_other_sessions_of_the_user,
                sessions_of_one_user_are_listed_newest_first,
                login_above_50_sessions_revokes_the_oldest,
                concurrent_logins_keep_at_most_50_sessions,
                concurrent_rotations_return_the_same_refresh_token,
                session_revoked_during_token_rotation_stays_revoked,
            ]
        );
    };
}

const LIFETIME: Duration = Duration::from_hours(1);

async fn created(sessions: &impl SessionStore, user: UserId, lifetime: Duration) -> Session {
    let (now, agent) = (sample::timestamp(), UserAgent::parse("contract/1.0 (ünïcode)"));
    let session = Session::begin(user, 7, now, lifetime, agent);
    sessions.create(&session, now).await.expect("created");
    session
}

fn new_user() -> UserId {
    UserId::new(sample::timestamp())
}

async fn find(sessions: &impl SessionStore, session: &Session) -> Option<Session> {
    let found = sessions.find(session.user, session.id, session.created_at);
    found.await.expect("a response")
}

/// Presents a refresh token in order to replace it by a new one; returns the new token and the result.
async fn rotate(
    sessions: &impl SessionStore,
    session: &Session,
    presented: TokenId,
    now: Timestamp,
) -> (RefreshTokenState, Rotation) {
    let next = RefreshTokenState::new(now, LIFETIME);
    let rotation =
        sessions.rotate(session.user, session.id, presented, &next, now).await.expect("a response");
    (next, rotation)
}

async fn rotated(sessions: &impl SessionStore, session: &Session, now: Timestamp) -> Session {
    let (next, rotation) = rotate(sessions, session, session.refresh.token, now).await;
    let expected = session.rotated(next, now);
    assert_eq!(rotation, Rotation::Rotated(expected.clone()));
    expected
}

/// Lists the sessions of the user in pages of `size`.
async fn list(sessions: &impl SessionStore, user: UserId, size: usize) -> Vec<Session> {
    read_all(size, |session: &Session| session.id, |page| sessions.list(user, page)).await
}

async fn log_in(sessions: &impl SessionStore, user: UserId, credentials_version: u64) -> Session {
    let now = sample::timestamp();
    let session = Session::begin(user, credentials_version, now, LIFETIME, None);
    create_session(sessions, &session, None, now).await.expect("created");
    session
}

pub async fn session_is_found_until_it_expires(sessions: &impl SessionStore) {
    let session = created(sessions, new_user(), LIFETIME).await;
    assert_eq!(find(sessions, &session).await, Some(session.clone()));
    let end = session.refresh.expires_at;
    let just_before = Timestamp::from_unix_millis(end.unix_millis() - 1).expect("a time");
    let other = SessionId::new(end);
    for (user, id, now, is_found) in [
        (session.user, session.id, just_before, true),
        (session.user, session.id, end, false),
        (new_user(), session.id, just_before, false),
        (session.user, other, just_before, false),
    ] {
        let found = sessions.find(user, id, now).await.expect("a response");
        assert_eq!(found.is_some(), is_found, "{user} {id} {now}");
    }
}

pub async fn previous_refresh_token_is_replayed_until_the_current_is_used(
    sessions: &impl SessionStore,
) {
    let first = created(sessions, new_user(), LIFETIME).await;
    let now = first.created_at;
    let second = rotated(sessions, &first, now).await;
    assert_eq!(find(sessions, &first).await, Some(second.clone()));
    let long_after = now.plus(LIFETIME / 2);
    for later in [now, long_after] {
        let (_, again) = rotate(sessions, &first, first.refresh.token, later).await;
        assert_eq!(again, Rotation::Replayed(second.clone()));
    }
    let third = rotated(sessions, &second, long_after).await;
    let (_, again) = rotate(sessions, &first, second.refresh.token, long_after).await;
    assert_eq!(again, Rotation::Replayed(third));
}

pub async fn refresh_token_from_two_rotations_ago_revokes_session(sessions: &impl SessionStore) {
    let session = created(sessions, new_user(), LIFETIME).await;
    let now = session.created_at;
    let second = rotated(sessions, &session, now).await;
    let third = rotated(sessions, &second, now).await;
    let (_, reuse) = rotate(sessions, &session, session.refresh.token, now).await;
    assert_eq!(reuse, Rotation::Reused);
    assert_eq!(find(sessions, &session).await, None);
    let (_, after) = rotate(sessions, &session, third.refresh.token, now).await;
    assert_eq!(after, Rotation::SessionNotFound);
}

pub async fn refresh_token_of_expired_session_is_not_rotated(sessions: &impl SessionStore) {
    let session = created(sessions, new_user(), LIFETIME).await;
    let end = session.refresh.expires_at;
    let (_, late) = rotate(sessions, &session, session.refresh.token, end).await;
    assert_eq!(late, Rotation::SessionNotFound);
}

pub async fn revoking_a_session_keeps_other_sessions_of_the_user(sessions: &impl SessionStore) {
    let one = created(sessions, new_user(), LIFETIME).await;
    let other = created(sessions, one.user, LIFETIME).await;
    for _ in 0..2 {
        sessions.revoke(one.user, one.id).await.expect("revoked");
    }
    let now = one.created_at;
    let (_, rotation) = rotate(sessions, &one, one.refresh.token, now).await;
    assert_eq!(rotation, Rotation::SessionNotFound);
    assert_eq!(find(sessions, &one).await, None);
    assert_eq!(find(sessions, &other).await, Some(other.clone()));
}

pub async fn sessions_of_one_user_are_listed_newest_first(sessions: &impl SessionStore) {
    let ada = new_user();
    let first = created(sessions, ada, LIFETIME).await;
    let second = created(sessions, ada, LIFETIME).await;
    let third = created(sessions, ada, LIFETIME * 2).await;
    created(sessions, new_user(), LIFETIME).await;
    let first = rotated(sessions, &first, third.created_at).await;
    for size in [1, 2, 3, 100] {
        let all = [third.clone(), second.clone(), first.clone()];
        assert_eq!(list(sessions, ada, size).await, all, "in pages of {size}");
    }
    sessions.revoke(ada, second.id).await.expect("revoked");
    assert_eq!(list(sessions, ada, 1).await, [third, first]);
    assert_eq!(list(sessions, new_user(), 1).await, []);
}

pub async fn login_above_50_sessions_revokes_the_oldest(sessions: &impl SessionStore) {
    let ada = new_user();
    let mut all = Vec::new();
    for _ in 0..52 {
        all.push(log_in(sessions, ada, 1).await);
    }
    for (nth, session) in all.iter().enumerate() {
        assert_eq!(find(sessions, session).await.is_some(), nth > 1, "{nth}");
    }
    all.reverse();
    assert_eq!(list(sessions, ada, 100).await, all[..50]);
    // Sessions of an older credentials version are revoked, and are deleted now.
    let newest = log_in(sessions, ada, 2).await;
    assert_eq!(list(sessions, ada, 100).await, std::slice::from_ref(&newest));
    // A concurrent revocation must not delete newer sessions.
    let older = log_in(sessions, ada, 1).await;
    assert_eq!(list(sessions, ada, 100).await, [older, newest]);
}

pub async fn concurrent_logins_keep_at_most_50_sessions(sessions: &impl SessionStore) {
    let ada = new_user();
    for _ in 0..45 {
        log_in(sessions, ada, 1).await;
    }
    let newest = join_all((0..30).map(|_| log_in(sessions, ada, 1))).await;
    let kept = list(sessions, ada, 100).await;
    assert_eq!(kept.len(), 50);
    assert!(newest.iter().all(|session| kept.contains(session)));
}

pub async fn concurrent_rotations_return_the_same_refresh_token(sessions: &impl SessionStore) {
    let session = created(sessions, new_user(), LIFETIME).await;
    let (presented, now) = (session.refresh.token, session.created_at);
    let all = (0..20).map(|_| rotate(sessions, &session, presented, now));
    let mut rotations = 0;
    let mut tokens = HashSet::new();
    let mut current = None;
    for (_, outcome) in join_all(all).await {
        rotations += usize::from(matches!(outcome, Rotation::Rotated(_)));
        match outcome {
            Rotation::Rotated(session) | Rotation::Replayed(session) => {
                tokens.insert(session.refresh.token);
                current = Some(session);
            }
            Rotation::Reused | Rotation::SessionNotFound => {
                panic!("the session was revoked: {outcome:?}")
            }
        }
    }
    assert_eq!((rotations, tokens.len()), (1, 1));
    rotated(sessions, &current.expect("a session"), now).await;
}

pub async fn session_revoked_during_token_rotation_stays_revoked(sessions: &impl SessionStore) {
    for _ in 0..10 {
        let session = created(sessions, new_user(), LIFETIME).await;
        let (presented, now) = (session.refresh.token, session.created_at);
        let rotations = join_all((0..5).map(|_| rotate(sessions, &session, presented, now)));
        let revocation = sessions.revoke(session.user, session.id);
        let (outcomes, revoked) = join(rotations, revocation).await;
        revoked.expect("revoked");
        assert_eq!(list(sessions, session.user, 100).await, []);
        assert_eq!(find(sessions, &session).await, None);
        for (next, _) in outcomes {
            let (_, outcome) = rotate(sessions, &session, next.token, now).await;
            assert_eq!(outcome, Rotation::SessionNotFound);
        }
    }
}
