//! Signing secrets are rotated while everybody works (docs/decisions/0010-secrets-by-labels.md): on both
//! session stores.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use engines::Valkey;
use functions::api::Api as Functions;
use functions::settings::Settings;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::scene::{Scene, event};

const CLIENTS: usize = 6;
const INSTANCES: usize = 4;

/// The secrets of one deployment: what signs, and what is accepted beside it.
type Secrets = (char, Option<char>);

/// Instances of all functions over the same stores, each with the secrets that it was started with.
struct Deployment {
    settings: Vec<(String, String)>,
    instances: Vec<RwLock<Arc<Functions>>>,
    next: AtomicUsize,
    _scene: Scene,
    _valkey: Option<Valkey>,
}

impl Deployment {
    async fn new(valkey: Option<Valkey>, secrets: Secrets) -> Self {
        let url = valkey.as_ref().map(Valkey::url).unwrap_or_default();
        let scene = Scene::with(&[
            ("TOKEN_STORE_URL", &url),
            ("LOGIN_ATTEMPTS_PER_ACCOUNT", "1000"),
        ])
        .await;
        let settings = scene.settings.clone();
        let instance = || RwLock::new(Arc::new(start(&settings, secrets)));
        Self {
            instances: (0..INSTANCES).map(|_| instance()).collect(),
            settings,
            next: AtomicUsize::new(0),
            _scene: scene,
            _valkey: valkey,
        }
    }

    /// Each time another instance, as Lambda would have it.
    fn any(&self) -> Arc<Functions> {
        let nth = self.next.fetch_add(1, Ordering::SeqCst) % INSTANCES;
        Arc::clone(&self.instances[nth].read().unwrap())
    }

    async fn ask(&self, function: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut event: Value = serde_json::from_str(&event(function)).unwrap();
        change(&mut event);
        let answer = self.any().invoke(function, &event.to_string()).await;
        serde_json::from_str(&answer.expect("a function")).unwrap()
    }

    async fn is_signed_in(&self, access: &str) -> bool {
        let answer = self
            .ask("list_sessions", |event| {
                event["headers"]["authorization"] = format!("Bearer {access}").into();
            })
            .await;
        answer["statusCode"] == 200
    }

    async fn refresh(&self, refresh: &str) -> Result<(String, String), Value> {
        let answer = self
            .ask("refresh", |event| {
                event["body"] = json!({"refresh_token": refresh}).to_string().into();
            })
            .await;
        if answer["statusCode"] == 201 {
            Ok(tokens(&answer))
        } else {
            Err(answer)
        }
    }
}

fn start(settings: &[(String, String)], (signs, accepts): Secrets) -> Functions {
    let mut settings = settings.to_vec();
    let secret = |name: &str, letter: char| format!("{name} {}", letter.to_string().repeat(32));
    for name in ["ACCESS_SECRET", "REFRESH_SECRET"] {
        settings.retain(|(other, _)| !other.starts_with(name));
        settings.push((name.to_owned(), secret(name, signs)));
        if let Some(accepts) = accepts {
            settings.push((format!("{name}_PREVIOUS"), secret(name, accepts)));
        }
    }
    Functions::new(&Settings::new(settings)).unwrap()
}

fn tokens(answer: &Value) -> (String, String) {
    let body: Value = serde_json::from_str(answer["body"].as_str().expect("a body")).unwrap();
    let token = |name: &str| body[name].as_str().expect("a token").to_owned();
    (token("access_token"), token("refresh_token"))
}

/// Somebody who works all the time, and counts how often they refreshed.
async fn work(deployment: &Deployment, refreshed: &AtomicUsize, is_over: &AtomicBool) -> usize {
    let answer = deployment.ask("login", |_| {}).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let (mut access, mut refresh) = tokens(&answer);
    let mut requests = 1;
    while !is_over.load(Ordering::SeqCst) {
        for _ in 0..3 {
            assert!(deployment.is_signed_in(&access).await);
        }
        (access, refresh) = deployment.refresh(&refresh).await.expect("a next pair");
        refreshed.fetch_add(1, Ordering::SeqCst);
        requests += 4;
    }
    requests
}

/// Every secret is first accepted everywhere, then signs everywhere, and then is alone. Instances are
/// replaced one by one, and all the time all of them are asked.
async fn rotate(deployment: &Deployment, refreshed: &[AtomicUsize]) {
    let everybody_refreshes = async || {
        let before: Vec<_> = refreshed
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .collect();
        // Twice: the first may have begun before.
        let is_done = || {
            let counts = refreshed.iter().map(|count| count.load(Ordering::SeqCst));
            counts.zip(&before).all(|(now, before)| now >= before + 2)
        };
        while !is_done() {
            tokio::task::yield_now().await;
        }
    };
    for (old, new) in [('a', 'b'), ('b', 'c')] {
        for secrets in [(old, Some(new)), (new, Some(old)), (new, None)] {
            // Nobody holds a token of the old one by then: in the cloud that takes a week.
            everybody_refreshes().await;
            for instance in &deployment.instances {
                *instance.write().unwrap() = Arc::new(start(&deployment.settings, secrets));
                everybody_refreshes().await;
            }
        }
    }
}

async fn nobody_is_signed_out_by_two_rotations(valkey: Option<Valkey>) {
    let deployment = Deployment::new(valkey, ('a', None)).await;
    let (of_a, _) = tokens(&deployment.ask("login", |_| {}).await);
    assert!(deployment.is_signed_in(&of_a).await);
    let refreshed: Vec<_> = (0..CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    let is_over = AtomicBool::new(false);
    let working = join_all(
        refreshed
            .iter()
            .map(|count| work(&deployment, count, &is_over)),
    );
    let rotating = async {
        rotate(&deployment, &refreshed).await;
        is_over.store(true, Ordering::SeqCst);
    };
    let (requests, ()) = join(working, rotating).await;
    println!("{} requests, all signed in", requests.iter().sum::<usize>());
    // A secret that is gone signs nobody in, though the session lives.
    assert!(!deployment.is_signed_in(&of_a).await);
}

#[tokio::test]
async fn nobody_is_signed_out_by_two_rotations_on_dynamodb() {
    Box::pin(nobody_is_signed_out_by_two_rotations(None)).await;
}

#[tokio::test]
async fn nobody_is_signed_out_by_two_rotations_on_redis() {
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    Box::pin(nobody_is_signed_out_by_two_rotations(Some(valkey))).await;
}
