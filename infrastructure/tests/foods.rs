//! Tests the food repository contract on `DynamoDB`, and the read capacity of a list.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::food::{Description, FoodRepository};
use domain::id::FoodId;
use domain::page::{PageRequest, PageSize};
use domain::testing::sample;
use engines::dynoxide::actions::scan::ScanRequest;
use engines::dynoxide::{AttributeValue, ImportOptions, Item};
use engines::{AccessKey, DynamoDb, Engines, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};

async fn on_dynamodb() -> (DynamoDbFoods, Arc<Engines>) {
    let engines = Engines::shared();
    let table = engines.tables().await.foods;
    let foods = DynamoDbFoods::new(engines.aws().dynamodb(), table);
    (foods, engines)
}

domain::food_repository_contract!(on_dynamodb().await);
domain::food_catalog_contract!(on_dynamodb().await);
domain::food_creator_contract!({
    let (foods, engines) = on_dynamodb().await;
    let table = engines.tables().await.users;
    let users = DynamoDbUsers::new(engines.aws().dynamodb(), table.clone());
    ((foods.with_creators(table), users), engines)
});

/// A food repository on its own engine, because an import blocks the engine for longer than other tests wait.
struct Metered {
    foods: DynamoDbFoods,
    meter: Meter,
    dynamodb: DynamoDb,
    table: String,
    _s3: S3,
}

impl Metered {
    /// Stores one food with this description.
    async fn with(description: &str) -> Self {
        let key = AccessKey::random();
        let dynamodb = DynamoDb::temporary(&key).unwrap();
        let s3 = S3::temporary(&key).unwrap();
        let client = Aws::new(settings(&dynamodb, &s3)).unwrap().dynamodb();
        let names = TableNames::with_prefix("listing-");
        create_tables(&client, &names).await.unwrap();
        let (table, meter) = (names.foods, Meter::default());
        let metered = client.config().to_builder().interceptor(meter.clone());
        let foods = DynamoDbFoods::new(Client::from_conf(metered.build()), table.clone());
        let mut first = sample::food(&sample::public_user(sample::timestamp()));
        first.description = Description::from_trusted(description).unwrap();
        foods.create(&first).await.unwrap();
        Self { foods, meter, dynamodb, table, _s3: s3 }
    }

    /// Reads the whole list in pages of `size`; returns the number of foods and the read units of each page.
    async fn read_all(&self, size: &str) -> Vec<(usize, f64)> {
        let size = PageSize::parse(size).unwrap();
        let (mut pages, mut ids, mut after) = (Vec::new(), HashSet::new(), None);
        loop {
            let page = self.foods.list(PageRequest { after, size }).await.unwrap();
            pages.push((page.items.len(), self.meter.take()));
            for food in &page.items {
                assert!(ids.insert(food.id), "listed twice: {}", food.id);
            }
            after = page.items.last().map(|food| food.id);
            if !page.more {
                return pages;
            }
            assert!(after.is_some(), "an empty page with a next page");
        }
    }
}

#[tokio::test]
async fn read_cost_of_food_list_is_independent_of_table_size() {
    let Metered { foods, meter, dynamodb, table, .. } = Metered::with("Good").await;
    add_copies(&dynamodb, &table, 1..100);
    let few = cost_of_listing(&foods, &meter).await;
    assert!(few.iter().all(|units| *units > 0.0), "{few:?}");
    add_copies(&dynamodb, &table, 100..20_000);
    assert_eq!(cost_of_listing(&foods, &meter).await, few);
}

#[tokio::test]
async fn page_of_largest_foods_costs_at_most_70_read_units() {
    let largest = Metered::with(&"🍲".repeat(20 * 1024 / 4)).await;
    add_copies(&largest.dynamodb, &largest.table, 1..105);
    for size in ["100", "20"] {
        let pages = largest.read_all(size).await;
        println!("105 foods of 20 KB in pages of {size}: {pages:?}");
        assert_eq!(pages.iter().map(|(foods, _)| foods).sum::<usize>(), 105);
        assert!(pages.iter().all(|(_, units)| (1.0..=70.0).contains(units)), "{pages:?}");
    }
}

#[tokio::test]
async fn page_of_small_foods_is_full() {
    let small = Metered::with(&"x".repeat(600)).await;
    add_copies(&small.dynamodb, &small.table, 1..101);
    let pages = small.read_all("100").await;
    println!("101 foods of 1 KB: {pages:?}");
    assert_eq!(pages.iter().map(|(foods, _)| *foods).collect::<Vec<_>>(), [100, 1]);
}

/// Foods that were created when a description could have 80 KB.
#[tokio::test]
async fn page_of_older_larger_foods_ends_after_one_megabyte() {
    let older = Metered::with(&"🍲".repeat(20_000)).await;
    add_copies(&older.dynamodb, &older.table, 1..105);
    let pages = older.read_all("100").await;
    println!("105 foods of 80 KB: {pages:?}");
    assert_eq!(pages.iter().map(|(foods, _)| foods).sum::<usize>(), 105);
    assert!(pages.iter().all(|(_, units)| (1.0..=160.0).contains(units)), "{pages:?}");
}

/// Returns the read units of a page with one food, a page with 99 foods and a page after a cursor.
async fn cost_of_listing(foods: &DynamoDbFoods, meter: &Meter) -> Vec<f64> {
    let mut costs = Vec::new();
    for (size, after) in [("1", None), ("99", None), ("20", Some(copy_id(50)))] {
        let size = PageSize::parse(size).unwrap();
        let page = foods.list(PageRequest { after, size }).await.unwrap();
        assert_eq!(page.items.len(), size.get());
        assert!(page.more);
        costs.push(meter.take());
    }
    costs
}

/// Returns an id that sorts before current ids; higher numbers sort first.
fn copy_id(number: u32) -> FoodId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&(u32::MAX - number).to_be_bytes());
    FoodId::from_bytes(bytes)
}

/// Imports copies of the stored food at once, because the repository would write them one by one.
fn add_copies(dynamodb: &DynamoDb, table: &str, numbers: Range<u32>) {
    let database = dynamodb.database();
    let request = ScanRequest { table_name: table.to_owned(), ..ScanRequest::default() };
    let scanned = database.scan(request).unwrap().items.unwrap();
    let is_food = |item: &&Item| item.contains_key("title");
    let original = scanned.iter().find(is_food).unwrap();
    let copies = numbers.map(|number| {
        let id = copy_id(number).to_string();
        let mut item = original.clone();
        item.insert("pk".to_owned(), AttributeValue::S(format!("FOOD#{id}")));
        item.insert("id".to_owned(), AttributeValue::S(id));
        item
    });
    database.import_items(table, copies.collect(), ImportOptions::default()).unwrap();
}

/// An SDK interceptor that sums up the read units of queries.
#[derive(Debug, Clone, Default)]
struct Meter(Arc<Mutex<f64>>);

impl Meter {
    fn take(&self) -> f64 {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(query) = context.input_mut().downcast_mut::<QueryInput>() {
            query.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let output = context.output_or_error().and_then(Result::ok);
        if let Some(output) = output.and_then(|output| output.downcast_ref::<QueryOutput>()) {
            let consumed = output.consumed_capacity().ok_or("no consumed capacity")?;
            *self.0.lock().unwrap() += consumed.capacity_units().unwrap_or_default();
        }
        Ok(())
    }
}
