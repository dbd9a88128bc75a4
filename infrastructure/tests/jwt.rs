//! What is tried against JSON Web Tokens: the attacks that RFC 8725 names and those that testing
//! tools send. Each token here is made by hand, none by the code that it is shown to.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::token::{Claims, TokenError, TokenSigner as _};
use infrastructure::jwt::{JwtTokens, Secret, TokenUse};
use proptest::prelude::*;
use ring::hmac;

const SECRET: &str = "an access secret of thirty-two bytes";
const ID: &str = "01990000-0000-7000-8000-000000000001";

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_792_002_005).expect("a moment")
}

const ANOTHER: &str = "another access secret, older or newer";

fn tokens_of(current: &str, previous: Option<&str>) -> JwtTokens {
    let secret = |secret| Secret::parse(secret).expect("a secret");
    JwtTokens::new(TokenUse::Access, secret(current), previous.map(secret))
}

fn tokens() -> JwtTokens {
    tokens_of(SECRET, None)
}

/// What is said of a token where there is one secret; the same is said while secrets rotate, when the
/// one of these tests is the current one and when it is the previous one.
fn verify(token: &str) -> Result<Claims, TokenError> {
    let said = tokens().verify(token, now());
    for (current, previous) in [(SECRET, ANOTHER), (ANOTHER, SECRET)] {
        let rotating = tokens_of(current, Some(previous));
        assert_eq!(rotating.verify(token, now()), said, "{token:.300}");
    }
    said
}

fn signed_by(algorithm: hmac::Algorithm, key: &[u8], header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = hmac::sign(&hmac::Key::new(algorithm, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// With the right secret: what only somebody who knows it could try, or a mistake of ours.
fn signed(header: &str, claims: &str) -> String {
    signed_by(hmac::HMAC_SHA256, SECRET.as_bytes(), header, claims)
}

fn kid() -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, b"food-app key id");
    let hex = tag.as_ref()[..8].iter().map(|byte| format!("{byte:02x}"));
    hex.collect()
}

fn header() -> String {
    format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{}"}}"#, kid())
}

fn header_with(member: &str) -> String {
    header().replace('}', &format!(",{member}}}"))
}

fn header_of(algorithm: &str) -> String {
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

#[test]
fn what_is_made_by_hand_is_a_token_before_it_is_bent() {
    assert!(verify(&signed(&header(), &claims())).is_ok());
    for (member, value) in [("aud", r#""food-app""#), ("exp", "1792002006")] {
        let bent = claims_with(member, value);
        assert!(verify(&signed(&header(), &bent)).is_ok(), "{bent}");
    }
}

#[test]
fn no_signature_counts_but_ours() {
    let genuine = signed(&header(), &claims());
    let (message, signature) = genuine.rsplit_once('.').expect("a signature");
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let encoded = |bytes: &[u8]| format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let with_key = |key: &[u8]| signed_by(hmac::HMAC_SHA256, key, &header(), &claims());
    let mut attacks = vec![
        ("stripped", format!("{message}.")),
        ("no third part", message.to_owned()),
        ("of zeros (CVE-2022-21449)", encoded(&[0; 32])),
        ("of ones", encoded(&[0xFF; 32])),
        ("cut short", encoded(&raw[..16])),
        ("too long", encoded(&[raw.as_slice(), &[0]].concat())),
        ("twice", format!("{genuine}.{signature}")),
        ("padded", format!("{genuine}=")),
        (
            "in the other alphabet of base64",
            format!("{message}.{}", STANDARD.encode(&raw)),
        ),
        ("behind a space", format!("{message}. {signature}")),
        ("before a line break", format!("{genuine}\n")),
        ("before a NUL", format!("{genuine}\0")),
        ("of the empty key", with_key(b"")),
        ("of a NUL (kid of /dev/null)", with_key(b"\0")),
        ("of a common secret", with_key(b"secret")),
        ("of the kid", with_key(kid().as_bytes())),
        (
            "of the secret in upper case",
            with_key(SECRET.to_uppercase().as_bytes()),
        ),
        (
            "of the secret cut short",
            with_key(&SECRET.as_bytes()[..32]),
        ),
        ("of the issuer", with_key(b"food-app")),
    ];
    // Signed as its header says, with the right secret: the algorithm is ours to choose
    // (RFC 8725, section 3.1).
    for (name, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let header = header_of(name);
        let token = signed_by(algorithm, SECRET.as_bytes(), &header, &claims());
        attacks.push((name, token));
        let token = signed_by(algorithm, SECRET.as_bytes(), &self::header(), &claims());
        attacks.push(("another hash than its header says", token));
    }
    for (attack, token) in attacks {
        assert!(verify(&token).is_err(), "{attack}: {token}");
    }
}

#[test]
fn no_bit_of_a_token_can_be_changed() {
    let genuine = signed(&header(), &claims());
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
fn while_secrets_rotate_each_signs_under_its_own_name_only() {
    let header_naming = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, b"food-app key id");
        let kid = tag.as_ref()[..8].iter().map(|byte| format!("{byte:02x}"));
        let kid = kid.collect::<String>();
        format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#)
    };
    let rotating = tokens_of(SECRET, Some(ANOTHER));
    for (named, signing) in [
        (SECRET, SECRET),
        (ANOTHER, ANOTHER),
        (SECRET, ANOTHER),
        (ANOTHER, SECRET),
    ] {
        let header = header_naming(named);
        let token = signed_by(hmac::HMAC_SHA256, signing.as_bytes(), &header, &claims());
        let is_token = rotating.verify(&token, now()).is_ok();
        assert_eq!(is_token, named == signing, "{named}, {signing}");
    }
}

#[test]
fn the_algorithm_is_ours_to_choose() {
    for algorithm in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "null",
        "hs256",
        "HS256 ",
        "HS384",
        "HS512",
        "RS256",
        "RS512",
        "ES256",
        "ES384",
        "PS256",
        "EdDSA",
        "dir",
        "A128KW",
        "PBES2-HS256+A128KW",
    ] {
        let header = header_of(algorithm);
        let unsigned = signed(&header, &claims());
        let (message, _) = unsigned.rsplit_once('.').expect("a signature");
        for token in [format!("{message}."), message.to_owned(), unsigned.clone()] {
            assert!(verify(&token).is_err(), "{algorithm:?}: {token}");
        }
    }
    let no_algorithm = header().replace(r#""alg":"HS256","#, "");
    assert!(verify(&signed(&no_algorithm, &claims())).is_err());
    let two = header_with(r#""alg":"none""#);
    assert!(verify(&signed(&two, &claims())).is_err());
}

#[test]
fn keys_are_never_taken_from_the_token() {
    // The attacker's key, in the header or where the header points to, and a token signed with it.
    let key = b"the attacker's own key of some 32 bytes";
    let encoded = URL_SAFE_NO_PAD.encode(key);
    for member in [
        format!(r#""jwk":{{"kty":"oct","k":"{encoded}"}}"#),
        r#""jku":"https://attacker.example/keys.json""#.to_owned(),
        r#""x5u":"https://attacker.example/cert.pem""#.to_owned(),
        format!(r#""x5c":["{encoded}"]"#),
    ] {
        let token = signed_by(hmac::HMAC_SHA256, key, &header_with(&member), &claims());
        assert!(verify(&token).is_err(), "{member}");
    }
    for kid in [
        "",
        "0",
        "../../../../dev/null",
        "/etc/passwd",
        "key' UNION SELECT 'secret",
        "|whoami",
        "https://attacker.example/key",
        "\\u0000",
        "*",
    ] {
        let header = format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#);
        for key in [key.as_slice(), b"", b"secret", SECRET.as_bytes()] {
            let token = signed_by(hmac::HMAC_SHA256, key, &header, &claims());
            assert_eq!(verify(&token), Err(TokenError::Refused), "{kid}");
        }
    }
    for kid in ["null", "1", "[]", "{}"] {
        let header = format!(r#"{{"typ":"JWT","alg":"HS256","kid":{kid}}}"#);
        assert!(verify(&signed(&header, &claims())).is_err(), "{kid}");
    }
}

#[test]
fn claims_are_as_we_write_them_or_none() {
    for (member, value) in [
        ("exp", "1792002005"),
        ("exp", "0"),
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
        ("iss", "\"https://attacker.example\""),
        ("iss", "[\"food-app\"]"),
        ("iss", "null"),
        ("aud", "\"other\""),
        ("aud", "[]"),
        ("aud", "null"),
        ("sub", "\"\""),
        ("sub", "\"admin\""),
        ("sub", "null"),
        ("sub", "1"),
        ("sub", "\"01990000-0000-7000-8000-000000000001' OR '1'='1\""),
        ("sub", "\"USER#01990000-0000-7000-8000-000000000001\""),
        ("sid", "\"*\""),
        ("jti", "null"),
        ("token_use", "\"refresh\""),
        ("token_use", "\"Access\""),
        ("token_use", "\"admin\""),
        ("token_use", "null"),
    ] {
        let claims = claims_with(member, value);
        let told = verify(&signed(&header(), &claims));
        assert!(told.is_err(), "{member}: {value}");
    }
    for member in ["sub", "sid", "jti", "iat", "exp", "iss", "aud", "token_use"] {
        let claims = claims_without(member);
        let told = verify(&signed(&header(), &claims));
        assert!(told.is_err(), "without {member}");
    }
    for member in ["sub", "aud", "exp", "token_use"] {
        let twice = claims().replace('}', &format!(",{}", &claims_with(member, "\"x\"")[1..]));
        let told = verify(&signed(&header(), &twice));
        assert!(told.is_err(), "{member} twice");
    }
    for claims in ["", "null", "[]", "\"\"", "{}", "{", &"[".repeat(100_000)] {
        assert!(verify(&signed(&header(), claims)).is_err(), "{claims:.9}");
    }
}

#[test]
fn other_kinds_of_token_are_none_of_ours() {
    let genuine = signed(&header(), &claims());
    let parts: Vec<_> = genuine.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    let raw = URL_SAFE_NO_PAD.encode(signature);
    for (kind, token) in [
        (
            "JWE, five parts (RFC 7516)",
            format!("{head}.{raw}.{raw}.{body}.{signature}"),
        ),
        (
            "JWS as JSON (RFC 7515, section 7.2)",
            format!(r#"{{"protected":"{head}","payload":"{body}","signature":"{signature}"}}"#),
        ),
        (
            "detached (RFC 7515, appendix F)",
            format!("{head}..{signature}"),
        ),
        (
            "with its parts changed",
            format!("{body}.{head}.{signature}"),
        ),
        ("with the scheme", format!("Bearer {genuine}")),
        ("in quotes", format!("\"{genuine}\"")),
        ("two of them", format!("{genuine}, {genuine}")),
        ("PASETO", format!("v2.local.{signature}")),
        ("of a million characters", "A".repeat(1_000_000)),
        ("of a million dots", ".".repeat(1_000_000)),
        (
            "a long header",
            format!("{}.{body}.{signature}", "A".repeat(1_000_000)),
        ),
    ] {
        assert!(verify(&token).is_err(), "{kind}");
    }
    // What must be understood is not for us (RFC 7515, section 4.1.11), and what is unencoded is
    // signed over other bytes (RFC 7797).
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":[]"#,
    ] {
        let token = signed(&header_with(member), &claims());
        assert!(verify(&token).is_err(), "{member}");
    }
}

proptest! {
    #[test]
    fn what_is_signed_is_verified_as_it_was(
        ids: [[u8; 16]; 3],
        issued_at in 0_i64..200_000_000_000,
        lifetime in 1_u64..100_000_000,
    ) {
        let issued_at = Timestamp::from_unix_seconds(issued_at).expect("a moment");
        let claims = Claims {
            user: UserId::from_bytes(ids[0]),
            session: SessionId::from_bytes(ids[1]),
            token: TokenId::from_bytes(ids[2]),
            issued_at,
            expires_at: issued_at.plus(Duration::from_secs(lifetime)),
        };
        let token = tokens().sign(&claims).expect("signed");
        prop_assert_eq!(tokens().verify(&token, issued_at), Ok(claims.clone()));
        prop_assert_eq!(tokens().verify(&token, claims.expires_at), Err(TokenError::Expired));
    }

    #[test]
    fn a_secret_has_32_bytes_or_more(raw in "[ -~\u{e9}]{0,40}") {
        prop_assert_eq!(Secret::parse(&raw).is_ok(), raw.len() >= 32);
    }
}
