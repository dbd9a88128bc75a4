//! Starts functions cold, again and again, and prints what that costs: `make bench-cold`.

use std::path::PathBuf;
use std::time::Duration;

use bench::Error;
use bench::backend::{Backend, Scene};
use bench::numbers::{median, millions, ms, quantile};
use bench::program::{ColdStart, Program, Warm, cold, instructions, warm};
use clap::Parser;
use functions::routes::ROUTES;

/// What everything is compared with: bench/yardsticks.
const YARDSTICKS: [&str; 3] = [FLOOR, "by_hand", "sdk_defaults"];
const FLOOR: &str = "floor";
/// The function that they do the same as.
const LIKE_THE_YARDSTICKS: &str = "get_food";

/// Processes for the warm calls of each program.
const WARM_PROCESSES: u32 = 4;
/// Counts are the same to a few thousandths; the one in the middle is told.
const COUNTS: usize = 3;

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
        let program = |folder: &PathBuf, name: &str, function: &str| Program {
            name: name.to_owned(),
            function: function.to_owned(),
            path: folder.join(name),
        };
        let yardsticks =
            YARDSTICKS.map(|name| program(&self.yardsticks, name, LIKE_THE_YARDSTICKS));
        let functions = ROUTES.map(|route| program(&self.functions, route.name, route.name));
        let all = yardsticks.into_iter().chain(functions);
        all.chain(self.other.iter().cloned())
            .filter(|program| self.only.is_empty() || self.only.contains(&program.name))
            .collect()
    }
}

/// A program and what was measured of it.
struct Subject {
    program: Program,
    scene: Scene,
    starts: Vec<ColdStart>,
    calls: Vec<Warm>,
    instructions: Vec<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let backend = Backend::start()?;
    let mut subjects = Vec::new();
    for program in arguments.programs() {
        let mut scene = backend.scene(&program.function).await?;
        // Its file is in the page cache from here on.
        cold(&program, &mut scene).await?;
        subjects.push(Subject {
            program,
            scene,
            starts: Vec::new(),
            calls: Vec::new(),
            instructions: Vec::new(),
        });
    }
    for _ in 0..arguments.starts {
        fastrand::shuffle(&mut subjects);
        for subject in &mut subjects {
            let start = cold(&subject.program, &mut subject.scene).await?;
            subject.starts.push(start);
        }
    }
    for _ in 0..WARM_PROCESSES {
        fastrand::shuffle(&mut subjects);
        let calls = arguments.calls / WARM_PROCESSES;
        for subject in &mut subjects {
            let calls = warm(&subject.program, &mut subject.scene, calls).await?;
            subject.calls.push(calls);
        }
    }
    for subject in &mut subjects {
        let profile = arguments.profiles.as_ref().map_or_else(
            || PathBuf::from("/dev/null"),
            |folder| folder.join(format!("{}.callgrind", subject.program.name)),
        );
        for _ in 0..COUNTS {
            let count = instructions(&subject.program, &mut subject.scene, &profile).await?;
            subject.instructions.extend(count);
        }
    }
    print(&subjects, &arguments.programs())
}

/// One line of the table, as numbers.
struct Row {
    size: f64,
    first_poll: f64,
    first_response: f64,
    cpu: f64,
    resident: f64,
    p50: f64,
    p99: f64,
    cpu_warm: f64,
    instructions: Option<f64>,
}

impl Row {
    fn of(subject: &Subject) -> Result<Self, Error> {
        let starts = |value: fn(&ColdStart) -> Duration| {
            let values: Vec<Duration> = subject.starts.iter().map(value).collect();
            ms(median(&values))
        };
        let resident: Vec<u64> = subject
            .starts
            .iter()
            .map(|start| start.usage.resident)
            .collect();
        let latencies: Vec<Duration> = subject
            .calls
            .iter()
            .flat_map(|calls| calls.latencies.iter().copied())
            .collect();
        let cpu: Vec<Duration> = subject.calls.iter().map(|calls| calls.cpu).collect();
        let counted = !subject.instructions.is_empty();
        Ok(Self {
            size: millions(subject.program.size()?),
            first_poll: starts(|start| start.first_poll),
            first_response: starts(|start| start.first_response),
            cpu: starts(|start| start.usage.cpu),
            resident: millions(median(&resident)),
            p50: ms(median(&latencies)),
            p99: ms(quantile(&latencies, 0.99)),
            cpu_warm: ms(median(&cpu)),
            instructions: counted.then(|| millions(median(&subject.instructions))),
        })
    }
}

/// In the given order.
fn print(subjects: &[Subject], order: &[Program]) -> Result<(), Error> {
    let find = |name: &str| subjects.iter().find(|subject| subject.program.name == name);
    let floor = find(FLOOR).map(Row::of).transpose()?;
    println!(
        "| Program | Size, MB | First poll, ms | First response, ms | × floor | CPU until then, ms | Resident, MB | Warm p50, ms | \
         p99 | CPU, ms a call | Instructions, M |\n|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for program in order {
        let Some(subject) = find(&program.name) else {
            continue;
        };
        let row = Row::of(subject)?;
        let ratio = floor
            .as_ref()
            .map(|floor| row.first_response / floor.first_response);
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {} | {:.2} | {:.1} | {:.2} | {:.2} | {:.3} | {} |",
            program.name,
            row.size,
            row.first_poll,
            row.first_response,
            ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
            row.cpu,
            row.resident,
            row.p50,
            row.p99,
            row.cpu_warm,
            row.instructions
                .map_or(String::new(), |count| format!("{count:.2}")),
        );
    }
    Ok(())
}
