//! The embedded `DynamoDB`: durability of its file, and errors for files it cannot use.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use engines::dynamodb::DynamoDbError;
use engines::{DynamoDb, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;

/// Creates all tables; returns a client and the name of the users table.
async fn with_tables(dynamodb: &DynamoDb) -> (Client, String) {
    let s3 = S3::temporary("test", "test-secret").unwrap();
    let client = Aws::new(settings(dynamodb, &s3)).unwrap().dynamodb();
    let names = TableNames::with_prefix("");
    create_tables(&client, &names).await.unwrap();
    (client, names.users)
}

async fn put((client, table): &(Client, String), pk: &str) {
    let put = client
        .put_item()
        .table_name(table)
        .item("pk", AttributeValue::S(pk.to_owned()))
        .item("filler", AttributeValue::S("x".repeat(2000)));
    put.send().await.unwrap();
}

async fn holds((client, table): &(Client, String), pk: &str) -> bool {
    let get = client.get_item().table_name(table).key("pk", AttributeValue::S(pk.to_owned()));
    get.send().await.unwrap().item.is_some()
}

#[tokio::test]
async fn dynamodb_items_and_tables_survive_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let dynamodb = DynamoDb::open(&path).unwrap();
    put(&with_tables(&dynamodb).await, "1").await;
    drop(dynamodb);
    let dynamodb = DynamoDb::open(&path).unwrap();
    assert!(holds(&with_tables(&dynamodb).await, "1").await);
}

#[tokio::test]
async fn acknowledged_dynamodb_items_survive_process_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let dynamodb = DynamoDb::open(&path).unwrap();
    let users = with_tables(&dynamodb).await;
    for number in 0..5 {
        let pk = number.to_string();
        put(&users, &pk).await;
        // A copy of the files is the state after a kill. The index of the log (`-shm`) is shared
        // memory, which the next process creates.
        let copy = folder.path().join(format!("copy-{pk}.sqlite"));
        for suffix in ["", "-wal"] {
            let with = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(with(&path), with(&copy)).unwrap();
        }
        let reopened = DynamoDb::open(&copy).unwrap();
        assert!(holds(&with_tables(&reopened).await, &pk).await);
    }
}

#[test]
fn dynamodb_start_replaces_files_of_interrupted_start() {
    let folder = tempfile::tempdir().unwrap();
    for leftover in ["db.sqlite.new", "db.sqlite.new-wal", "db.sqlite-wal"] {
        fs::write(folder.path().join(leftover), "partial file").unwrap();
    }
    for _ in 0..2 {
        DynamoDb::open(&folder.path().join("db.sqlite")).unwrap();
    }
}

#[tokio::test]
async fn damaged_database_file_is_reported_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let intact = folder.path().join("intact.sqlite");
    let dynamodb = DynamoDb::open(&intact).unwrap();
    let users = with_tables(&dynamodb).await;
    for number in 0..100 {
        put(&users, &number.to_string()).await;
    }
    drop(dynamodb);
    let length = fs::metadata(&intact).unwrap().len();
    assert!(length > 200_000, "{length}");
    let path = folder.path().join("damaged.sqlite");
    let file = || OpenOptions::new().write(true).open(&path).unwrap();
    let cases: [(&str, &dyn Fn()); 5] = [
        ("empty", &|| fs::write(&path, "").unwrap()),
        ("garbage", &|| {
            fs::write(&path, "garbage ".repeat(1000)).unwrap();
        }),
        ("cut in half", &|| file().set_len(length / 2).unwrap()),
        ("cut within the header", &|| file().set_len(50).unwrap()),
        ("overwritten in the middle", &|| {
            file().write_all_at(&vec![0xA5; 20_000], length / 2).unwrap();
        }),
    ];
    for (name, damage) in cases {
        fs::copy(&intact, &path).unwrap();
        damage();
        let error = DynamoDb::open(&path).unwrap_err();
        assert!(matches!(error, DynamoDbError::Damaged { .. }), "{name}: {error:?}");
        let message = error.to_string();
        assert!(message.contains("damaged.sqlite is damaged"), "{message}");
    }
}

#[test]
fn unusable_database_path_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no such folder/db.sqlite");
    for path in [folder.path(), &missing] {
        let error = DynamoDb::open(path).unwrap_err();
        assert!(matches!(error, DynamoDbError::Unusable { .. }), "{error:?}");
    }
}
