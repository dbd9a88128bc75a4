//! Accounts. An account and the claim on its e-mail address are two items, written as one:
//!
//! | `pk` | attributes |
//! |---|---|
//! | `USER#<id>` | `id` `first_name` `last_name` `email` `password_hash` `created_at` (ms) `directory` |
//! | `EMAIL#<lower-case address>` | `user_id` |
//!
//! Somebody whose account is deleted is remembered for a while: `LEFT#<id>` with `id` `left_at` (ms)
//! `directory`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Delete, Put};
use domain::clock::Timestamp;
use domain::id::UserId;
use domain::page::{Page, PageRequest};
use domain::password::PasswordHash;
use domain::storage::StorageError;
use domain::user::{
    Credentials, DeletedUser, Email, InsertUserError, PublicUser, User, UserName, UserRepository,
};

use super::error::map_sdk_error;
use super::item::{Item, corrupt, millis, read, read_millis, read_text, text};
use super::page::{Index, list};
use super::table::users as table;
use super::transaction;

const PASSWORD_HASH: &str = "password_hash";
const USER_ID: &str = "user_id";
/// The one partition of the directory.
const EVERYBODY: &str = "USER";
/// The partition of those who left.
const LEFT: &str = "LEFT";
/// What a public user is made of.
const PUBLIC: &str = "id, first_name, last_name";

/// Accounts on a table of `DynamoDB`.
#[derive(Debug, Clone)]
pub struct DynamoDbUsers {
    client: Client,
    table: String,
}

impl DynamoDbUsers {
    /// Accounts on this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn directory(&self) -> Index<'_> {
        Index {
            table: &self.table,
            name: table::DIRECTORY_INDEX,
            partition: (table::DIRECTORY, EVERYBODY),
            sort: table::ID,
            ascending: true,
        }
    }

    async fn account(
        &self,
        pk: String,
        projection: &str,
        consistent: bool,
    ) -> Result<Option<Item>, StorageError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(table::PK, text(pk))
            .projection_expression(projection)
            .consistent_read(consistent)
            .send()
            .await
            .map_err(map_sdk_error)?;
        Ok(answer.item)
    }
}

fn account_key(id: UserId) -> String {
    format!("USER#{id}")
}

fn left_key(id: UserId) -> String {
    format!("LEFT#{id}")
}

fn claim_key(email: &Email) -> String {
    format!("EMAIL#{}", email.folded())
}

fn public_user(item: &Item) -> Result<PublicUser, StorageError> {
    Ok(PublicUser {
        id: read(item, table::ID, UserId::parse)?,
        first_name: read(item, "first_name", UserName::parse)?,
        last_name: read(item, "last_name", UserName::parse)?,
    })
}

impl UserRepository for DynamoDbUsers {
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), InsertUserError> {
        let new = || {
            Put::builder()
                .table_name(&self.table)
                .condition_expression("attribute_not_exists(pk)")
        };
        let account = new()
            .item(table::PK, text(account_key(user.public.id)))
            .item(table::ID, text(user.public.id.to_string()))
            .item("first_name", text(user.public.first_name.as_str()))
            .item("last_name", text(user.public.last_name.as_str()))
            .item("email", text(user.email.as_typed()))
            .item(PASSWORD_HASH, text(password.as_str()))
            .item("created_at", millis(user.created_at))
            .item(table::DIRECTORY, text(EVERYBODY));
        let claim = new()
            .item(table::PK, text(claim_key(&user.email)))
            .item(USER_ID, text(user.public.id.to_string()));
        let items = [account, claim].map(transaction::put);
        match transaction::write(&self.client, items.into(), USER_ID).await? {
            transaction::Outcome::Written => Ok(()),
            transaction::Outcome::Refused(_) => Err(InsertUserError::EmailTaken),
        }
    }

    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        let item = self.account(account_key(id), PUBLIC, false).await?;
        item.as_ref().map(public_user).transpose()
    }

    async fn find_consistent(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        let item = self.account(account_key(id), PUBLIC, true).await?;
        item.as_ref().map(public_user).transpose()
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        let claim = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(table::PK, text(claim_key(email)))
            .consistent_read(true)
            .send()
            .await
            .map_err(map_sdk_error)?;
        // Without a claim the account that nobody has is read, as long as any other takes.
        let id = match &claim.item {
            Some(claim) => read(claim, USER_ID, UserId::parse)?,
            None => UserId::from_bytes([0; 16]),
        };
        let account = self
            .account(
                account_key(id),
                "id, first_name, last_name, password_hash",
                true,
            )
            .await?;
        // Both are written as one: a claim without an account is somebody who left just now.
        let Some(account) = account else {
            return Ok(None);
        };
        Ok(Some(Credentials {
            user: public_user(&account)?,
            password: PasswordHash::new(read_text(&account, PASSWORD_HASH)?.to_owned()),
        }))
    }

    async fn find_password(&self, id: UserId) -> Result<Option<PasswordHash>, StorageError> {
        let account = self.account(account_key(id), PASSWORD_HASH, true).await?;
        let hash = |account: &Item| Ok(read_text(account, PASSWORD_HASH)?.to_owned());
        let hash = account.as_ref().map(hash).transpose()?;
        Ok(hash.map(PasswordHash::new))
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
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(table::PK, text(account_key(id)))
            .update_expression("SET password_hash = :new")
            .condition_expression("password_hash = :old")
            .expression_attribute_values(":old", text(old.as_str()))
            .expression_attribute_values(":new", text(new.as_str()))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(map_sdk_error(error)),
            },
        }
    }

    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), StorageError> {
        let account = self.account(account_key(id), "email", true).await?;
        let Some(account) = account else {
            return Ok(());
        };
        let email = read(&account, "email", Email::parse)?;
        let delete = |pk| {
            Delete::builder()
                .table_name(&self.table)
                .key(table::PK, text(pk))
        };
        let account = delete(account_key(id)).condition_expression("attribute_exists(pk)");
        let claim = delete(claim_key(&email))
            .condition_expression("user_id = :id")
            .expression_attribute_values(":id", text(id.to_string()));
        let left = Put::builder()
            .table_name(&self.table)
            .item(table::PK, text(left_key(id)))
            .item(table::ID, text(id.to_string()))
            .item("left_at", millis(now))
            .item(table::DIRECTORY, text(LEFT));
        let items = vec![
            transaction::delete(account),
            transaction::delete(claim),
            transaction::put(left),
        ];
        match transaction::write(&self.client, items, USER_ID).await? {
            transaction::Outcome::Written => Ok(()),
            // Somebody else was first.
            refused if refused.refuses(0) => Ok(()),
            transaction::Outcome::Refused(_) => Err(corrupt("the claim on the address")),
        }
    }

    async fn list_tombstones(
        &self,
        request: PageRequest<UserId>,
    ) -> Result<Page<DeletedUser>, StorageError> {
        let everybody_who_left = Index {
            partition: (table::DIRECTORY, LEFT),
            ..self.directory()
        };
        list(&self.client, &everybody_who_left, request, |item| {
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
            .key(table::PK, text(left_key(id)))
            .send()
            .await
            .map(|_| ())
            .map_err(map_sdk_error)
    }
}
