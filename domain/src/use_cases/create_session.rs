//! Creating a session.

use futures_util::future::join_all;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::page::PageRequest;
use crate::session::{MAX_SESSIONS, Session, SessionStore, UserAgent};
use crate::storage::StorageError;
use crate::token::{SignError, TokenIssuer, TokenPair, TokenSigner};

/// The number of sessions that are deleted concurrently.
const CONCURRENCY: usize = 10;

/// Creates a session of the user, which starts at `now`, and returns its tokens; see [`create_session`].
pub(super) async fn start_session<E: From<SignError> + From<StorageError>>(
    sessions: &impl SessionStore,
    tokens: &TokenIssuer<impl TokenSigner>,
    now: Timestamp,
    user: UserId,
    credentials_version: u64,
    user_agent: Option<UserAgent>,
    kept: Option<SessionId>,
) -> Result<TokenPair, E> {
    let lifetime = tokens.lifetimes.refresh;
    let session = Session::begin(user, credentials_version, now, lifetime, user_agent);
    let tokens = tokens.issue(&session, now)?;
    create_session(sessions, &session, kept, now).await?;
    Ok(tokens)
}

/// Stores a new session and deletes the oldest sessions of the user above [`MAX_SESSIONS`], and those that a newer
/// credentials version revoked, except `kept`. Reads the newest 100, so the work is bounded. Of concurrent calls, the last
/// one to read sees all new sessions. Succeeds if only deleting fails; the next call repeats that.
pub async fn create_session(
    sessions: &impl SessionStore,
    session: &Session,
    kept: Option<SessionId>,
    now: Timestamp,
) -> Result<(), StorageError> {
    sessions.create(session, now).await?;
    let _ = delete_surplus(sessions, session, kept, now).await;
    Ok(())
}

async fn delete_surplus(
    sessions: &impl SessionStore,
    session: &Session,
    kept: Option<SessionId>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let newest = sessions.list(session.user, PageRequest::with_max_size(None)).await?;
    let mut active = 0;
    let is_surplus = |stored: &Session| {
        // A newer version means that a concurrent request revoked `session`.
        if stored.credentials_version < session.credentials_version || stored.has_expired(now) {
            return kept != Some(stored.id);
        }
        active += 1;
        active > MAX_SESSIONS
    };
    let mut surplus = newest.items;
    surplus.retain(is_surplus);
    for some in surplus.chunks(CONCURRENCY) {
        let revoked = join_all(some.iter().map(|old| sessions.revoke(old.user, old.id))).await;
        revoked.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}
