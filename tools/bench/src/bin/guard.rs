//! Compares the size of each function, and the instructions it executes until its first answer, with
//! those of `tools/bench/recorded.json`: `.ci/guard`. Neither depends on how busy the machine is.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::Error;
use bench::backend::Backend;
use bench::program::{Program, instructions};
use clap::Parser;
use functions::routes::FUNCTIONS;
use serde::{Deserialize, Serialize};

/// How many more than recorded are too many. Sizes are the same wherever the compiler is. Counts are not:
/// under valgrind a function is fifty times slower, and on a busy machine connecting may take longer
/// than it may, and be begun again. Not a part of all: that of a login is nearly all Argon2.
const BYTES: u64 = 65_536;
const INSTRUCTIONS: u64 = 500_000;
/// Where calls go out at once, each with a connection or one after the other with the same.
const INSTRUCTIONS_WITH_A_HANDSHAKE: u64 = 2_000_000;
const CALLS_AT_ONCE: [&str; 6] = [
    "change_password",
    "create_food",
    "create_user",
    "delete_food",
    "login",
    "update_food",
];

/// Compares sizes and instruction counts of the functions with recorded ones.
#[derive(Parser)]
struct Arguments {
    /// The folder with the functions
    #[arg(long)]
    functions: PathBuf,
    /// Record what is measured now
    #[arg(long)]
    write: bool,
    /// Look at these functions and leave the others as they are
    #[arg(long, value_name = "FUNCTION")]
    only: Vec<String>,
}

/// The measurements of a function.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Measured {
    bytes: u64,
    instructions: u64,
}

/// Measurements by the name of the function.
type Functions = BTreeMap<String, Measured>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let arguments = Arguments::parse();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded.json");
    let mut recorded: BTreeMap<String, Functions> = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => BTreeMap::new(),
    };
    if !arguments.write && !recorded.contains_key(ARCH) {
        println!("Nothing is recorded for {ARCH}: make record");
        return Ok(ExitCode::SUCCESS);
    }
    let recorded_here = recorded.entry(ARCH.to_owned()).or_default();
    let names = FUNCTIONS.map(|function| function.name);
    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|one| one == name);
    let backend = Backend::start()?;
    let mut measured = Functions::new();
    for name in names.iter().filter(|name| wanted(name)) {
        let program = Program::function(&arguments.functions, name);
        let count = instructions(&program, &backend, Path::new("/dev/null")).await?;
        let measurement = Measured {
            bytes: program.size()?,
            instructions: count.ok_or("valgrind is not installed")?,
        };
        measured.insert((*name).to_owned(), measurement);
    }
    if arguments.write {
        recorded_here.retain(|name, _| names.contains(&name.as_str()));
        recorded_here.extend(measured);
        let text = serde_json::to_string_pretty(&recorded)?;
        fs::write(file, format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    recorded_here.retain(|name, _| wanted(name));
    print(recorded_here, &measured);
    let faults = faults(recorded_here, &measured);
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\n{}\nWhere it is worth it, `make record`, and say why in the commit.",
        faults.join("\n")
    );
    Ok(ExitCode::FAILURE)
}

fn print(recorded: &Functions, measured: &Functions) {
    println!("| Function | Bytes | more | Instructions | more |\n|---|---|---|---|---|");
    for (name, is) in measured {
        let was = recorded.get(name).unwrap_or(is);
        let more = |is: u64, was: u64| i128::from(is) - i128::from(was);
        println!(
            "| {name} | {} | {:+} | {} | {:+} |",
            is.bytes,
            more(is.bytes, was.bytes),
            is.instructions,
            more(is.instructions, was.instructions),
        );
    }
}

/// Functions that have grown, that are new, and that are gone.
fn faults(recorded: &Functions, measured: &Functions) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, is) in measured {
        let margin = if CALLS_AT_ONCE.contains(&name.as_str()) {
            INSTRUCTIONS_WITH_A_HANDSHAKE
        } else {
            INSTRUCTIONS
        };
        match recorded.get(name) {
            None => faults.push(format!("{name} is not recorded")),
            Some(was) if is.bytes > was.bytes + BYTES => {
                faults.push(format!("{name} is larger than recorded"));
            }
            Some(was) if is.instructions > was.instructions + margin => {
                faults.push(format!("{name} is slower to start than recorded"));
            }
            Some(_) => {}
        }
    }
    let gone = recorded.keys().filter(|name| !measured.contains_key(*name));
    faults.extend(gone.map(|name| format!("{name} is recorded, and is not a function")));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(all: &[(&str, u64, u64)]) -> Functions {
        let all = all.iter().map(|&(name, bytes, instructions)| {
            let measured = Measured {
                bytes,
                instructions,
            };
            (name.to_owned(), measured)
        });
        all.collect()
    }

    #[test]
    fn growth_beyond_the_margins_is_a_fault() {
        let recorded = functions(&[("get_food", 10, 10), ("login", 10, 10)]);
        let within = functions(&[("get_food", 65_546, 500_010), ("login", 0, 2_000_010)]);
        assert_eq!(faults(&recorded, &within), Vec::<String>::new());
        let beyond = functions(&[("get_food", 65_547, 0), ("login", 0, 2_000_011)]);
        assert_eq!(
            faults(&recorded, &beyond),
            [
                "get_food is larger than recorded",
                "login is slower to start than recorded"
            ]
        );
    }

    #[test]
    fn new_and_removed_functions_are_faults() {
        let (old, new) = (functions(&[("old", 1, 1)]), functions(&[("new", 1, 1)]));
        assert_eq!(
            faults(&old, &new),
            [
                "new is not recorded",
                "old is recorded, and is not a function"
            ]
        );
    }
}
