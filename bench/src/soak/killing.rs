use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engines::{Stored, TableNames};
use local::{Local, Options, Storage};

use super::{Api, Crowd, Server, Tally};
use crate::Error;

const MEMBERS: usize = 6;
/// While it is used the server is killed at some moment between these, in milliseconds from when somebody
/// begins to use it: it was ready before, and all found out what had become of their last requests.
const MOMENTS: std::ops::Range<u64> = 5..400;
/// Of so many times that it is started again it is killed once before it is ready, at any moment from when
/// its process began.
const STARTS: u32 = 3;

/// What was survived.
#[derive(Debug)]
pub struct Report {
    kills: usize,
    /// Of these, while it started, or recovered what the kill before had left.
    starting: usize,
    answers: usize,
    cut_off: usize,
    /// Pictures that no food shows: the sweep's to find.
    orphans: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills survived, {} of them while it started: {} answers, {} requests cut off, no acknowledged write missing, \
             no user, food or claim alone, {} pictures left for the sweep",
            self.kills, self.starting, self.answers, self.cut_off, self.orphans
        )
    }
}

/// Kills the server so often while it is used. What is wrong is an error.
pub async fn kills(program: &Path, kills: usize, seed: u64) -> Result<Report, Error> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let tally = Arc::<Tally>::default();
    let mut random = fastrand::Rng::with_seed(seed);
    let began = Instant::now();
    let mut server = Server::start(program, &data).await?;
    let to_start = began.elapsed();
    let api = Api::new(server.base_url(), Arc::clone(&tally));
    let mut crowd = Crowd::new(MEMBERS, &api, seed);
    let mut report = Report {
        kills: 0,
        starting: 0,
        answers: 0,
        cut_off: 0,
        orphans: 0,
    };
    while report.kills < kills {
        report.kills += 1;
        let nth = report.kills;
        let moment = Duration::from_millis(random.u64(MOMENTS));
        let used = crowd.run(Duration::from_mins(1));
        let killed = async {
            tokio::time::sleep(moment).await;
            server.kill().await
        };
        let (used, killed) = tokio::join!(used, killed);
        used.map_err(|wrong| format!("before kill {nth}: {wrong}"))?;
        killed?;
        report.cut_off += crowd.cut_off();
        if report.kills < kills && random.u32(..STARTS) == 0 {
            report.kills += 1;
            report.starting += 1;
            let moment = to_start.mul_f64(random.f64());
            Server::start_and_kill(program, &data, moment).await?;
        }
        report.orphans = check_stored(&data)
            .await
            .map_err(|wrong| format!("after kill {nth}: {wrong}"))?;
        server = Server::start(program, &data).await?;
        api.moved(server.base_url());
        let settled = crowd.settle().await;
        settled.map_err(|wrong| format!("after kill {nth}: {wrong}"))?;
        report.answers += tally.take().values().map(Vec::len).sum::<usize>();
    }
    server.kill().await?;
    check_stored(&data).await?;
    Ok(report)
}

/// Looks at what is in the folder, with nobody else there. Gives how many pictures no food shows.
async fn check_stored(data: &Path) -> Result<usize, Error> {
    let options = Options {
        storage: Storage::Dir(data.to_owned()),
        engines_only: true,
        ..Options::default()
    };
    let engines = Local::start(options).await?;
    let aws = engines.aws();
    let tables = TableNames::with_prefix("");
    let stored = Stored::read(&aws.dynamodb(), &aws.s3(), &tables, "images").await;
    engines.stop().await;
    match stored.contradictions().first() {
        None => Ok(stored.orphans()),
        Some(contradiction) => Err(contradiction.clone().into()),
    }
}
