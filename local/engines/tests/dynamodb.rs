//! The embedded `DynamoDB`: durability of its file, and errors for files it cannot use.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use engines::dynamodb::DynamoDbError;
use engines::{AccessKey, DynamoDb, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;

fn open(path: &Path) -> Result<DynamoDb, DynamoDbError> {
    DynamoDb::open(path, &AccessKey::random())
}

/// Creates all tables; returns a client and the name of the users table.
async fn with_tables(dynamodb: &DynamoDb) -> (Client, String) {
    let s3 = S3::temporary(dynamodb.key()).unwrap();
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
    let dynamodb = open(&path).unwrap();
    put(&with_tables(&dynamodb).await, "1").await;
    drop(dynamodb);
    let dynamodb = open(&path).unwrap();
    assert!(holds(&with_tables(&dynamodb).await, "1").await);
}

#[tokio::test]
async fn acknowledged_dynamodb_items_survive_process_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite");
    let dynamodb = open(&path).unwrap();
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
        let reopened = open(&copy).unwrap();
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
        open(&folder.path().join("db.sqlite")).unwrap();
    }
}

#[tokio::test]
async fn damaged_database_file_is_reported_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let intact = folder.path().join("intact.sqlite");
    let dynamodb = open(&intact).unwrap();
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
        let error = open(&path).unwrap_err();
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
        let error = open(path).unwrap_err();
        assert!(matches!(error, DynamoDbError::Unusable { .. }), "{error:?}");
    }
}

/// Sends an unsigned `ListTables` with these headers. Returns the whole response.
fn list_tables(dynamodb: &DynamoDb, headers: &str) -> String {
    let address = dynamodb.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: 2\r\n\
         Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn dynamodb_rejects_web_pages_and_foreign_hosts() {
    let dynamodb = DynamoDb::temporary(&AccessKey::random()).unwrap();
    let unsigned = "Authorization: AWS4-HMAC-SHA256 Credential=local/20261127/us-east-1/dynamodb/aws4_request, \
                    SignedHeaders=host, Signature=00\r\nX-Amz-Date: 20261127T000000Z\r\n";
    for (headers, status) in [
        ("Host: localhost\r\n", 400),
        ("Host: localhost\r\nOrigin: https://evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: null\r\n", 403),
        ("Host: evil.example\r\n", 403),
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
    ] {
        let response = list_tables(&dynamodb, &format!("{headers}{unsigned}"));
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {response}");
        assert!(!response.to_lowercase().contains("access-control"), "{response}");
        assert!(!response.contains("TableNames"), "{response}");
    }
}

#[tokio::test]
async fn dynamodb_requires_signatures_with_its_key() {
    let key = AccessKey::random();
    let dynamodb = DynamoDb::temporary(&key).unwrap();
    let s3 = S3::temporary(&key).unwrap();
    let tables = async |key: &AccessKey| {
        let mut settings = settings(&dynamodb, &s3);
        settings.access_key_id.clone_from(&key.id);
        settings.secret_access_key.clone_from(&key.secret);
        Aws::new(settings).unwrap().dynamodb().list_tables().send().await
    };
    assert!(tables(&key).await.is_ok());
    let other = AccessKey::random();
    for wrong in [
        AccessKey { id: other.id.clone(), ..key.clone() },
        AccessKey { secret: other.secret.clone(), ..key.clone() },
    ] {
        let error = tables(&wrong).await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some("UnrecognizedClientException"));
    }
}
