//! What it costs to hash a password: the adapter beside the bare crate, at the same settings.
//!
//! Every variant has a process of its own, as in a function, and answers one call at a time; the order is drawn anew for each
//! round. The first call of a process is what a cold sign-up or login pays, so it is measured in fresh processes: at once, and a
//! moment after the start, as a login looks the account up before.
//!
//! ```sh
//! cargo build --release -p bench --bin hash
//! RUSTFLAGS='-C target-cpu=native' cargo build --release -p bench --bin hash --target-dir target/native
//! target/release/hash 100 target/native/release/hash
//! ```
//!
//! The first argument is the number of rounds. Each other one is this program built in another way, whose bare crate takes part.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Argon2, Block, Params};
use bench::numbers;
use domain::password::{Password, PasswordHasher, Verdict};
use infrastructure::argon2::Argon2Hasher;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The best that the crate can do: its memory is there, was touched, and is used again.
const REUSED: &str = "crate, memory reused";
/// What the crate does by itself.
const FRESH: &str = "crate, memory allocated";
const HASH: &str = "adapter, hash";
const VERIFY: &str = "adapter, verify";

/// What a cold function takes at least to connect to `DynamoDB` and get an item.
const A_MOMENT: Duration = Duration::from_millis(10);

/// glibc's malloc asks for huge pages with it, from 2.35.
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1";

const PASSWORD: &[u8] = b"correct horse battery";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("call") => calls(arguments.get(1).map_or(REUSED, String::as_str)),
        Some(rounds) => compare(rounds.parse()?, &arguments[1..]),
        None => compare(50, &[]),
    }
}

/// Answers each line on standard input with what one call cost.
fn calls(variant: &str) -> Result<()> {
    let mut call = prepare(variant)?;
    for line in io::stdin().lines() {
        line?;
        let before = Cost::until_now()?;
        let start = Instant::now();
        call();
        let wall = start.elapsed();
        let now = Cost::until_now()?;
        println!(
            "{} {} {} {} {}",
            wall.as_nanos(),
            now.cpu - before.cpu,
            now.user - before.user,
            now.system - before.system,
            now.faults - before.faults,
        );
    }
    Ok(())
}

fn prepare(variant: &str) -> Result<Box<dyn FnMut()>> {
    let bare = Argon2::default();
    let salt = fastrand::u128(..).to_ne_bytes();
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    Ok(match variant {
        REUSED => {
            let mut blocks = vec![Block::new(); bare.params().block_count()];
            Box::new(move || {
                bare.hash_password_into_with_memory(PASSWORD, &salt, &mut out, &mut blocks)
                    .expect("the inputs are in range");
            })
        }
        FRESH => Box::new(move || {
            bare.hash_password_into(PASSWORD, &salt, &mut out)
                .expect("the inputs are in range");
        }),
        HASH => {
            let (hasher, password) = adapter()?;
            Box::new(move || {
                hasher.hash(&password).expect("there is memory");
            })
        }
        VERIFY => {
            let (hasher, password) = adapter()?;
            let hash = hasher.decoy();
            Box::new(move || assert_eq!(hasher.verify(&password, &hash), Verdict::Wrong))
        }
        _ => return Err(format!("no such variant: {variant}").into()),
    })
}

/// As the functions have it.
fn adapter() -> Result<(Argon2Hasher, Password)> {
    let password = Password::presented(std::str::from_utf8(PASSWORD)?);
    let hasher = Argon2Hasher::keeping_memory();
    hasher.prepare();
    Ok((hasher, password))
}

/// What one call took, or a process until now: nanoseconds, and pages that the kernel had to bring.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: i64,
    cpu: i64,
    user: i64,
    system: i64,
    faults: i64,
}

impl Cost {
    /// The kernel knows the sum of user and system exactly, and their shares from samples.
    fn until_now() -> Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let cpu = Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?);
        Ok(Self {
            wall: 0,
            cpu: cpu.as_nanos().try_into()?,
            user: usage.user_time().num_nanoseconds(),
            system: usage.system_time().num_nanoseconds(),
            faults: usage.minor_page_faults(),
        })
    }

    fn parse(line: &str) -> Result<Self> {
        let numbers: std::result::Result<Vec<i64>, _> =
            line.split_whitespace().map(str::parse).collect();
        let [wall, cpu, user, system, faults] = numbers?[..] else {
            return Err(format!("not a cost: {line}").into());
        };
        Ok(Self {
            wall,
            cpu,
            user,
            system,
            faults,
        })
    }
}

/// A process that hashes when asked.
struct Worker {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(way: &Way) -> Result<Self> {
        let mut child = Command::new(&way.program)
            .args(["call", way.variant])
            // `cargo run` sets these for `local` (.cargo/config.toml); Lambda does not.
            .env_remove("MALLOC_MMAP_THRESHOLD_")
            .env_remove("MALLOC_TRIM_THRESHOLD_")
            .envs(way.tunables.map(|value| ("GLIBC_TUNABLES", value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            ask: child.stdin.take().ok_or("no standard input")?,
            answers: BufReader::new(child.stdout.take().ok_or("no standard output")?),
            child,
        })
    }

    fn call(&mut self) -> Result<Cost> {
        self.ask.write_all(b"\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Cost::parse(&line)
    }

    fn stop(mut self) -> Result<()> {
        drop(self.ask);
        self.child.wait()?;
        Ok(())
    }
}

/// A variant, and how it is built and started.
struct Way {
    name: String,
    program: String,
    variant: &'static str,
    tunables: Option<&'static str>,
    warm: Vec<Cost>,
    at_once: Vec<Cost>,
    later: Vec<Cost>,
}

impl Way {
    fn new(program: &str, variant: &'static str) -> Self {
        Self {
            name: variant.to_owned(),
            program: program.to_owned(),
            variant,
            tunables: None,
            warm: Vec::new(),
            at_once: Vec::new(),
            later: Vec::new(),
        }
    }
}

fn compare(rounds: usize, others: &[String]) -> Result<()> {
    let this = env::current_exe()?.display().to_string();
    let mut ways: Vec<Way> = [HASH, VERIFY, FRESH, REUSED]
        .map(|variant| Way::new(&this, variant))
        .into();
    ways.push(Way {
        name: format!("{HASH}, huge pages"),
        tunables: Some(HUGE_PAGES),
        ..Way::new(&this, HASH)
    });
    for other in others {
        ways.push(Way {
            name: format!("{REUSED}, {other}"),
            ..Way::new(other, REUSED)
        });
    }

    let mut order: Vec<usize> = (0..ways.len()).collect();
    let mut workers = Vec::new();
    for way in &ways {
        let mut worker = Worker::start(way)?;
        for _ in 0..5 {
            worker.call()?;
        }
        workers.push(worker);
    }
    for _ in 0..rounds {
        fastrand::shuffle(&mut order);
        for &nth in &order {
            ways[nth].warm.push(workers[nth].call()?);
            let at_once = first_call(&ways[nth], Duration::ZERO)?;
            ways[nth].at_once.push(at_once);
            let later = first_call(&ways[nth], A_MOMENT)?;
            ways[nth].later.push(later);
        }
    }
    for worker in workers {
        worker.stop()?;
    }
    print("Warm", &ways, |way| &way.warm);
    print("First call of a process, at once", &ways, |way| {
        &way.at_once
    });
    print("First call, 10 ms after the start", &ways, |way| &way.later);
    Ok(())
}

fn first_call(way: &Way, pause: Duration) -> Result<Cost> {
    let mut worker = Worker::start(way)?;
    thread::sleep(pause);
    let cost = worker.call()?;
    worker.stop()?;
    Ok(cost)
}

/// A table: times in milliseconds, each beside the best of the bare crate.
fn print(title: &str, ways: &[Way], costs: impl Fn(&Way) -> &[Cost]) {
    let best = ways
        .iter()
        .filter(|way| way.variant == REUSED)
        .map(|way| median(costs(way), |cost| cost.wall))
        .fold(f64::INFINITY, f64::min);
    println!(
        "{title}: ms, medians; user and system are means\n\n| | Time | : best | CPU | user | system | Page faults |\n\
         |---|---|---|---|---|---|---|"
    );
    for way in ways {
        let costs = costs(way);
        let wall = median(costs, |cost| cost.wall);
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
            way.name,
            wall / 1e6,
            wall / best,
            median(costs, |cost| cost.cpu) / 1e6,
            mean(costs, |cost| cost.user) / 1e6,
            mean(costs, |cost| cost.system) / 1e6,
            median(costs, |cost| cost.faults),
        );
    }
    println!();
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> i64) -> f64 {
    let values: Vec<i64> = costs.iter().map(of).collect();
    as_float(numbers::median(&values))
}

fn mean(costs: &[Cost], of: impl Fn(&Cost) -> i64) -> f64 {
    as_float(costs.iter().map(of).sum()) / as_float(i64::try_from(costs.len()).unwrap_or(1))
}

#[expect(clippy::cast_precision_loss, reason = "they are below 2⁵²")]
fn as_float(value: i64) -> f64 {
    value as f64
}
