//! Tests attacks on JSON Web Tokens: those of RFC 8725 and of penetration testing tools. The tests build every token
//! by hand, independently of the code under test.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::clock::Timestamp;
use domain::token::{Claims, TokenError, TokenSigner as _};
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use ring::hmac;

const SECRET: &str = "an access secret of thirty-two bytes";
const ID: &str = "01990000-0000-7000-8000-000000000001";

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_792_002_005).expect("a timestamp")
}

const OTHER_SECRET: &str = "another access secret, older or newer";

fn tokens_of(current: &str, previous: Option<&str>) -> JwtTokens {
    let secret = |secret| Secret::parse(secret).expect("a secret");
    JwtTokens::new(TokenUse::Access, secret(current), previous.map(secret))
}

fn tokens() -> JwtTokens {
    tokens_of(SECRET, None)
}

/// Verifies a token with [`SECRET`] alone. Asserts that the result does not change while secrets rotate, with
/// [`SECRET`] as the current or the previous one.
fn verify(token: &str) -> Result<Claims, TokenError> {
    let result = tokens().verify(token, now());
    for (current, previous) in [(SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET)] {
        let rotating = tokens_of(current, Some(previous));
        assert_eq!(rotating.verify(token, now()), result, "{token:.300}");
    }
    result
}

fn signed_by(algorithm: hmac::Algorithm, key: &[u8], header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(algorithm, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns a token with a valid signature by [`SECRET`].
fn signed(header: &str, claims: &str) -> String {
    signed_by(hmac::HMAC_SHA256, SECRET.as_bytes(), header, claims)
}

fn kid(secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(&hmac::sign(&key, b"food-app key id").as_ref()[..8])
}

fn header_with_kid(kid: &str) -> String {
    format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#)
}

fn header() -> String {
    header_with_kid(&kid(SECRET))
}

fn header_with(member: &str) -> String {
    header().replace('}', &format!(",{member}}}"))
}

fn header_with_algorithm(algorithm: &str) -> String {
    header().replace("HS256", algorithm)
}

fn claims() -> String {
    format!(
        r#"{{"sub":"{ID}","sid":"{ID}","jti":"{ID}","iat":1792002005,"exp":1792002905,"iss":"food-app","aud":"food-app","token_use":"access"}}"#
    )
}

fn claims_with(member: &str, value: &str) -> String {
    let claims = claims();
    let start = claims.find(&format!("\"{member}\":")).expect("a member") + member.len() + 3;
    let end = claims[start..].find([',', '}']).expect("an end") + start;
    format!("{}{value}{}", &claims[..start], &claims[end..])
}

fn claims_without(member: &str) -> String {
    claims().replace(&format!("\"{member}\":"), &format!("\"not_{member}\":"))
}

/// Asserts that every token, each with the name of its attack, is rejected.
fn assert_rejected(attacks: impl IntoIterator<Item = (impl AsRef<str>, String)>) {
    for (attack, token) in attacks {
        assert!(verify(&token).is_err(), "{}: {token:.300}", attack.as_ref());
    }
}

#[test]
fn jwt_secret_needs_32_bytes_and_is_hidden_in_debug_output() {
    assert!(Secret::parse(&"x".repeat(31)).is_err());
    assert!(Secret::parse(&"x".repeat(32)).is_ok());
    assert!(!format!("{:?}", tokens()).contains("secret of"));
}

#[test]
fn jwt_is_valid_until_its_expiry_second() {
    let token = signed(&header(), &claims());
    let verified = verify(&token).expect("a token");
    let ours = tokens().sign(&verified).expect("a token");
    assert_eq!(verify(&ours), Ok(verified.clone()));
    assert_eq!(tokens().verify_ignoring_expiry(&token), Ok(verified.clone()));
    let end = verified.expires_at;
    let last = Timestamp::from_unix_millis(end.unix_millis() - 1).expect("a timestamp");
    assert!(tokens().verify(&token, last).is_ok());
    let expired = tokens().verify(&token, end);
    assert_eq!(expired, Err(TokenError::Expired));
}

#[test]
fn jwt_without_three_base64_parts_is_malformed() {
    for token in ["", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "null"] {
        assert_eq!(verify(token), Err(TokenError::Malformed), "{token}");
    }
}

#[test]
fn jwt_with_forged_or_altered_signature_is_rejected() {
    let genuine = signed(&header(), &claims());
    let (message, signature) = genuine.rsplit_once('.').expect("a signature");
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let encoded = |bytes: &[u8]| format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let with_key = |key: &[u8]| signed_by(hmac::HMAC_SHA256, key, &header(), &claims());
    let standard = STANDARD.encode(&raw);
    assert_rejected([
        ("stripped", format!("{message}.")),
        ("no third part", message.to_owned()),
        ("of zeros (CVE-2022-21449)", encoded(&[0; 32])),
        ("cut short", encoded(&raw[..16])),
        ("too long", encoded(&[raw.as_slice(), &[0]].concat())),
        ("twice", format!("{genuine}.{signature}")),
        ("padded", format!("{genuine}=")),
        ("in the other base64", format!("{message}.{standard}")),
        ("behind a space", format!("{message}. {signature}")),
        ("before a line break", format!("{genuine}\n")),
        ("of the empty key", with_key(b"")),
        ("of a NUL (kid of /dev/null)", with_key(b"\0")),
        ("of a common secret", with_key(b"secret")),
        ("of the kid", with_key(kid(SECRET).as_bytes())),
        ("of the secret cut short", with_key(&SECRET.as_bytes()[..32])),
    ]);
    // A forged token is rejected even if it has expired.
    let (key, expired) = (OTHER_SECRET.as_bytes(), claims_with("exp", "1792002005"));
    let token = signed_by(hmac::HMAC_SHA256, key, &header(), &expired);
    assert_eq!(verify(&token), Err(TokenError::Rejected));
    // Changing any bit invalidates the token.
    for at in 0..genuine.len() {
        for bit in 0..7 {
            let mut bytes = genuine.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let token = String::from_utf8(bytes).expect("ASCII");
            assert!(verify(&token).is_err(), "{at}: {token}");
        }
    }
}

#[test]
fn kid_in_jwt_header_selects_the_secret() {
    let rotating = tokens_of(SECRET, Some(OTHER_SECRET));
    for named in [SECRET, OTHER_SECRET] {
        for signing in [SECRET, OTHER_SECRET] {
            let header = header_with_kid(&kid(named));
            let token = signed_by(hmac::HMAC_SHA256, signing.as_bytes(), &header, &claims());
            let is_valid = rotating.verify(&token, now()).is_ok();
            assert_eq!(is_valid, named == signing, "{named}, {signing}");
        }
    }
}

#[test]
fn jwt_with_algorithm_other_than_hs256_is_rejected() {
    for algorithm in [
        "none", "None", "nOnE", "", "null", "hs256", "HS256 ", "HS384", "HS512", "RS256", "ES256",
        "PS256", "EdDSA", "dir",
    ] {
        let token = signed(&header_with_algorithm(algorithm), &claims());
        let (message, _) = token.rsplit_once('.').expect("a signature");
        assert_rejected([
            (algorithm, format!("{message}.")),
            (algorithm, message.to_owned()),
            (algorithm, token.clone()),
        ]);
    }
    // Signed with the right secret and another algorithm (RFC 8725, section 3.1).
    for (name, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        for header in [header_with_algorithm(name), header()] {
            let token = signed_by(algorithm, SECRET.as_bytes(), &header, &claims());
            assert_rejected([(name, token)]);
        }
    }
    let missing = header().replace(r#""alg":"HS256","#, "");
    let twice = header_with(r#""alg":"none""#);
    assert_rejected([missing, twice].map(|header| ("", signed(&header, &claims()))));
}

#[test]
fn signing_key_in_jwt_header_is_not_trusted() {
    // A token signed with the attacker's key, which its header contains or links to.
    let key = b"the attacker's own key of some 32 bytes";
    let encoded = URL_SAFE_NO_PAD.encode(key);
    for member in [
        format!(r#""jwk":{{"kty":"oct","k":"{encoded}"}}"#),
        r#""jku":"https://attacker.example/keys.json""#.to_owned(),
        r#""x5u":"https://attacker.example/cert.pem""#.to_owned(),
        format!(r#""x5c":["{encoded}"]"#),
    ] {
        let token = signed_by(hmac::HMAC_SHA256, key, &header_with(&member), &claims());
        assert_rejected([(member, token)]);
    }
    for kid in [
        "",
        "../../../../dev/null",
        "key' UNION SELECT 'secret",
        "|whoami",
        "https://attacker.example/key",
        "\\u0000",
    ] {
        for key in [key.as_slice(), b"", SECRET.as_bytes()] {
            let token = signed_by(hmac::HMAC_SHA256, key, &header_with_kid(kid), &claims());
            assert_eq!(verify(&token), Err(TokenError::Rejected), "{kid}");
        }
    }
    let with_raw_kid = |kid| format!(r#"{{"typ":"JWT","alg":"HS256","kid":{kid}}}"#);
    assert_rejected(["null", "1", "{}"].map(|kid| (kid, signed(&with_raw_kid(kid), &claims()))));
}

#[test]
fn jwt_with_invalid_claim_is_rejected() {
    let changed = claims_with("exp", "1792002006");
    assert!(verify(&signed(&header(), &changed)).is_ok());
    for (member, value) in [
        ("exp", "1792002005"),
        ("exp", "-1"),
        ("exp", "1e99"),
        ("exp", "1792002905.5"),
        ("exp", "\"1792002905\""),
        ("exp", "null"),
        ("exp", "9223372036854775807"),
        ("exp", "18446744073709551616"),
        ("iat", "\"now\""),
        ("iat", "-1"),
        ("iss", "\"Food-App\""),
        ("iss", "[\"food-app\"]"),
        ("iss", "null"),
        ("aud", "\"other\""),
        ("aud", "[]"),
        ("aud", "null"),
        ("sub", "\"\""),
        ("sub", "\"admin\""),
        ("sub", "1"),
        ("sub", "\"USER#01990000-0000-7000-8000-000000000001\""),
        ("sid", "\"*\""),
        ("jti", "null"),
        ("token_use", "\"refresh\""),
        ("token_use", "\"Access\""),
        ("token_use", "null"),
    ] {
        let claims = claims_with(member, value);
        assert_rejected([(&claims, signed(&header(), &claims))]);
    }
    for (value, is_valid) in
        [("1792000000", true), ("null", true), ("-1", false), ("\"now\"", false), ("1.5", false)]
    {
        let claims = claims().replace('}', &format!(",\"auth_time\":{value}}}"));
        let token = signed(&header(), &claims);
        assert_eq!(verify(&token).is_ok(), is_valid, "{value}");
    }
    for member in ["sub", "sid", "jti", "iat", "exp", "iss", "aud", "token_use"] {
        let twice = claims().replace('}', &format!(",{}", &claims_with(member, "\"x\"")[1..]));
        let tokens = [claims_without(member), twice].map(|claims| signed(&header(), &claims));
        assert_rejected(tokens.map(|token| (member, token)));
    }
    let nested = "[".repeat(100_000);
    let others = ["", "null", "[]", "\"\"", "{}", "{", &nested];
    assert_rejected(others.map(|claims| (claims, signed(&header(), claims))));
}

#[test]
fn token_in_another_format_than_compact_jws_is_rejected() {
    let genuine = signed(&header(), &claims());
    let parts: Vec<_> = genuine.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    let json = format!(r#"{{"protected":"{head}","payload":"{body}","signature":"{signature}"}}"#);
    assert_rejected([
        ("JWE (RFC 7516)", format!("{head}.{body}.{body}.{body}.{signature}")),
        ("JWS as JSON (RFC 7515, section 7.2)", json),
        ("detached (RFC 7515, appendix F)", format!("{head}..{signature}")),
        ("parts swapped", format!("{body}.{head}.{signature}")),
        ("with the scheme", format!("Bearer {genuine}")),
        ("two of them", format!("{genuine}, {genuine}")),
        ("PASETO", format!("v2.local.{signature}")),
        ("a million characters", "A".repeat(1_000_000)),
        ("a million dots", ".".repeat(1_000_000)),
        ("a long header", format!("{}.{body}.{signature}", "A".repeat(1_000_000))),
    ]);
    // Critical header extensions (RFC 7515, section 4.1.11), among them an unencoded payload (RFC 7797).
    for member in [r#""crit":["exp"]"#, r#""crit":["b64"],"b64":false"#, r#""crit":[]"#] {
        assert_rejected([(member, signed(&header_with(member), &claims()))]);
    }
}
