//! The command line of the program `local`.

use std::net::{AddrParseError, IpAddr};
use std::path::PathBuf;

use clap::Parser;

use local::{Options, Seed, Storage};

/// Runs the whole API on one machine: all routes, the database and the image storage, in one process.
#[derive(Debug, Parser)]
#[command(name = "local", version, after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// Port to listen on (127.0.0.1); 0 selects a free port.
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    port: u16,

    /// Folder for the database, images and secrets. It is created if it is missing; delete it to
    /// start empty.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data_dir: PathBuf,

    /// Store all data in temporary files, which are removed when the program ends.
    #[arg(long, conflicts_with = "data_dir")]
    memory: bool,

    /// Seed 40 users, 48 foods with images, and likes that follow tastes, so that recommendations make sense.
    #[arg(long)]
    demo: bool,

    /// Train recommendations before the start. They are also trained every ten minutes if likes or foods have changed.
    #[arg(long)]
    train: bool,

    /// Seed the users, foods and sessions that the files in events/ expect, and sign tokens with
    /// their secrets. Restores fixtures that events have changed.
    #[arg(long, conflicts_with = "demo")]
    seed_fixtures: bool,

    /// Run without the functions, for `cargo lambda watch` or `sam local`: start the database and
    /// the image storage, serve images, return 404 for all routes, and print the environment
    /// variables that the functions need.
    #[arg(long)]
    engines_only: bool,

    /// Make the database and the image storage reachable at this address too, for containers: on
    /// Linux the address of Docker's bridge, such as 172.17.0.1. Docker Desktop needs no address.
    #[arg(long, value_name = "ADDRESS", value_parser = one_address, requires = "engines_only")]
    listen: Option<IpAddr>,
}

/// Parses an IP address. Rejects those that stand for all addresses of this machine.
fn one_address(argument: &str) -> Result<IpAddr, String> {
    let address: IpAddr = argument.parse().map_err(|error: AddrParseError| error.to_string())?;
    if address.to_canonical().is_unspecified() {
        return Err("this stands for all addresses of this machine, name one".to_owned());
    }
    Ok(address)
}

const AFTER_HELP: &str = "\
Settings are environment variables; unset or empty ones have the default in brackets:
  PASSWORD_MIN_LENGTH        minimum length of a password, in characters [8]
  MAX_IMAGE_BYTES            maximum size of an image, in bytes [8192000]
  LOGIN_ATTEMPTS_PER_ACCOUNT, LOGIN_ATTEMPTS_PER_ADDRESS
                             failed logins per window, by account and by client IP [10, 100]
  SIGN_UP_ATTEMPTS_PER_ACCOUNT, SIGN_UP_ATTEMPTS_PER_ADDRESS
                             sign-ups per window, by e-mail and by client IP [10, 50]
  ATTEMPT_WINDOW_SECONDS     length of a window [900]
  ORPHAN_MIN_AGE_SECONDS     age at which an image without a food is deleted [86400]
  ALLOWED_ORIGIN             origins that may call the API, comma-separated [*]
  TOKEN_STORE_URL            redis:// or rediss:// URL of the session store [the database]
  ACCESS_TOKEN_TTL_SECONDS   lifetime of an access token [900]
  REFRESH_TOKEN_TTL_SECONDS  lifetime of a refresh token [604800]
  SESSION_MAX_SECONDS        maximum lifetime of a session [7776000]
  ACCESS_SECRET, REFRESH_SECRET
                             secrets that sign tokens, at least 32 bytes [generated on the first
                             run and stored in the data dir]
  ACCESS_SECRET_PREVIOUS, REFRESH_SECRET_PREVIOUS
                             rotated secrets that are still accepted [none]
  IMAGE_BASE_URL             URL prefix of images [/images on this server]; requests for its host
                             are accepted, besides those for localhost
  USERS_TABLE, FOODS_TABLE, SESSIONS_TABLE, LIKES_TABLE, IMAGES_BUCKET, UPLOADS_BUCKET
                             names of tables and buckets [users, foods, sessions, images, uploads]
  NO_COLOR                   any value disables colours [colours on a terminal]
Variables that begin with AWS_ are ignored: no AWS account is ever used.
With --seed-fixtures, ACCESS_SECRET and REFRESH_SECRET are always those of the fixtures.

With --engines-only, the output is a shell script of `export` lines and comments. Two files in the
data dir, readable by the owner only, are replaced on each start (the engines use free ports):
  env        the same lines: for `. .local/env`, or `cargo lambda watch --env-file .local/env`
  env.json   for `sam local invoke --env-vars .local/env.json`: functions in containers find the
             engines at host.docker.internal
With --memory neither is written.

The request log has a line per request: method, path, status and time, followed by its errors.

Ctrl-C stops the program once requests in flight are complete.

Exit status: 0 after Ctrl-C, 1 if it cannot start, 2 for an invalid command line.

Examples:
  local                      http://127.0.0.1:8888, data in .local
  local --demo               with users, foods and likes
  local --memory --port 0    for a test: a free port, no data on disk
  local --engines-only --seed-fixtures --data-dir .local/events
                             for `cargo lambda watch` and `cargo lambda invoke`";

impl Args {
    /// Converts the arguments to options of the server; `settings` are the environment variables.
    pub(crate) fn into_options(self, settings: Vec<(String, String)>) -> Options {
        Options {
            port: self.port,
            storage: if self.memory { Storage::Memory } else { Storage::Dir(self.data_dir) },
            settings,
            seed: match (self.demo, self.seed_fixtures) {
                (true, _) => Some(Seed::Demo),
                (_, true) => Some(Seed::Fixtures),
                _ => None,
            },
            train: self.train,
            engines_only: self.engines_only,
            listen: self.listen,
            // The output of `--engines-only` is a shell script.
            log: !self.engines_only,
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
    fn default_port_is_8888_and_data_dir_is_dot_local() {
        let options = options(&[]).unwrap();
        assert_eq!(options.port, 8888);
        assert!(matches!(options.storage, Storage::Dir(dir) if dir.as_os_str() == ".local"));
        assert_eq!(options.seed, None);
        assert!(!options.train && !options.engines_only && options.listen.is_none() && options.log);
    }

    #[test]
    fn conflicting_or_invalid_flags_are_rejected() {
        for arguments in [
            &["--memory", "--data-dir", "x"][..],
            &["--demo", "--seed-fixtures"],
            &["--port", "65536"],
            &["--listen", "127.0.0.2"],
            &["--engines-only", "--listen", "0.0.0.0"],
            &["--engines-only", "--listen", "::ffff:0.0.0.0"],
            &["--engines-only", "--listen", "docker0"],
        ] {
            assert!(options(arguments).is_err(), "{arguments:?}");
        }
    }
}
