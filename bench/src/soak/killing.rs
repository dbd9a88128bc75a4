use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engines::{Stored, TableNames};
use local::{Local, Options, Storage};

use super::{Api, Crowd, Server, Tally};
use crate::Error;

const MEMBERS: usize = 6;
/// The server is killed at some moment between these, in milliseconds from when it is ready.
const MOMENTS: std::ops::Range<u64> = 5..400;

/// What was survived.
#[derive(Debug)]
pub struct Report {
    kills: usize,
    answers: usize,
    cut_off: usize,
    /// Pictures that no food shows: the sweep's to find.
    orphans: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills survived: {} answers, {} requests cut off, no acknowledged write missing, no user, food or claim alone, \
             {} pictures left for the sweep",
            self.kills, self.answers, self.cut_off, self.orphans
        )
    }
}

/// Kills the server so often while it is used. What is wrong is an error.
pub async fn kills(program: &Path, kills: usize, seed: u64) -> Result<Report, Error> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let tally = Arc::<Tally>::default();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = Server::start(program, &data).await?;
    let api = Api::new(server.base_url(), Arc::clone(&tally));
    let mut crowd = Crowd::new(MEMBERS, &api, seed);
    let mut report = Report {
        kills,
        answers: 0,
        cut_off: 0,
        orphans: 0,
    };
    for nth in 1..=kills {
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
