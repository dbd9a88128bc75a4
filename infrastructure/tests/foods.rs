//! Tests the food repository contract on `DynamoDB`, and the read capacity of a list.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

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
use domain::food::FoodRepository;
use domain::id::FoodId;
use domain::page::{PageRequest, PageSize};
use domain::testing::sample;
use engines::dynoxide::actions::scan::ScanRequest;
use engines::dynoxide::{AttributeValue, ImportOptions, Item};
use engines::{AccessKey, DynamoDb, Engines, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;
use infrastructure::dynamodb::DynamoDbFoods;

async fn on_dynamodb() -> (DynamoDbFoods, Arc<Engines>) {
    let engines = Engines::shared();
    let table = engines.tables().await.foods;
    let foods = DynamoDbFoods::new(engines.aws().dynamodb(), table);
    (foods, engines)
}

domain::food_repository_contract!(on_dynamodb().await);

#[tokio::test]
async fn read_cost_of_food_list_is_independent_of_table_size() {
    // The import blocks the engine for longer than other tests wait, so the shared one is not used.
    let key = AccessKey::random();
    let dynamodb = DynamoDb::memory(&key).unwrap();
    let s3 = S3::temporary(&key).unwrap();
    let client = Aws::new(settings(&dynamodb, &s3)).unwrap().dynamodb();
    let names = TableNames::with_prefix("listing-");
    create_tables(&client, &names).await.unwrap();
    let table = names.foods;
    let meter = Meter::default();
    let metered = client.config().to_builder().interceptor(meter.clone());
    let foods = DynamoDbFoods::new(Client::from_conf(metered.build()), table.clone());

    let first = sample::food(&sample::public_user(sample::timestamp()));
    foods.create(&first).await.unwrap();
    add_copies(&dynamodb, &table, 1..100);
    let few = cost_of_listing(&foods, &meter).await;
    assert!(few.iter().all(|units| *units > 0.0), "{few:?}");
    add_copies(&dynamodb, &table, 100..20_000);
    assert_eq!(cost_of_listing(&foods, &meter).await, few);
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
