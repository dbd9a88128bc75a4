//! Sessions, one item each; timestamps in ms:
//!
//! | attribute | value |
//! |---|---|
//! | `pk` `sk` | user id, session id |
//! | `token` `issued_at` `refresh_expires_at` | current refresh token |
//! | `previous` `rotated_at` | previous refresh token and the time of its rotation, after the first refresh |
//! | `created_at` `user_agent` | login |
//! | `expires_at` | `refresh_expires_at` in seconds, rounded up, for the table's TTL |

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::session::{
    PreviousToken, RefreshTokenState, Rotation, Session, SessionStore, UserAgent,
};
use domain::storage::StorageError;
use futures_util::future::join_all;

use super::item::{Item, millis, number, read, read_millis, text};
use super::table::sessions as table;
use crate::aws::map_sdk_error;

/// Number of sessions that `revoke_all` deletes concurrently.
const MAX_CONCURRENT_DELETES: usize = 10;
/// Condition of a rotation: the presented token is the current one and has not expired.
const IS_CURRENT: &str = "#token = :presented AND refresh_expires_at > :now";
const ROTATE: &str = "SET #token = :next, issued_at = :issued_at, \
                      refresh_expires_at = :refresh_expires_at, expires_at = :expires_at, \
                      previous = :presented, rotated_at = :now";

/// A store of sessions, idempotency records and rate limits on a `DynamoDB` table.
#[derive(Debug, Clone)]
pub struct DynamoDbSessions {
    pub(super) client: Client,
    pub(super) table: String,
}

impl DynamoDbSessions {
    /// Creates a store on this table. Sends no request.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads all sessions of a user: all attributes, or only those in `projection`.
    async fn query_user(
        &self,
        user: UserId,
        projection: Option<&str>,
    ) -> Result<Vec<Item>, StorageError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let response = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :user")
                .expression_attribute_values(":user", text(user.to_string()))
                .set_projection_expression(projection.map(str::to_owned))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(map_sdk_error)?;
            items.extend(response.items.unwrap_or_default());
            start = response.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}

/// Returns the TTL attribute in seconds. Rounds up, because `DynamoDB` may delete an item from that second on.
pub(super) fn ttl(expires_at: Timestamp) -> AttributeValue {
    let seconds = expires_at.unix_seconds();
    let rounds_down = expires_at.whole_seconds() < expires_at;
    number(seconds + i64::from(rounds_down))
}

fn session(item: &Item) -> Result<Session, StorageError> {
    let previous = || {
        Ok(PreviousToken {
            token: read(item, "previous", TokenId::parse)?,
            at: read_millis(item, "rotated_at")?,
        })
    };
    let user_agent = || read(item, "user_agent", |raw| UserAgent::parse(raw).ok_or(()));
    let has = |name| item.contains_key(name);
    Ok(Session {
        id: read(item, table::SK, SessionId::parse)?,
        user: read(item, table::PK, UserId::parse)?,
        refresh: RefreshTokenState {
            token: read(item, "token", TokenId::parse)?,
            issued_at: read_millis(item, "issued_at")?,
            expires_at: read_millis(item, "refresh_expires_at")?,
        },
        previous: has("previous").then(previous).transpose()?,
        created_at: read_millis(item, "created_at")?,
        user_agent: has("user_agent").then(user_agent).transpose()?,
    })
}

impl SessionStore for DynamoDbSessions {
    async fn create(&self, session: &Session, _now: Timestamp) -> Result<(), StorageError> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(table::PK, text(session.user.to_string()))
            .item(table::SK, text(session.id.to_string()))
            .item("token", text(session.refresh.token.to_string()))
            .item("issued_at", millis(session.refresh.issued_at))
            .item("refresh_expires_at", millis(session.refresh.expires_at))
            .item(table::EXPIRES_AT, ttl(session.refresh.expires_at))
            .item("created_at", millis(session.created_at));
        if let Some(previous) = &session.previous {
            put = put
                .item("previous", text(previous.token.to_string()))
                .item("rotated_at", millis(previous.at));
        }
        if let Some(agent) = &session.user_agent {
            put = put.item("user_agent", text(agent.as_str()));
        }
        put.send().await.map(|_| ()).map_err(map_sdk_error)
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(table::PK, text(user.to_string()))
            .key(table::SK, text(session.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(map_sdk_error)?;
        let Some(item) = response.item else {
            return Ok(None);
        };
        let session = self::session(&item)?;
        // TTL deletion is late, by days.
        Ok((!session.has_expired(now)).then_some(session))
    }

    /// Rotates a refresh token with one conditional update. When a response is lost, the SDK repeats the update,
    /// whose result is then `Replayed` with `next` as the current token, which callers treat like `Rotated`.
    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(user.to_string()))
            .key(table::SK, text(session.to_string()))
            .condition_expression(IS_CURRENT)
            .update_expression(ROTATE)
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":presented", text(presented.to_string()))
            .expression_attribute_values(":now", millis(now))
            .expression_attribute_values(":next", text(next.token.to_string()))
            .expression_attribute_values(":issued_at", millis(next.issued_at))
            .expression_attribute_values(":refresh_expires_at", millis(next.expires_at))
            .expression_attribute_values(":expires_at", ttl(next.expires_at))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match updated {
            Ok(response) => {
                let item = response.attributes.unwrap_or_default();
                return Ok(Rotation::Rotated(self::session(&item)?));
            }
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
            error.as_service_error()
        else {
            return Err(map_sdk_error(error));
        };
        let Some(item) = failed.item() else {
            return Ok(Rotation::SessionNotFound);
        };
        let stored = self::session(item)?;
        if stored.has_expired(now) {
            return Ok(Rotation::SessionNotFound);
        }
        if stored.is_previous(presented) {
            return Ok(Rotation::Replayed(stored));
        }
        self.revoke(user, session).await?;
        Ok(Rotation::Reused)
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(table::PK, text(user.to_string()))
            .key(table::SK, text(session.to_string()))
            .send()
            .await
            .map(|_| ())
            .map_err(map_sdk_error)
    }

    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StorageError> {
        let items = self.query_user(user, None).await?;
        let sessions = items.iter().map(session);
        let sessions: Vec<_> = sessions.collect::<Result<_, _>>()?;
        let active = sessions.into_iter().filter(|session| !session.has_expired(now));
        Ok(active.collect())
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<(), StorageError> {
        let items = self.query_user(user, Some(table::SK)).await?;
        let ids = items.iter().map(|item| read(item, table::SK, SessionId::parse));
        let mut ids: Vec<SessionId> = ids.collect::<Result<_, _>>()?;
        ids.retain(|id| except != Some(*id));
        for ids in ids.chunks(MAX_CONCURRENT_DELETES) {
            let revoked = join_all(ids.iter().map(|id| self.revoke(user, *id))).await;
            revoked.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ttl_is_rounded_up_to_whole_seconds() {
        let ttl_of = |millis| ttl(Timestamp::from_unix_millis(millis).unwrap());
        assert_eq!(ttl_of(1000), number(1));
        assert_eq!(ttl_of(1001), number(2));
        assert_eq!(ttl_of(1999), number(2));
    }
}
