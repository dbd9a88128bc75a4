//! The whole API on one machine: `cargo run -p local -- --help`.

mod cli;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use functions::routes::ROUTES;
use local::settings::{JSON_FILE, SHELL_FILE};
use local::{Local, Options, Seed, demo, fixtures};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Args;

const END: &str = "Ctrl-C ends it.";

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
    let (fill, engines_only) = (options.fill, options.engines_only);
    let local = Local::start(options).await?;
    let banner = if engines_only {
        engines_banner(&local, fill, started)
    } else {
        banner(&local, fill, started)
    };
    // Nobody may be reading: the API runs all the same.
    let _ = std::io::stdout().lock().write_all(banner.as_bytes());
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

fn banner(local: &Local, fill: Option<Seed>, started: Instant) -> String {
    let millis = started.elapsed().as_millis();
    let mut lines = vec![
        format!("food-app on {} (ready in {millis} ms)", local.base_url()),
        kept(local),
        format!("read the API and try it on {}/docs", local.base_url()),
    ];
    lines.extend(login(fill));
    lines.push(String::new());
    for route in &ROUTES {
        let key = if route.signed_in { "signed in" } else { "" };
        let line = format!("  {:<7} {:<17} {key}", route.method, route.path);
        lines.push(line.trim_end().to_owned());
    }
    lines.push("  GET     /images/{key}".to_owned());
    lines.push(String::new());
    lines.push(END.to_owned());
    lines.push(String::new());
    lines.join("\n")
}

/// A script for a shell: what is not for it is a comment.
fn engines_banner(local: &Local, fill: Option<Seed>, started: Instant) -> String {
    let millis = started.elapsed().as_millis();
    let url = local.base_url();
    let mut comments = vec![
        format!("food-app engines on {url} (ready in {millis} ms)"),
        "images under /images/{key}, no routes: the functions run somewhere else, told this"
            .to_owned(),
        kept(local),
    ];
    if let Some(dir) = local.data_dir() {
        for file in [SHELL_FILE, JSON_FILE] {
            comments.push(format!("the same in {}", dir.join(file).display()));
        }
    }
    comments.extend(login(fill));
    let mut script = String::new();
    for comment in comments {
        script.extend(["# ", &comment, "\n"]);
    }
    script.push_str(&local.environment().shell());
    script.extend(["# ", END, "\n"]);
    script
}

fn kept(local: &Local) -> String {
    local.data_dir().map_or_else(
        || "data in nowhere: gone when this ends".to_owned(),
        |dir| format!("data in {}", dir.display()),
    )
}

/// Whom the banner tells to log in as.
fn login(fill: Option<Seed>) -> Option<String> {
    let (email, password) = match fill? {
        Seed::Demo => (demo::EMAIL, demo::PASSWORD),
        Seed::Events => (fixtures::EMAIL, fixtures::PASSWORD),
    };
    Some(format!(
        "log in as {email} with the password \"{password}\""
    ))
}
