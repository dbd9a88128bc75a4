//! Fuzz targets for e-mails, HTML, images, pagination cursors and tokens.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::Timestamp;
use domain::food::{Description, Title};
use domain::id::{FoodId, SessionId, TokenId, UserId};
use domain::testing::html::find_unsafe_html;
use domain::token::{Claims, TokenSigner as _};
use domain::user::Email;
use functions::http::pagination::{self, Cursor};
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use lambda_http::Body;
use ring::hmac;

/// Checks that an accepted e-mail is safe in a mail header and short enough for a `DynamoDB` key.
pub fn email(input: &[u8]) {
    let Ok(raw) = str::from_utf8(input) else {
        return;
    };
    let Ok(email) = Email::parse(raw) else {
        return;
    };
    let typed = email.as_typed();
    assert_eq!(typed, raw.trim());
    assert!(typed.len() <= Email::MAX_BYTES);
    // Control characters could end a header.
    assert!(!typed.chars().any(char::is_control), "{typed:?}");
    let (local, domain) = email.folded().rsplit_once('@').expect("an @");
    assert!(!local.is_empty() && domain.is_ascii() && domain.contains('.'), "{typed:?}");
    let again = Email::parse(typed).expect("an e-mail");
    assert_eq!(again.folded(), email.folded());
    // A DynamoDB key has at most 2,048 bytes, including the prefix.
    assert!(email.folded().len() < 2_000);
}

/// Checks that a sanitized description runs no code, loads nothing, and does not change when it is sanitized again.
pub fn html(input: &[u8]) {
    let Ok(raw) = str::from_utf8(input) else {
        return;
    };
    if let Ok(title) = Title::parse(raw) {
        assert_eq!(Title::parse(title.as_str()), Ok(title));
    }
    let Ok(description) = Description::sanitize(raw) else {
        return;
    };
    let safe = description.as_str();
    assert!(safe.chars().count() <= Description::MAX_CHARS);
    assert!(safe.len() <= Description::MAX_BYTES);
    assert_eq!(find_unsafe_html(safe), BTreeSet::new(), "{safe:?}");
    match Description::sanitize(safe) {
        Ok(again) => assert_eq!(again.as_str(), safe),
        Err(error) => panic!("{error}: {safe:?}"),
    }
}

/// Checks that the renditions of an accepted image are decodable and neither wider nor higher than the image.
pub fn image(input: &[u8]) {
    // Large images are slow and add no coverage.
    const MAX_PIXELS: u32 = 250_000;
    let Ok(image) = media::decode(input) else {
        return;
    };
    if image.width() * image.height() > MAX_PIXELS {
        return;
    }
    for rendition in media::render(input).expect("a decoded image") {
        assert!(rendition.width <= image.width() && rendition.height <= image.height());
        let again = media::decode(&rendition.bytes).expect("an image");
        assert_eq!(again.width(), rendition.width);
        assert_eq!(again.height(), rendition.height);
    }
}

/// Checks that an accepted pagination cursor is the one that a list would return for the same id.
pub fn cursor(input: &[u8]) {
    let Ok(query) = str::from_utf8(input) else {
        return;
    };
    if let Some(id) = FoodId::decode(query) {
        assert_eq!(id.encode(), query);
        assert_eq!(UserId::decode(query), None);
    }
    let Ok(uri) = http::Uri::try_from(format!("/food?{query}")) else {
        return;
    };
    let mut request = lambda_http::Request::new(Body::Empty);
    *request.uri_mut() = uri;
    if let Ok(page) = pagination::parse::<FoodId>(&request) {
        assert!((1..=100).contains(&page.size.get()));
        if let Some(after) = page.after {
            assert!(query.contains("cursor"));
            assert_eq!(FoodId::decode(&after.encode()), Some(after));
        }
    }
}

const SECRET: &str = local::fixtures::ACCESS_SECRET;

static TOKENS: LazyLock<JwtTokens> = LazyLock::new(|| {
    let secret = Secret::parse(SECRET).expect("a secret");
    JwtTokens::new(TokenUse::Access, secret, None)
});

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_792_002_005).expect("a timestamp")
}

/// A correctly signed access token, the only one that [`jwt`] accepts without signing it first.
static GENUINE: LazyLock<String> = LazyLock::new(|| {
    let claims = Claims {
        user: UserId::from_bytes([1; 16]),
        session: SessionId::from_bytes([2; 16]),
        token: TokenId::from_bytes([3; 16]),
        issued_at: now(),
        expires_at: now().plus(Duration::from_mins(15)),
        authenticated_at: None,
    };
    TOKENS.sign(&claims).expect("a signed token")
});

/// Checks that no token without a valid signature is accepted, and that accepted claims can be signed and verified
/// again. An input that starts with `{` is a header, a line break and claims, and is signed by the target first.
pub fn jwt(input: &[u8]) {
    if input.starts_with(b"{") {
        let mut parts = input.splitn(2, |byte| *byte == b'\n');
        let mut part = || URL_SAFE_NO_PAD.encode(parts.next().unwrap_or_default());
        let message = format!("{}.{}", part(), part());
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        if let Ok(claims) = TOKENS.verify(&format!("{message}.{signature}"), now()) {
            assert!(claims.expires_at > now());
            let again = TOKENS.sign(&claims).expect("a signed token");
            assert_eq!(TOKENS.verify(&again, now()), Ok(claims));
        }
    } else if let Ok(token) = str::from_utf8(input) {
        let is_genuine = token == GENUINE.as_str();
        assert_eq!(TOKENS.verify(token, now()).is_ok(), is_genuine, "{token}");
    }
}
