//! The whole API on one machine: `cargo run -p local -- --help`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use functions::routes::ROUTES;
use local::cli::Args;
use local::{Local, Options, demo};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let started = Instant::now();
    let args = Args::parse();
    // To dynoxide every condition that fails is worth a warning; to the functions it is an outcome.
    let wanted = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("dynoxide", LevelFilter::ERROR);
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .finish()
        .with(wanted)
        .init();
    // A variable that is not Unicode is none of ours.
    let settings = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    match run(args.into_options(settings.collect()), started).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, started: Instant) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything is written, so that no moment is left in which a signal cuts it short.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let demo = options.demo;
    let local = Local::start(options).await?;
    // Nobody may be reading: the API runs all the same.
    let _ = std::io::stdout()
        .lock()
        .write_all(banner(&local, demo, started).as_bytes());
    asked(&mut interrupt, &mut terminate).await;
    tokio::select! {
        () = local.stop() => {}
        // Asked twice: now.
        () = asked(&mut interrupt, &mut terminate) => {}
    }
    Ok(())
}

async fn asked(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn banner(local: &Local, demo: bool, started: Instant) -> String {
    let millis = started.elapsed().as_millis();
    let kept = local.data_dir().map_or_else(
        || "nowhere: gone when this ends".to_owned(),
        |dir| dir.display().to_string(),
    );
    let mut lines = vec![
        format!("food-app on {} (ready in {millis} ms)", local.base_url()),
        format!("data in {kept}"),
    ];
    if demo {
        let (email, password) = (demo::EMAIL, demo::PASSWORD);
        lines.push(format!(
            "log in as {email} with the password \"{password}\""
        ));
    }
    lines.push(String::new());
    for route in &ROUTES {
        let key = if route.signed_in { "signed in" } else { "" };
        let line = format!("  {:<7} {:<17} {key}", route.method, route.path);
        lines.push(line.trim_end().to_owned());
    }
    lines.push("  GET     /images/{key}".to_owned());
    lines.push(String::new());
    lines.push("Ctrl-C ends it.".to_owned());
    lines.push(String::new());
    lines.join("\n")
}
