//! What the `DynamoDB` engine keeps, and what it reports about a file it cannot use.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use engines::dynamodb::DynamoDbError;
use engines::{DynamoDb, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;

/// A client, and the table of users with the others beside it.
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
    let get = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(pk.to_owned()));
    get.send().await.unwrap().item.is_some()
}

#[tokio::test]
async fn items_and_tables_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let dynamodb = DynamoDb::open(&path).unwrap();
    put(&with_tables(&dynamodb).await, "1").await;
    drop(dynamodb);
    let dynamodb = DynamoDb::open(&path).unwrap();
    assert!(holds(&with_tables(&dynamodb).await, "1").await);
}

#[tokio::test]
async fn acknowledged_items_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let dynamodb = DynamoDb::open(&path).unwrap();
    let users = with_tables(&dynamodb).await;
    for number in 0..5 {
        let pk = number.to_string();
        put(&users, &pk).await;
        // A killed process writes nothing more, so its files are as they are now. The index of the
        // log (`-shm`) is memory, which the next process creates anew.
        let left = folder.path().join(format!("left-{pk}.sqlite"));
        for suffix in ["", "-wal"] {
            let with = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(with(&path), with(&left)).unwrap();
        }
        let after = DynamoDb::open(&left).unwrap();
        assert!(holds(&with_tables(&after).await, &pk).await);
    }
}

#[test]
fn interrupted_start_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    for leftover in ["db.sqlite.new", "db.sqlite.new-wal", "db.sqlite-wal"] {
        fs::write(folder.path().join(leftover), "half a file").unwrap();
    }
    for _ in 0..2 {
        DynamoDb::open(&folder.path().join("db.sqlite")).unwrap();
    }
}

#[tokio::test]
async fn damaged_file_is_reported_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.sqlite");
    let dynamodb = DynamoDb::open(&whole).unwrap();
    let users = with_tables(&dynamodb).await;
    for number in 0..100 {
        put(&users, &number.to_string()).await;
    }
    drop(dynamodb);
    let length = fs::metadata(&whole).unwrap().len();
    assert!(length > 200_000, "{length}");
    let path = folder.path().join("damaged.sqlite");
    let file = || OpenOptions::new().write(true).open(&path).unwrap();
    let damages: [(&str, &dyn Fn()); 5] = [
        ("empty", &|| fs::write(&path, "").unwrap()),
        ("garbage", &|| {
            fs::write(&path, "garbage ".repeat(1000)).unwrap();
        }),
        ("cut in half", &|| file().set_len(length / 2).unwrap()),
        ("cut within the header", &|| file().set_len(50).unwrap()),
        ("overwritten in the middle", &|| {
            file()
                .write_all_at(&vec![0xA5; 20_000], length / 2)
                .unwrap();
        }),
    ];
    for (what, damage) in damages {
        fs::copy(&whole, &path).unwrap();
        damage();
        let error = DynamoDb::open(&path).unwrap_err();
        assert!(
            matches!(error, DynamoDbError::Damaged { .. }),
            "{what}: {error:?}"
        );
        let message = error.to_string();
        assert!(message.contains("damaged.sqlite is damaged"), "{message}");
    }
}

#[test]
fn unusable_path_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no such folder/db.sqlite");
    for path in [folder.path(), &missing] {
        let error = DynamoDb::open(path).unwrap_err();
        assert!(matches!(error, DynamoDbError::Unusable { .. }), "{error:?}");
    }
}
