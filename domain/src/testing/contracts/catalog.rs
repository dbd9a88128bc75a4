use super::read_all;
use crate::food::{FoodCatalog, FoodRepository};
use crate::id::FoodId;
use crate::testing::sample;

/// Generates the contract tests of a `FoodCatalog` that is a `FoodRepository` as well.
#[macro_export]
macro_rules! food_catalog_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            catalog,
            $adapter,
            [
                existing_foods_are_found_with_shown_likes,
                shown_likes_change_neither_version_nor_time,
                likes_of_a_missing_food_are_not_shown,
                foods_of_an_owner_are_listed_newest_first,
                all_ids_are_scanned_once,
            ]
        );
    };
}

fn sorted(mut ids: Vec<FoodId>) -> Vec<FoodId> {
    ids.sort_unstable();
    ids
}

pub async fn existing_foods_are_found_with_shown_likes(
    foods: &(impl FoodCatalog + FoodRepository),
) {
    let ada = sample::public_user(sample::timestamp());
    let (soup, rice) = (sample::food(&ada), sample::food(&ada));
    foods.create(&soup).await.expect("created");
    foods.create(&rice).await.expect("created");
    assert!(foods.set_likes(rice.id, 31).await.expect("set"));
    let ids = [rice.id, FoodId::new(sample::timestamp()), soup.id];
    let mut found = foods.find_many(&ids).await.expect("foods");
    found.sort_by_key(|listed| listed.food.id);
    let found: Vec<_> = found.into_iter().map(|listed| (listed.food, listed.likes)).collect();
    assert_eq!(found, [(soup.clone(), 0), (rice.clone(), 31)]);
    let existing = foods.find_existing(&ids).await.expect("ids");
    assert_eq!(sorted(existing), sorted(vec![soup.id, rice.id]));
    assert!(foods.find_many(&[]).await.expect("foods").is_empty());
}

pub async fn shown_likes_change_neither_version_nor_time(
    foods: &(impl FoodCatalog + FoodRepository),
) {
    let food = sample::food(&sample::public_user(sample::timestamp()));
    foods.create(&food).await.expect("created");
    foods.set_likes(food.id, 7).await.expect("set");
    let stored = foods.find_consistent(food.id).await.expect("a food").expect("a food");
    assert_eq!(stored, food);
}

pub async fn likes_of_a_missing_food_are_not_shown(foods: &(impl FoodCatalog + FoodRepository)) {
    let food = sample::food(&sample::public_user(sample::timestamp()));
    assert!(!foods.set_likes(food.id, 7).await.expect("a response"));
    assert_eq!(foods.find_consistent(food.id).await.expect("a response"), None);
    foods.create(&food).await.expect("created");
    foods.set_likes(food.id, 7).await.expect("set");
    foods.delete(&food).await.expect("deleted");
    assert!(!foods.set_likes(food.id, 8).await.expect("a response"));
    assert!(foods.find_many(&[food.id]).await.expect("foods").is_empty());
}

pub async fn foods_of_an_owner_are_listed_newest_first(
    foods: &(impl FoodCatalog + FoodRepository),
) {
    let [ada, eve] = [(); 2].map(|()| sample::public_user(sample::timestamp()));
    let mut expected = Vec::new();
    for _ in 0..7 {
        let food = sample::food(&ada);
        foods.create(&food).await.expect("created");
        foods.create(&sample::food(&eve)).await.expect("created");
        expected.push(food);
    }
    expected.reverse();
    let list = async |page| foods.list_of_owner(ada.id, page).await;
    let listed = read_all(3, |listed| listed.food.id, list).await;
    assert_eq!(listed.into_iter().map(|listed| listed.food).collect::<Vec<_>>(), expected);
}

pub async fn all_ids_are_scanned_once(foods: &(impl FoodCatalog + FoodRepository)) {
    let mut expected = Vec::new();
    for _ in 0..7 {
        let food = sample::food(&sample::public_user(sample::timestamp()));
        foods.create(&food).await.expect("created");
        expected.push(food.id);
    }
    let mut scanned = Vec::new();
    foods.scan_ids(|id| scanned.push(id)).await.expect("scanned");
    assert_eq!(sorted(scanned), sorted(expected));
}
