//! Measures cold starts and warm calls of the functions and of comparison programs: `make bench-cold`.

use std::path::PathBuf;
use std::time::Duration;

use bench::Error;
use bench::backend::{Backend, Workload};
use bench::numbers::{median, millions, ms, quantile};
use bench::program::{ColdStart, Program, Warm, cold, instructions, warm};
use bench::progress::Progress;
use clap::Parser;
use functions::routes::ROUTES;

/// The comparison programs in `tools/bench/yardsticks`.
const YARDSTICKS: [&str; 3] = [FLOOR, "by_hand", "sdk_defaults"];
const FLOOR: &str = "floor";
/// The function whose events the comparison programs receive.
const YARDSTICK_FUNCTION: &str = "get_food";

/// The number of processes that the warm calls of a program are divided among.
const WARM_PROCESSES: u32 = 4;

/// Measures cold starts and warm calls, and prints a Markdown table.
#[derive(Parser)]
struct Arguments {
    /// Folder of the functions' binaries
    #[arg(long)]
    functions: PathBuf,
    /// Folder of the comparison programs
    #[arg(long)]
    yardsticks: PathBuf,
    /// Another build to compare: NAME=PATH, where the file name is the function's
    #[arg(long, value_parser = other)]
    other: Vec<Program>,
    /// Measure only these programs
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Cold starts per program
    #[arg(long, default_value_t = 40)]
    starts: u32,
    /// Warm calls per program
    #[arg(long, default_value_t = 400)]
    calls: u32,
    /// Write profiles for `callgrind_annotate` to this folder
    #[arg(long)]
    profiles: Option<PathBuf>,
}

fn other(argument: &str) -> Result<Program, String> {
    let (name, path) = argument.split_once('=').ok_or("expected NAME=PATH")?;
    let path = PathBuf::from(path);
    let function = path.file_name().and_then(|file| file.to_str());
    Ok(Program {
        name: name.to_owned(),
        function: function.ok_or("has no file name")?.to_owned(),
        path,
    })
}

impl Arguments {
    fn programs(&self) -> Vec<Program> {
        let yardsticks = YARDSTICKS.map(|name| Program {
            function: YARDSTICK_FUNCTION.to_owned(),
            ..Program::function(&self.yardsticks, name)
        });
        let functions = ROUTES.map(|route| Program::function(&self.functions, route.name));
        let all = yardsticks.into_iter().chain(functions);
        all.chain(self.other.iter().cloned())
            .filter(|program| self.only.is_empty() || self.only.contains(&program.name))
            .collect()
    }
}

/// A measured program with its events and measurements.
struct Subject {
    program: Program,
    workload: Workload,
    starts: Vec<ColdStart>,
    calls: Vec<Warm>,
    instructions: Option<u64>,
}

impl Subject {
    /// Returns the median of a duration over all cold starts, in milliseconds.
    fn median_start(&self, value: fn(&ColdStart) -> Duration) -> f64 {
        let values: Vec<_> = self.starts.iter().map(value).collect();
        ms(median(&values))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let backend = Backend::start()?;
    let programs = arguments.programs();
    // One step to load the program, one per cold start, one per warm process, one to count instructions.
    let steps = 2 + u64::from(arguments.starts) + u64::from(WARM_PROCESSES);
    let progress = Progress::new(steps * programs.len() as u64);
    let mut subjects = Vec::new();
    for program in programs.clone() {
        progress.step(&format!("load {}", program.name));
        let mut workload = backend.workload(&program.function).await?;
        // Loads the binary into the page cache.
        cold(&program, &mut workload).await?;
        subjects.push(Subject {
            program,
            workload,
            starts: Vec::new(),
            calls: Vec::new(),
            instructions: None,
        });
    }
    for _ in 0..arguments.starts {
        fastrand::shuffle(&mut subjects);
        for subject in &mut subjects {
            progress.step(&format!("cold start of {}", subject.program.name));
            let start = cold(&subject.program, &mut subject.workload).await?;
            subject.starts.push(start);
        }
    }
    for _ in 0..WARM_PROCESSES {
        fastrand::shuffle(&mut subjects);
        let calls = arguments.calls / WARM_PROCESSES;
        for subject in &mut subjects {
            progress.step(&format!("warm calls of {}", subject.program.name));
            let calls = warm(&subject.program, &mut subject.workload, calls).await?;
            subject.calls.push(calls);
        }
    }
    for subject in &mut subjects {
        progress.step(&format!("count instructions of {}", subject.program.name));
        let profile = arguments.profiles.as_ref().map_or_else(
            || PathBuf::from("/dev/null"),
            |folder| folder.join(format!("{}.callgrind", subject.program.name)),
        );
        subject.instructions = instructions(&subject.program, &backend, &profile).await?;
    }
    drop(progress);
    print(&subjects, &programs)
}

/// Prints the measurements as a Markdown table, with the programs in the given order.
fn print(subjects: &[Subject], order: &[Program]) -> Result<(), Error> {
    let find = |name: &str| subjects.iter().find(|subject| subject.program.name == name);
    let floor = find(FLOOR).map(|floor| floor.median_start(|start| start.first_response));
    println!(
        "| Program | Size, MB | First poll, ms | First response, ms | × floor | CPU until then, ms | Resident, MB | Warm p50, ms | \
         p99 | CPU, ms a call | Instructions, M |\n|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for subject in order.iter().filter_map(|program| find(&program.name)) {
        let first_response = subject.median_start(|start| start.first_response);
        let resident: Vec<_> = subject.starts.iter().map(|start| start.usage.resident).collect();
        let latencies: Vec<_> =
            subject.calls.iter().flat_map(|calls| calls.latencies.clone()).collect();
        let cpu: Vec<_> = subject.calls.iter().map(|calls| calls.cpu).collect();
        let or_empty = |cell: Option<f64>| cell.map_or(String::new(), |cell| format!("{cell:.2}"));
        println!(
            "| {} | {:.2} | {:.2} | {first_response:.2} | {} | {:.2} | {:.1} | {:.2} | {:.2} | {:.3} | {} |",
            subject.program.name,
            millions(subject.program.size()?),
            subject.median_start(|start| start.first_poll),
            or_empty(floor.map(|floor| first_response / floor)),
            subject.median_start(|start| start.usage.cpu),
            millions(median(&resident)),
            ms(median(&latencies)),
            ms(quantile(&latencies, 0.99)),
            ms(median(&cpu)),
            or_empty(subject.instructions.map(millions)),
        );
    }
    Ok(())
}
