//! Kills the local server again and again while it is used, and looks each time whether anything that
//! was acknowledged is missing and whether anything is half done.

use std::path::PathBuf;
use std::process::ExitCode;

use bench::Error;
use bench::soak::kills;
use clap::Parser;

/// Kills the local server while it is used, and checks what it kept.
#[derive(Parser)]
struct Args {
    /// The program to kill.
    #[arg(long)]
    local: PathBuf,
    /// How often.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// What happens when is chosen by this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let args = Args::parse();
    let report = kills(&args.local, args.kills, args.seed).await?;
    println!("{report}");
    Ok(ExitCode::SUCCESS)
}
