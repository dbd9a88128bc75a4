//! The IAM permissions that calls to `DynamoDB` and S3 need.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use http::request::Parts;
use serde_json::{Map, Value};

use super::RecordedCall;

/// An IAM permission that a call needs.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The action, such as `dynamodb:Query` or `s3:PutObject`.
    pub action: String,
    /// The resource, such as `<table>/index/feed` or `<bucket>/foods/…`.
    pub resource: String,
    /// The condition keys of the request with their values, such as `dynamodb:LeadingKeys`.
    pub context: BTreeMap<&'static str, BTreeSet<String>>,
}

/// Records a call to `DynamoDB` with this request body.
pub(super) fn dynamodb(operation: &str, input: &Value) -> RecordedCall {
    let table = |input: &Value| input["TableName"].as_str().expect("a table").to_owned();
    let grants = match operation {
        // IAM authorizes a transaction by the actions of its items.
        "TransactWriteItems" => input["TransactItems"]
            .as_array()
            .expect("items")
            .iter()
            .flat_map(|item| item.as_object().expect("an item"))
            .map(|(kind, item)| {
                let action = match kind.as_str() {
                    "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                    kind => format!("dynamodb:{kind}Item"),
                };
                dynamodb_grant(action, table(item), item)
            })
            .collect(),
        "BatchGetItem" => input["RequestItems"]
            .as_object()
            .expect("tables")
            .iter()
            .map(|(table, keys)| {
                dynamodb_grant("dynamodb:BatchGetItem".to_owned(), table.clone(), keys)
            })
            .collect(),
        operation => {
            let resource = match input["IndexName"].as_str() {
                Some(index) => format!("{}/index/{index}", table(input)),
                None => table(input),
            };
            vec![dynamodb_grant(format!("dynamodb:{operation}"), resource, input)]
        }
    };
    RecordedCall::new(operation, grants)
}

/// Returns the permission for a request, or for a part of it, with its condition keys (AWS, "Using IAM policy
/// conditions for fine-grained access control").
fn dynamodb_grant(action: String, resource: String, input: &Value) -> Grant {
    let keys = input["Keys"].as_array().into_iter().flatten();
    let items: Vec<_> = keys.chain([&input["Key"], &input["Item"]]).collect();
    let partition = items.iter().filter_map(|item| item["pk"]["S"].as_str());
    let mut leading_keys: BTreeSet<_> = partition.map(str::to_owned).collect();
    let names = items.iter().filter_map(|item| item.as_object()).flat_map(Map::keys);
    let mut attributes: BTreeSet<_> = names.cloned().collect();
    for (name, expression) in input.as_object().expect("an object") {
        if let (true, Some(expression)) = (name.ends_with("Expression"), expression.as_str()) {
            let aliases = &input["ExpressionAttributeNames"];
            attributes.extend(
                attribute_names(expression)
                    .map(|name| aliases[name].as_str().unwrap_or(name).to_owned()),
            );
        }
    }
    if let Some(condition) = input["KeyConditionExpression"].as_str() {
        let value = condition.split(' ').find(|word| word.starts_with(':')).expect("a value");
        let partition = input["ExpressionAttributeValues"][value]["S"].as_str();
        leading_keys.insert(partition.expect("a partition").to_owned());
    }
    let (key, values) = if input["ProjectionExpression"].is_string() {
        ("dynamodb:Select", vec!["SPECIFIC_ATTRIBUTES"])
    } else if matches!(
        action.as_str(),
        "dynamodb:GetItem" | "dynamodb:BatchGetItem" | "dynamodb:Query"
    ) {
        ("dynamodb:Select", vec!["ALL_ATTRIBUTES"])
    } else {
        // Whether IAM checks the second parameter is not documented, so this assumes that it does.
        let values = ["ReturnValues", "ReturnValuesOnConditionCheckFailure"]
            .map(|parameter| input[parameter].as_str().unwrap_or("NONE"));
        ("dynamodb:ReturnValues", values.to_vec())
    };
    let context = BTreeMap::from([
        ("dynamodb:LeadingKeys", leading_keys),
        ("dynamodb:Attributes", attributes),
        (key, values.into_iter().map(str::to_owned).collect()),
    ]);
    Grant { action, resource, context }
}

/// Returns the attribute names in an expression, and their aliases such as `#token`.
fn attribute_names(expression: &str) -> impl Iterator<Item = &str> {
    const KEYWORDS: [&str; 11] = [
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "AND",
        "OR",
        "NOT",
        "attribute_exists",
        "attribute_not_exists",
        "begins_with",
        "if_not_exists",
    ];
    let words = expression.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '#' | ':'));
    words.filter(|word| !word.is_empty() && !word.starts_with(':') && !KEYWORDS.contains(word))
}

/// Records a call to S3.
pub(super) fn s3(request: &Parts, body: &[u8]) -> RecordedCall {
    let resource = request.uri.path().trim_matches('/').to_owned();
    let query = |parameter| {
        let mut parts = request.uri.query().unwrap_or_default().split('&');
        parts.find_map(|part: &str| part.strip_prefix(parameter))
    };
    let (operation, resources) = match request.method {
        Method::GET if query("list-type=2").is_some() => ("ListBucket", vec![resource]),
        Method::PUT => ("PutObject", vec![resource]),
        Method::GET | Method::HEAD => ("GetObject", vec![resource]),
        Method::DELETE => ("DeleteObject", vec![resource]),
        Method::POST if query("delete").is_some() => ("DeleteObject", objects(&resource, body)),
        // A presigned POST: needs the permission of the function that signed it.
        Method::POST => ("PutObject", vec![format!("{resource}/{}", field(body, "key"))]),
        _ => panic!("no permission is known for this S3 request: {request:?}"),
    };
    let prefix = query("prefix=").map(|prefix| BTreeSet::from([prefix.replace("%2F", "/")]));
    let context: BTreeMap<_, _> = prefix.map(|prefix| ("s3:prefix", prefix)).into_iter().collect();
    let grant =
        |resource| Grant { action: format!("s3:{operation}"), resource, context: context.clone() };
    RecordedCall::new(operation, resources.into_iter().map(grant).collect())
}

/// Returns the objects in the body of a `DeleteObjects` request, as `<bucket>/<key>`.
fn objects(bucket: &str, body: &[u8]) -> Vec<String> {
    let xml = String::from_utf8_lossy(body);
    let keys = xml.split("<Key>").skip(1);
    let keys = keys.filter_map(|rest| rest.split_once("</Key>"));
    keys.map(|(key, _)| format!("{bucket}/{key}")).collect()
}

/// Returns the value of a text field in a multipart form.
fn field(form: &[u8], name: &str) -> String {
    let form = String::from_utf8_lossy(form);
    let (_, value) = form.split_once(&format!("name=\"{name}\"\r\n\r\n")).expect("a field");
    value.split("\r\n").next().unwrap_or_default().to_owned()
}
