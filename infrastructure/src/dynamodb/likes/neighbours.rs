//! Neighbour lists, lists of popular foods, and parameters.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::FoodId;
use domain::neighbours::{
    FoodNeighbours, Measures, Model, NeighbourStore, Quotas, Source, Top, TopList, Versioned,
    Weighting,
};
use domain::storage::StorageError;

use super::{
    DynamoDbLikes, FOODS, food_id, food_neighbours, key, neighbours_key, packed, unpack, version,
    versioned,
};
use crate::aws::map_sdk_error;
use crate::dynamodb::item::{Item, number, read_number, read_text, text};
use crate::dynamodb::table::likes as table;

/// Partition key of the parameters.
const MODEL: &str = "MODEL";
/// The half-life in ms; missing if likes count forever.
const HALF_LIFE: &str = "half_life";

fn list_name(list: TopList) -> &'static str {
    match list {
        TopList::Popular => "POPULAR",
        TopList::Trending => "TRENDING",
        TopList::Fresh => "FRESH",
    }
}

fn top_key(list: TopList) -> Item {
    key("TOP", list_name(list))
}

fn model_key() -> Item {
    key(MODEL, "PARAMETERS")
}

/// Parses a list. A damaged one is read as empty, so that the next change writes it again: an error would fail every request for
/// recommendations.
fn top(item: Option<&Item>) -> Versioned<Top> {
    let version = item.and_then(version).unwrap_or(0);
    let value = item.and_then(|item| unpack(item, FOODS, Top::unpack).ok()).unwrap_or_default();
    Versioned { value, version }
}

fn parameters(model: &Model) -> impl Iterator<Item = (&'static str, AttributeValue)> {
    let Model { weighting, half_life, trending, quotas, ridge, measures } = model;
    let half_life = half_life.map(|half_life| (HALF_LIFE, number(half_life.as_millis())));
    [
        ("activity", number(weighting.activity)),
        ("source", number(weighting.source)),
        ("target", number(weighting.target)),
        ("expected", number(weighting.expected)),
        ("trending", number(trending)),
        ("personal", number(quotas.personal)),
        ("fresh", number(quotas.fresh)),
        ("ridge", number(ridge)),
        ("users", number(measures.users)),
        ("online", number(measures.online)),
        ("trained", number(measures.trained)),
        ("blended", number(measures.blended)),
    ]
    .into_iter()
    .chain(half_life)
}

fn model(item: &Item) -> Result<Model, StorageError> {
    let value = |name| read_number::<f64>(item, name);
    let half_life = || read_number(item, HALF_LIFE).map(Duration::from_millis);
    Ok(Model {
        weighting: Weighting {
            activity: value("activity")?,
            source: value("source")?,
            target: value("target")?,
            expected: value("expected")?,
        },
        half_life: item.contains_key(HALF_LIFE).then(half_life).transpose()?,
        trending: value("trending")?,
        quotas: Quotas {
            personal: read_number(item, "personal")?,
            fresh: read_number(item, "fresh")?,
        },
        ridge: value("ridge")?,
        measures: Measures {
            users: read_number(item, "users")?,
            online: value("online")?,
            trained: value("trained")?,
            blended: value("blended")?,
        },
    })
}

impl NeighbourStore for DynamoDbLikes {
    async fn find(
        &self,
        foods: &[FoodId],
    ) -> Result<Vec<(FoodId, Versioned<FoodNeighbours>)>, StorageError> {
        let items = self.get(foods, neighbours_key, None, self.consistent).await?;
        let stored = items.iter().filter_map(|item| {
            let stored = versioned(item, food_neighbours(item))?;
            Some(food_id(item).map(|food| (food, stored)))
        });
        stored.collect()
    }

    async fn write(
        &self,
        food: FoodId,
        neighbours: Option<&FoodNeighbours>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let attributes = neighbours.map(|neighbours| {
            let source = match neighbours.source {
                Source::Online => "online",
                Source::Trained => "trained",
            };
            vec![
                ("list", packed(neighbours.list.pack())),
                ("likes_then", number(neighbours.likes_then)),
                // A number attribute cannot be infinite: that is a food whose likes are not in the index yet.
                ("hot", number(neighbours.hot.max(f32::MIN))),
                ("source", text(source)),
            ]
        });
        self.write_derived(neighbours_key(food), attributes, expected).await
    }

    async fn find_top(&self) -> Result<(Model, [Versioned<Top>; 3]), StorageError> {
        let ids = [None, Some(TopList::Popular), Some(TopList::Trending), Some(TopList::Fresh)];
        let key = |list: Option<TopList>| list.map_or_else(model_key, top_key);
        let items = self.get(&ids, key, None, self.consistent).await?;
        let item_with = |name: &str, value: &str| {
            items.iter().find(|item| read_text(item, name).is_ok_and(|text| text == value))
        };
        let model = item_with(table::PK, MODEL).map(model).transpose()?;
        let lists = TopList::ALL.map(|list| top(item_with(table::SK, list_name(list))));
        Ok((model.unwrap_or_default(), lists))
    }

    async fn write_top(
        &self,
        list: TopList,
        top: &Top,
        expected: u64,
    ) -> Result<bool, StorageError> {
        let expected = Some(expected).filter(|version| *version > 0);
        self.write_derived(top_key(list), Some(vec![(FOODS, packed(top.pack()))]), expected).await
    }

    async fn write_model(&self, model: &Model) -> Result<(), StorageError> {
        let parameters = parameters(model).map(|(name, value)| (name.to_owned(), value));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(model_key().into_iter().chain(parameters).collect()));
        put.send().await.map(|_| ()).map_err(map_sdk_error)
    }
}
