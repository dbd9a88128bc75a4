//! Measures the quality and cost of recommendations: the real use cases over memory adapters, beside popular foods, the
//! library `implicit` and EASE, on `MovieLens` 100K and Allrecipes.
//!
//! `cargo run -p recommend_bench --profile driver -- [--movielens FOLDER] [--allrecipes FOLDER] [--python PYTHON]`
//!
//! * `MovieLens`: `ml-100k.inter` of the package `recbole` 1.2.1. Ratings of 4 and 5 are likes.
//! * Allrecipes: the split of "Challenging the Myth of Graph Collaborative Filtering" (`RecSys` 2023).
//! * Python: an interpreter with the packages of `requirements.txt`, for `implicit` and EASE.
//!
//! "Lists" are the neighbour lists alone: the weight of trending foods is 0. A split at random tests lists, but has no present
//! in which foods could trend. "Learned" are the parameters that training selected, with and without quotas.

mod data;
mod measure;
mod metered;
mod report;
mod requirements;
mod simulation;
mod synthetic;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use clap::Parser;
use domain::neighbours::{Model, Quotas};

use data::Split;
use measure::{PAGE, quality};
use report::Report;
use simulation::{Simulation, StreamCost};

const RANDOM: &str = "ml-100k at random";
const SEEDS: [u32; 3] = [7, 11, 13];
/// The number of likes that a stream delivers at once.
const BATCH: usize = 100;
/// Read units of checking the session of a request.
const SESSION: f64 = 2.0;
const NO_QUOTAS: Quotas = Quotas { personal: 0, fresh: 0 };

/// Measures recommendations.
#[derive(Parser)]
struct Arguments {
    /// The folder of `ml-100k.inter`.
    #[arg(long)]
    movielens: Option<PathBuf>,
    /// The folder of Allrecipes.
    #[arg(long)]
    allrecipes: Option<PathBuf>,
    /// A Python interpreter with the packages of `requirements.txt`.
    #[arg(long)]
    python: Option<PathBuf>,
    /// A file for the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A file with the results of an earlier run. An error if a result differs by more than 0.01.
    #[arg(long)]
    compare: Option<PathBuf>,
    /// Only measure the time and memory of a training on random likes: users, foods and likes per user.
    #[arg(long, num_args = 3, value_names = ["USERS", "FOODS", "LIKES"])]
    training: Option<Vec<usize>>,
}

/// A split with its name in the report. Splits of the same name are averaged.
struct Case {
    name: &'static str,
    file: String,
    split: Split,
}

impl Case {
    fn new(name: &'static str, file: impl Into<String>, split: Split) -> Self {
        Self { name, file: file.into(), split }
    }

    /// Returns the users with test foods: those with other likes, and new users.
    fn users(&self) -> [(&'static str, Vec<u32>); 2] {
        let known: BTreeSet<u32> = self.split.train.iter().map(|rating| rating.user).collect();
        let (known, new) = self.split.test.keys().partition(|user| known.contains(user));
        [("", known), (", new users", new)]
    }
}

type Lists = BTreeMap<u32, Vec<u32>>;
type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if let Some([users, foods, likes]) = arguments.training.as_deref() {
        return runtime()?.block_on(synthetic::measure_training(*users, *foods, *likes));
    }
    let mut cases = Vec::new();
    if let Some(folder) = &arguments.movielens {
        let ratings = data::movielens(folder)?;
        for seed in SEEDS {
            let split = data::split_at_random(&ratings, seed);
            cases.push(Case::new(RANDOM, format!("random-{seed}"), split));
        }
        cases.push(Case::new("ml-100k by time", "time", data::split_by_time(&ratings)));
    }
    if let Some(folder) = &arguments.allrecipes {
        cases.push(Case::new("allrecipes", "allrecipes", data::allrecipes(folder)?));
    }
    let mut report = Report::default();
    for case in &cases {
        measure_popular(case, &mut report);
    }
    for measured in measure_all(&cases, arguments.python.as_deref())? {
        report.extend(measured);
    }
    print!("{}", report.table());
    if let Some(path) = &arguments.json {
        fs::write(path, report.json())?;
    }
    if let Some(path) = &arguments.compare {
        report.compare(&fs::read_to_string(path)?)?;
    }
    let (table, missed) = requirements::check(&report);
    print!("{table}");
    if missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", missed.join("; ")).into()) }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().build()
}

/// Measures all cases at once: they share nothing.
fn measure_all(cases: &[Case], python: Option<&Path>) -> Result<Vec<Report>, Failure> {
    thread::scope(|scope| {
        let baselines = scope.spawn(move || {
            let mut report = Report::default();
            let measured = python.map(|python| measure_baselines(python, cases, &mut report));
            measured.transpose().map(|_| report).map_err(|error| error.to_string())
        });
        let one_by_one = cases.first().map(|case| {
            scope.spawn(move || -> std::io::Result<_> {
                let mut report = Report::default();
                let cost = runtime()?.block_on(replay_one_by_one(case));
                report.add_cost(format!("{}, one by one", case.file), &cost);
                Ok(report)
            })
        });
        let measure = |case| {
            scope.spawn(move || -> std::io::Result<_> {
                let mut report = Report::default();
                runtime()?.block_on(measure_recommendations(case, &mut report));
                Ok(report)
            })
        };
        let measured: Vec<_> = one_by_one.into_iter().chain(cases.iter().map(measure)).collect();
        let mut reports = vec![baselines.join().expect("no panic")?];
        for report in measured {
            reports.push(report.join().expect("no panic")?);
        }
        Ok(reports)
    })
}

fn measure_popular(case: &Case, report: &mut Report) {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    let mut liked: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    for rating in &case.split.train {
        *counts.entry(rating.food).or_default() += 1;
        liked.entry(rating.user).or_default().insert(rating.food);
    }
    let mut popular: Vec<_> = counts.into_iter().collect();
    popular.sort_unstable_by_key(|(food, count)| (std::cmp::Reverse(*count), *food));
    for (group, users) in case.users() {
        let list = |user: u32| {
            let liked = liked.get(&user);
            let foods = popular.iter().map(|(food, _)| *food);
            let unknown = foods.filter(|food| !liked.is_some_and(|liked| liked.contains(food)));
            (user, unknown.take(PAGE).collect())
        };
        add(case, report, "popular", group, &users.into_iter().map(list).collect());
    }
}

/// Measures the methods of `baselines.py`, which reads and writes files.
fn measure_baselines(python: &Path, cases: &[Case], report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    for case in cases {
        let mut file = fs::File::create(folder.path().join(format!("{}.train.tsv", case.file)))?;
        for like in &case.split.train {
            writeln!(file, "{}\t{}", like.user, like.food)?;
        }
        let mut file = fs::File::create(folder.path().join(format!("{}.users.txt", case.file)))?;
        for user in &case.users()[0].1 {
            writeln!(file, "{user}")?;
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("baselines.py");
    let status = Command::new(python).arg(script).arg(folder.path()).status()?;
    if !status.success() {
        return Err("baselines.py failed".into());
    }
    for case in cases {
        let mut methods: Vec<_> = fs::read_dir(folder.path())?.collect::<Result<_, _>>()?;
        methods.sort_by_key(fs::DirEntry::file_name);
        for file in methods {
            let name = file.file_name().to_string_lossy().into_owned();
            let method = name.strip_prefix(&format!("{}.", case.file));
            let method = method.and_then(|name| name.strip_suffix(".tsv"));
            if let Some(method) = method.filter(|method| *method != "train") {
                add(case, report, method, "", &read_lists(&fs::read_to_string(file.path())?)?);
            }
        }
    }
    Ok(())
}

fn read_lists(text: &str) -> Result<Lists, Failure> {
    let mut lists = Lists::new();
    for line in text.lines() {
        let numbers: Vec<u32> = line.split('\t').map(str::parse).collect::<Result<_, _>>()?;
        let (user, foods) = numbers.split_first().ok_or("an empty line")?;
        lists.insert(*user, foods.to_vec());
    }
    Ok(lists)
}

/// Delivers each like alone, which costs more than batches.
async fn replay_one_by_one(case: &Case) -> StreamCost {
    let mut simulation = Simulation::new(&case.split.train, std::iter::empty()).await;
    simulation.replay(&case.split.train, 1).await
}

/// Replays the likes, trains, and requests recommendations for all users with test foods.
async fn measure_recommendations(case: &Case, report: &mut Report) {
    let users = case.split.test.keys().copied();
    let mut simulation = Simulation::new(&case.split.train, users).await;
    let cost = simulation.replay(&case.split.train, BATCH).await;
    report.add_cost(format!("{}, batches of {BATCH}", case.file), &cost);
    request(case, &simulation, "online lists", Some(0.0), NO_QUOTAS, report).await;
    request_by_fewer_likes(case, &simulation, "online lists", report).await;
    let trained = simulation.train().await;
    eprintln!("{}: {:?}", case.file, trained.model);
    assert_eq!(trained.drifted, 0, "counts equal likes");
    let lists = if trained.trained { "trained lists" } else { "lists after training" };
    request(case, &simulation, lists, Some(0.0), NO_QUOTAS, report).await;
    request_by_fewer_likes(case, &simulation, lists, report).await;
    request(case, &simulation, "learned", None, NO_QUOTAS, report).await;
    let quotas = Model::default().quotas;
    request(case, &simulation, "learned, with quotas", None, quotas, report).await;
}

/// Requests recommendations from fewer than the 100 newest likes, which costs less.
async fn request_by_fewer_likes(
    case: &Case,
    simulation: &Simulation,
    lists: &str,
    report: &mut Report,
) {
    if case.name != RANDOM {
        return;
    }
    for likes in [5, 10, 25, 50] {
        simulation.stores.limit_newest_likes(Some(likes));
        let method = format!("{lists}, {likes} likes");
        request(case, simulation, &method, Some(0.0), NO_QUOTAS, report).await;
    }
    simulation.stores.limit_newest_likes(None);
}

/// Requests recommendations with these parameters in place of those that are stored.
async fn request(
    case: &Case,
    simulation: &Simulation,
    method: &str,
    trending: Option<f64>,
    quotas: Quotas,
    report: &mut Report,
) {
    let stored = simulation.model().await;
    let trending = trending.unwrap_or(stored.trending);
    simulation.set_model(&Model { trending, quotas, ..stored.clone() }).await;
    for (group, users) in case.users() {
        let mut lists = Lists::new();
        for user in users {
            simulation.stores.take_units();
            lists.insert(user, simulation.recommend(user).await);
            let units = simulation.stores.take_units();
            report.add_reads(case.name, method, group, units.reads + SESSION);
        }
        add(case, report, method, group, &lists);
    }
    simulation.set_model(&stored).await;
}

fn add(case: &Case, report: &mut Report, method: &str, group: &str, lists: &Lists) {
    if !lists.is_empty() {
        let foods: BTreeSet<u32> = case.split.train.iter().map(|rating| rating.food).collect();
        report.add(case.name, method, group, quality(lists, &case.split.test, foods.len()));
    }
}
