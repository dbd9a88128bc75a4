//! The program `import`, which imports the data of the old service: `cargo run -p import -- --help`.

use std::error::Error;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use functions::dependencies::{Dependencies, max_image_bytes};
use functions::settings::Settings;
use import::{Exports, ImageSource, Stores, Summary};
use infrastructure::media::MediaRenderer;

/// Imports users and foods from CSV exports of the old service's database.
///
/// A repeated run continues after an interruption and does not change rows imported before.
#[derive(Debug, Parser)]
#[command(name = "import", version, after_help = AFTER_HELP)]
struct Args {
    /// CSV export of the table `users`, with a header.
    #[arg(long, value_name = "FILE")]
    users: PathBuf,

    /// CSV export of the table `foods`, with a header.
    #[arg(long, value_name = "FILE")]
    foods: PathBuf,

    /// Validate both files and all images, and report the rows that would fail; write nothing.
    #[arg(long)]
    dry_run: bool,

    /// Folder of the images. Without it, images are downloaded from their URLs.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// URL prefix of images that have a file name instead of a URL.
    #[arg(long, value_name = "URL", conflicts_with = "images")]
    image_base_url: Option<String>,
}

const AFTER_HELP: &str = "\
Settings are environment variables, as for the functions: USERS_TABLE, FOODS_TABLE,
IMAGES_BUCKET, MAX_IMAGE_BYTES [8192000], AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3. --dry-run
needs none: it does not read the target, so it does not know e-mails and titles that are already
stored there.

Each failed row is a line of output: file, line, old id and the reason, without the row's content.
Standard error shows the progress if it is a terminal.

Exit status: 0 if no row failed, 1 if one failed or the import was aborted, 2 for an invalid command line.";

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
    let exports = Exports { users: args.users, foods: args.foods };
    let settings = Settings::from_env();
    let max_bytes = max_image_bytes(&settings)?;
    let image_source = match args.images {
        Some(dir) => ImageSource::in_dir(dir, max_bytes),
        None => ImageSource::on_the_web(args.image_base_url, max_bytes),
    };
    if args.dry_run {
        let mut out = stdout();
        return Ok(import::check(&exports, &image_source, &MediaRenderer, &mut out).await?);
    }
    let dependencies = Dependencies::new(settings)?;
    let stores = Stores {
        users: dependencies.users()?,
        foods: dependencies.foods_of_users()?,
        images: dependencies.images()?,
        renderer: MediaRenderer,
        image_source,
    };
    Ok(import::import(&exports, &stores, &mut stdout()).await?)
}
