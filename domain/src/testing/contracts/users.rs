//! Contract of [`UserRepository`].

use futures_util::future::join_all;

use super::size;
use crate::page::PageRequest;
use crate::password::PasswordHash;
use crate::testing::sample;
use crate::user::{Email, InsertUserError, Left, User, UserRepository};

/// Who left is gone, leaves the address to others, and is remembered until that is forgotten.
async fn leaving(users: &impl UserRepository) {
    let hash = PasswordHash::new("a hash".to_owned());
    let moment = sample::moment();
    let leaver = sample::user();
    users.create(&leaver, &hash).await.expect("created");
    for _ in 0..2 {
        let left = users.delete(leaver.public.id, moment).await;
        left.expect("deleted");
    }
    let found = users.find_latest(leaver.public.id).await;
    assert_eq!(found.expect("asked"), None);
    let credentials = users.find_credentials(&leaver.email).await;
    assert!(credentials.expect("asked").is_none());
    let everybody = PageRequest {
        after: None,
        size: size(100),
    };
    let left = users.list_left(everybody).await.expect("listed");
    let note = Left {
        user: leaver.public.id,
        at: moment,
    };
    assert_eq!((left.items, left.more), (vec![note], false));
    for _ in 0..2 {
        let forgotten = users.forget_left(leaver.public.id).await;
        forgotten.expect("forgotten");
    }
    let left = users.list_left(everybody).await.expect("listed");
    assert!(left.items.is_empty());
    let mut heir = sample::user();
    heir.email = leaver.email;
    users.create(&heir, &hash).await.expect("created");
    let gone = users.delete(heir.public.id, moment).await;
    gone.expect("deleted");
}

/// No account is put in the place of another.
async fn nobody_is_replaced(users: &impl UserRepository, ada: &User) {
    let hash = PasswordHash::new("a hash".to_owned());
    let mut twin = sample::user();
    twin.public.id = ada.public.id;
    let refused = users.create(&twin, &hash).await;
    assert!(matches!(refused, Err(InsertUserError::EmailTaken)));
    let claimed = users.find_credentials(&twin.email).await;
    assert!(claimed.expect("asked").is_none());
}

/// Accounts; wants an empty repository.
pub async fn user_repository(users: &impl UserRepository) {
    let hash = PasswordHash::new("a hash".to_owned());

    // What is saved is found, by id and by address in any case.
    let ada = sample::user();
    users.create(&ada, &hash).await.expect("created");
    let found = users.find(ada.public.id).await.expect("found");
    assert_eq!(found.as_ref(), Some(&ada.public));
    let latest = users.find_latest(ada.public.id).await.expect("found");
    assert_eq!(latest.as_ref(), Some(&ada.public));
    let shouted = Email::parse(&ada.email.as_typed().to_uppercase()).expect("an address");
    let credentials = users.find_credentials(&shouted).await.expect("found");
    let credentials = credentials.expect("the account");
    assert_eq!(credentials.user, ada.public);
    assert_eq!(credentials.password, hash);

    let password = users.find_password(ada.public.id).await.expect("found");
    assert_eq!(password.as_ref(), Some(&hash));

    // What is not there is `None`.
    let stranger = sample::user();
    let password = users.find_password(stranger.public.id).await;
    assert_eq!(password.expect("asked"), None);
    assert_eq!(users.find(stranger.public.id).await.expect("asked"), None);
    let latest = users.find_latest(stranger.public.id).await;
    assert_eq!(latest.expect("asked"), None);
    let nobody = users.find_credentials(&stranger.email).await;
    assert!(nobody.expect("asked").is_none());

    // One address, one account, in any case; and nothing of the second is kept.
    let mut eve = sample::user();
    eve.email = shouted;
    let refused = users.create(&eve, &hash).await;
    assert!(matches!(refused, Err(InsertUserError::EmailTaken)));
    assert_eq!(users.find(eve.public.id).await.expect("asked"), None);

    nobody_is_replaced(users, &ada).await;

    // A hash is replaced only while it is the one that was compared.
    let (newer, newest) = (
        PasswordHash::new("newer".to_owned()),
        PasswordHash::new("newest".to_owned()),
    );
    for (old, new, is_replaced) in [(&hash, &newer, true), (&hash, &newest, false)] {
        let replaced = users.replace_password(ada.public.id, old, new).await;
        assert_eq!(replaced.expect("asked"), is_replaced);
    }
    let credentials = users.find_credentials(&ada.email).await.expect("found");
    assert_eq!(credentials.expect("the account").password, newer);
    let replaced = users
        .replace_password(stranger.public.id, &hash, &newer)
        .await;
    assert!(!replaced.expect("asked"));
    assert_eq!(users.find(stranger.public.id).await.expect("asked"), None);

    leaving(users).await;

    // Everybody once, oldest first, however it is cut.
    let mut all = vec![ada.public];
    for _ in 0..7 {
        let user = sample::user();
        users.create(&user, &hash).await.expect("created");
        all.push(user.public);
    }
    for entries in [1, 3, 8, 100] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let request = PageRequest {
                after,
                size: size(entries),
            };
            let page = users.list(request).await.expect("listed");
            assert!(page.items.len() <= entries);
            after = page.items.last().map(|user| user.id);
            seen.extend(page.items);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, all, "in parts of {entries}");
    }

    // Of 50 who want one address at once, one gets it.
    let address = sample::user().email;
    let rivals: Vec<_> = (0..50)
        .map(|_| {
            let mut user = sample::user();
            user.email = address.clone();
            user
        })
        .collect();
    let outcomes = join_all(rivals.iter().map(|user| users.create(user, &hash))).await;
    let winners: Vec<_> = rivals
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(user, _)| user.public.id)
        .collect();
    let losers = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(InsertUserError::EmailTaken)))
        .count();
    assert_eq!((winners.len(), losers), (1, 49));
    let credentials = users.find_credentials(&address).await.expect("found");
    assert_eq!(credentials.expect("the account").user.id, winners[0]);
    for user in rivals {
        let found = users.find(user.public.id).await.expect("asked");
        assert_eq!(found.is_some(), user.public.id == winners[0]);
    }
}
