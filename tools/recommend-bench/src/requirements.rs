//! The required quality and cost. A regression fails.

use std::fmt::Write as _;

use crate::measure::Quality;
use crate::report::Report;

const IMPLICIT: [&str; 3] = ["implicit cosine", "implicit BM25", "implicit ALS"];

/// A result with its bound.
struct Requirement {
    subject: String,
    found: f64,
    bound: Bound,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}
use Bound::{AtLeast, AtMost};

impl Requirement {
    fn is_met(&self) -> bool {
        match self.bound {
            AtLeast(bound) => self.found >= bound,
            AtMost(bound) => self.found <= bound,
        }
    }
}

/// Compares the results with all bounds whose data sets and libraries the run had. Returns a Markdown table, and the
/// subjects that miss their bound.
pub(crate) fn check(report: &Report) -> (String, Vec<String>) {
    let mut all = Vec::new();
    random(report, &mut all);
    by_time(report, &mut all);
    allrecipes(report, &mut all);
    cost(report, &mut all);
    let mut table = "\n| Requirement | Bound | Result | |\n|---|---|---|---|\n".to_owned();
    for requirement in &all {
        let (sign, bound) = match requirement.bound {
            AtLeast(bound) => ("≥", bound),
            AtMost(bound) => ("≤", bound),
        };
        let result = if requirement.is_met() { "met" } else { "**missed**" };
        let Requirement { subject, found, .. } = requirement;
        let _ = writeln!(table, "| {subject} | {sign} {bound:.4} | {found:.4} | {result} |");
    }
    let missed = all.into_iter().filter(|requirement| !requirement.is_met());
    (table, missed.map(|requirement| requirement.subject).collect())
}

/// Adds bounds of recall and nDCG.
fn both(all: &mut Vec<Requirement>, subject: &str, found: Quality, recall: f64, ndcg: f64) {
    for (measure, found, bound) in
        [("Recall@20", found.recall, recall), ("nDCG@20", found.ndcg, ndcg)]
    {
        all.push(Requirement {
            subject: format!("{subject}, {measure}"),
            found,
            bound: AtLeast(bound),
        });
    }
}

fn random(report: &Report, all: &mut Vec<Requirement>) {
    let quality = |method: &str| report.quality(&format!("ml-100k at random: {method}"));
    let implicit: Vec<_> = IMPLICIT.into_iter().filter_map(quality).collect();
    let best = |measure: fn(&Quality) -> f64| implicit.iter().map(measure).fold(0.0, f64::max);
    let (recall, ndcg) = (best(|quality| quality.recall), best(|quality| quality.ndcg));
    for (method, bounds, factor) in
        [("online lists", (0.32, 0.285), 1.05), ("trained lists", (0.35, 0.315), 1.12)]
    {
        // Without MovieLens there is no row; without trained lists, training did not select them.
        let Some(measured) = quality("online lists") else { continue };
        let missing = Quality { recall: 0.0, ndcg: 0.0, ..measured };
        let found = quality(method).unwrap_or(missing);
        let subject = format!("ml-100k at random, {method}");
        both(all, &subject, found, bounds.0, bounds.1);
        if !implicit.is_empty() {
            let subject = format!("{subject}, {factor} × the best of implicit");
            both(all, &subject, found, factor * recall, factor * ndcg);
        }
        if let Some(ease) = quality("ease").filter(|_| method == "trained lists") {
            let subject = format!("{subject}, .97 × EASE");
            both(all, &subject, found, 0.97 * ease.recall, 0.97 * ease.ndcg);
        }
    }
}

fn by_time(report: &Report, all: &mut Vec<Requirement>) {
    for (group, bound) in [("", 0.22), (", new users", 0.155)] {
        let name = format!("ml-100k by time{group}");
        let quality = |method: &str| report.quality(&format!("{name}: {method}"));
        let (Some(found), Some(popular)) = (quality("learned"), quality("popular")) else {
            continue;
        };
        let bounds = [("", bound), (", 1.4 × popular", 1.4 * popular.recall)];
        all.extend(bounds.map(|(factor, bound)| Requirement {
            subject: format!("{name}, learned{factor}, Recall@20"),
            found: found.recall,
            bound: AtLeast(bound),
        }));
    }
}

fn allrecipes(report: &Report, all: &mut Vec<Requirement>) {
    let quality = |method: &str| report.quality(&format!("allrecipes: {method}"));
    let (Some(without), Some(with)) = (quality("learned"), quality("learned, with quotas")) else {
        return;
    };
    let bounds = [
        ("learned, Recall@20", without.recall, 0.0465),
        ("learned, with quotas, Recall@20", with.recall, 0.044),
        ("learned, with quotas, coverage", with.coverage, 0.25),
    ];
    all.extend(bounds.map(|(subject, found, bound)| Requirement {
        subject: format!("allrecipes, {subject}"),
        found,
        bound: AtLeast(bound),
    }));
}

fn cost(report: &Report, all: &mut Vec<Requirement>) {
    let mut add = |subject: String, found: f64, bound: f64| {
        all.push(Requirement { subject, found, bound: AtMost(bound) });
    };
    if let Some(largest) = report.largest_reads() {
        add("GET /recommendations, R of any request".to_owned(), largest, 115.0);
    }
    for (name, cost) in report.costs().iter().filter(|(name, _)| !name.starts_with("allrecipes")) {
        let mean = cost.units.divided_by(cost.likes);
        if cost.batch == 1 {
            // In a batch, the cost of one like is not known.
            add(format!("stream, {name}, R of any like"), cost.largest.reads, 120.0);
            add(format!("stream, {name}, W of any like"), cost.largest.writes, 10.0);
        } else {
            add(format!("stream, {name}, mean R per like"), mean.reads, 10.0);
            let writes = mean.writes + mean.shown;
            add(format!("stream, {name}, mean W per like, with shown likes"), writes, 5.0);
        }
    }
}
