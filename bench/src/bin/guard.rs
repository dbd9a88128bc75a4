//! Compares the size of each function, and the instructions it executes until its first answer, with
//! those of `bench/recorded.json`: `.ci/guard`. Neither depends on how busy the machine is.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::Error;
use bench::backend::Backend;
use bench::program::{Program, instructions};
use clap::Parser;
use functions::routes::{ROUTES, WITHOUT_ROUTE};
use serde_json::{Value, json};

/// How many more than recorded are too many. Sizes are the same wherever the compiler is. Counts are not:
/// under valgrind a function is fifty times slower, and on a busy machine connecting may take longer
/// than it may, and be begun again. Not a part of all: that of a login is nearly all Argon2.
const BYTES: u64 = 65_536;
const INSTRUCTIONS: u64 = 500_000;
/// Where calls go out at once, each with a connection or one after the other with the same.
const INSTRUCTIONS_WITH_A_HANDSHAKE: u64 = 1_500_000;
const CALLS_AT_ONCE: [&str; 7] = [
    "change_password",
    "create_food",
    "create_user",
    "delete_food",
    "login",
    "process_image",
    "update_food",
];
/// The least of so many counts is taken: whatever comes between adds to one.
const COUNTS: usize = 3;

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

/// What is measured of a function.
struct Measured {
    bytes: u64,
    instructions: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    let arguments = Arguments::parse();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded.json");
    let mut recorded: Value = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => json!({}),
    };
    if !arguments.write && recorded.get(ARCH).is_none() {
        println!("Nothing is recorded for {ARCH}: make record");
        return Ok(ExitCode::SUCCESS);
    }
    let backend = Backend::start()?;
    let mut measured = BTreeMap::new();
    let only = &arguments.only;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let names = ROUTES.iter().map(|route| route.name).chain(WITHOUT_ROUTE);
    for name in names.filter(|name| wanted(name)) {
        let program = Program {
            name: name.to_owned(),
            function: name.to_owned(),
            path: arguments.functions.join(name),
        };
        measured.insert(name, measure(&program, &backend).await?);
    }
    if arguments.write {
        for (name, is) in &measured {
            recorded[ARCH][name] = is.json();
        }
        let text = serde_json::to_string_pretty(&recorded)?;
        fs::write(file, format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("| Function | Bytes | more | Instructions | more |\n|---|---|---|---|---|");
    let mut grown = Vec::new();
    for (name, is) in &measured {
        let was = Measured::recorded(&recorded[ARCH][name])?;
        let more = |is: u64, was: u64| i128::from(is) - i128::from(was);
        println!(
            "| {name} | {} | {:+} | {} | {:+} |",
            is.bytes,
            more(is.bytes, was.bytes),
            is.instructions,
            more(is.instructions, was.instructions),
        );
        let margin = if CALLS_AT_ONCE.contains(name) {
            INSTRUCTIONS_WITH_A_HANDSHAKE
        } else {
            INSTRUCTIONS
        };
        if is.bytes > was.bytes + BYTES || is.instructions > was.instructions + margin {
            grown.push(*name);
        }
    }
    if grown.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\nLarger or slower to start than recorded: {}. Where it is worth it, `make record`, and say why in the commit.",
        grown.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

async fn measure(program: &Program, backend: &Backend) -> Result<Measured, Error> {
    let mut counts = Vec::new();
    for _ in 0..COUNTS {
        // Each with a picture that has no variants yet.
        let mut scene = backend.scene(&program.function).await?;
        let count = instructions(program, &mut scene, Path::new("/dev/null")).await?;
        counts.push(count.ok_or("valgrind is not installed")?);
    }
    Ok(Measured {
        bytes: program.size()?,
        instructions: counts.into_iter().min().unwrap_or_default(),
    })
}

impl Measured {
    fn recorded(value: &Value) -> Result<Self, Error> {
        let number = |name: &str| value[name].as_u64().ok_or("not recorded: make record");
        Ok(Self {
            bytes: number("bytes")?,
            instructions: number("instructions")?,
        })
    }

    fn json(&self) -> Value {
        json!({"bytes": self.bytes, "instructions": self.instructions})
    }
}
