//! Uses the local server at full speed, as many at once, and compares every answer with what it should
//! be. Prints how long each route took and what it costs, and fails where anything was wrong, a request
//! was not answered, or the server's memory grew.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::numbers::{median, quantile};
use bench::soak::{Api, Crowd, Rates, Server, Tally, alone};
use bench::{Error, program::Usage};
use clap::Parser;

/// Uses the local server and checks every answer.
#[derive(Parser)]
struct Args {
    /// The program.
    #[arg(long)]
    local: PathBuf,
    /// How long, in seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many use it at once.
    #[arg(long, default_value_t = 16)]
    members: usize,
    /// What is asked when is chosen by this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How much larger the server may be in the last quarter than in the second.
const GROWTH: u64 = 5 * 1024 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let server = Server::start(&args.local, &folder.path().join("data")).await?;
    let tally = Arc::<Tally>::default();
    let api = Api::new(server.base_url(), Arc::clone(&tally));
    let mut crowd = Crowd::new(args.members, &api, args.seed);
    let began = server.usage()?;
    let mut memory = Vec::new();
    let time = Instant::now();
    let used = tokio::select! {
        used = crowd.run(Duration::from_secs(args.seconds)) => used,
        error = watch(&server, &mut memory) => return Err(error),
    };
    let (ended, time) = (server.usage()?, time.elapsed());
    let times = tally.take();
    let rates = alone(&server, &api).await?;
    server.kill().await?;

    println!(
        "| Route | Answers | p50, ms | p99, ms | Answers per CPU-second |\n|---|---|---|---|---|"
    );
    for (route, times) in &times {
        let ms = |part| f64::from(quantile(times, part)) / 1000.0;
        let (p50, p99) = (ms(0.5), ms(0.99));
        println!(
            "| {route} | {} | {p50:.2} | {p99:.2} | {} |",
            times.len(),
            rate(&rates, route)
        );
    }
    let answers: usize = times.values().map(Vec::len).sum();
    println!(
        "\n{answers} answers in {} s to {} at once, all compared",
        time.as_secs(),
        args.members
    );
    Ok(verdict(used, crowd.cut_off(), &memory, (began, ended)))
}

fn rate(rates: &Rates, route: &str) -> String {
    rates
        .get(route)
        .map_or_else(String::new, |rate| format!("{rate:.0}"))
}

/// The server's memory, each second.
async fn watch(server: &Server, memory: &mut Vec<u64>) -> Error {
    loop {
        match server.usage() {
            Ok(usage) => memory.push(usage.resident),
            Err(error) => return error,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn verdict(
    used: Result<(), String>,
    cut_off: usize,
    memory: &[u64],
    (began, ended): (Usage, Usage),
) -> ExitCode {
    let mut failed = false;
    let mut say = |is_wrong: bool, what: String| {
        failed |= is_wrong;
        println!("{}{what}", if is_wrong { "WRONG: " } else { "" });
    };
    // After a wrong answer the model says nothing any more: there is no number of them.
    match used {
        Ok(()) => say(false, "no wrong answer".to_owned()),
        Err(wrong) => say(
            true,
            format!("stopped at the first wrong answer: {wrong:.2000}"),
        ),
    }
    say(cut_off > 0, format!("{cut_off} requests not answered"));
    let quarter = memory.len() / 4;
    let second = median(memory.get(quarter..2 * quarter).unwrap_or_default());
    let last = median(memory.get(memory.len() - quarter..).unwrap_or_default());
    let mb = |bytes: u64| bytes / 1024 / 1024;
    let what = format!(
        "{} MB of memory in the second quarter, {} MB in the last, {} MB at most",
        mb(second),
        mb(last),
        mb(memory.iter().copied().max().unwrap_or_default())
    );
    say(last > second + GROWTH, what);
    let cpu = ended.cpu.saturating_sub(began.cpu).as_secs_f64();
    println!("{cpu:.0} CPU-seconds of the server");
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
