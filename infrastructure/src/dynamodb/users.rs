//! Stores accounts. One transaction writes an account together with the claim on its e-mail, which makes the e-mail
//! unique; another transaction deletes account and claim and writes a tombstone:
//!
//! | `pk` | item | attributes |
//! |---|---|---|
//! | `USER#<id>` | account | `id` `first_name` `last_name` `email` `password_hash` `created_at` (ms) `directory` `credentials_version` (missing is 0) |
//! | `EMAIL#<folded e-mail>` | claim | `user_id` |
//! | `LEFT#<id>` | tombstone | `id` `left_at` (ms) `directory` |

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Delete, Put, ReturnValue, TransactWriteItem};
use domain::clock::Timestamp;
use domain::id::UserId;
use domain::page::{Page, PageRequest};
use domain::password::PasswordHash;
use domain::storage::StorageError;
use domain::user::{
    Credentials, DeletedUser, Email, InsertUserError, PublicUser, StoredPassword, User, UserName,
    UserRepository,
};

use super::item::{Item, corrupt, millis, number, read, read_millis, read_number, read_text, text};
use super::page::{Index, list};
use super::table::users as table;
use super::transaction;
use super::update::try_update;
use crate::aws::map_sdk_error;

const PASSWORD_HASH: &str = "password_hash";
/// Attribute of an account and of a session.
const CREDENTIALS_VERSION: &str = "credentials_version";
/// Update expression that adds 1 to [`CREDENTIALS_VERSION`].
const INCREMENT: &str = "ADD credentials_version :one";
/// Attribute of a claim: the id of the account that holds the claim.
const USER_ID: &str = "user_id";
/// Value of [`table::DIRECTORY`] in every account.
const ACCOUNTS: &str = "USER";
/// Value of [`table::DIRECTORY`] in every tombstone.
const TOMBSTONES: &str = "LEFT";
/// Maximum size of an account or a tombstone in the directory: names of 400 bytes each, an id and a time.
const MAX_ENTRY_BYTES: usize = 1024;

/// A part of an account: a projection expression, and the function that parses its attributes.
pub(crate) struct Projection<T> {
    pub(super) expression: &'static str,
    pub(super) parse: fn(&Item) -> Result<T, StorageError>,
}

const PUBLIC: Projection<PublicUser> =
    Projection { expression: "id, first_name, last_name", parse: public_user };
/// The credentials version. With a key attribute, so that an account without version is returned too.
pub(crate) const VERSION: Projection<u64> =
    Projection { expression: "pk, credentials_version", parse: credentials_version };
/// The account with its credentials version.
pub(crate) const ACCOUNT: Projection<(User, u64)> = Projection {
    expression: "id, first_name, last_name, email, created_at, credentials_version",
    parse: account,
};
const PASSWORD: Projection<StoredPassword> =
    Projection { expression: "password_hash, credentials_version", parse: stored_password };
const CREDENTIALS: Projection<Credentials> = Projection {
    expression: "id, first_name, last_name, password_hash, credentials_version",
    parse: |item| Ok(Credentials { user: public_user(item)?, password: stored_password(item)? }),
};
const EMAIL: Projection<Email> = Projection { expression: "email", parse: email };

/// A user repository on a `DynamoDB` table.
#[derive(Debug, Clone)]
pub struct DynamoDbUsers {
    client: Client,
    pub(super) table: String,
}

impl DynamoDbUsers {
    /// Creates a repository on this table. Sends no request.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn directory(&self) -> Index<'_> {
        Index {
            table: &self.table,
            name: table::DIRECTORY_INDEX,
            partition: (table::DIRECTORY, ACCOUNTS),
            sort: table::ID,
            ascending: true,
            max_item_bytes: MAX_ENTRY_BYTES,
        }
    }

    /// Returns a part of the account; `None` if it does not exist. Strongly consistent.
    pub(crate) async fn find_part<T>(
        &self,
        id: UserId,
        part: &Projection<T>,
    ) -> Result<Option<T>, StorageError> {
        let account = self.get(account_key(id), part.expression, true).await?;
        account.as_ref().map(part.parse).transpose()
    }

    fn update_account(&self, id: UserId) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table);
        update.key(table::PK, text(account_key(id)))
    }

    async fn get(
        &self,
        pk: String,
        projection: &str,
        consistent: bool,
    ) -> Result<Option<Item>, StorageError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(table::PK, text(pk))
            .projection_expression(projection)
            .consistent_read(consistent)
            .send()
            .await
            .map_err(map_sdk_error)?;
        Ok(response.item)
    }
}

pub(super) fn account_key(id: UserId) -> String {
    format!("USER#{id}")
}

/// Reads the credentials version of an account or of a session.
pub(super) fn credentials_version(item: &Item) -> Result<u64, StorageError> {
    if item.contains_key(CREDENTIALS_VERSION) {
        read_number(item, CREDENTIALS_VERSION)
    } else {
        Ok(0)
    }
}

/// Returns the condition that an item exists and has the credentials version `:version`.
fn has_version(version: u64) -> &'static str {
    if version == 0 {
        "attribute_exists(pk) AND (attribute_not_exists(credentials_version) OR credentials_version = :version)"
    } else {
        "credentials_version = :version"
    }
}

/// Adds 1 to the credentials version of an account or of a session, if it is `version`.
pub(super) fn increment(update: UpdateBuilder, version: u64) -> TransactWriteItem {
    transaction::update(
        update
            .update_expression(INCREMENT)
            .condition_expression(has_version(version))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":version", number(version)),
    )
}

fn tombstone_key(id: UserId) -> String {
    format!("LEFT#{id}")
}

fn claim_key(email: &Email) -> String {
    format!("EMAIL#{}", email.folded())
}

fn public_user(item: &Item) -> Result<PublicUser, StorageError> {
    Ok(PublicUser {
        id: read(item, table::ID, UserId::parse)?,
        first_name: read(item, "first_name", UserName::from_trusted)?,
        last_name: read(item, "last_name", UserName::from_trusted)?,
    })
}

fn email(item: &Item) -> Result<Email, StorageError> {
    read(item, "email", Email::parse)
}

fn account(item: &Item) -> Result<(User, u64), StorageError> {
    let user = User {
        public: public_user(item)?,
        email: email(item)?,
        created_at: read_millis(item, "created_at")?,
    };
    Ok((user, credentials_version(item)?))
}

fn stored_password(item: &Item) -> Result<StoredPassword, StorageError> {
    Ok(StoredPassword {
        hash: PasswordHash::new(read_text(item, PASSWORD_HASH)?.to_owned()),
        credentials_version: credentials_version(item)?,
    })
}

impl UserRepository for DynamoDbUsers {
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), InsertUserError> {
        let new = || {
            Put::builder().table_name(&self.table).condition_expression("attribute_not_exists(pk)")
        };
        let account = new()
            .item(table::PK, text(account_key(user.public.id)))
            .item(table::ID, text(user.public.id.to_string()))
            .item("first_name", text(user.public.first_name.as_str()))
            .item("last_name", text(user.public.last_name.as_str()))
            .item("email", text(user.email.as_typed()))
            .item(PASSWORD_HASH, text(password.as_str()))
            .item("created_at", millis(user.created_at))
            .item(table::DIRECTORY, text(ACCOUNTS));
        let claim = new()
            .item(table::PK, text(claim_key(&user.email)))
            .item(USER_ID, text(user.public.id.to_string()));
        let items = [account, claim].map(transaction::put);
        match transaction::write(&self.client, items.into(), Some(USER_ID)).await? {
            transaction::Outcome::Written => Ok(()),
            transaction::Outcome::Rejected(_) => Err(InsertUserError::EmailTaken),
        }
    }

    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        let account = self.get(account_key(id), PUBLIC.expression, false).await?;
        account.as_ref().map(public_user).transpose()
    }

    async fn find_consistent(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        self.find_part(id, &PUBLIC).await
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        let claim = self.get(claim_key(email), USER_ID, true).await?;
        let owner = claim.as_ref().map(|claim| read(claim, USER_ID, UserId::parse)).transpose()?;
        // An unknown e-mail reads an account too, with an id that none has, so that timing does not reveal it.
        let id = owner.unwrap_or(UserId::from_bytes([0; 16]));
        // The account of a claim is missing if it was deleted between the two reads.
        self.find_part(id, &CREDENTIALS).await
    }

    async fn find_password(&self, id: UserId) -> Result<Option<StoredPassword>, StorageError> {
        self.find_part(id, &PASSWORD).await
    }

    async fn find_credentials_version(&self, id: UserId) -> Result<Option<u64>, StorageError> {
        self.find_part(id, &VERSION).await
    }

    async fn list(&self, request: PageRequest<UserId>) -> Result<Page<PublicUser>, StorageError> {
        list(&self.client, &self.directory(), request, public_user).await
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StorageError> {
        let update = self
            .update_account(id)
            .update_expression("SET password_hash = :new")
            .condition_expression("password_hash = :old")
            .expression_attribute_values(":old", text(old.as_str()))
            .expression_attribute_values(":new", text(new.as_str()));
        Ok(try_update(update).await?.is_some())
    }

    async fn change_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Option<u64>, StorageError> {
        let update = self
            .update_account(id)
            .update_expression(format!("SET password_hash = :new {INCREMENT}"))
            .condition_expression("password_hash = :old")
            .expression_attribute_values(":old", text(old.as_str()))
            .expression_attribute_values(":new", text(new.as_str()))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew);
        let updated =
            try_update(update).await?.map(|response| response.attributes.unwrap_or_default());
        updated.map(|updated| read_number(&updated, CREDENTIALS_VERSION)).transpose()
    }

    async fn increment_credentials_version(
        &self,
        id: UserId,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let mut update = self
            .update_account(id)
            .update_expression(INCREMENT)
            .condition_expression(expected.map_or("attribute_exists(pk)", has_version))
            .expression_attribute_values(":one", number(1));
        if let Some(version) = expected {
            update = update.expression_attribute_values(":version", number(version));
        }
        Ok(try_update(update).await?.is_some())
    }

    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), StorageError> {
        let Some(email) = self.find_part(id, &EMAIL).await? else {
            return Ok(());
        };
        let delete = |pk| Delete::builder().table_name(&self.table).key(table::PK, text(pk));
        let account = delete(account_key(id)).condition_expression("attribute_exists(pk)");
        let claim = delete(claim_key(&email))
            .condition_expression("user_id = :id")
            .expression_attribute_values(":id", text(id.to_string()));
        let tombstone = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(tombstone_key(id)))
            .item(table::ID, text(id.to_string()))
            .item("left_at", millis(now))
            .item(table::DIRECTORY, text(TOMBSTONES));
        let items = vec![
            transaction::delete(account),
            transaction::delete(claim),
            transaction::put(tombstone),
        ];
        match transaction::write(&self.client, items, Some(USER_ID)).await? {
            transaction::Outcome::Written => Ok(()),
            // A concurrent call deleted the account.
            outcome if outcome.is_unmet(0) => Ok(()),
            transaction::Outcome::Rejected(_) => Err(corrupt("user_id of the e-mail claim")),
        }
    }

    async fn list_tombstones(
        &self,
        request: PageRequest<UserId>,
    ) -> Result<Page<DeletedUser>, StorageError> {
        let tombstones = Index { partition: (table::DIRECTORY, TOMBSTONES), ..self.directory() };
        list(&self.client, &tombstones, request, |item| {
            Ok(DeletedUser {
                user: read(item, table::ID, UserId::parse)?,
                at: read_millis(item, "left_at")?,
            })
        })
        .await
    }

    async fn remove_tombstone(&self, id: UserId) -> Result<(), StorageError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(table::PK, text(tombstone_key(id)))
            .send()
            .await
            .map(|_| ())
            .map_err(map_sdk_error)
    }
}
