use std::time::Duration;

use futures_util::future::join_all;

use super::{page_size, read_all};
use crate::food::{
    Description, Food, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError, Title,
};
use crate::id::{FoodId, ImageId};
use crate::page::PageRequest;
use crate::password::PasswordHash;
use crate::testing::sample;
use crate::user::{PublicUser, UserRepository};

/// Generates the contract tests of a `FoodRepository`.
#[macro_export]
macro_rules! food_repository_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            foods,
            $adapter,
            [
                created_food_is_found,
                unknown_food_is_not_found,
                food_title_is_unique_ignoring_case,
                food_id_is_unique,
                food_update_requires_current_version,
                food_of_another_owner_cannot_be_changed,
                food_update_may_keep_title_or_change_its_case,
                food_update_releases_old_title_and_claims_new_title,
                food_deletion_requires_current_version,
                deleted_food_releases_its_title,
                foods_are_listed_newest_first,
                foods_of_an_owner_are_listed_newest_first,
                image_ids_of_existing_foods_are_found,
                upload_is_attached_to_one_food_only,
                food_update_cannot_use_upload_of_another_food,
                food_can_drop_its_upload_and_attach_it_again,
                upload_of_deleted_food_cannot_be_reused,
                one_of_50_concurrent_foods_with_same_title_is_created,
                one_of_20_concurrent_updates_of_a_food_succeeds,
            ]
        );
    };
}

/// Generates the contract tests of a `FoodRepository` together with a `UserRepository`.
#[macro_export]
macro_rules! food_creator_contract {
    ($adapters:expr) => {
        $crate::contract_tests!(foods, $adapters, [food_needs_the_account_of_its_creator]);
    };
}

fn ada() -> PublicUser {
    sample::public_user(sample::timestamp())
}

fn title(raw: &str) -> Title {
    Title::parse(raw).expect("a title")
}

fn next_version(food: &Food, new_title: &str) -> Food {
    Food {
        title: title(new_title),
        updated_at: food.updated_at.plus(Duration::from_secs(1)),
        version: food.version + 1,
        ..food.clone()
    }
}

async fn created(foods: &impl FoodRepository) -> Food {
    let food = sample::food(&ada());
    foods.create(&food).await.expect("created");
    food
}

async fn updated(foods: &impl FoodRepository, current: &Food, next: Food) -> Food {
    foods.update(current, &next).await.expect("updated");
    assert_is_stored(foods, &next).await;
    next
}

async fn find(foods: &impl FoodRepository, id: FoodId) -> Option<Food> {
    foods.find_consistent(id).await.expect("a response")
}

async fn assert_is_stored(foods: &impl FoodRepository, food: &Food) {
    assert_eq!(find(foods, food.id).await.as_ref(), Some(food));
}

pub async fn created_food_is_found(foods: &impl FoodRepository) {
    let food = created(foods).await;
    assert_is_stored(foods, &food).await;
    assert_eq!(foods.find(food.id).await.expect("found"), Some(food));
}

pub async fn food_needs_the_account_of_its_creator(
    (foods, users): &(impl FoodRepository, impl UserRepository),
) {
    let user = sample::user();
    users.create(&user, &PasswordHash::new("a hash".to_owned())).await.expect("created");
    let upload = Some(ImageId::new(sample::timestamp()));
    let before = Food { upload, ..sample::food(&user.public) };
    foods.create(&before).await.expect("created");
    users.delete(user.public.id, sample::timestamp()).await.expect("deleted");
    // The missing account is reported before a taken title or upload.
    let same_claims = Food { title: before.title.clone(), upload, ..sample::food(&user.public) };
    for late in [sample::food(&user.public), same_claims] {
        let rejected = foods.create(&late).await;
        assert!(matches!(rejected, Err(InsertFoodError::CreatorGone)), "{rejected:?}");
        assert_eq!(find(foods, late.id).await, None);
    }
    // The food of a deleted user can still be deleted.
    foods.delete(&before).await.expect("deleted");
}

pub async fn unknown_food_is_not_found(foods: &impl FoodRepository) {
    let unknown = sample::food(&ada());
    assert_eq!(foods.find(unknown.id).await.expect("a response"), None);
    assert_eq!(find(foods, unknown.id).await, None);
    let updated = foods.update(&unknown, &next_version(&unknown, "Ghost")).await;
    assert!(matches!(updated, Err(ReplaceFoodError::VersionConflict)));
    let deleted = foods.delete(&unknown).await;
    assert!(matches!(deleted, Err(RemoveFoodError::VersionConflict)));
    assert_eq!(find(foods, unknown.id).await, None);
}

pub async fn food_title_is_unique_ignoring_case(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    let mut copy = sample::food(&ada());
    copy.title = title(&rice.title.as_str().to_uppercase());
    let rejected = foods.create(&copy).await;
    assert!(matches!(rejected, Err(InsertFoodError::TitleTaken)));
    assert_eq!(find(foods, copy.id).await, None);
}

pub async fn food_id_is_unique(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    let mut duplicate = sample::food(&ada());
    duplicate.id = rice.id;
    let rejected = foods.create(&duplicate).await;
    assert!(matches!(rejected, Err(InsertFoodError::TitleTaken)));
    assert_is_stored(foods, &rice).await;
}

pub async fn food_update_requires_current_version(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    let fried = updated(foods, &rice, next_version(&rice, "Fried rice")).await;
    for late_title in ["Late rice", "Fried rice"] {
        let late = foods.update(&rice, &next_version(&rice, late_title)).await;
        assert!(matches!(late, Err(ReplaceFoodError::VersionConflict)));
    }
    assert_is_stored(foods, &fried).await;
}

pub async fn food_of_another_owner_cannot_be_changed(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    let stolen = Food { creator: ada(), ..rice.clone() };
    let updated = foods.update(&stolen, &next_version(&stolen, "Mine")).await;
    assert!(matches!(updated, Err(ReplaceFoodError::VersionConflict)));
    let deleted = foods.delete(&stolen).await;
    assert!(matches!(deleted, Err(RemoveFoodError::VersionConflict)));
    assert_is_stored(foods, &rice).await;
}

pub async fn food_update_may_keep_title_or_change_its_case(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    let uppercase = rice.title.as_str().to_uppercase();
    let renamed = updated(foods, &rice, next_version(&rice, &uppercase)).await;
    let mut described = next_version(&renamed, &uppercase);
    described.description = Description::sanitize("<p>Now with egg</p>").expect("a description");
    updated(foods, &renamed, described).await;
}

pub async fn food_update_releases_old_title_and_claims_new_title(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    updated(foods, &rice, next_version(&rice, "Fried rice")).await;
    let successor = Food { title: rice.title, ..sample::food(&ada()) };
    foods.create(&successor).await.expect("the old title is free");
    let rejected = foods.update(&successor, &next_version(&successor, "fried rice")).await;
    assert!(matches!(rejected, Err(ReplaceFoodError::TitleTaken)));
    assert_is_stored(foods, &successor).await;
}

pub async fn food_deletion_requires_current_version(foods: &impl FoodRepository) {
    let rice = created(foods).await;
    let fried = updated(foods, &rice, next_version(&rice, "Fried rice")).await;
    let late = foods.delete(&rice).await;
    assert!(matches!(late, Err(RemoveFoodError::VersionConflict)));
    assert_is_stored(foods, &fried).await;
    foods.delete(&fried).await.expect("deleted");
    assert_eq!(find(foods, rice.id).await, None);
}

pub async fn deleted_food_releases_its_title(foods: &impl FoodRepository) {
    let (rice, other) = (created(foods).await, created(foods).await);
    foods.delete(&rice).await.expect("deleted");
    let successor = next_version(&other, &rice.title.as_str().to_uppercase());
    updated(foods, &other, successor).await;
}

pub async fn foods_are_listed_newest_first(foods: &impl FoodRepository) {
    let mut all = Vec::new();
    for _ in 0..8 {
        all.insert(0, created(foods).await);
    }
    for size in [1, 3, 8, 100] {
        let listed = read_all(size, |food: &Food| food.id, |page| foods.list(page)).await;
        assert_eq!(listed, all, "in pages of {size}");
    }
    let after_the_last =
        PageRequest { after: Some(FoodId::from_bytes([0; 16])), size: page_size(10) };
    let page = foods.list(after_the_last).await.expect("listed");
    assert!(page.items.is_empty() && !page.more);
}

pub async fn foods_of_an_owner_are_listed_newest_first(foods: &impl FoodRepository) {
    let (ada, eve) = (ada(), ada());
    let mut owned = Vec::new();
    for creator in [&ada, &eve, &ada, &ada] {
        let food = sample::food(creator);
        foods.create(&food).await.expect("created");
        if food.creator == ada {
            owned.push(food.id);
        }
    }
    owned.reverse();
    let list = |page| foods.list_by_owner(ada.id, page);
    assert_eq!(read_all(2, |id| *id, list).await, owned);
}

pub async fn image_ids_of_existing_foods_are_found(foods: &impl FoodRepository) {
    let (one, _, other) = (created(foods).await, created(foods).await, created(foods).await);
    // More ids than one DynamoDB request accepts.
    let unknown = (0..250).map(|_| FoodId::new(sample::timestamp()));
    let ids: Vec<_> = unknown.chain([other.id, one.id]).collect();
    let mut found = foods.find_images(&ids).await.expect("found");
    found.sort_unstable();
    assert_eq!(found, [one.image.id, other.image.id]);
    assert_eq!(foods.find_images(&[]).await.expect("a response"), []);
}

fn food_with_upload(upload: ImageId) -> Food {
    Food { upload: Some(upload), ..sample::food(&ada()) }
}

pub async fn upload_is_attached_to_one_food_only(foods: &impl FoodRepository) {
    let upload = ImageId::new(sample::timestamp());
    let rivals = [(); 10].map(|()| food_with_upload(upload));
    let outcomes = join_all(rivals.iter().map(|food| foods.create(food))).await;
    let is_loser = |outcome: &&Result<_, _>| matches!(outcome, Err(InsertFoodError::UploadTaken));
    assert_eq!(outcomes.iter().filter(is_loser).count(), 9, "{outcomes:?}");
    let winner = outcomes.iter().position(Result::is_ok).expect("a winner");
    for (nth, food) in rivals.iter().enumerate() {
        let found = find(foods, food.id).await;
        assert_eq!(found.as_ref(), (nth == winner).then_some(food));
    }
}

pub async fn food_update_cannot_use_upload_of_another_food(foods: &impl FoodRepository) {
    let owner = food_with_upload(ImageId::new(sample::timestamp()));
    foods.create(&owner).await.expect("created");
    let other = created(foods).await;
    for new_title in [other.title.as_str(), "Rice with a stolen image"] {
        let stolen = Food { upload: owner.upload, ..next_version(&other, new_title) };
        let rejected = foods.update(&other, &stolen).await;
        assert!(matches!(rejected, Err(ReplaceFoodError::UploadTaken)));
        assert_is_stored(foods, &other).await;
    }
}

pub async fn food_can_drop_its_upload_and_attach_it_again(foods: &impl FoodRepository) {
    let mut current = food_with_upload(ImageId::new(sample::timestamp()));
    foods.create(&current).await.expect("created");
    let upload = current.upload;
    for (title, upload) in [("A", upload), ("A", None), ("A", upload), ("B", None), ("C", upload)] {
        let next = Food { upload, ..next_version(&current, title) };
        current = updated(foods, &current, next).await;
    }
}

pub async fn upload_of_deleted_food_cannot_be_reused(foods: &impl FoodRepository) {
    let upload = ImageId::new(sample::timestamp());
    let (first, other) = (food_with_upload(upload), created(foods).await);
    foods.create(&first).await.expect("created");
    foods.delete(&first).await.expect("deleted");
    let rejected = foods.create(&food_with_upload(upload)).await;
    assert!(matches!(rejected, Err(InsertFoodError::UploadTaken)));
    // A taken title is reported first, because the user can correct it.
    let both = Food { title: other.title, ..food_with_upload(upload) };
    let rejected = foods.create(&both).await;
    assert!(matches!(rejected, Err(InsertFoodError::TitleTaken)));
}

pub async fn one_of_50_concurrent_foods_with_same_title_is_created(foods: &impl FoodRepository) {
    let rivals = [(); 50].map(|()| Food { title: title("The only one"), ..sample::food(&ada()) });
    let outcomes = join_all(rivals.iter().map(|food| foods.create(food))).await;
    let is_loser = |outcome: &&Result<_, _>| matches!(outcome, Err(InsertFoodError::TitleTaken));
    assert_eq!(outcomes.iter().filter(is_loser).count(), 49, "{outcomes:?}");
    let winner = outcomes.iter().position(Result::is_ok).expect("a winner");
    assert_is_stored(foods, &rivals[winner]).await;
}

pub async fn one_of_20_concurrent_updates_of_a_food_succeeds(foods: &impl FoodRepository) {
    let food = created(foods).await;
    let edits: Vec<_> = (0..20).map(|nth| next_version(&food, &format!("Edit {nth}"))).collect();
    let outcomes = join_all(edits.iter().map(|edit| foods.update(&food, edit))).await;
    let is_loser =
        |outcome: &&Result<_, _>| matches!(outcome, Err(ReplaceFoodError::VersionConflict));
    assert_eq!(outcomes.iter().filter(is_loser).count(), 19);
    let winner = outcomes.iter().position(Result::is_ok).expect("an edit");
    assert_is_stored(foods, &edits[winner]).await;
    for (nth, edit) in edits.into_iter().enumerate() {
        let successor = Food { title: edit.title, ..sample::food(&ada()) };
        let is_free = foods.create(&successor).await.is_ok();
        assert_eq!(is_free, nth != winner, "the title of edit {nth}");
    }
}
