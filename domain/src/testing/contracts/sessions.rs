use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::session::{RefreshTokenState, Rotation, Session, SessionStore, UserAgent};
use crate::testing::sample;

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
                active_sessions_of_one_user_are_listed,
                revoke_all_keeps_excepted_session_and_those_of_other_users,
                sixty_sessions_of_a_user_are_listed_and_revoked,
                concurrent_rotations_return_the_same_refresh_token,
                session_revoked_during_token_rotation_stays_revoked,
            ]
        );
    };
}

const LIFETIME: Duration = Duration::from_hours(1);

async fn created(sessions: &impl SessionStore, user: UserId, lifetime: Duration) -> Session {
    let (now, agent) = (sample::timestamp(), UserAgent::parse("contract/1.0 (ünïcode)"));
    let session = Session::begin(user, now, lifetime, agent);
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

/// Lists the sessions of the user, sorted by id.
async fn list(sessions: &impl SessionStore, user: UserId, now: Timestamp) -> Vec<Session> {
    let mut all = sessions.list(user, now).await.expect("listed");
    all.sort_by_key(|session| session.id);
    all
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

pub async fn active_sessions_of_one_user_are_listed(sessions: &impl SessionStore) {
    let ada = new_user();
    let first = created(sessions, ada, LIFETIME).await;
    let short = created(sessions, ada, Duration::from_mins(1)).await;
    let second = created(sessions, ada, LIFETIME).await;
    created(sessions, new_user(), LIFETIME).await;
    let now = second.created_at;
    let first = rotated(sessions, &first, now).await;
    let all = [first.clone(), short.clone(), second.clone()];
    assert_eq!(list(sessions, ada, now).await, all);
    let later = short.refresh.expires_at;
    assert_eq!(list(sessions, ada, later).await, [first.clone(), second.clone()]);
    sessions.revoke(ada, second.id).await.expect("revoked");
    assert_eq!(list(sessions, ada, later).await, [first]);
    assert_eq!(list(sessions, new_user(), now).await, []);
}

pub async fn revoke_all_keeps_excepted_session_and_those_of_other_users(
    sessions: &impl SessionStore,
) {
    let ada = new_user();
    let one = created(sessions, ada, LIFETIME).await;
    let two = created(sessions, ada, LIFETIME).await;
    let other_user = created(sessions, new_user(), LIFETIME).await;
    let now = two.created_at;
    let revoke_all = async |except| {
        let revoked = sessions.revoke_all(ada, except).await;
        revoked.expect("revoked");
    };
    revoke_all(Some(one.id)).await;
    assert_eq!(list(sessions, ada, now).await, std::slice::from_ref(&one));
    let (_, rotation) = rotate(sessions, &two, two.refresh.token, now).await;
    assert_eq!(rotation, Rotation::SessionNotFound);
    for _ in 0..2 {
        revoke_all(None).await;
        assert_eq!(list(sessions, ada, now).await, []);
    }
    assert_eq!(find(sessions, &one).await, None);
    assert_eq!(find(sessions, &other_user).await, Some(other_user.clone()));
}

pub async fn sixty_sessions_of_a_user_are_listed_and_revoked(sessions: &impl SessionStore) {
    let ada = new_user();
    let all = join_all((0..60).map(|_| created(sessions, ada, LIFETIME))).await;
    let now = sample::timestamp();
    assert_eq!(list(sessions, ada, now).await.len(), 60);
    let revoked = sessions.revoke_all(ada, Some(all[7].id)).await;
    revoked.expect("revoked");
    assert_eq!(list(sessions, ada, now).await, all[7..8]);
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
    for nth in 0..10 {
        let session = created(sessions, new_user(), LIFETIME).await;
        let (presented, now) = (session.refresh.token, session.created_at);
        let rotations = join_all((0..5).map(|_| rotate(sessions, &session, presented, now)));
        let revocation = async {
            if nth % 2 == 0 {
                sessions.revoke(session.user, session.id).await
            } else {
                sessions.revoke_all(session.user, None).await
            }
        };
        let (outcomes, revoked) = join(rotations, revocation).await;
        revoked.expect("revoked");
        assert_eq!(list(sessions, session.user, now).await, []);
        assert_eq!(find(sessions, &session).await, None);
        for (next, _) in outcomes {
            let (_, outcome) = rotate(sessions, &session, next.token, now).await;
            assert_eq!(outcome, Rotation::SessionNotFound);
        }
    }
}
