//! The functions, tables and CORS settings of `template.yaml` match the code and the local server.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{KeySchemaElement, Projection, StreamViewType};
use engines::shared::Engines;
use functions::routes::FUNCTIONS;
use http::Method;
use serde_json::{Value, json};
use test_support::Api;
use test_support::template::{template, texts};

#[test]
fn template_functions_match_routes_rs() {
    let template = template("functions");
    let deployed = template.as_object().unwrap().iter();
    let deployed = deployed.map(|(name, function)| {
        let trigger = function["route"].as_str().unwrap();
        (name.as_str(), (trigger, function["memory"].clone()))
    });
    let expected = FUNCTIONS.map(|function| {
        let memory = json!(function.memory_mb);
        (function.name, (function.trigger, memory))
    });
    assert_eq!(deployed.collect::<BTreeMap<_, _>>(), expected.into());
}

fn key(schema: &[KeySchemaElement]) -> Vec<&str> {
    schema.iter().map(KeySchemaElement::attribute_name).collect()
}

fn index(
    name: Option<&str>,
    schema: &[KeySchemaElement],
    projection: Option<&Projection>,
) -> (String, Value) {
    let projection = projection.unwrap();
    let attributes = match projection.projection_type().unwrap().as_str() {
        "INCLUDE" => json!(projection.non_key_attributes()),
        all_or_keys => json!(all_or_keys),
    };
    (name.unwrap().to_owned(), json!({"key": key(schema), "projection": attributes}))
}

#[tokio::test]
async fn local_dynamodb_tables_match_the_template() {
    let engines = Engines::shared();
    let names = engines.tables().await;
    let client = engines.aws().dynamodb();
    let mut tables = serde_json::Map::new();
    for (id, name) in [
        ("UsersTable", names.users),
        ("FoodsTable", names.foods),
        ("LikesTable", names.likes),
        ("SessionsTable", names.sessions),
    ] {
        let table = client.describe_table().table_name(&name).send().await;
        let table = table.unwrap().table.unwrap();
        let ttl = client.describe_time_to_live().table_name(&name).send().await;
        let ttl = ttl.unwrap().time_to_live_description;
        let global = table.global_secondary_indexes().iter();
        let global = global.map(|it| index(it.index_name(), it.key_schema(), it.projection()));
        let local = table.local_secondary_indexes().iter();
        let local = local.map(|it| index(it.index_name(), it.key_schema(), it.projection()));
        let stream = table.stream_specification().and_then(|stream| stream.stream_view_type());
        let description = json!({
            "key": key(table.key_schema()),
            "ttl": ttl.and_then(|ttl| ttl.attribute_name),
            "indexes": global.chain(local).collect::<serde_json::Map<_, _>>(),
            "stream": stream.map(StreamViewType::as_str),
        });
        tables.insert(id.to_owned(), description);
    }
    assert_eq!(Value::Object(tables), template("tables"));
}

#[tokio::test]
async fn local_cors_headers_match_the_template() {
    let api = Api::start().await;
    let cors = template("cors");
    let preflight = api
        .request(Method::OPTIONS, "/food")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .send()
        .await;
    let response = api.get("/food").header("origin", "https://app.example.com");
    let response = response.send().await;
    let values = |header: &str| -> BTreeSet<String> {
        let values = header.split(',');
        values.map(|value| value.trim().to_lowercase()).collect()
    };
    let expected = |setting: &str| -> BTreeSet<String> {
        let values = texts(&cors[setting]);
        values.iter().map(|value| value.to_lowercase()).collect()
    };
    for (header, setting) in [
        ("access-control-allow-methods", "allowMethods"),
        ("access-control-allow-headers", "allowHeaders"),
        ("access-control-allow-origin", "allowOrigins"),
    ] {
        let actual = values(preflight.header(header));
        assert_eq!(actual, expected(setting), "{header}");
    }
    let max_age = preflight.header("access-control-max-age");
    assert_eq!(max_age, cors["maxAge"].to_string());
    let exposed = response.header("access-control-expose-headers");
    assert_eq!(values(exposed), expected("exposeHeaders"));
}
