use std::time::Duration;

use futures_util::future::join_all;

use crate::id::FoodId;
use crate::neighbours::{
    FoodNeighbours, Measures, Model, NeighbourList, NeighbourStore, Quotas, Source, Top, TopFood,
    TopList, Weighting,
};
use crate::testing::sample;

/// Generates the contract tests of a `NeighbourStore`.
#[macro_export]
macro_rules! neighbour_store_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            neighbours,
            $adapter,
            [
                neighbours_are_found_as_written,
                neighbour_write_requires_current_version,
                one_of_20_concurrent_neighbour_writes_succeeds,
                lists_and_parameters_have_defaults,
                list_write_requires_current_version,
                parameters_are_found_as_written,
            ]
        );
    };
}

fn food() -> FoodId {
    FoodId::new(sample::timestamp())
}

fn neighbours(foods: u16, source: Source) -> FoodNeighbours {
    let list = NeighbourList::new((1..=foods).map(|weight| (food(), f64::from(weight) / 1000.0)));
    FoodNeighbours { list, likes_then: 7, hot: 1_234.567, source }
}

pub async fn neighbours_are_found_as_written(store: &impl NeighbourStore) {
    let mut all = Vec::new();
    for (size, source) in [(0, Source::Online), (1, Source::Trained), (100, Source::Online)] {
        let (food, neighbours) = (food(), neighbours(size, source));
        assert!(store.write(food, Some(&neighbours), None).await.expect("written"));
        all.push((food, neighbours));
    }
    let mut ids: Vec<_> = all.iter().map(|(food, _)| *food).collect();
    ids.push(food());
    let found = store.find(&ids).await.expect("neighbours");
    let mut found: Vec<_> = found.into_iter().map(|(food, stored)| (food, stored.value)).collect();
    found.sort_by_key(|(food, _)| *food);
    all.sort_by_key(|(food, _)| *food);
    assert_eq!(found, all);
    assert!(store.find(&[]).await.expect("neighbours").is_empty());
}

pub async fn neighbour_write_requires_current_version(store: &impl NeighbourStore) {
    let (food, first, second) =
        (food(), neighbours(100, Source::Online), neighbours(3, Source::Trained));
    let write = async |neighbours, version| {
        store.write(food, neighbours, version).await.expect("a response")
    };
    assert!(!write(Some(&first), Some(1)).await);
    assert!(write(Some(&first), None).await);
    assert!(!write(Some(&second), None).await);
    let version = store.find(&[food]).await.expect("neighbours")[0].1.version;
    assert!(write(Some(&second), Some(version)).await);
    assert!(!write(Some(&first), Some(version)).await);
    assert!(!write(None, Some(version)).await);
    let stored = store.find(&[food]).await.expect("neighbours");
    assert_eq!(stored[0].1.value, second);
    assert!(write(None, Some(stored[0].1.version)).await);
    assert!(store.find(&[food]).await.expect("neighbours").is_empty());
}

pub async fn one_of_20_concurrent_neighbour_writes_succeeds(store: &impl NeighbourStore) {
    let (food, neighbours) = (food(), neighbours(3, Source::Online));
    for version in [None, Some(1)] {
        let written = (0..20).map(|_| store.write(food, Some(&neighbours), version));
        let written = join_all(written).await;
        let written = written.into_iter().filter(|written| *written.as_ref().expect("a response"));
        assert_eq!(written.count(), 1);
    }
}

pub async fn lists_and_parameters_have_defaults(store: &impl NeighbourStore) {
    let (model, lists) = store.find_top().await.expect("lists");
    assert_eq!(model, Model::default());
    for list in lists {
        assert_eq!((list.value, list.version), (Top::default(), 0));
    }
}

pub async fn list_write_requires_current_version(store: &impl NeighbourStore) {
    let top = |foods: u16| {
        let foods = (0..foods).map(|score| TopFood { food: food(), score: f32::from(score) / 3.0 });
        Top::new(TopList::Trending, foods)
    };
    let (first, second) = (top(200), top(3));
    let write = async |top, version| {
        store.write_top(TopList::Trending, top, version).await.expect("a response")
    };
    assert!(!write(&first, 1).await);
    assert!(write(&first, 0).await);
    assert!(!write(&second, 0).await);
    let (_, [popular, trending, fresh]) = store.find_top().await.expect("lists");
    assert_eq!(trending.value, first);
    assert_eq!((popular.version, fresh.version), (0, 0));
    assert!(write(&second, trending.version).await);
    assert!(!write(&first, trending.version).await);
    let (_, [_, trending, _]) = store.find_top().await.expect("lists");
    assert_eq!(trending.value, second);
}

pub async fn parameters_are_found_as_written(store: &impl NeighbourStore) {
    for half_life in [None, Some(Duration::from_hours(72))] {
        let model = Model {
            weighting: Weighting { activity: 0.5, source: 0.25, target: 0.1, expected: 0.0 },
            half_life,
            trending: 3.0,
            quotas: Quotas { personal: 4, fresh: 0 },
            ridge: 500.0,
            measures: Measures { users: 7, online: 0.1, trained: 0.2, blended: 0.3 },
        };
        store.write_model(&model).await.expect("written");
        assert_eq!(store.find_top().await.expect("parameters").0, model);
    }
}
