//! The command line.

use std::path::PathBuf;

use clap::Parser;

use local::{Colours, Options, Seed, Storage};

/// The whole API on one machine: every route, with its database and its store of images in the
/// same process.
#[derive(Debug, Parser)]
#[command(name = "local", version, after_help = AFTER_HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// Where to listen on 127.0.0.1; 0 picks a free port.
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    port: u16,

    /// The folder that keeps everything between runs: database, images and secrets. It is made
    /// where it is missing; delete it to start afresh.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data_dir: PathBuf,

    /// Keep nothing: everything is gone when the program ends.
    #[arg(long, conflicts_with = "data_dir")]
    memory: bool,

    /// Seed in a few users, and foods with images.
    #[arg(long)]
    demo: bool,

    /// Set the scene that the files in events/ expect, and sign tokens with their secrets. A scene
    /// that events have changed is restored.
    #[arg(long, conflicts_with = "demo")]
    events: bool,

    /// Leave the functions to `cargo lambda watch` or `sam local`: start the database and the store
    /// of images, serve the images and answer every route with 404, and print the environment
    /// that the functions need.
    #[arg(long)]
    engines_only: bool,
}

const AFTER_HELP: &str = "\
Settings come from the environment; what is missing is filled in for this machine:
  PASSWORD_MIN_LENGTH        shortest password, in characters [8]
  MAX_IMAGE_BYTES            largest image, in bytes [8192000]
  LOGIN_ATTEMPTS_PER_ACCOUNT, LOGIN_ATTEMPTS_PER_ADDRESS
                             wrong passwords in a window [10, 100]
  SIGN_UP_ATTEMPTS_PER_ACCOUNT, SIGN_UP_ATTEMPTS_PER_ADDRESS
                             attempts to sign up in a window [10, 50]
  ATTEMPT_WINDOW_SECONDS     how long a window is [900]
  ORPHAN_MIN_AGE_SECONDS     how old an image without a food is when it is removed [86400]
  ALLOWED_ORIGIN             origins that may call the API, with commas between them [*]
  TOKEN_STORE_URL            redis:// or rediss:// URL that keeps sessions [empty: the database]
  ACCESS_TOKEN_TTL_SECONDS   how long an access token lives [900]
  REFRESH_TOKEN_TTL_SECONDS  how long a refresh token lives [604800]
  ACCESS_SECRET, REFRESH_SECRET
                             what tokens are signed with, at least 32 bytes [made on the first
                             run and kept in the data dir]
  ACCESS_SECRET_PREVIOUS, REFRESH_SECRET_PREVIOUS
                             secrets that are going out of use [none]
  IMAGE_BASE_URL             where browsers find images [/images on this server]
  USERS_TABLE, FOODS_TABLE, SESSIONS_TABLE, IMAGES_BUCKET, UPLOADS_BUCKET
                             names of tables and buckets [users, foods, sessions, images, uploads]
  NO_COLOR                   anything: lines without colours, which only a terminal gets [empty]
Variables that begin with AWS_ are ignored: no AWS account is ever used.
With --events, ACCESS_SECRET and REFRESH_SECRET are always those of the events.

With --engines-only, all that is printed can be given to a shell: lines of `export`, and comments. In
the data dir, for the owner alone and new on each start (the engines are on free ports), it writes
  env        these lines: for `. .local/env`, or `cargo lambda watch --env-file .local/env`
  env.json   the same for `sam local invoke --env-vars .local/env.json`
With --memory it writes neither.

Each request is a line: method, path, status and time; below it what was wrong, and what led to a 5xx.

Ctrl-C ends the program once running requests are answered.

Exit status: 0 after Ctrl-C, 1 when it cannot start, 2 for a wrong command line.

Examples:
  local                      http://127.0.0.1:8888, kept in .local
  local --demo               the same, with something to look at
  local --memory --port 0    for a test: a free port, nothing kept
  local --engines-only --events --data-dir .local/events
                             for `cargo lambda watch` and `cargo lambda invoke`";

impl Args {
    /// What the library should start; `settings` are the environment's.
    pub(crate) fn into_options(self, settings: Vec<(String, String)>) -> Options {
        let no_color = settings.iter().find(|(name, _)| name == "NO_COLOR");
        let colours = Colours::of_stdout(no_color.map(|(_, value)| value.as_str()));
        Options {
            port: self.port,
            storage: if self.memory {
                Storage::Memory
            } else {
                Storage::Dir(self.data_dir)
            },
            settings,
            fill: match (self.demo, self.events) {
                (true, _) => Some(Seed::Demo),
                (_, true) => Some(Seed::Events),
                _ => None,
            },
            engines_only: self.engines_only,
            // What it prints is for a shell to read.
            log: (!self.engines_only).then_some(colours),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, clap::Error> {
        let arguments = std::iter::once(&"local").chain(arguments);
        Args::try_parse_from(arguments).map(|args| args.into_options(Vec::new()))
    }

    #[test]
    fn defaults_are_port_8888_and_the_folder_local() {
        let options = options(&[]).unwrap();
        assert_eq!(options.port, 8888);
        assert!(matches!(options.storage, Storage::Dir(dir) if dir.as_os_str() == ".local"));
        assert_eq!(options.fill, None);
        assert!(!options.engines_only && options.log.is_some());
    }

    #[test]
    fn flags_that_exclude_each_other_are_rejected() {
        for arguments in [
            &["--memory", "--data-dir", "x"][..],
            &["--demo", "--events"],
            &["--port", "65536"],
        ] {
            assert!(options(arguments).is_err(), "{arguments:?}");
        }
    }
}
