//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{Exports, Pictures};

/// Moves users and foods from the old service's database into the stores of this one.
///
/// Running it again continues where it stopped: what is there already stays as it is.
#[derive(Debug, Parser)]
#[command(name = "import", version, after_help = AFTER_HELP)]
pub struct Args {
    /// The users, as CSV with a header.
    #[arg(long, value_name = "FILE")]
    users: PathBuf,

    /// Their foods, as CSV with a header.
    #[arg(long, value_name = "FILE")]
    foods: PathBuf,

    /// Only read both files and say what would not be taken: fetch and write nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// The folder that holds the pictures. Without it they are fetched from their URLs.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,

    /// Where pictures are that have a file name and no URL.
    #[arg(long, value_name = "URL", conflicts_with = "pictures")]
    picture_base_url: Option<String>,
}

const AFTER_HELP: &str = "\
Settings come from the environment, as those of the functions do: USERS_TABLE, FOODS_TABLE,
IMAGES_BUCKET, MAX_IMAGE_BYTES [8192000], AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3. --dry-run needs none.

Each row that is not taken is a line: file, line, old id and what is wrong, without its content.
Exit status: 0 when every row was taken, 1 when one was not, 2 for a wrong command line.";

impl Args {
    /// What to read.
    pub fn exports(&self) -> Exports {
        Exports {
            users: self.users.clone(),
            foods: self.foods.clone(),
        }
    }

    /// Where the pictures are.
    pub fn pictures(&self, max_bytes: usize) -> Pictures {
        match &self.pictures {
            Some(dir) => Pictures::in_dir(dir.clone(), max_bytes),
            None => Pictures::on_the_web(self.picture_base_url.clone(), max_bytes),
        }
    }
}
