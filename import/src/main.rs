//! Moves users and foods from the old service: `cargo run -p import -- --help`.

use std::error::Error;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use functions::settings::Settings;
use functions::setup::Setup;
use import::cli::Args;
use import::{Stores, Summary};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(summary) if summary.is_complete() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<Summary, Box<dyn Error>> {
    let exports = args.exports();
    if args.dry_run {
        return Ok(import::check(&exports, &mut stdout()).await?);
    }
    let setup = Setup::new(Settings::from_env())?;
    let stores = Stores {
        users: setup.users()?,
        foods: setup.foods()?,
        images: setup.images()?,
        pictures: args.pictures(setup.max_image_bytes()?),
    };
    Ok(import::import(&exports, &stores, &mut stdout()).await?)
}
