use futures_util::future::join_all;

use super::read_all;
use crate::password::PasswordHash;
use crate::testing::sample;
use crate::user::{
    DeletedUser, Email, InsertUserError, PublicUser, StoredPassword, User, UserRepository,
};

/// Generates the contract tests of a `UserRepository`.
#[macro_export]
macro_rules! user_repository_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            users,
            $adapter,
            [
                created_user_is_found_by_id_and_email,
                unknown_user_is_not_found,
                email_is_unique_ignoring_case,
                user_id_is_unique,
                password_hash_is_replaced_only_if_unchanged,
                password_change_increments_credentials_version,
                credentials_version_is_incremented_only_if_expected,
                deleted_user_is_not_found_and_email_is_free,
                tombstone_of_deleted_user_is_listed_until_removed,
                users_are_listed_oldest_first,
                one_of_50_concurrent_sign_ups_with_same_email_succeeds,
            ]
        );
    };
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text.to_owned())
}

fn stored(text: &str, credentials_version: u64) -> StoredPassword {
    StoredPassword { hash: hash(text), credentials_version }
}

fn uppercase(email: &Email) -> Email {
    Email::parse(&email.as_typed().to_uppercase()).expect("an e-mail")
}

async fn created(users: &impl UserRepository) -> User {
    let user = sample::user();
    users.create(&user, &hash("a hash")).await.expect("created");
    user
}

pub async fn created_user_is_found_by_id_and_email(users: &impl UserRepository) {
    let ada = created(users).await;
    let id = ada.public.id;
    for found in [users.find(id).await, users.find_consistent(id).await] {
        assert_eq!(found.expect("found").as_ref(), Some(&ada.public));
    }
    let password = users.find_password(id).await.expect("found");
    assert_eq!(password, Some(stored("a hash", 0)));
    let found = users.find_credentials(&uppercase(&ada.email)).await;
    let credentials = found.expect("found").expect("credentials");
    assert_eq!(credentials.user, ada.public);
    assert_eq!(credentials.password, stored("a hash", 0));
}

pub async fn unknown_user_is_not_found(users: &impl UserRepository) {
    let unknown = sample::user();
    assert_is_unknown(users, &unknown).await;
    let (old, new) = (hash("old"), hash("new"));
    let replaced = users.replace_password(unknown.public.id, &old, &new).await;
    assert!(!replaced.expect("a response"));
    let changed = users.change_password(unknown.public.id, &old, &new).await;
    assert_eq!(changed.expect("a response"), None);
    for expected in [None, Some(0)] {
        let id = unknown.public.id;
        let incremented = users.increment_credentials_version(id, expected).await;
        assert!(!incremented.expect("a response"));
    }
    assert_is_unknown(users, &unknown).await;
}

async fn assert_is_unknown(users: &impl UserRepository, user: &User) {
    let id = user.public.id;
    for found in [users.find(id).await, users.find_consistent(id).await] {
        assert_eq!(found.expect("a response"), None);
    }
    assert!(users.find_password(id).await.expect("a response").is_none());
    assert_eq!(users.find_credentials_version(id).await.expect("a response"), None);
    let credentials = users.find_credentials(&user.email).await;
    assert!(credentials.expect("a response").is_none());
}

pub async fn email_is_unique_ignoring_case(users: &impl UserRepository) {
    let ada = created(users).await;
    let mut eve = sample::user();
    eve.email = uppercase(&ada.email);
    let rejected = users.create(&eve, &hash("another")).await;
    assert!(matches!(rejected, Err(InsertUserError::EmailTaken)));
    assert_eq!(users.find(eve.public.id).await.expect("a response"), None);
}

pub async fn user_id_is_unique(users: &impl UserRepository) {
    let ada = created(users).await;
    let mut duplicate = sample::user();
    duplicate.public.id = ada.public.id;
    let rejected = users.create(&duplicate, &hash("another")).await;
    assert!(matches!(rejected, Err(InsertUserError::EmailTaken)));
    let claimed = users.find_credentials(&duplicate.email).await;
    assert!(claimed.expect("a response").is_none());
}

pub async fn password_hash_is_replaced_only_if_unchanged(users: &impl UserRepository) {
    let ada = created(users).await;
    for (old, new, is_replaced) in [("a hash", "newer", true), ("a hash", "newest", false)] {
        let (old, new) = (hash(old), hash(new));
        let replaced = users.replace_password(ada.public.id, &old, &new).await;
        assert_eq!(replaced.expect("a response"), is_replaced);
    }
    let credentials = users.find_credentials(&ada.email).await.expect("found");
    assert_eq!(credentials.expect("credentials").password, stored("newer", 0));
}

pub async fn password_change_increments_credentials_version(users: &impl UserRepository) {
    let ada = created(users).await;
    for (old, new, version) in
        [("a hash", "newer", Some(1)), ("a hash", "newest", None), ("newer", "newest", Some(2))]
    {
        let changed = users.change_password(ada.public.id, &hash(old), &hash(new)).await;
        assert_eq!(changed.expect("a response"), version);
    }
    let credentials = users.find_credentials(&ada.email).await.expect("found");
    assert_eq!(credentials.expect("credentials").password, stored("newest", 2));
    let password = users.find_password(ada.public.id).await.expect("found");
    assert_eq!(password, Some(stored("newest", 2)));
}

pub async fn credentials_version_is_incremented_only_if_expected(users: &impl UserRepository) {
    let id = created(users).await.public.id;
    for (expected, is_incremented, version) in [
        (Some(1), false, 0),
        (Some(0), true, 1),
        (Some(0), false, 1),
        (None, true, 2),
        (Some(2), true, 3),
    ] {
        let incremented = users.increment_credentials_version(id, expected).await;
        assert_eq!(incremented.expect("a response"), is_incremented);
        let stored = users.find_credentials_version(id).await;
        assert_eq!(stored.expect("a response"), Some(version));
    }
}

pub async fn deleted_user_is_not_found_and_email_is_free(users: &impl UserRepository) {
    let ada = created(users).await;
    for _ in 0..2 {
        let deleted = users.delete(ada.public.id, sample::timestamp()).await;
        deleted.expect("deleted");
    }
    assert_is_unknown(users, &ada).await;
    let mut successor = sample::user();
    successor.email = ada.email;
    users.create(&successor, &hash("a hash")).await.expect("created");
}

pub async fn tombstone_of_deleted_user_is_listed_until_removed(users: &impl UserRepository) {
    let ada = created(users).await;
    let tombstone = DeletedUser { user: ada.public.id, at: sample::timestamp() };
    let deleted = users.delete(tombstone.user, tombstone.at).await;
    deleted.expect("deleted");
    let list = async || {
        read_all(100, |tombstone: &DeletedUser| tombstone.user, |page| users.list_tombstones(page))
            .await
    };
    assert_eq!(list().await, [tombstone]);
    for _ in 0..2 {
        let removed = users.remove_tombstone(tombstone.user).await;
        removed.expect("removed");
    }
    assert_eq!(list().await, []);
}

pub async fn users_are_listed_oldest_first(users: &impl UserRepository) {
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(created(users).await.public);
    }
    for size in [1, 3, 8, 100] {
        let listed = read_all(size, |user: &PublicUser| user.id, |page| users.list(page)).await;
        assert_eq!(listed, all, "in pages of {size}");
    }
}

pub async fn one_of_50_concurrent_sign_ups_with_same_email_succeeds(users: &impl UserRepository) {
    let email = sample::user().email;
    let rivals = [(); 50].map(|()| User { email: email.clone(), ..sample::user() });
    let hash = hash("a hash");
    let outcomes = join_all(rivals.iter().map(|user| users.create(user, &hash))).await;
    let is_loser = |outcome: &&Result<_, _>| matches!(outcome, Err(InsertUserError::EmailTaken));
    assert_eq!(outcomes.iter().filter(is_loser).count(), 49);
    let winner = outcomes.iter().position(Result::is_ok).expect("a winner");
    let credentials = users.find_credentials(&email).await.expect("found");
    let owner = credentials.expect("credentials").user;
    assert_eq!(owner, rivals[winner].public);
    for user in rivals {
        let found = users.find(user.public.id).await.expect("a response");
        assert_eq!(found.is_some(), user.public.id == owner.id);
    }
}
