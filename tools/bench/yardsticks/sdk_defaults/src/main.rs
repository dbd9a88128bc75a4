//! `GET /food/{food_id}` as the guides of `lambda_http` and the AWS SDK begin: every default, the same
//! `GetItem`, the same members in the answer.

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
    let found = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(format!("FOOD#{id}")))
        .send()
        .await?;
    let Some(item) = found.item else {
        return Ok(Response::builder().status(404).body(Body::Empty)?);
    };
    let of_creator = |name: &str| name.starts_with("creator_");
    let body = json!({
        "food": members(&item, |name| !of_creator(name)),
        "creator": members(&item, of_creator),
    })
    .to_string();
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Body::Text(body))?)
}

/// The texts of the item under these names.
fn members(
    item: &HashMap<String, AttributeValue>,
    wanted: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    item.iter()
        .filter(|(name, _)| wanted(name))
        .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone().into())))
        .collect()
}
