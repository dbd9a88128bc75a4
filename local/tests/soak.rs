//! Every answer is what a model says, also when many ask at once: a few seconds of the ten minutes of
//! `make soak`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bench::soak::{Api, Crowd, Server, Tally};
use tempfile::tempdir;

#[tokio::test]
async fn many_at_once_are_answered_as_the_model_says() {
    let folder = tempdir().expect("a folder");
    let local = Path::new(env!("CARGO_BIN_EXE_local"));
    let server = Server::start(local, &folder.path().join("data"))
        .await
        .expect("it starts");
    let tally = Arc::<Tally>::default();
    let api = Api::new(server.base_url(), Arc::clone(&tally));
    let mut crowd = Crowd::new(8, &api, 3);
    let used = crowd.run(Duration::from_secs(10)).await;
    assert_eq!(used, Ok(()));
    assert_eq!(crowd.cut_off(), 0);
    // It did something, and in many ways.
    let routes = tally.take();
    assert!(routes.len() > 10, "{:?}", routes.keys());
    server.kill().await.expect("it ran until now");
}
