//! Sessions, one item each; timestamps in ms:
//!
//! | attribute | value |
//! |---|---|
//! | `pk` `sk` | user id, session id |
//! | `token` `issued_at` `refresh_expires_at` | current refresh token |
//! | `previous` `rotated_at` | previous refresh token and the time of its rotation, after the first refresh |
//! | `created_at` `user_agent` `credentials_version` | login |
//! | `expires_at` | `refresh_expires_at` in seconds, rounded up, for the table's TTL |

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure, Update,
};
use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::page::{Page, PageRequest};
use domain::session::{
    PreviousToken, RefreshTokenState, Rotation, Session, SessionStore, UserAgent,
};
use domain::storage::StorageError;

use super::item::{Item, millis, number, read, read_millis, text};
use super::table::{sessions as table, users};
use super::transaction;
use super::update::retry_conflicts;
use super::users::{DynamoDbUsers, Projection, account_key, credentials_version, increment};
use crate::aws::map_sdk_error;

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

    /// Reads a session and a part of the account of its user with one call; see `ActiveSessions::find`.
    pub(crate) async fn find_with<T>(
        &self,
        accounts: &DynamoDbUsers,
        part: &Projection<T>,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<T>), StorageError> {
        let keys = |keys: &[(&str, String)], projection: Option<&str>| {
            KeysAndAttributes::builder()
                .keys(keys.iter().map(|(name, key)| ((*name).to_owned(), text(key))).collect())
                .set_projection_expression(projection.map(str::to_owned))
                .consistent_read(true)
                .build()
                .expect("keys of a table")
        };
        let session_key = [(table::PK, user.to_string()), (table::SK, session.to_string())];
        let account_key = [(users::PK, account_key(user))];
        let mut pauses = transaction::pauses();
        let mut found = loop {
            let response = self
                .client
                .batch_get_item()
                .request_items(&self.table, keys(&session_key, None))
                .request_items(&accounts.table, keys(&account_key, Some(part.expression)))
                .send()
                .await
                .map_err(map_sdk_error)?;
            if response.unprocessed_keys.is_none_or(|keys| keys.is_empty()) {
                break response.responses.unwrap_or_default();
            }
            // Unlike other throttled reads, the SDK does not repeat this one.
            let Some(pause) = pauses.next() else {
                return Err(StorageError::Unavailable("unprocessed keys".into()));
            };
            tokio::time::sleep(pause).await;
        };
        let mut item = |table: &str| found.remove(table).and_then(|mut items| items.pop());
        let (session, account) = (item(&self.table), item(&accounts.table));
        let session = session.as_ref().map(self::session).transpose()?;
        let account = account.as_ref().map(part.parse).transpose()?;
        Ok((session.filter(|session| !session.has_expired(now)), account))
    }

    /// Adds 1 to the credentials versions of a user and of the session `kept`, in one transaction; see
    /// `ActiveSessions::revoke_others`.
    pub(crate) async fn revoke_others(
        &self,
        accounts: &DynamoDbUsers,
        user: UserId,
        kept: SessionId,
        version: u64,
    ) -> Result<bool, StorageError> {
        let account =
            Update::builder().table_name(&accounts.table).key(users::PK, text(account_key(user)));
        let kept = Update::builder()
            .table_name(&self.table)
            .key(table::PK, text(user.to_string()))
            .key(table::SK, text(kept.to_string()));
        let items = [account, kept].map(|update| increment(update, version));
        let outcome = transaction::write(&self.client, items.into(), None).await?;
        Ok(matches!(outcome, transaction::Outcome::Written))
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
        credentials_version: credentials_version(item)?,
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
            .item("created_at", millis(session.created_at))
            .item("credentials_version", number(session.credentials_version));
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
        let rotation = self
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
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match retry_conflicts(|| rotation.clone().send()).await {
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
        let deletion = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(table::PK, text(user.to_string()))
            .key(table::SK, text(session.to_string()));
        let deleted = retry_conflicts(|| deletion.clone().send()).await;
        deleted.map(|_| ()).map_err(map_sdk_error)
    }

    async fn list(
        &self,
        user: UserId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StorageError> {
        let size = page.size.get();
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :user")
            .expression_attribute_values(":user", text(user.to_string()))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(size + 1).unwrap_or(i32::MAX));
        if let Some(after) = page.after {
            query = query
                .key_condition_expression("pk = :user AND sk < :after")
                .expression_attribute_values(":after", text(after.to_string()));
        }
        // 101 sessions have less than 1 MB, so one query returns them.
        let response = query.send().await.map_err(map_sdk_error)?;
        let items = response.items();
        let sessions = items.iter().take(size).map(session).collect::<Result<_, _>>()?;
        Ok(Page { items: sessions, more: items.len() > size })
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
