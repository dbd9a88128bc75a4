//! What every adapter of a port must do, as code: called on memory and on the real engines.
//!
//! Each contract wants a store of its own, empty where it says so.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::sample;
use crate::attempt::{Attempted, Counter, Limits, SourceAddress};
use crate::clock::Timestamp;
use crate::food::{Description, Food, Title};
use crate::id::{FoodId, ImageId, SessionId, TokenId, UserId};
use crate::idempotency::{Begun, KEPT, LEASE, Operation};
use crate::image::{ImageKey, Variants};
use crate::page::{PageRequest, PageSize};
use crate::password::PasswordHash;
use crate::repository::{
    CreateFoodError, CreateUserError, DeleteFoodError, FoodRepository, Left, UpdateFoodError,
    UserRepository,
};
use crate::session::{REFRESH_GRACE, RefreshGrant, Rotation, Session, UserAgent};
use crate::store::{AttemptStore, IdempotencyStore, ImageStore, SessionStore, VariantStore};
use crate::user::{Email, User};

fn size(entries: usize) -> PageSize {
    PageSize::parse(&entries.to_string()).expect("a size")
}

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
    assert!(matches!(refused, Err(CreateUserError::EmailTaken)));
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
    assert!(matches!(refused, Err(CreateUserError::EmailTaken)));
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
        .filter(|outcome| matches!(outcome, Err(CreateUserError::EmailTaken)))
        .count();
    assert_eq!((winners.len(), losers), (1, 49));
    let credentials = users.find_credentials(&address).await.expect("found");
    assert_eq!(credentials.expect("the account").user.id, winners[0]);
    for user in rivals {
        let found = users.find(user.public.id).await.expect("asked");
        assert_eq!(found.is_some(), user.public.id == winners[0]);
    }
}

fn next_version(food: &Food, title: &str) -> Food {
    Food {
        title: Title::parse(title).expect("a title"),
        updated_at: food.updated_at.plus(Duration::from_secs(1)),
        version: food.version + 1,
        ..food.clone()
    }
}

/// Foods; wants an empty repository.
pub async fn food_repository(foods: &impl FoodRepository) {
    let ada = sample::public_user(sample::moment());

    // What is saved is found.
    let rice = sample::food(&ada);
    foods.create(&rice).await.expect("created");
    assert_eq!(
        foods.find(rice.id).await.expect("found"),
        Some(rice.clone())
    );
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(rice.clone()));
    let unknown = sample::food(&ada);
    assert_eq!(foods.find(unknown.id).await.expect("asked"), None);
    assert_eq!(foods.find_latest(unknown.id).await.expect("asked"), None);

    // One title, one food, in any case; and nothing of the second is kept.
    let mut copy = sample::food(&ada);
    copy.title = Title::parse(&rice.title.as_str().to_uppercase()).expect("a title");
    let refused = foods.create(&copy).await;
    assert!(matches!(refused, Err(CreateFoodError::TitleTaken)));
    assert_eq!(foods.find_latest(copy.id).await.expect("asked"), None);

    // Nor is a food put in the place of another.
    let mut twin = sample::food(&ada);
    twin.id = rice.id;
    let refused = foods.create(&twin).await;
    assert!(matches!(refused, Err(CreateFoodError::TitleTaken)));
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(rice.clone()));

    // A change is made to the version it was made for, and to no other.
    let fried = next_version(&rice, "Fried rice");
    foods.update(&rice, &fried).await.expect("updated");
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(fried.clone()));
    let late = foods.update(&rice, &next_version(&rice, "Late rice")).await;
    assert!(matches!(late, Err(UpdateFoodError::Changed)));
    let late = foods
        .update(&rice, &next_version(&rice, "Fried rice"))
        .await;
    assert!(matches!(late, Err(UpdateFoodError::Changed)));
    let mut stolen = fried.clone();
    stolen.creator = sample::public_user(sample::moment());
    let theft = foods.update(&stolen, &next_version(&stolen, "Mine")).await;
    assert!(matches!(theft, Err(UpdateFoodError::Changed)));
    let theft = foods.delete(&stolen).await;
    assert!(matches!(theft, Err(DeleteFoodError::Changed)));
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(fried.clone()));

    // A food may keep its title, or spell it otherwise.
    let louder = next_version(&fried, "FRIED RICE");
    foods.update(&fried, &louder).await.expect("updated");
    let mut same = next_version(&louder, "FRIED RICE");
    same.description = Description::sanitize("<p>Now with egg</p>").expect("a description");
    foods.update(&louder, &same).await.expect("updated");
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(same.clone()));

    // The old title is free, the new one is not.
    copy.title = rice.title.clone();
    foods.create(&copy).await.expect("the old title is free");
    let taken = foods
        .update(&copy, &next_version(&copy, "fried rice"))
        .await;
    assert!(matches!(taken, Err(UpdateFoodError::TitleTaken)));
    let untouched = foods.find_latest(copy.id).await.expect("found");
    assert_eq!(untouched, Some(copy.clone()));

    // Deleting is for one version, and frees the title.
    let late = foods.delete(&louder).await;
    assert!(matches!(late, Err(DeleteFoodError::Changed)));
    foods.delete(&same).await.expect("deleted");
    assert_eq!(foods.find_latest(rice.id).await.expect("asked"), None);
    let gone = foods.delete(&same).await;
    assert!(matches!(gone, Err(DeleteFoodError::Changed)));
    let gone = foods.update(&same, &next_version(&same, "Ghost")).await;
    assert!(matches!(gone, Err(UpdateFoodError::Changed)));
    let heir = next_version(&copy, "fried rice");
    foods.update(&copy, &heir).await.expect("the title is free");

    food_repository_list(foods, heir).await;
    foods_by_owner(foods).await;
    uploads_of_foods(foods).await;
    variants_of_foods(foods).await;
    food_repository_races(foods).await;
}

/// Every food once, newest first, however it is cut.
async fn food_repository_list(foods: &impl FoodRepository, oldest: Food) {
    let creator = oldest.creator.clone();
    let mut all = vec![oldest];
    for _ in 0..7 {
        let food = sample::food(&creator);
        foods.create(&food).await.expect("created");
        all.insert(0, food);
    }
    for entries in [1, 3, 8, 100] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let request = PageRequest {
                after,
                size: size(entries),
            };
            let page = foods.list(request).await.expect("listed");
            assert!(page.items.len() <= entries);
            after = page.items.last().map(|food| food.id);
            seen.extend(page.items);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, all, "in parts of {entries}");
    }
    let before_all = PageRequest {
        after: Some(FoodId::from_bytes([0; 16])),
        size: size(10),
    };
    let page = foods.list(before_all).await.expect("listed");
    assert!(page.items.is_empty() && !page.more);
}

/// The foods of one user are listed, oldest first, however that is cut, and nobody else's.
async fn foods_by_owner(foods: &impl FoodRepository) {
    let (ada, eve) = (
        sample::public_user(sample::moment()),
        sample::public_user(sample::moment()),
    );
    let mut hers = Vec::new();
    for creator in [&ada, &eve, &ada, &ada] {
        let food = sample::food(creator);
        foods.create(&food).await.expect("created");
        if food.creator == ada {
            hers.push(food.id);
        }
    }
    let mut seen = Vec::new();
    loop {
        let request = PageRequest {
            after: seen.last().copied(),
            size: size(2),
        };
        let page = foods.list_by_owner(ada.id, request).await;
        let page = page.expect("listed");
        seen.extend(page.items);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, hers);

    // Their pictures, of those that there are.
    let unknown = FoodId::new(sample::moment());
    let mut wanted = vec![unknown, hers[2], hers[0]];
    let mut found = foods.find_images(&wanted).await.expect("found");
    found.sort_by_key(ImageKey::food);
    let mut expected = Vec::new();
    for id in [hers[0], hers[2]] {
        let food = foods.find_latest(id).await.expect("found");
        expected.push(food.expect("a food").image);
    }
    assert_eq!(found, expected);
    wanted.clear();
    assert_eq!(foods.find_images(&wanted).await.expect("asked"), []);
    let many: Vec<_> = (0..250).map(|_| FoodId::new(sample::moment())).collect();
    let many: Vec<_> = many.into_iter().chain(hers.clone()).collect();
    let found = foods.find_images(&many).await.expect("asked");
    assert_eq!(found.len(), hers.len());
}

/// An upload is one food's, for good.
async fn uploads_of_foods(foods: &impl FoodRepository) {
    let ada = sample::public_user(sample::moment());
    let upload = Some(ImageId::new(sample::moment()));
    let with_upload = || Food {
        upload,
        ..sample::food(&ada)
    };
    let rivals: Vec<_> = (0..10).map(|_| with_upload()).collect();
    let outcomes = join_all(rivals.iter().map(|food| foods.create(food))).await;
    let taken = |outcome: &&Result<_, _>| matches!(outcome, Err(CreateFoodError::UploadTaken));
    assert_eq!(outcomes.iter().filter(taken).count(), 9, "{outcomes:?}");
    let winner = outcomes.iter().position(Result::is_ok).expect("a winner");
    for (nth, food) in rivals.iter().enumerate() {
        let found = foods.find_latest(food.id).await.expect("asked");
        assert_eq!(found.as_ref(), (nth == winner).then_some(food));
    }

    // Nor does it go to one that is there already, under its title or another, and then nothing changes.
    let other = sample::food(&ada);
    foods.create(&other).await.expect("created");
    for title in [other.title.as_str(), "Rice with a stolen picture"] {
        let stolen = Food {
            upload,
            ..next_version(&other, title)
        };
        let refused = foods.update(&other, &stolen).await;
        assert!(matches!(refused, Err(UpdateFoodError::UploadTaken)));
    }
    let latest = foods.find_latest(other.id).await.expect("found");
    assert_eq!(latest, Some(other.clone()));

    // A food that has it may change, give it up, and have it again.
    let winner = &rivals[winner];
    let mut current = winner.clone();
    for (title, upload) in [
        ("A", upload),
        ("A", None),
        ("A", upload),
        ("B", None),
        ("C", upload),
    ] {
        let title = format!("{} {title}", winner.title.as_str());
        let next = Food {
            upload,
            ..next_version(&current, &title)
        };
        foods.update(&current, &next).await.expect("updated");
        let latest = foods.find_latest(winner.id).await.expect("found");
        assert_eq!(latest.as_ref(), Some(&next));
        current = next;
    }
    // Where the food is gone the upload is still not another's.
    foods.delete(&current).await.expect("deleted");
    let refused = foods.create(&with_upload()).await;
    assert!(matches!(refused, Err(CreateFoodError::UploadTaken)));
    // The title goes before it: that can be mended.
    let both = Food {
        title: other.title.clone(),
        ..with_upload()
    };
    let refused = foods.create(&both).await;
    assert!(matches!(refused, Err(CreateFoodError::TitleTaken)));
}

/// Variants come to the picture that they are of, beside whatever else is done to the food.
async fn variants_of_foods(foods: &impl FoodRepository) {
    let variants = |raw| Variants::parse(raw).expect("sizes");
    let food = sample::food(&sample::public_user(sample::moment()));
    let set = |image: ImageKey, raw| async move {
        let variants = variants(raw);
        foods.set_variants(&image, &variants).await.expect("asked")
    };
    assert!(!set(food.image.clone(), "320x200").await);
    assert_eq!(foods.find_latest(food.id).await.expect("asked"), None);
    foods.create(&food).await.expect("created");
    let other = ImageKey::new(food.id, sample::image().kind(), sample::moment());
    assert!(!set(other.clone(), "320x200").await);
    for raw in ["320x200", "320x200 500x312"] {
        assert!(set(food.image.clone(), raw).await);
        let latest = foods.find_latest(food.id).await.expect("found");
        let expected = Food {
            variants: variants(raw),
            ..food.clone()
        };
        assert_eq!(latest, Some(expected));
    }

    // Who did not see them come does not take them away, under the old title or another.
    let mut current = food.clone();
    for title in [food.title.as_str(), "Rice in several sizes"] {
        let next = next_version(&current, title);
        foods.update(&current, &next).await.expect("updated");
        let latest = foods.find_latest(food.id).await.expect("found");
        let latest = latest.expect("a food");
        assert_eq!(latest.variants, variants("320x200 500x312"));
        assert!(latest.is_same_save(&next));
        current = next;
    }

    // Another picture has none yet.
    for title in [
        current.title.as_str().to_owned(),
        "Rice repainted".to_owned(),
    ] {
        assert!(set(current.image.clone(), "320x200").await);
        let repainted = Food {
            image: ImageKey::new(food.id, sample::image().kind(), sample::moment()),
            ..next_version(&current, &title)
        };
        foods.update(&current, &repainted).await.expect("updated");
        assert!(!set(current.image.clone(), "320x200").await);
        let latest = foods.find_latest(food.id).await.expect("found");
        assert_eq!(latest.as_ref(), Some(&repainted));
        current = repainted;
    }
    foods.delete(&current).await.expect("deleted");
    assert!(!set(current.image.clone(), "320x200").await);
}

/// Of many who want one title, or one version, at once, one gets it.
async fn food_repository_races(foods: &impl FoodRepository) {
    let ada = sample::public_user(sample::moment());
    let rivals: Vec<_> = (0..50)
        .map(|_| Food {
            title: Title::parse("The only one").expect("a title"),
            ..sample::food(&ada)
        })
        .collect();
    let outcomes = join_all(rivals.iter().map(|food| foods.create(food))).await;
    let taken = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(CreateFoodError::TitleTaken)))
        .count();
    assert_eq!(taken, 49, "{outcomes:?}");
    let winner = outcomes.iter().position(Result::is_ok).expect("a winner");
    let winner = &rivals[winner];

    let edits: Vec<_> = (0..20)
        .map(|nth| next_version(winner, &format!("Edit {nth}")))
        .collect();
    let outcomes = join_all(edits.iter().map(|edit| foods.update(winner, edit))).await;
    let late = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(UpdateFoodError::Changed)))
        .count();
    assert_eq!(late, 19);
    let made = outcomes.iter().position(Result::is_ok).expect("an edit");
    let stored = foods.find_latest(winner.id).await.expect("found");
    assert_eq!(stored.as_ref(), Some(&edits[made]));

    // The titles of the edits that were not made are free.
    for nth in (0..20).filter(|nth| *nth != made) {
        let food = Food {
            title: Title::parse(&format!("edit {nth}")).expect("a title"),
            ..sample::food(&ada)
        };
        foods.create(&food).await.expect("the title is free");
    }
}

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

/// Attempts.
pub async fn attempt_store(store: &impl AttemptStore) {
    let now = sample::moment();
    let limits = Limits {
        per_account: 10,
        per_address: 100,
        window: Duration::from_mins(15),
    };
    let on = |account: &str, now| {
        let account = format!("{account} {now}");
        Counter::of_account(Attempted::Login, &account, &limits, now)
    };
    let count = async |counter: &Counter| store.count(counter).await.expect("counted");
    let give_back = async |counter: &Counter| {
        store.give_back(counter).await.expect("given back");
    };

    // Each is one more, of this account in this window.
    let ada = on("ada", now);
    for nth in 1..=3 {
        assert_eq!(count(&ada).await, nth);
    }
    let source = SourceAddress::parse("203.0.113.7");
    let others = [
        on("eve", now),
        on("ada", ada.ends_at),
        Counter::of_address(Attempted::Login, &source, &limits, now),
    ];
    for other in &others {
        assert_eq!(count(other).await, 1);
    }

    // What is given back is not counted, and there is nothing below nothing.
    give_back(&ada).await;
    assert_eq!(count(&ada).await, 3);
    for _ in 0..5 {
        give_back(&ada).await;
    }
    assert_eq!(count(&ada).await, 1);
    let unknown = on("nobody", now);
    give_back(&unknown).await;
    assert_eq!(count(&unknown).await, 1);

    // Of fifty at once each is told another number.
    let contended = on("contended", now);
    let mut counts = join_all((0..50).map(|_| count(&contended))).await;
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=50));
}

/// Things that clients want done once.
pub async fn idempotency_store(store: &impl IdempotencyStore) {
    let now = sample::moment();
    let operation = |name: &str| Operation {
        id: format!("{name} {now}"),
        fingerprint: "a request".to_owned(),
    };
    let begin = async |operation: &Operation, resource: &str, now| {
        let outcome = store.begin(operation, resource, now).await;
        outcome.expect("asked")
    };
    let yours = |resource: &str| Begun::Yours(resource.to_owned());
    let a_moment = Duration::from_millis(1);
    let just_before = |moment: Timestamp| {
        let moment = Timestamp::from_unix_millis(moment.unix_millis() - 1);
        moment.expect("a moment")
    };

    // Who begins has it, also when asking again; the others wait. Another request is told so.
    let first = operation("first");
    for _ in 0..2 {
        assert_eq!(begin(&first, "one", now).await, yours("one"));
    }
    assert_eq!(begin(&first, "two", now).await, Begun::Running);
    let other = Operation {
        fingerprint: "another request".to_owned(),
        ..first.clone()
    };
    assert_eq!(begin(&other, "two", now).await, Begun::Different);

    // What is answered is answered again, and the first answer stays, until it is forgotten.
    for answer in ["an answer", "another answer"] {
        store.finish(&first, answer).await.expect("kept");
    }
    store.release(&first).await.expect("released");
    let answer = Begun::Done("an answer".to_owned());
    let last_moment = just_before(now.plus(KEPT));
    for at in [now, now.plus(LEASE), last_moment] {
        assert_eq!(begin(&first, "two", at).await, answer);
        assert_eq!(begin(&other, "two", at).await, Begun::Different);
    }
    let much_later = now.plus(KEPT);
    assert_eq!(begin(&other, "three", much_later).await, yours("three"));
    assert_eq!(
        begin(&first, "one", much_later).await,
        Begun::Different,
        "forgotten wholly"
    );

    // Where an attempt was cut off, one other takes over when its time is over, and makes the same.
    let second = operation("second");
    assert_eq!(begin(&second, "one", now).await, yours("one"));
    let in_time = just_before(now.plus(LEASE));
    assert_eq!(begin(&second, "two", in_time).await, Begun::Running);
    let late = now.plus(LEASE);
    assert_eq!(begin(&second, "two", late).await, yours("one"));
    assert_eq!(begin(&second, "three", late).await, Begun::Running);

    // Or at once, where the attempt says that it does not know.
    store.release(&second).await.expect("released");
    let later = late.plus(a_moment);
    assert_eq!(begin(&second, "three", later).await, yours("one"));
    store.finish(&second, "an answer").await.expect("kept");
    assert_eq!(begin(&second, "three", later).await, answer);

    // Of many at once one has it, and of many who take over.
    let contended = operation("contended");
    for at in [now, late] {
        let names: Vec<_> = (0..20).map(|n| format!("{n} at {at}")).collect();
        let all = names.iter().map(|name| begin(&contended, name, at));
        let outcomes = join_all(all).await;
        let running = outcomes
            .iter()
            .filter(|outcome| **outcome == Begun::Running);
        assert_eq!(running.count(), 19, "{outcomes:?}");
        let has_it = |outcome: &&Begun| matches!(outcome, Begun::Yours(_));
        assert_eq!(outcomes.iter().filter(has_it).count(), 1, "{outcomes:?}");
    }

    // What nobody began cannot be ended.
    let unknown = operation("unknown");
    store.finish(&unknown, "an answer").await.expect("asked");
    store.release(&unknown).await.expect("asked");
    assert_eq!(begin(&unknown, "one", now).await, yours("one"));
}

/// Pictures and their variants; `is_there` asks the store behind the port whether it holds the key. Wants
/// an empty store.
pub async fn image_store(
    images: &(impl ImageStore + VariantStore),
    is_there: impl AsyncFn(&str) -> bool,
) {
    let food = sample::food(&sample::public_user(sample::moment()));
    let other = ImageKey::new(food.id, sample::image().kind(), sample::moment());
    let (some, others) = (food.image.variants().nth(3), other.variants().nth(3));
    let (some, others) = (some.expect("a variant"), others.expect("a variant"));
    for (key, variant) in [(&food.image, &some), (&other, &others)] {
        assert!(!is_there(key.as_str()).await);
        assert_eq!(images.find_image(key).await.expect("asked"), None);
        images.put(key, &sample::image()).await.expect("kept");
        let found = images.find_image(key).await.expect("asked");
        assert_eq!(found.as_deref(), Some(sample::GIF));
        let bytes = Bytes::from_static(b"a variant");
        images.put_variant(variant, bytes).await.expect("kept");
        assert!(is_there(key.as_str()).await && is_there(variant.as_str()).await);
    }
    for _ in 0..2 {
        images.delete(&food.image).await.expect("removed");
        for key in [food.image.as_str(), some.as_str()] {
            assert!(!is_there(key).await);
        }
    }
    assert!(is_there(other.as_str()).await && is_there(others.as_str()).await);

    // What is kept is listed once, in the order of keys, however much there is.
    let mut keys = vec![other.as_str().to_owned(), others.as_str().to_owned()];
    for _ in 0..20 {
        let key = sample::food(&sample::public_user(sample::moment())).image;
        images.put(&key, &sample::image()).await.expect("kept");
        keys.push(key.as_str().to_owned());
    }
    keys.sort_unstable();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let after = listed.last().map(String::as_str);
        let some = images.list(after).await.expect("listed");
        if some.is_empty() {
            break;
        }
        listed.extend(some.into_iter().map(|stored| stored.key));
    }
    assert_eq!(listed, keys);
    let middle = images.list(Some(&keys[10])).await.expect("listed");
    assert_eq!(middle[0].key, keys[11]);
}
