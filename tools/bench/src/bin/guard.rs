//! Regression guard (`.ci/guard`): compares the binary size of each function, and its instruction count until
//! the first response, with `tools/bench/recorded.json`. Neither depends on the load of the machine. For another
//! architecture (`.ci/arm64`) it compares only sizes.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::Error;
use bench::backend::Backend;
use bench::program::{Program, instructions};
use bench::progress::Progress;
use clap::Parser;
use functions::routes::FUNCTIONS;
use serde::{Deserialize, Serialize};

/// The growth of a binary that is allowed, in bytes. Sizes are reproducible with the same compiler.
const BYTES: u64 = 65_536;
/// The growth of the instruction count that is allowed. Counts vary: valgrind makes a function 50 times slower, so a
/// connection may time out on a busy machine and be retried. A percentage would hide regressions of `login`, which
/// executes most of its instructions in Argon2.
const INSTRUCTIONS: u64 = 500_000;
/// The allowed growth of functions with concurrent calls, which open one to three connections depending on timing. A
/// TLS handshake executes 1.3 million instructions.
const INSTRUCTIONS_WITH_HANDSHAKE: u64 = 3_000_000;
const WITH_CONCURRENT_CALLS: [&str; 6] =
    ["change_password", "create_food", "create_user", "delete_food", "login", "update_food"];

/// Compares sizes and instruction counts of the functions with the recorded ones.
#[derive(Parser)]
struct Arguments {
    /// Folder of the functions' binaries
    #[arg(long)]
    functions: PathBuf,
    /// Architecture of the binaries
    #[arg(long, default_value = ARCH)]
    architecture: String,
    /// Record the measurements
    #[arg(long)]
    write: bool,
    /// Measure only these functions
    #[arg(long, value_name = "FUNCTION")]
    only: Vec<String>,
}

/// The binary size of a function and its instruction count until the first response.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Measured {
    bytes: u64,
    /// `None` for binaries that this machine cannot run.
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<u64>,
}

/// Measurements of functions by function name.
type Functions = BTreeMap<String, Measured>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let arguments = Arguments::parse();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded.json");
    let mut recorded: BTreeMap<String, Functions> = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => BTreeMap::new(),
    };
    let architecture = &arguments.architecture;
    if !arguments.write && !recorded.contains_key(architecture) {
        println!("Nothing is recorded for {architecture}: make bench-record, or .ci/arm64 --write");
        return Ok(ExitCode::FAILURE);
    }
    let recorded_here = recorded.entry(architecture.clone()).or_default();
    let names = FUNCTIONS.map(|function| function.name);
    let selected =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|one| one == name);
    let backend = (architecture == ARCH).then(Backend::start).transpose()?;
    let mut measured = Functions::new();
    let progress = Progress::new(names.iter().filter(|name| selected(name)).count() as u64);
    for name in names.iter().filter(|name| selected(name)) {
        progress.step(name);
        let program = Program::function(&arguments.functions, name);
        let instructions = match &backend {
            Some(backend) => {
                let count = repeated(&program, backend).await?;
                Some(count.ok_or("valgrind is not installed")?)
            }
            None => None,
        };
        let measurement = Measured { bytes: program.size()?, instructions };
        measured.insert((*name).to_owned(), measurement);
    }
    drop(progress);
    if arguments.write {
        // Keeps the counts of a machine of this architecture.
        for (name, now) in &mut measured {
            let before = recorded_here.get(name).and_then(|before| before.instructions);
            now.instructions = now.instructions.or(before);
        }
        recorded_here.retain(|name, _| names.contains(&name.as_str()));
        recorded_here.extend(measured);
        let text = serde_json::to_string_pretty(&recorded)?;
        fs::write(file, format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    recorded_here.retain(|name, _| selected(name));
    print(recorded_here, &measured);
    let regressions = regressions(recorded_here, &measured);
    if regressions.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\n{}\nIf the growth is justified, run `make bench-record` and explain it in the commit.",
        regressions.join("\n")
    );
    Ok(ExitCode::FAILURE)
}

/// Counts instructions. Repeats a failed count twice, because valgrind is slow and a call on a busy machine may time out.
async fn repeated(program: &Program, backend: &Backend) -> Result<Option<u64>, Error> {
    for _ in 0..2 {
        match instructions(program, backend, Path::new("/dev/null")).await {
            Err(error) => println!("again: {error}"),
            counted => return counted,
        }
    }
    instructions(program, backend, Path::new("/dev/null")).await
}

fn print(recorded: &Functions, measured: &Functions) {
    println!("| Function | Bytes | Change | Instructions | Change |\n|---|---|---|---|---|");
    for (name, now) in measured {
        let before = recorded.get(name).unwrap_or(now);
        let columns =
            |now: u64, before: u64| format!("{now} | {:+}", i128::from(now) - i128::from(before));
        let instructions = now.instructions.zip(before.instructions);
        println!(
            "| {name} | {} | {} |",
            columns(now.bytes, before.bytes),
            instructions.map_or("– | –".to_owned(), |(now, before)| columns(now, before)),
        );
    }
}

/// Returns a message for each function that has grown beyond a margin, is not recorded, or no longer exists.
fn regressions(recorded: &Functions, measured: &Functions) -> Vec<String> {
    let mut messages = Vec::new();
    for (name, now) in measured {
        let margin = if WITH_CONCURRENT_CALLS.contains(&name.as_str()) {
            INSTRUCTIONS_WITH_HANDSHAKE
        } else {
            INSTRUCTIONS
        };
        match recorded.get(name) {
            None => messages.push(format!("{name} is not recorded")),
            Some(before) if now.bytes > before.bytes + BYTES => {
                messages.push(format!("{name} is larger than recorded"));
            }
            Some(Measured { instructions: Some(before), .. })
                if now.instructions > Some(before + margin) =>
            {
                messages.push(format!("{name} executes more instructions than recorded"));
            }
            Some(_) => {}
        }
    }
    let removed = recorded.keys().filter(|name| !measured.contains_key(*name));
    messages.extend(removed.map(|name| format!("{name} is recorded but no longer a function")));
    messages
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn functions(all: &[(&str, u64, u64)]) -> Functions {
        let all = all.iter().map(|&(name, bytes, instructions)| {
            let measured = Measured { bytes, instructions: Some(instructions) };
            (name.to_owned(), measured)
        });
        all.collect()
    }

    #[test]
    fn each_function_is_recorded() {
        let recorded: BTreeMap<String, Functions> =
            serde_json::from_str(include_str!("../../recorded.json")).unwrap();
        let names: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name).collect();
        let recorded: BTreeSet<_> = recorded["x86_64"].keys().map(String::as_str).collect();
        assert_eq!(recorded, names);
    }

    #[test]
    fn guard_reports_size_or_instruction_growth_beyond_margin() {
        let recorded = functions(&[("get_food", 10, 10), ("login", 10, 10)]);
        let within = functions(&[("get_food", 65_546, 500_010), ("login", 0, 3_000_010)]);
        assert_eq!(regressions(&recorded, &within), Vec::<String>::new());
        let beyond = functions(&[("get_food", 65_547, 0), ("login", 0, 3_000_011)]);
        assert_eq!(
            regressions(&recorded, &beyond),
            ["get_food is larger than recorded", "login executes more instructions than recorded"]
        );
    }

    #[test]
    fn guard_compares_only_sizes_without_instruction_counts() {
        let size = |bytes| {
            BTreeMap::from([("get_food".to_owned(), Measured { bytes, instructions: None })])
        };
        assert_eq!(regressions(&size(10), &size(65_546)), Vec::<String>::new());
        assert_eq!(regressions(&size(10), &size(65_547)), ["get_food is larger than recorded"]);
    }

    #[test]
    fn guard_reports_new_and_removed_functions() {
        let (old, new) = (functions(&[("old", 1, 1)]), functions(&[("new", 1, 1)]));
        assert_eq!(
            regressions(&old, &new),
            ["new is not recorded", "old is recorded but no longer a function"]
        );
    }
}
