use crate::food::{Food, FoodCatalog, FoodRepository};
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
                shown_likes_and_updates_of_a_food_are_independent,
                likes_of_a_missing_food_are_not_shown,
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
    found.sort_by_key(|food| food.id);
    assert_eq!(found, [soup.clone(), Food { likes: 31, ..rice.clone() }]);
    let existing = foods.find_existing(&ids).await.expect("ids");
    assert_eq!(sorted(existing), sorted(vec![soup.id, rice.id]));
    assert!(foods.find_many(&[]).await.expect("foods").is_empty());
}

pub async fn shown_likes_and_updates_of_a_food_are_independent(
    foods: &(impl FoodCatalog + FoodRepository),
) {
    let food = sample::food(&sample::public_user(sample::timestamp()));
    foods.create(&food).await.expect("created");
    foods.set_likes(food.id, 7).await.expect("set");
    let stored = foods.find_consistent(food.id).await.expect("a food").expect("a food");
    assert_eq!(stored, Food { likes: 7, ..food.clone() });
    let changed = Food { version: 2, ..food.clone() };
    foods.update(&food, &changed).await.expect("updated");
    let stored = foods.find_consistent(food.id).await.expect("a food").expect("a food");
    assert_eq!(stored, Food { likes: 7, ..changed });
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
