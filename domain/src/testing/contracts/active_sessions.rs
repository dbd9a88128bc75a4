use std::time::Duration;

use futures_util::future::join_all;

use crate::password::PasswordHash;
use crate::session::{ActiveSessions, Session, SessionStore};
use crate::testing::sample;
use crate::user::{User, UserRepository};

/// Generates the contract tests of an `ActiveSessions`.
#[macro_export]
macro_rules! active_sessions_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            active_sessions,
            $adapter,
            [
                session_is_found_with_credentials_version_of_its_user,
                other_sessions_are_revoked_with_one_write_of_the_user,
                revoked_session_revokes_no_others,
                one_of_concurrent_revocations_keeps_its_session,
            ]
        );
    };
}

/// The stores of an adapter of [`ActiveSessions`].
pub trait Stores {
    /// Returns the users.
    fn users(&self) -> &impl UserRepository;
    /// Returns the sessions.
    fn sessions(&self) -> &impl SessionStore;
    /// Returns the adapter.
    fn active(&self) -> impl ActiveSessions;
}

/// Creates a user with `count` sessions.
async fn user_with_sessions(stores: &impl Stores, count: usize) -> (User, Vec<Session>) {
    let (user, now) = (sample::user(), sample::timestamp());
    let hash = PasswordHash::new("a hash".to_owned());
    stores.users().create(&user, &hash).await.expect("created");
    let lifetime = Duration::from_hours(1);
    let session = || Session::begin(user.public.id, 0, now, lifetime, None);
    let all: Vec<_> = (0..count).map(|_| session()).collect();
    let created = join_all(all.iter().map(|session| stores.sessions().create(session, now))).await;
    created.into_iter().collect::<Result<(), _>>().expect("created");
    (user, all)
}

async fn is_active(stores: &impl Stores, session: &Session) -> bool {
    let found = stores.active().find(session.user, session.id, session.created_at).await;
    let (session, version) = found.expect("a response");
    session.is_some_and(|session| Some(session.credentials_version) == version)
}

async fn revoke_others(stores: &impl Stores, kept: &Session) -> bool {
    let version = kept.credentials_version;
    let revoked = stores.active().revoke_others(kept.user, kept.id, version).await;
    revoked.expect("a response")
}

pub async fn session_is_found_with_credentials_version_of_its_user(stores: &impl Stores) {
    let (user, sessions) = user_with_sessions(stores, 1).await;
    let session = &sessions[0];
    let find = async |now| {
        let (active, id) = (stores.active(), session.user);
        let found = active.find(id, session.id, now).await.expect("a response");
        let with_account = active.find_with_account(id, session.id, now).await;
        let with_account = with_account.expect("a response");
        if let Some((account, _)) = &with_account.1 {
            assert_eq!(account.email.as_typed(), user.email.as_typed());
        }
        let account = found.1.map(|version| (user.clone(), version));
        assert_eq!(with_account, (found.0.clone(), account));
        found
    };
    let (now, users) = (session.created_at, stores.users());
    assert_eq!(find(now).await, (Some(session.clone()), Some(0)));
    for expected in [Some(1), Some(2)] {
        users.increment_credentials_version(session.user, None).await.expect("a response");
        assert_eq!(find(now).await, (Some(session.clone()), expected));
    }
    assert_eq!(find(session.refresh.expires_at).await, (None, Some(2)));
    users.delete(session.user, now).await.expect("deleted");
    assert_eq!(find(now).await, (Some(session.clone()), None));
    stores.sessions().revoke(session.user, session.id).await.expect("revoked");
    assert_eq!(find(now).await, (None, None));
}

pub async fn other_sessions_are_revoked_with_one_write_of_the_user(stores: &impl Stores) {
    let (_, mut sessions) = user_with_sessions(stores, 3).await;
    let other_user = user_with_sessions(stores, 1).await.1.remove(0);
    for version in [1, 2] {
        assert!(revoke_others(stores, &sessions[1]).await);
        sessions[1].credentials_version = version;
        for (nth, session) in sessions.iter().enumerate() {
            assert_eq!(is_active(stores, session).await, nth == 1, "{nth}");
        }
    }
    assert!(is_active(stores, &other_user).await);
    // The kept session is unchanged otherwise.
    let kept = &sessions[1];
    let found = stores.sessions().find(kept.user, kept.id, kept.created_at).await;
    assert_eq!(found.expect("a response").as_ref(), Some(kept));
}

pub async fn revoked_session_revokes_no_others(stores: &impl Stores) {
    let (_, sessions) = user_with_sessions(stores, 2).await;
    let [revoked, kept] = &sessions[..] else { panic!("two sessions") };
    assert!(revoke_others(stores, kept).await);
    assert!(!revoke_others(stores, revoked).await);
    assert!(is_active(stores, kept).await && !is_active(stores, revoked).await);
    stores.users().delete(kept.user, sample::timestamp()).await.expect("deleted");
    assert!(!revoke_others(stores, kept).await);
    assert!(!is_active(stores, kept).await);
}

pub async fn one_of_concurrent_revocations_keeps_its_session(stores: &impl Stores) {
    let (_, sessions) = user_with_sessions(stores, 8).await;
    let outcomes = join_all(sessions.iter().map(|kept| revoke_others(stores, kept))).await;
    assert_eq!(outcomes.iter().filter(|is_revoked| **is_revoked).count(), 1);
    for (session, is_kept) in sessions.iter().zip(outcomes) {
        assert_eq!(is_active(stores, session).await, is_kept);
    }
}
