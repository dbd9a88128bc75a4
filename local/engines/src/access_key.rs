//! The AWS access key of the engines, and signatures with it (AWS Signature Version 4).

use std::fmt;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::request::Parts;
use ring::digest::{SHA256, digest};
use ring::hmac;
use uuid::Uuid;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An access key id with its secret. The engines reject requests that are not signed with it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public part, `AWS_ACCESS_KEY_ID`.
    pub id: String,
    /// The secret part, `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({})", self.id)
    }
}

impl AccessKey {
    /// Creates a key from its two parts.
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned() }
    }

    /// Generates a random key; its secret has 244 random bits.
    pub fn random() -> Self {
        let random = || Uuid::new_v4().simple();
        Self { id: format!("LOCAL{}", random()), secret: format!("{}{}", random(), random()) }
    }

    /// Returns whether the request is signed with this key. The time of the signature is not checked.
    pub(crate) fn verifies(&self, request: &Parts, body: &[u8]) -> bool {
        let Some(signed) = Signed::parse(&request.headers) else {
            return false;
        };
        let given = hex::decode(signed.signature);
        match (self.string_to_sign(request, &signed, body), given) {
            (Some((key, text)), Ok(given))
                if signed.key_id == self.id && signed.is_for_dynamodb() =>
            {
                hmac::verify(&key, text.as_bytes(), &given).is_ok()
            }
            _ => false,
        }
    }

    /// Replaces the signature of a request whose headers or body a proxy has changed. Leaves a request without a
    /// signature unchanged.
    pub fn sign_again(&self, request: &mut Parts, body: &[u8]) {
        let replaced = Signed::parse(&request.headers).and_then(|signed| {
            let (key, text) = self.string_to_sign(request, &signed, body)?;
            let signature = hex::encode(hmac::sign(&key, text.as_bytes()));
            let header = request.headers.get(AUTHORIZATION)?.to_str().ok()?;
            HeaderValue::try_from(header.replace(signed.signature, &signature)).ok()
        });
        if let Some(header) = replaced {
            request.headers.insert(AUTHORIZATION, header);
        }
    }

    /// Returns the signing key and the string to sign for the scope and the signed headers in `Authorization`; `None`
    /// if a signed header is missing.
    fn string_to_sign(
        &self,
        request: &Parts,
        signed: &Signed<'_>,
        body: &[u8],
    ) -> Option<(hmac::Key, String)> {
        let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
        let mut canonical = format!("{}\n{path}\n{query}\n", request.method);
        for name in signed.headers.split(';') {
            let value = request.headers.get(name)?.to_str().ok()?;
            let value: Vec<_> = value.split_whitespace().collect();
            canonical.extend([name, ":", &value.join(" "), "\n"]);
        }
        canonical.extend(["\n", signed.headers, "\n", &sha256_hex(body)]);
        let timestamp = request.headers.get("x-amz-date")?.to_str().ok()?;
        let hash = sha256_hex(canonical.as_bytes());
        let text = format!("{ALGORITHM}\n{timestamp}\n{}\n{hash}", signed.scope);
        let secret = format!("AWS4{}", self.secret);
        let key = signed.scope.split('/').fold(hmac_key(secret.as_bytes()), |key, part| {
            hmac_key(hmac::sign(&key, part.as_bytes()).as_ref())
        });
        Some((key, text))
    }
}

/// The parts of a signature in `Authorization`.
struct Signed<'a> {
    key_id: &'a str,
    /// Date, region, service and `aws4_request`.
    scope: &'a str,
    /// The names of the signed headers, separated by semicolons.
    headers: &'a str,
    signature: &'a str,
}

impl<'a> Signed<'a> {
    /// Returns whether the scope is that of a `DynamoDB` request. With a longer scope, the published signature of a presigned
    /// form would be a signing key.
    fn is_for_dynamodb(&self) -> bool {
        let parts: Vec<_> = self.scope.split('/').collect();
        matches!(parts[..], [_, _, "dynamodb", "aws4_request"])
    }

    fn parse(headers: &'a HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let parts = header.strip_prefix(ALGORITHM)?;
        let part = |name: &str| {
            let mut parts = parts.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name))
        };
        let (key_id, scope) = part("Credential=")?.split_once('/')?;
        Some(Self {
            key_id,
            scope,
            headers: part("SignedHeaders=")?,
            signature: part("Signature=").filter(|signature| !signature.is_empty())?,
        })
    }
}

fn hmac_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(key: &AccessKey, scope: &str) -> Parts {
        // As long as a signature, so that nothing else in the header is replaced.
        let (id, signature) = (&key.id, "0".repeat(64));
        let header = format!(
            "{ALGORITHM} Credential={id}/{scope}, SignedHeaders=host, Signature={signature}"
        );
        let request = http::Request::post("/")
            .header("host", "localhost")
            .header("x-amz-date", "20261127T000000Z")
            .header(AUTHORIZATION, header);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        key.sign_again(&mut parts, b"{}");
        parts
    }

    #[test]
    fn only_signatures_for_dynamodb_are_accepted() {
        let key = AccessKey::random();
        for (scope, expected) in [
            ("20261127/us-east-1/dynamodb/aws4_request", true),
            ("20261127/us-east-1/s3/aws4_request", false),
            ("20261127/us-east-1/dynamodb/aws4_request/policy", false),
            ("dynamodb/aws4_request", false),
        ] {
            assert_eq!(key.verifies(&signed(&key, scope), b"{}"), expected, "{scope}");
        }
    }
}
