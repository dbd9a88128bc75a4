//! Moves users and foods from the old service: `cargo run -p import -- --help`.

use std::error::Error;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use import::{Exports, ImageSource, Stores, Summary};
use infrastructure::media::MediaRenderer;

/// Moves users and foods from the old service's database into the stores of this one.
///
/// Running it again continues where it stopped: what is there already stays as it is.
#[derive(Debug, Parser)]
#[command(name = "import", version, after_help = AFTER_HELP)]
struct Args {
    /// The users, as CSV with a header.
    #[arg(long, value_name = "FILE")]
    users: PathBuf,

    /// Their foods, as CSV with a header.
    #[arg(long, value_name = "FILE")]
    foods: PathBuf,

    /// Only read both files and say what would not be taken: fetch and write nothing.
    #[arg(long)]
    dry_run: bool,

    /// The folder that holds the images. Without it they are fetched from their URLs.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// Where images are that have a file name and no URL.
    #[arg(long, value_name = "URL", conflicts_with = "images")]
    image_base_url: Option<String>,
}

const AFTER_HELP: &str = "\
Settings come from the environment, as those of the functions do: USERS_TABLE, FOODS_TABLE,
IMAGES_BUCKET, MAX_IMAGE_BYTES [8192000], AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3. --dry-run needs none.

Each row that is not taken is a line: file, line, old id and what is wrong, without its content.
Exit status: 0 when every row was taken, 1 when one was not, 2 for a wrong command line.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(summary) if summary.is_complete() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<Summary, Box<dyn Error>> {
    let exports = Exports {
        users: args.users,
        foods: args.foods,
    };
    if args.dry_run {
        return Ok(import::check(&exports, &mut stdout()).await?);
    }
    let dependencies = Dependencies::new(Settings::from_env())?;
    let max_bytes = dependencies.max_image_bytes()?;
    let stores = Stores {
        users: dependencies.users()?,
        foods: dependencies.foods()?,
        images: dependencies.images()?,
        renderer: MediaRenderer,
        image_source: match args.images {
            Some(dir) => ImageSource::in_dir(dir, max_bytes),
            None => ImageSource::on_the_web(args.image_base_url, max_bytes),
        },
    };
    Ok(import::import(&exports, &stores, &mut stdout()).await?)
}
