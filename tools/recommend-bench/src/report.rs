//! The results as a table and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::measure::Quality;
use crate::simulation::StreamCost;

/// How much a result may differ from an earlier run.
const TOLERANCE: f64 = 0.01;

/// The mean results of cases with the same name.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    costs: Vec<(String, StreamCost)>,
}

#[derive(Debug)]
struct Row {
    name: String,
    runs: Vec<Quality>,
    /// Read units of each request.
    reads: Vec<f64>,
}

impl Report {
    fn row(&mut self, case: &str, method: &str, group: &str) -> &mut Row {
        let name = format!("{case}{group}: {method}");
        let found = self.rows.iter().position(|row| row.name == name);
        let nth = found.unwrap_or_else(|| {
            self.rows.push(Row { name, runs: Vec::new(), reads: Vec::new() });
            self.rows.len() - 1
        });
        &mut self.rows[nth]
    }

    pub(crate) fn add(&mut self, case: &str, method: &str, group: &str, quality: Quality) {
        self.row(case, method, group).runs.push(quality);
    }

    pub(crate) fn add_reads(&mut self, case: &str, method: &str, group: &str, reads: f64) {
        self.row(case, method, group).reads.push(reads);
    }

    /// Adds the results of other cases.
    pub(crate) fn extend(&mut self, other: Self) {
        for row in other.rows {
            match self.rows.iter_mut().find(|known| known.name == row.name) {
                Some(known) => {
                    known.runs.extend(row.runs);
                    known.reads.extend(row.reads);
                }
                None => self.rows.push(row),
            }
        }
        self.costs.extend(other.costs);
    }

    /// Returns the mean quality of the row with this name.
    pub(crate) fn quality(&self, name: &str) -> Option<Quality> {
        self.rows.iter().find(|row| row.name == name).map(Row::quality)
    }

    /// Returns the largest number of read units of any request.
    pub(crate) fn largest_reads(&self) -> Option<f64> {
        self.rows.iter().flat_map(|row| row.reads.iter().copied()).reduce(f64::max)
    }

    pub(crate) fn costs(&self) -> &[(String, StreamCost)] {
        &self.costs
    }

    pub(crate) fn add_cost(&mut self, case: String, cost: &StreamCost) {
        self.costs.push((case, *cost));
    }

    /// Returns the results as Markdown tables.
    pub(crate) fn table(&self) -> String {
        let mut text =
            "| Method | Recall@20 | nDCG@20 | Coverage | R | R, largest |\n|---|---|---|---|---|---|\n".to_owned();
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.name.split(": ").next().map(str::to_owned));
        for row in rows {
            let quality = row.quality();
            let reads = row.reads().map(|(mean, largest)| format!("{mean:.1} | {largest:.1}"));
            let reads = reads.unwrap_or_else(|| "|".to_owned());
            let _ = writeln!(
                text,
                "| {} | {:.4} | {:.4} | {:.3} | {reads} |",
                row.name, quality.recall, quality.ndcg, quality.coverage
            );
        }
        text.push_str(
            "\n| Stream, per like | Lists | R | W | W of shown likes | R, largest | W, largest |\n",
        );
        text.push_str("|---|---|---|---|---|---|---|\n");
        for (case, cost) in &self.costs {
            let units = cost.units.divided_by(cost.likes);
            let _ = writeln!(
                text,
                "| {case} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
                cost.lists_per_like(),
                units.reads,
                units.writes,
                units.shown,
                cost.largest.reads,
                cost.largest.writes
            );
        }
        text
    }

    /// Returns the results as JSON: by name, rounded to four digits.
    pub(crate) fn json(&self) -> String {
        let round = |number: f64| (number * 10_000.0).round() / 10_000.0;
        let row = |row: &Row| {
            let quality = row.quality();
            let mut value = json!({
                "recall": round(quality.recall),
                "ndcg": round(quality.ndcg),
                "coverage": round(quality.coverage),
            });
            if let Some((mean, largest)) = row.reads() {
                value["read_units"] = json!({ "mean": round(mean), "largest": round(largest) });
            }
            (row.name.clone(), value)
        };
        let cost = |(name, cost): &(String, StreamCost)| {
            let mean = cost.units.divided_by(cost.likes);
            let value = json!({
                "lists": round(cost.lists_per_like()),
                "read_units": { "mean": round(mean.reads), "largest": round(cost.largest.reads) },
                "write_units": { "mean": round(mean.writes), "largest": round(cost.largest.writes) },
                "write_units_of_shown_likes": round(mean.shown),
            });
            (name.clone(), value)
        };
        let requests: Map<String, Value> = self.rows.iter().map(row).collect();
        let stream: Map<String, Value> = self.costs.iter().map(cost).collect();
        format!("{:#}\n", json!({ "requests": requests, "stream_per_like": stream }))
    }

    /// Compares recall and nDCG with the JSON of an earlier run. Methods that one of the runs left out are ignored.
    pub(crate) fn compare(&self, recorded: &str) -> Result<(), Box<dyn std::error::Error>> {
        let recorded: Value = serde_json::from_str(recorded)?;
        let mut compared = 0;
        for row in &self.rows {
            let Some(before) = recorded["requests"].get(&row.name) else { continue };
            let quality = row.quality();
            for (measure, now) in [("recall", quality.recall), ("ndcg", quality.ndcg)] {
                let before = before[measure].as_f64().ok_or("not a number")?;
                if (before - now).abs() > TOLERANCE {
                    return Err(
                        format!("{} {measure}: {now:.4}, recorded {before:.4}", row.name).into()
                    );
                }
                compared += 1;
            }
        }
        if compared == 0 { Err("nothing to compare".into()) } else { Ok(()) }
    }
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "a few runs")]
    fn quality(&self) -> Quality {
        let mean = |measure: fn(&Quality) -> f64| {
            self.runs.iter().map(measure).sum::<f64>() / self.runs.len() as f64
        };
        Quality {
            recall: mean(|quality| quality.recall),
            ndcg: mean(|quality| quality.ndcg),
            coverage: mean(|quality| quality.coverage),
        }
    }

    /// Returns the mean and the largest number of read units of a request.
    #[expect(clippy::cast_precision_loss, reason = "no count is that large")]
    fn reads(&self) -> Option<(f64, f64)> {
        let largest = self.reads.iter().copied().reduce(f64::max)?;
        Some((self.reads.iter().sum::<f64>() / self.reads.len() as f64, largest))
    }
}
