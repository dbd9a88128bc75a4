//! The server is killed while it is used: a few times of the 200 of `make kills`.

use std::path::Path;

use bench::soak::kills;

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let local = Path::new(env!("CARGO_BIN_EXE_local"));
    let report = Box::pin(kills(local, 12, 7))
        .await
        .expect("all as it should be");
    println!("{report}");
}
