//! What `EventBridge` does with what S3 tells it: calls `process_image` for each picture that is put into the
//! bucket, at least once, and again after a while where it fails.

use std::sync::Arc;
use std::time::Duration;

use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::food::FoodRepository;
use domain::page::{PageRequest, PageSize};
use domain::storage::StorageError;
use engines::s3::Created;
use functions::api::Api;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Lambda waits a minute, and then two. Nobody wants to do so at home, and the last one is still later than
/// when a picture that no food shows is given up.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(2),
];

/// Pictures that were saved before this process began, and that no variants were made of: what it is told is in
/// nobody's memory when it is killed.
pub(crate) async fn unprocessed(foods: &impl FoodRepository) -> Result<Vec<String>, StorageError> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let size = PageSize::default();
        let page = foods.list(PageRequest { after, size }).await?;
        after = page.items.last().map(|food| food.id);
        let items = page.items.into_iter();
        let without = items.filter(|food| food.variants.is_empty());
        keys.extend(without.map(|food| food.image.as_str().to_owned()));
        if !page.more {
            return Ok(keys);
        }
    }
}

/// Calls the function for these pictures, and then for each that is created, for as long as it is polled. One
/// call runs at a time: each takes a processor and memory.
pub(crate) async fn deliver(
    api: Arc<Api>,
    unprocessed: Vec<String>,
    mut created: UnboundedReceiver<Created>,
) {
    let turn = Arc::new(Semaphore::new(1));
    let mut calls = JoinSet::new();
    for key in unprocessed {
        calls.spawn(call(Arc::clone(&api), Arc::clone(&turn), key));
    }
    loop {
        tokio::select! {
            Some(_) = calls.join_next() => {}
            told = created.recv() => {
                let Some(Created { key, .. }) = told else {
                    // The engine has ended.
                    while calls.join_next().await.is_some() {}
                    return;
                };
                // As the rule in `template.yaml` has it: variants would make variants for ever.
                if key.starts_with("foods/") {
                    calls.spawn(call(Arc::clone(&api), Arc::clone(&turn), key));
                }
            }
        }
    }
}

async fn call(api: Arc<Api>, turn: Arc<Semaphore>, key: String) {
    let event = event(&key, SystemClock.now());
    let mut pauses = PAUSES.into_iter();
    loop {
        let is_done = {
            // The semaphore is never closed.
            let _turn = turn.acquire().await;
            api.process_image(&event).await
        };
        match pauses.next() {
            Some(pause) if !is_done => tokio::time::sleep(pause).await,
            _ => return,
        }
    }
}

/// What `EventBridge` tells of an object that was put ("Object Created").
fn event(key: &str, time: Timestamp) -> String {
    let event = json!({
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": time.to_string(),
        "detail": {"object": {"key": key}, "reason": "PutObject"},
    });
    event.to_string()
}
