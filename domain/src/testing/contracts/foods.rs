//! Contract of [`FoodRepository`].

use std::time::Duration;

use futures_util::future::join_all;

use super::size;
use crate::food::{
    Description, Food, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError, Title,
};
use crate::id::{FoodId, ImageId};
use crate::image::{ImageKey, Variants};
use crate::page::PageRequest;
use crate::testing::sample;

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
    assert!(matches!(refused, Err(InsertFoodError::TitleTaken)));
    assert_eq!(foods.find_latest(copy.id).await.expect("asked"), None);

    // Nor is a food put in the place of another.
    let mut twin = sample::food(&ada);
    twin.id = rice.id;
    let refused = foods.create(&twin).await;
    assert!(matches!(refused, Err(InsertFoodError::TitleTaken)));
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(rice.clone()));

    // A change is made to the version it was made for, and to no other.
    let fried = next_version(&rice, "Fried rice");
    foods.update(&rice, &fried).await.expect("updated");
    let latest = foods.find_latest(rice.id).await.expect("found");
    assert_eq!(latest, Some(fried.clone()));
    let late = foods.update(&rice, &next_version(&rice, "Late rice")).await;
    assert!(matches!(late, Err(ReplaceFoodError::Changed)));
    let late = foods
        .update(&rice, &next_version(&rice, "Fried rice"))
        .await;
    assert!(matches!(late, Err(ReplaceFoodError::Changed)));
    let mut stolen = fried.clone();
    stolen.creator = sample::public_user(sample::moment());
    let theft = foods.update(&stolen, &next_version(&stolen, "Mine")).await;
    assert!(matches!(theft, Err(ReplaceFoodError::Changed)));
    let theft = foods.delete(&stolen).await;
    assert!(matches!(theft, Err(RemoveFoodError::Changed)));
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
    assert!(matches!(taken, Err(ReplaceFoodError::TitleTaken)));
    let untouched = foods.find_latest(copy.id).await.expect("found");
    assert_eq!(untouched, Some(copy.clone()));

    // Deleting is for one version, and frees the title.
    let late = foods.delete(&louder).await;
    assert!(matches!(late, Err(RemoveFoodError::Changed)));
    foods.delete(&same).await.expect("deleted");
    assert_eq!(foods.find_latest(rice.id).await.expect("asked"), None);
    let gone = foods.delete(&same).await;
    assert!(matches!(gone, Err(RemoveFoodError::Changed)));
    let gone = foods.update(&same, &next_version(&same, "Ghost")).await;
    assert!(matches!(gone, Err(ReplaceFoodError::Changed)));
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
    let taken = |outcome: &&Result<_, _>| matches!(outcome, Err(InsertFoodError::UploadTaken));
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
        assert!(matches!(refused, Err(ReplaceFoodError::UploadTaken)));
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
    assert!(matches!(refused, Err(InsertFoodError::UploadTaken)));
    // The title goes before it: that can be mended.
    let both = Food {
        title: other.title.clone(),
        ..with_upload()
    };
    let refused = foods.create(&both).await;
    assert!(matches!(refused, Err(InsertFoodError::TitleTaken)));
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
        .filter(|outcome| matches!(outcome, Err(InsertFoodError::TitleTaken)))
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
        .filter(|outcome| matches!(outcome, Err(ReplaceFoodError::Changed)))
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
