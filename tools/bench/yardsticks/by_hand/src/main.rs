//! `GET /food/{food_id}` without the AWS SDK: a blocking socket to the Runtime API, another with TLS to `DynamoDB`,
//! and a request signature. Without retries and validation: a lower bound for comparison, not for production.

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const INVOCATION: &str = "/2018-06-01/runtime/invocation";

fn main() -> Result<()> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API")?;
    let mut runtime = BufReader::new(connect(&api)?);
    let mut dynamodb = None;
    loop {
        let next = format!("GET {INVOCATION}/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
        let (id, event) = exchange(&mut runtime, next.as_bytes())?;
        let event: Value = serde_json::from_slice(&event)?;
        let food = event["pathParameters"]["food_id"]
            .as_str()
            .ok_or("no food_id")?;
        let connection = match &mut dynamodb {
            Some(connection) => connection,
            None => dynamodb.insert(BufReader::new(tls()?)),
        };
        let (_, item) = exchange(connection, get_item(food)?.as_bytes())?;
        let item: Value = serde_json::from_slice(&item)?;
        let body = json!({"food": item["Item"]}).to_string();
        let payload = json!({
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": body,
        })
        .to_string();
        let response = format!(
            "POST {INVOCATION}/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: {}\r\n\r\n{payload}",
            payload.len()
        );
        exchange(&mut runtime, response.as_bytes())?;
    }
}

fn connect(authority: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(authority)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Returns `host:port` of the `DynamoDB` endpoint.
fn endpoint() -> Result<String> {
    let url = env::var("AWS_ENDPOINT_URL_DYNAMODB")?;
    let authority = url.strip_prefix("https://").ok_or("no https URL")?;
    Ok(authority.to_owned())
}

fn tls() -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(env::var("AWS_CA_BUNDLE")?)? {
        roots.add(root?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let authority = endpoint()?;
    let host = authority.split(':').next().unwrap_or_default().to_owned();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host)?)?;
    Ok(StreamOwned::new(connection, connect(&authority)?))
}

/// Sends an HTTP request. Returns the Lambda request id (empty if there is none) and the body of the response.
fn exchange<S: Read + Write>(
    stream: &mut BufReader<S>,
    request: &[u8],
) -> Result<(String, Vec<u8>)> {
    stream.get_mut().write_all(request)?;
    let (mut id, mut length) = (String::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err("the connection was closed".into());
        }
        match line.trim_end().split_once(": ") {
            Some(("lambda-runtime-aws-request-id", value)) => value.clone_into(&mut id),
            Some(("content-length", value)) => length = value.parse()?,
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((id, body))
}

/// Returns the HTTP request `GetItem` for a food, signed with AWS Signature Version 4.
fn get_item(food: &str) -> Result<String> {
    let (region, key_id) = (env::var("AWS_REGION")?, env::var("AWS_ACCESS_KEY_ID")?);
    let secret = env::var("AWS_SECRET_ACCESS_KEY")?;
    let host = endpoint()?;
    let target = "DynamoDB_20120810.GetItem";
    let key = json!({"pk": {"S": format!("FOOD#{food}")}});
    let body = json!({"TableName": env::var("FOODS_TABLE")?, "Key": key}).to_string();
    let now = now()?;
    let day = &now[..8];
    let canonical = format!(
        "POST\n/\n\nhost:{host}\nx-amz-date:{now}\nx-amz-target:{target}\n\nhost;x-amz-date;x-amz-target\n{}",
        hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref())
    );
    let scope = format!("{day}/{region}/dynamodb/aws4_request");
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{hash}");
    let mut signature = format!("AWS4{secret}").into_bytes();
    for part in [day, &region, "dynamodb", "aws4_request", &to_sign] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &signature);
        signature = hmac::sign(&key, part.as_bytes()).as_ref().to_vec();
    }
    Ok(format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-date: {now}\r\nx-amz-target: {target}\r\ncontent-length: {}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={key_id}/{scope}, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature={}\r\n\r\n{body}",
        body.len(),
        hex(&signature)
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the current time in UTC, formatted as in `20260131T235959Z`.
fn now() -> Result<String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (mut days, time) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    Ok(format!(
        "{year:04}{month:02}{:02}T{:02}{:02}{:02}Z",
        days + 1,
        time / 3600,
        time / 60 % 60,
        time % 60
    ))
}
