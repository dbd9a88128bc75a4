//! Starts functions cold, again and again, and prints what that costs: `make bench-cold`.

use std::path::PathBuf;
use std::time::Duration;

use bench::Error;
use bench::backend::{Backend, Workload};
use bench::numbers::{median, millions, ms, quantile};
use bench::program::{ColdStart, Program, Warm, cold, instructions, warm};
use clap::Parser;
use functions::routes::ROUTES;

/// What everything is compared with: tools/bench/yardsticks.
const YARDSTICKS: [&str; 3] = [FLOOR, "by_hand", "sdk_defaults"];
const FLOOR: &str = "floor";
/// The function that they do the same as.
const LIKE_THE_YARDSTICKS: &str = "get_food";

/// Processes for the warm calls of each program.
const WARM_PROCESSES: u32 = 4;

/// Starts functions cold, again and again, and prints what that costs.
#[derive(Parser)]
struct Arguments {
    /// The folder with the functions
    #[arg(long)]
    functions: PathBuf,
    /// The folder with the yardsticks
    #[arg(long)]
    yardsticks: PathBuf,
    /// Another build to compare with: NAME=PATH, a file called as its function
    #[arg(long, value_parser = other)]
    other: Vec<Program>,
    /// Only these, by name
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Cold starts of each program
    #[arg(long, default_value_t = 40)]
    starts: u32,
    /// Warm calls of each program
    #[arg(long, default_value_t = 400)]
    calls: u32,
    /// Keep in this folder where instructions are executed, for `callgrind_annotate`
    #[arg(long)]
    profiles: Option<PathBuf>,
}

fn other(argument: &str) -> Result<Program, String> {
    let (name, path) = argument.split_once('=').ok_or("should be NAME=PATH")?;
    let path = PathBuf::from(path);
    let function = path.file_name().and_then(|file| file.to_str());
    Ok(Program {
        name: name.to_owned(),
        function: function.ok_or("names no file")?.to_owned(),
        path,
    })
}

impl Arguments {
    fn programs(&self) -> Vec<Program> {
        let yardsticks = YARDSTICKS.map(|name| Program {
            function: LIKE_THE_YARDSTICKS.to_owned(),
            ..Program::function(&self.yardsticks, name)
        });
        let functions = ROUTES.map(|route| Program::function(&self.functions, route.name));
        let all = yardsticks.into_iter().chain(functions);
        all.chain(self.other.iter().cloned())
            .filter(|program| self.only.is_empty() || self.only.contains(&program.name))
            .collect()
    }
}

/// A program and what was measured of it.
struct Subject {
    program: Program,
    workload: Workload,
    starts: Vec<ColdStart>,
    calls: Vec<Warm>,
    instructions: Option<u64>,
}

impl Subject {
    /// The median over cold starts, in ms.
    fn of_starts(&self, value: fn(&ColdStart) -> Duration) -> f64 {
        let values: Vec<_> = self.starts.iter().map(value).collect();
        ms(median(&values))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let backend = Backend::start()?;
    let mut subjects = Vec::new();
    for program in arguments.programs() {
        let mut workload = backend.workload(&program.function).await?;
        // Its file is in the page cache from here on.
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
            let start = cold(&subject.program, &mut subject.workload).await?;
            subject.starts.push(start);
        }
    }
    for _ in 0..WARM_PROCESSES {
        fastrand::shuffle(&mut subjects);
        let calls = arguments.calls / WARM_PROCESSES;
        for subject in &mut subjects {
            let calls = warm(&subject.program, &mut subject.workload, calls).await?;
            subject.calls.push(calls);
        }
    }
    for subject in &mut subjects {
        let profile = arguments.profiles.as_ref().map_or_else(
            || PathBuf::from("/dev/null"),
            |folder| folder.join(format!("{}.callgrind", subject.program.name)),
        );
        subject.instructions = instructions(&subject.program, &backend, &profile).await?;
    }
    print(&subjects, &arguments.programs())
}

/// Prints the table, in the given order.
fn print(subjects: &[Subject], order: &[Program]) -> Result<(), Error> {
    let find = |name: &str| subjects.iter().find(|subject| subject.program.name == name);
    let floor = find(FLOOR).map(|floor| floor.of_starts(|start| start.first_response));
    println!(
        "| Program | Size, MB | First poll, ms | First response, ms | × floor | CPU until then, ms | Resident, MB | Warm p50, ms | \
         p99 | CPU, ms a call | Instructions, M |\n|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for subject in order.iter().filter_map(|program| find(&program.name)) {
        let first_response = subject.of_starts(|start| start.first_response);
        let resident: Vec<_> = subject
            .starts
            .iter()
            .map(|start| start.usage.resident)
            .collect();
        let latencies: Vec<_> = subject
            .calls
            .iter()
            .flat_map(|calls| calls.latencies.clone())
            .collect();
        let cpu: Vec<_> = subject.calls.iter().map(|calls| calls.cpu).collect();
        let or_empty = |cell: Option<f64>| cell.map_or(String::new(), |cell| format!("{cell:.2}"));
        println!(
            "| {} | {:.2} | {:.2} | {first_response:.2} | {} | {:.2} | {:.1} | {:.2} | {:.2} | {:.3} | {} |",
            subject.program.name,
            millions(subject.program.size()?),
            subject.of_starts(|start| start.first_poll),
            or_empty(floor.map(|floor| first_response / floor)),
            subject.of_starts(|start| start.usage.cpu),
            millions(median(&resident)),
            ms(median(&latencies)),
            ms(quantile(&latencies, 0.99)),
            ms(median(&cpu)),
            or_empty(subject.instructions.map(millions)),
        );
    }
    Ok(())
}
