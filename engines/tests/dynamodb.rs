//! What the `DynamoDB` engine keeps, and what it says about a file it cannot use.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs::{self, OpenOptions};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ProjectionType, TimeToLiveStatus};
use engines::dynamodb::DynamoDbError;
use engines::{DynamoDb, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;
use tempfile::TempDir;

fn client(dynamodb: &DynamoDb) -> Client {
    let s3 = S3::temporary("test", "test-secret").unwrap();
    Aws::new(settings(dynamodb, &s3)).unwrap().dynamodb()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn put(client: &Client, table: &str, pk: &str) {
    let put = client
        .put_item()
        .table_name(table)
        .item("pk", AttributeValue::S(pk.to_owned()))
        .item("filler", AttributeValue::S("x".repeat(2000)));
    put.send().await.unwrap();
}

async fn holds(client: &Client, table: &str, pk: &str) -> bool {
    let get = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(pk.to_owned()));
    get.send().await.unwrap().item.is_some()
}

/// A database with tables and 100 items, closed.
async fn filled(path: &Path) -> TableNames {
    let dynamodb = DynamoDb::open(path).unwrap();
    let client = client(&dynamodb);
    let names = TableNames::with_prefix("");
    create_tables(&client, &names).await.unwrap();
    for number in 0..100 {
        put(&client, &names.users, &number.to_string()).await;
    }
    dynamodb.stop();
    names
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_stop() {
    let folder = folder();
    let path = folder.path().join("db.sqlite");
    let names = filled(&path).await;
    let dynamodb = DynamoDb::open(&path).unwrap();
    let client = client(&dynamodb);
    create_tables(&client, &names).await.unwrap();
    assert!(holds(&client, &names.users, "99").await);
}

#[tokio::test]
async fn what_was_answered_is_in_the_files_that_a_killed_process_leaves() {
    let folder = folder();
    let path = folder.path().join("db.sqlite");
    let dynamodb = DynamoDb::open(&path).unwrap();
    let client = self::client(&dynamodb);
    let names = TableNames::with_prefix("");
    create_tables(&client, &names).await.unwrap();
    for number in 0..20 {
        let pk = number.to_string();
        put(&client, &names.users, &pk).await;
        // A killed process writes nothing more, so its files are as they are at this moment. The
        // index of the log (`-shm`) is memory, which the next process makes anew.
        let left = folder.path().join(format!("left-{pk}.sqlite"));
        for suffix in ["", "-wal"] {
            let with = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(with(&path), with(&left)).unwrap();
        }
        let after = DynamoDb::open(&left).unwrap();
        assert!(holds(&self::client(&after), &names.users, &pk).await);
    }
}

#[test]
fn a_start_that_was_killed_does_not_spoil_the_next() {
    let folder = folder();
    let path = folder.path().join("db.sqlite");
    for leftover in ["db.sqlite.new", "db.sqlite.new-wal", "db.sqlite-wal"] {
        fs::write(folder.path().join(leftover), "half a file").unwrap();
    }
    DynamoDb::open(&path).unwrap().stop();
    DynamoDb::open(&path).unwrap().stop();
}

#[tokio::test]
async fn a_damaged_file_is_told_as_such() {
    let folder = folder();
    let whole = folder.path().join("whole.sqlite");
    filled(&whole).await;
    let length = fs::metadata(&whole).unwrap().len();
    assert!(length > 200_000, "{length}");
    let path = folder.path().join("damaged.sqlite");
    let damages: [(&str, &dyn Fn()); 6] = [
        ("empty", &|| fs::write(&path, "").unwrap()),
        ("garbage", &|| {
            fs::write(&path, "garbage ".repeat(1000)).unwrap();
        }),
        ("a few bytes", &|| fs::write(&path, "SQL").unwrap()),
        ("cut in half", &|| truncate(&path, length / 2)),
        ("cut within the header", &|| truncate(&path, 50)),
        ("overwritten in the middle", &|| {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&vec![0xA5; 20_000], length / 2).unwrap();
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

fn truncate(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_told_as_such() {
    let folder = folder();
    for path in [
        folder.path(),
        &folder.path().join("no such folder/db.sqlite"),
    ] {
        let error = DynamoDb::open(path).unwrap_err();
        assert!(matches!(error, DynamoDbError::Unusable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn tables_are_as_in_the_cloud_and_making_them_again_changes_nothing() {
    let dynamodb = DynamoDb::memory().unwrap();
    let client = client(&dynamodb);
    let names = TableNames::with_prefix("test-");
    create_tables(&client, &names).await.unwrap();
    put(&client, &names.users, "kept").await;
    create_tables(&client, &names).await.unwrap();
    assert!(holds(&client, &names.users, "kept").await);

    for (table, expected) in [
        (&names.users, vec![("directory", ProjectionType::Include)]),
        (
            &names.foods,
            vec![
                ("by_owner", ProjectionType::KeysOnly),
                ("feed", ProjectionType::All),
            ],
        ),
        (&names.sessions, vec![]),
    ] {
        let described = client.describe_table().table_name(table).send().await;
        let description = described.unwrap().table.unwrap();
        let billing = description.billing_mode_summary().unwrap().billing_mode();
        assert_eq!(billing.unwrap().as_str(), "PAY_PER_REQUEST");
        let projection = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            index.projection.clone().unwrap().projection_type.unwrap()
        };
        let mut indexes: Vec<_> = description
            .global_secondary_indexes()
            .iter()
            .map(|index| (index.index_name().unwrap(), projection(index)))
            .collect();
        indexes.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(indexes, expected, "{table}");
    }
    let ttl = client.describe_time_to_live().table_name(&names.sessions);
    let ttl = ttl.send().await.unwrap().time_to_live_description.unwrap();
    assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));
    assert_eq!(ttl.attribute_name.as_deref(), Some("expires_at"));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_clients_that_stay_connected() {
    let dynamodb = DynamoDb::memory().unwrap();
    let client = client(&dynamodb);
    client.list_tables().send().await.unwrap();
    let url = dynamodb.url().to_owned();
    let started = Instant::now();
    dynamodb.stop();
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let address = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).is_err());
}
