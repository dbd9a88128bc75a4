//! The streams of the embedded `DynamoDB`: order, index and trimming of their records.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::collections::BTreeSet;
use std::path::Path;

use engines::dynamodb::Stream;
use engines::dynoxide::Database;
use engines::{AccessKey, DynamoDb};
use rusqlite::Connection;
use serde_json::{Value, from_value, json};
use tempfile::tempdir;

fn create_table(database: &Database, table: &str) {
    let request = json!({
        "TableName": table,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"},
    });
    database.create_table(from_value(request).unwrap()).unwrap();
}

fn put(database: &Database, table: &str, pk: usize) {
    let request = json!({"TableName": table, "Item": {"pk": {"S": pk.to_string()}}});
    database.put_item(from_value(request).unwrap()).unwrap();
}

fn keys(stream: &Stream, after: Option<&str>) -> Vec<String> {
    let records: Vec<Value> =
        stream.records(after, 1000).unwrap().iter().map(|record| json!(record)).collect();
    let pk = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned();
    records.iter().map(pk).collect()
}

fn sequence_numbers(stream: &Stream) -> Vec<String> {
    let records = stream.records(None, 1000).unwrap();
    records.into_iter().map(|record| record.dynamodb.sequence_number).collect()
}

fn open(path: &Path) -> DynamoDb {
    DynamoDb::open(path, &AccessKey::random()).unwrap()
}

#[test]
fn records_are_read_in_order_and_after_a_position() {
    let dynamodb = DynamoDb::temporary(&AccessKey::random()).unwrap();
    let database = dynamodb.database();
    assert!(dynamodb.stream("likes").is_err());
    create_table(database, "likes");
    create_table(database, "foods");
    for pk in 0..5 {
        put(database, "likes", pk);
        put(database, "foods", 10 + pk);
    }
    let stream = dynamodb.stream("likes").unwrap();
    assert!(stream.arn().contains(":table/likes/stream/"), "{}", stream.arn());
    assert_eq!(keys(&stream, None), ["0", "1", "2", "3", "4"]);
    let numbers = sequence_numbers(&stream);
    assert_eq!(keys(&stream, Some(&numbers[2])), ["3", "4"]);
    assert!(stream.contains(&numbers[4]).unwrap());
    assert!(!stream.contains("100000000000000000005").unwrap());
    assert_eq!(stream.records(None, 2).unwrap().len(), 2);
}

#[test]
fn trimming_removes_only_records_before_the_position() {
    let dynamodb = DynamoDb::temporary(&AccessKey::random()).unwrap();
    let database = dynamodb.database();
    create_table(database, "likes");
    create_table(database, "foods");
    for pk in 0..1500 {
        put(database, "likes", pk);
    }
    put(database, "foods", 0);
    let stream = dynamodb.stream("likes").unwrap();
    let before = sequence_numbers(&stream).pop().unwrap();
    let last = stream.records(Some(&before), 1000).unwrap().pop().unwrap().dynamodb.sequence_number;
    // Each of the first 999 has an older record.
    assert_eq!(stream.trim(&before).unwrap(), 999);
    assert_eq!(stream.trim(&before).unwrap(), 0);
    assert_eq!(keys(&stream, None)[..2], ["999", "1000"]);
    assert_eq!(stream.trim(&last).unwrap(), 500);
    assert_eq!(keys(&stream, None), ["1499"]);
    assert_eq!(keys(&dynamodb.stream("foods").unwrap(), None), ["0"]);
    // The next number follows the record that stayed.
    put(database, "likes", 1500);
    assert_eq!(keys(&stream, Some(&last)), ["1500"]);
    assert!(stream.trim("7").is_err());
}

#[test]
fn a_trim_removes_at_most_1000_records() {
    let dynamodb = DynamoDb::temporary(&AccessKey::random()).unwrap();
    create_table(dynamodb.database(), "likes");
    for pk in 0..1002 {
        put(dynamodb.database(), "likes", pk);
    }
    let stream = dynamodb.stream("likes").unwrap();
    let first = sequence_numbers(&stream);
    let last = stream.records(first.last().map(String::as_str), 1000).unwrap().pop().unwrap();
    assert_eq!(stream.trim(&last.dynamodb.sequence_number).unwrap(), 1000);
    assert_eq!(stream.trim(&last.dynamodb.sequence_number).unwrap(), 1);
}

/// The queries of dynoxide 3.2.0 (`src/storage.rs`), which run for each write and for each `GetRecords`.
#[test]
fn dynoxide_queries_use_the_index_of_stream_records() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    drop(open(&path));
    let file = Connection::open(&path).unwrap();
    for query in [
        "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = ?1",
        "SELECT event_name FROM _stream_records WHERE table_name = ?1 AND shard_id = ?2 \
         AND CAST(sequence_number AS INTEGER) > ?3 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT ?4",
    ] {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let count = plan.parameter_count();
        let steps = plan.query_map(rusqlite::params_from_iter(vec!["1"; count]), |row| row.get(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let steps = steps.join("; ");
        assert!(steps.contains("food_app_stream_records (table_name=?"), "{steps}");
        assert!(!steps.contains("SCAN") && !steps.contains("TEMP B-TREE"), "{steps}");
    }
}

#[test]
fn plain_dynoxide_opens_the_file_and_its_files_get_the_index() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let dynamodb = open(&path);
    create_table(dynamodb.database(), "likes");
    put(dynamodb.database(), "likes", 1);
    drop(dynamodb);
    let plain = Database::new(path.to_str().unwrap()).unwrap();
    put(&plain, "likes", 2);
    drop(plain);
    let indexes = |path: &Path| {
        let file = Connection::open(path).unwrap();
        let mut names =
            file.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect::<BTreeSet<String>>()
    };
    assert!(indexes(&path).contains("food_app_stream_records"));
    let dynamodb = open(&path);
    assert_eq!(keys(&dynamodb.stream("likes").unwrap(), None), ["1", "2"]);
    drop(dynamodb);

    // A file of an earlier version.
    let old = folder.path().join("old.sqlite");
    let plain = Database::new(old.to_str().unwrap()).unwrap();
    create_table(&plain, "likes");
    put(&plain, "likes", 1);
    drop(plain);
    assert!(!indexes(&old).contains("food_app_stream_records"));
    let dynamodb = open(&old);
    assert_eq!(keys(&dynamodb.stream("likes").unwrap(), None), ["1"]);
    drop(dynamodb);
    assert!(indexes(&old).contains("food_app_stream_records"));
}
