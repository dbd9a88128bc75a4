//! A mixed workload against the whole API, with a model of what should be there: every answer is
//! compared with it. `soak` runs it at full speed, `kills` while the server is killed.

mod alone;
mod api;
mod board;
mod killing;
mod member;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use alone::{Rates, alone};
pub use api::{Api, Tally};
pub use board::Board;
pub use killing::{Report, kills};
pub use member::Member;
pub use server::Server;

/// Something that is not as the model says.
pub type Wrong = String;

/// Members who use the API at once, each one request after the other.
pub struct Crowd {
    members: Vec<Member>,
    stop: Arc<AtomicBool>,
}

impl Crowd {
    /// So many members, who have no accounts yet. With one seed they want the same things.
    pub fn new(size: usize, api: &Api, seed: u64) -> Self {
        let board = Arc::new(Board::default());
        let member = |nth| Member::new(nth, api.clone(), Arc::clone(&board), seed);
        Self {
            members: (0..size).map(member).collect(),
            stop: Arc::default(),
        }
    }

    /// Lets all of them go on, for this time or until the server is gone: then each of them knows of at
    /// most one request that it was not answered. What is wrong ends it.
    pub async fn run(&mut self, time: Duration) -> Result<(), Wrong> {
        self.stop.store(false, Ordering::Relaxed);
        let stopper = Arc::clone(&self.stop);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            stopper.store(true, Ordering::Relaxed);
        });
        let tasks: Vec<_> = std::mem::take(&mut self.members)
            .into_iter()
            .map(|mut member| {
                let stop = Arc::clone(&self.stop);
                tokio::spawn(async move {
                    let mut outcome = Ok(());
                    while outcome.is_ok() && !member.is_cut_off() && !stop.load(Ordering::Relaxed) {
                        outcome = member.go_on().await;
                    }
                    if outcome.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    (member, outcome)
                })
            })
            .collect();
        let mut first = Ok(());
        for task in tasks {
            let (member, outcome) = task.await.map_err(|error| error.to_string())?;
            self.members.push(member);
            first = first.and(outcome);
        }
        timer.abort();
        first
    }

    /// How many requests of the last run were not answered.
    pub fn cut_off(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.is_cut_off())
            .count()
    }

    /// Once the server is back: each finds out what became of its last request, and whether all that
    /// was acknowledged is there.
    pub async fn settle(&mut self) -> Result<(), Wrong> {
        for member in &mut self.members {
            member.settle().await?;
        }
        for member in &mut self.members {
            member.check_all().await?;
        }
        Ok(())
    }
}
