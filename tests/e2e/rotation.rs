//! Signing secrets are rotated while users work (docs/decisions/0010-secrets-by-version-labels.md).

use functions::api::Api as Functions;
use functions::settings::Settings;
use serde_json::{Value, json};
use test_support::fixture::{Fixture, event};

/// The functions with the secrets of one deployment: one that signs, and one that is accepted beside it.
fn deploy(fixture: &Fixture, signs: char, accepts: Option<char>) -> Functions {
    let secret = |name: &str, letter: char| format!("{name} {}", letter.to_string().repeat(32));
    let mut settings = fixture.settings.clone();
    for name in ["ACCESS_SECRET", "REFRESH_SECRET"] {
        settings.retain(|(other, _)| other != name);
        settings.push((name.to_owned(), secret(name, signs)));
        let previous = accepts.map(|letter| (format!("{name}_PREVIOUS"), secret(name, letter)));
        settings.extend(previous);
    }
    Functions::new(&Settings::new(settings)).unwrap()
}

async fn invoke(functions: &Functions, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut event: Value = serde_json::from_str(&event(name)).unwrap();
    change(&mut event);
    let response = functions.invoke(name, &event.to_string()).await;
    serde_json::from_str(&response.expect("a function")).unwrap()
}

fn tokens(response: &Value) -> (String, String) {
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).unwrap();
    let token = |name: &str| body[name].as_str().expect("a token").to_owned();
    (token("access_token"), token("refresh_token"))
}

async fn is_signed_in(functions: &Functions, access: &str) -> bool {
    let response = invoke(functions, "list_sessions", |event| {
        event["headers"]["authorization"] = format!("Bearer {access}").into();
    });
    response.await["statusCode"] == 200
}

async fn refresh(functions: &Functions, refresh: &str) -> (String, String) {
    let response = invoke(functions, "refresh", |event| {
        event["body"] = json!({"refresh_token": refresh}).to_string().into();
    });
    let response = response.await;
    assert_eq!(response["statusCode"], 201, "{response}");
    tokens(&response)
}

/// A secret is first accepted everywhere, then signs everywhere, and then is alone. Instances are replaced one by one, so
/// two deployments in a row serve the same user at the same time.
#[tokio::test]
async fn two_rotations_of_secrets_log_nobody_out() {
    let fixture = Fixture::set().await;
    let mut old = deploy(&fixture, 'a', None);
    let (first, mut refresh_token) = tokens(&invoke(&old, "login", |_| {}).await);
    assert!(is_signed_in(&old, &first).await);
    for (signs, accepts) in [
        ('a', Some('b')),
        ('b', Some('a')),
        ('b', None),
        ('b', Some('c')),
        ('c', Some('b')),
        ('c', None),
    ] {
        let new = deploy(&fixture, signs, accepts);
        for (one, other) in [(&old, &new), (&new, &old), (&new, &new)] {
            let access;
            (access, refresh_token) = refresh(one, &refresh_token).await;
            assert!(is_signed_in(one, &access).await);
            assert!(is_signed_in(other, &access).await);
        }
        old = new;
    }
    // A token of a secret that is gone is refused, though its session lives.
    assert!(!is_signed_in(&old, &first).await);
}
