//! `GET /food/{food_id}` with `lambda_http` and the AWS SDK in their default configuration, and with the
//! `GetItem` and the response fields of the real function.

use std::collections::HashMap;
use std::env;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn, tracing};
use serde_json::{Map, Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let table = env::var("FOODS_TABLE")?;
    run(service_fn(|request| get_food(&client, &table, request))).await
}

async fn get_food(client: &Client, table: &str, request: Request) -> Result<Response<Body>, Error> {
    let parameters = request.path_parameters();
    let id = parameters.first("food_id").ok_or("no food_id")?;
    let output = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(format!("FOOD#{id}")))
        .send()
        .await?;
    let Some(item) = output.item else {
        return Ok(Response::builder().status(404).body(Body::Empty)?);
    };
    let is_creator = |name: &str| name.starts_with("creator_");
    let body = json!({
        "food": texts(&item, |name| !is_creator(name)),
        "creator": texts(&item, is_creator),
    })
    .to_string();
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Body::Text(body))?)
}

/// Returns the string attributes of a `DynamoDB` item whose names are selected, as JSON.
fn texts(
    item: &HashMap<String, AttributeValue>,
    is_selected: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    item.iter()
        .filter(|(name, _)| is_selected(name))
        .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone().into())))
        .collect()
}
