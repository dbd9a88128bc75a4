//! How much memory an upload takes: a picture is in memory once, not once for each hand that it goes
//! through. `cargo test -p functions --test api memory -- --nocapture` prints the numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::recorded::binary;
use test_support::Form;
use test_support::Function;
use test_support::fixture::{Fixture, event};
use test_support::images::jpeg_of;

const PICTURE: usize = 4_000_000;

/// What a large upload may take more than a small one, so that all of it stays below 30 MB. The
/// whole is not asserted here: 22 MB of a small one are mostly the code of a debug build.
const MORE: u64 = 9_000_000;

/// The event of this name, with a picture of so many bytes instead of its own.
fn upload(name: &str, picture: usize) -> String {
    let mut event: Value = serde_json::from_str(&event(name)).unwrap();
    let form = Form::food("Large").file("large.jpg", &jpeg_of(picture));
    event["headers"]["content-type"] = Form::content_type().into();
    event["body"] = STANDARD.encode(form.body()).into();
    event.to_string()
}

/// The peak of a process that has taken one such upload.
async fn peak(name: &str, picture: usize) -> u64 {
    let fixture = Fixture::set().await;
    let mut running = Function::start(binary(name), &fixture.settings).await;
    let answer = running.invoke(&upload(name, picture)).await;
    assert!(answer["statusCode"].as_u64().unwrap() < 300, "{answer}");
    running.peak_memory()
}

#[tokio::test]
async fn a_picture_of_4_mb_is_not_in_memory_many_times() {
    for name in ["create_food", "update_food"] {
        let (small, large) = (peak(name, 4_000).await, peak(name, PICTURE).await);
        let more = large.saturating_sub(small);
        println!("{name}: {small} bytes at its peak, and {more} more with a picture of 4 MB");
        assert!(more < MORE, "{name}: {more}");
    }
}
