//! Rotation of the signing secrets (docs/decisions/0010-secrets-by-version-labels.md).

use functions::api::Api as Functions;
use functions::settings::Settings;
use serde_json::{Value, json};
use test_support::fixture::{Fixture, invoke};

/// Creates the handlers of one deployment: tokens are signed with the secret `current`, and tokens signed with
/// `previous` are accepted as well.
fn deploy(fixture: &Fixture, current: char, previous: Option<char>) -> Functions {
    let secret = |name: &str, letter: char| format!("{name} {}", letter.to_string().repeat(32));
    let mut settings = fixture.settings.clone();
    for name in ["ACCESS_SECRET", "REFRESH_SECRET"] {
        settings.retain(|(other, _)| other != name);
        settings.push((name.to_owned(), secret(name, current)));
        let previous = previous.map(|letter| (format!("{name}_PREVIOUS"), secret(name, letter)));
        settings.extend(previous);
    }
    Functions::new(&Settings::new(settings)).unwrap()
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

/// A rotation of the signing secrets takes three deployments: accept the new secret, sign with it, drop the old
/// secret. Consecutive deployments serve a user at the same time.
#[tokio::test]
async fn secret_rotation_keeps_users_logged_in() {
    let fixture = Fixture::seeded().await;
    let mut old = deploy(&fixture, 'a', None);
    let (first, mut refresh_token) = tokens(&invoke(&old, "login", |_| {}).await);
    assert!(is_signed_in(&old, &first).await);
    for (current, previous) in [
        ('a', Some('b')),
        ('b', Some('a')),
        ('b', None),
        ('b', Some('c')),
        ('c', Some('b')),
        ('c', None),
    ] {
        let new = deploy(&fixture, current, previous);
        for (one, other) in [(&old, &new), (&new, &old), (&new, &new)] {
            let access;
            (access, refresh_token) = refresh(one, &refresh_token).await;
            assert!(is_signed_in(one, &access).await);
            assert!(is_signed_in(other, &access).await);
        }
        old = new;
    }
    // A token signed with a dropped secret is rejected although its session exists.
    assert!(!is_signed_in(&old, &first).await);
}
