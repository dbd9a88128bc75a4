//! Contract of [`SessionStore`].

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::session::{REFRESH_GRACE, RefreshGrant, Rotation, Session, SessionStore, UserAgent};
use crate::testing::sample;

const LIFETIME: Duration = Duration::from_hours(1);

fn begin(now: Timestamp) -> Session {
    let agent = UserAgent::parse("contract/1.0 (ünïcode)");
    Session::begin(UserId::new(now), now, LIFETIME, agent)
}

async fn rotate(
    sessions: &impl SessionStore,
    session: &Session,
    presented: TokenId,
    now: Timestamp,
) -> (RefreshGrant, Rotation) {
    let next = RefreshGrant::new(now, LIFETIME);
    let rotation = sessions
        .rotate(session.user, session.id, presented, &next, now)
        .await
        .expect("asked");
    (next, rotation)
}

/// Sessions.
pub async fn session_store(sessions: &impl SessionStore) {
    let now = sample::moment();
    let find = async |session: &Session, now| {
        sessions
            .find(session.user, session.id, now)
            .await
            .expect("asked")
    };

    // What is kept is found, for its user only, until it expires.
    let session = begin(now);
    sessions.create(&session, now).await.expect("created");
    assert_eq!(find(&session, now).await, Some(session.clone()));
    let stranger = UserId::new(now);
    let theirs = sessions.find(stranger, session.id, now).await;
    assert_eq!(theirs.expect("asked"), None);
    let unknown = sessions.find(session.user, SessionId::new(now), now).await;
    assert_eq!(unknown.expect("asked"), None);
    let last_moment = session.refresh.expires_at;
    let just_before = Timestamp::from_unix_millis(last_moment.unix_millis() - 1);
    assert!(
        find(&session, just_before.expect("a moment"))
            .await
            .is_some()
    );
    assert_eq!(find(&session, last_moment).await, None);

    // The current token is exchanged once; the one before is answered with the same for ten
    // seconds; then it ends the session.
    let first = session.refresh.token;
    let (next, rotation) = rotate(sessions, &session, first, now).await;
    let rotated = session.rotated(next, now);
    assert_eq!(rotation, Rotation::Rotated(rotated.clone()));
    assert_eq!(find(&session, now).await, Some(rotated.clone()));
    let in_time = now.plus(REFRESH_GRACE);
    let (_, rotation) = rotate(sessions, &session, first, in_time).await;
    assert_eq!(rotation, Rotation::Repeated(rotated.clone()));
    let too_late = in_time.plus(Duration::from_millis(1));
    let (_, rotation) = rotate(sessions, &session, first, too_late).await;
    assert_eq!(rotation, Rotation::Reused);
    assert_eq!(find(&session, now).await, None);
    let (_, rotation) = rotate(sessions, &session, rotated.refresh.token, too_late).await;
    assert_eq!(rotation, Rotation::Ended);

    // A token two exchanges old ends the session at once.
    let session = begin(now);
    sessions.create(&session, now).await.expect("created");
    let (second, _) = rotate(sessions, &session, session.refresh.token, now).await;
    let (_, rotation) = rotate(sessions, &session, second.token, now).await;
    assert!(matches!(rotation, Rotation::Rotated(_)));
    let (_, rotation) = rotate(sessions, &session, session.refresh.token, now).await;
    assert_eq!(rotation, Rotation::Reused);
    assert_eq!(find(&session, now).await, None);

    // An expired session is not brought back.
    let session = begin(now);
    sessions.create(&session, now).await.expect("created");
    let expired = session.refresh.expires_at;
    let (_, rotation) = rotate(sessions, &session, session.refresh.token, expired).await;
    assert_eq!(rotation, Rotation::Ended);

    // Revoking ends one session, for good, as often as one likes.
    let (one, mut other) = (begin(now), begin(now));
    other.user = one.user;
    for session in [&one, &other] {
        sessions.create(session, now).await.expect("created");
    }
    for _ in 0..2 {
        sessions.revoke(one.user, one.id).await.expect("revoked");
    }
    assert_eq!(find(&one, now).await, None);
    assert_eq!(find(&other, now).await, Some(other.clone()));
    let (_, rotation) = rotate(sessions, &one, one.refresh.token, now).await;
    assert_eq!(rotation, Rotation::Ended);
    assert_eq!(find(&one, now).await, None);

    all_sessions_of_a_user(sessions).await;
    session_store_races(sessions).await;
}

async fn all_sessions_of_a_user(sessions: &impl SessionStore) {
    let now = sample::moment();
    let find = async |session: &Session, now| {
        sessions
            .find(session.user, session.id, now)
            .await
            .expect("asked")
    };

    // All living sessions of one user are listed, and of nobody else.
    let (mut one, mut two, theirs) = (begin(now), begin(now), begin(now));
    two.user = one.user;
    let brief = Session::begin(one.user, now, Duration::from_mins(1), None);
    for session in [&one, &two, &theirs, &brief] {
        sessions.create(session, now).await.expect("created");
    }
    let (next, rotation) = rotate(sessions, &one, one.refresh.token, now).await;
    assert!(matches!(rotation, Rotation::Rotated(_)));
    one = one.rotated(next, now);
    let sorted = |mut all: Vec<Session>| {
        all.sort_by_key(|session| session.id);
        all
    };
    let list = async |user, now| sorted(sessions.list(user, now).await.expect("listed"));
    let all = sorted(vec![one.clone(), two.clone(), brief.clone()]);
    assert_eq!(list(one.user, now).await, all);
    let later = brief.refresh.expires_at;
    let living = sorted(vec![one.clone(), two.clone()]);
    assert_eq!(list(one.user, later).await, living);
    sessions.revoke(two.user, two.id).await.expect("revoked");
    assert_eq!(list(one.user, later).await, [one.clone()]);
    assert_eq!(list(UserId::new(now), now).await, []);

    // Revoking all ends them at once, but for the one to stay, and nobody else's.
    sessions.create(&two, now).await.expect("created");
    let all_but = async |except| {
        let revoked = sessions.revoke_all(one.user, except).await;
        revoked.expect("revoked");
    };
    all_but(Some(one.id)).await;
    assert_eq!(list(one.user, now).await, [one.clone()]);
    assert_eq!(find(&two, now).await, None);
    let (_, rotation) = rotate(sessions, &two, two.refresh.token, now).await;
    assert_eq!(rotation, Rotation::Ended);
    for _ in 0..2 {
        all_but(None).await;
        assert_eq!(list(one.user, now).await, []);
    }
    assert_eq!(find(&one, now).await, None);
    assert_eq!(find(&theirs, now).await, Some(theirs));

    // Many are no trouble.
    let user = UserId::new(now);
    let many: Vec<_> = (0..60).map(|_| Session { user, ..begin(now) }).collect();
    for created in join_all(many.iter().map(|session| sessions.create(session, now))).await {
        created.expect("created");
    }
    assert_eq!(list(user, now).await.len(), 60);
    let revoked = sessions.revoke_all(user, Some(many[7].id)).await;
    revoked.expect("revoked");
    assert_eq!(list(user, now).await, [many[7].clone()]);
}

async fn session_store_races(sessions: &impl SessionStore) {
    // Of twenty who present one token at once, one rotates, and all hold the same next token.
    let now = sample::moment();
    let session = begin(now);
    sessions.create(&session, now).await.expect("created");
    let presented = session.refresh.token;
    let all = (0..20).map(|_| rotate(sessions, &session, presented, now));
    let outcomes = join_all(all).await;
    let rotations = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Rotation::Rotated(_)))
        .count();
    assert_eq!(rotations, 1);
    let held: HashSet<TokenId> = outcomes
        .iter()
        .map(|(_, outcome)| match outcome {
            Rotation::Rotated(session) | Rotation::Repeated(session) => session.refresh.token,
            Rotation::Reused | Rotation::Ended => panic!("the session ended: {outcome:?}"),
        })
        .collect();
    assert_eq!(held.len(), 1);

    // Nor does whoever revokes all of them.
    let session = begin(now);
    sessions.create(&session, now).await.expect("created");
    let presented = session.refresh.token;
    let rotations = join_all((0..5).map(|_| rotate(sessions, &session, presented, now)));
    let revocation = sessions.revoke_all(session.user, None);
    let (_, revoked) = futures_util::future::join(rotations, revocation).await;
    revoked.expect("revoked");
    let living = sessions.list(session.user, now).await;
    assert_eq!(living.expect("listed"), []);

    // Whoever revokes while others rotate leaves nothing alive.
    for _ in 0..10 {
        let session = begin(now);
        sessions.create(&session, now).await.expect("created");
        let presented = session.refresh.token;
        let rotations = join_all((0..5).map(|_| rotate(sessions, &session, presented, now)));
        let revocation = sessions.revoke(session.user, session.id);
        let (outcomes, revoked) = futures_util::future::join(rotations, revocation).await;
        revoked.expect("revoked");
        let found = sessions.find(session.user, session.id, now).await;
        assert_eq!(found.expect("asked"), None);
        for (next, _) in outcomes {
            let (_, outcome) = rotate(sessions, &session, next.token, now).await;
            assert_eq!(outcome, Rotation::Ended);
        }
    }
}
