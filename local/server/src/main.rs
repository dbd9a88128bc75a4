//! The program `local`, which runs the whole API on one machine: `cargo run -p local -- --help`.

mod cli;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use functions::routes::{Access, ROUTES};
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
    // dynoxide warns of each failed condition of a write, which is a normal result for the functions.
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("dynoxide", LevelFilter::ERROR)
        // The results of trainings.
        .with_target("functions::api", LevelFilter::INFO);
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .finish()
        .with(filter)
        .init();
    // Names and values of settings are Unicode.
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
    // Registered before the start, so that a signal never interrupts a write.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (seed, engines_only) = (options.seed, options.engines_only);
    let local = Local::start(options).await?;
    let banner = if engines_only {
        engines_banner(&local, seed, started)
    } else {
        banner(&local, seed, started)
    };
    // The API runs even if standard output is closed.
    let _ = std::io::stdout().lock().write_all(banner.as_bytes());
    stop_signal(&mut interrupt, &mut terminate).await;
    tokio::select! {
        () = local.stop() => {}
        // A second signal stops immediately.
        () = stop_signal(&mut interrupt, &mut terminate) => {}
    }
    Ok(())
}

async fn stop_signal(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn banner(local: &Local, seed: Option<Seed>, started: Instant) -> String {
    let millis = started.elapsed().as_millis();
    let mut lines = vec![
        format!("food-app on {} (ready in {millis} ms)", local.base_url()),
        storage(local),
        format!("documentation on {}/docs", local.base_url()),
    ];
    lines.extend(login(seed));
    lines.push(String::new());
    let width = ROUTES.iter().map(|route| route.path.len()).max().unwrap_or_default();
    for route in &ROUTES {
        let key = match route.access {
            Access::Anonymous => "",
            Access::Optional => "signed in or not",
            Access::SignedIn => "signed in",
        };
        let line = format!("  {:<7} {:<width$} {key}", route.method, route.path);
        lines.push(line.trim_end().to_owned());
    }
    lines.push("  GET     /images/{key}".to_owned());
    lines.push(String::new());
    lines.push(END.to_owned());
    lines.push(String::new());
    lines.join("\n")
}

/// Returns the output of `--engines-only`: a shell script of `export` lines with the settings, and comments.
fn engines_banner(local: &Local, seed: Option<Seed>, started: Instant) -> String {
    let millis = started.elapsed().as_millis();
    let url = local.base_url();
    let mut comments = vec![
        format!("food-app engines on {url} (ready in {millis} ms)"),
        "serves images on /images/{key} and no routes; settings for functions in other processes:"
            .to_owned(),
        storage(local),
    ];
    if let Some(dir) = local.data_dir() {
        for file in [SHELL_FILE, JSON_FILE] {
            comments.push(format!("also written to {}", dir.join(file).display()));
        }
    }
    comments.extend(login(seed));
    let mut script = String::new();
    for comment in comments {
        script.extend(["# ", &comment, "\n"]);
    }
    script.push_str(&local.environment().shell());
    script.extend(["# ", END, "\n"]);
    script
}

fn storage(local: &Local) -> String {
    local.data_dir().map_or_else(
        || "data in temporary files: removed when the program ends".to_owned(),
        |dir| format!("data in {}", dir.display()),
    )
}

/// Returns a line with e-mail and password of a seeded account; `None` if no data is seeded.
fn login(seed: Option<Seed>) -> Option<String> {
    let (email, password) = match seed? {
        Seed::Demo => (demo::EMAIL, demo::PASSWORD),
        Seed::Fixtures => (fixtures::EMAIL, fixtures::PASSWORD),
    };
    Some(format!("log in as {email} with the password \"{password}\""))
}
