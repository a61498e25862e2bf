//! What is measured.

mod control;
mod dispatch;
mod git;
mod history;
mod idle;
mod logs;
mod planner;
mod ready_scan;
mod repository;
mod stream;
mod three_step;
mod two_servers;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use devlab_api::client::{Client, Page, TaskQuery};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::args::{self, Args, Command, Load, StoreKind};
use crate::lab::{Lab, Org, data_folder};
use crate::machine::{self, Disk, Machine};
use crate::report::{Outcome, Report, progress};
use crate::stats::Metrics;

/// Offered loads of `all`, as the targets name them.
const DISPATCH_OFFERED: u32 = 200;
const THREE_STEP_OFFERED: u32 = 500;

/// Measures what the command line asks for.
pub(crate) async fn run_all(args: &Args) -> anyhow::Result<Report> {
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("cannot make {}", args.dir.display()))?;
    let disk = Disk::measure(&args.dir)?;
    let mut session = Session::new(args);
    let mut results = Vec::new();
    for scenario in scenarios(&args.command, args.store) {
        results.push(session.measure(&scenario).await?);
    }
    let facts = session.facts.context("nothing was measured")?;
    Ok(Report {
        bench: env!("CARGO_PKG_VERSION"),
        commit: commit().await,
        command: command_line(),
        server: facts.version,
        machine: Machine::here(),
        disk,
        settings: facts.settings,
        results,
    })
}

fn scenarios(command: &Command, store: StoreKind) -> Vec<Command> {
    match (command, store) {
        (Command::All, StoreKind::Postgres) => vec![
            Command::Dispatch(Load::closed()),
            Command::Dispatch(Load::offered(DISPATCH_OFFERED)),
            Command::TwoServers(Load::offered(DISPATCH_OFFERED)),
            Command::History(args::History::default()),
            Command::Logs(args::Logs::default()),
        ],
        (Command::All, StoreKind::Sqlite) => vec![
            Command::Dispatch(Load::closed()),
            Command::Dispatch(Load::offered(DISPATCH_OFFERED)),
            Command::ThreeStep(Load::closed()),
            Command::ThreeStep(Load::offered(THREE_STEP_OFFERED)),
            Command::ReadyScan(args::ReadyScan::default()),
            Command::History(args::History::default()),
            Command::Logs(args::Logs::default()),
            Command::Idle(args::Idle::default()),
            Command::Stream(args::Stream::default()),
            Command::Git(args::Git::default()),
            Command::Planner(args::Planner::default()),
        ],
        (one, _) => vec![one.clone()],
    }
}

/// What is the same for all servers of one call.
#[derive(Debug, PartialEq)]
struct Facts {
    version: String,
    settings: BTreeMap<String, String>,
}

/// One call of the program.
pub(crate) struct Session<'a> {
    args: &'a Args,
    facts: Option<Facts>,
    /// Folders with many files, which go at the end only: for five minutes after files were
    /// deleted, ext4 looks past each of their inodes whenever it makes a file (`RECENTCY_MIN` and
    /// `RECENTCY_DIRTY` in the kernel's `fs/ext4/ialloc.c`), so that the next run would be slower.
    finished: Vec<TempDir>,
}

impl<'a> Session<'a> {
    fn new(args: &'a Args) -> Self {
        Self {
            args,
            facts: None,
            finished: Vec::new(),
        }
    }

    /// A server for one run.
    async fn lab(&mut self) -> anyhow::Result<Lab> {
        let lab = Lab::start(self.args).await?;
        self.note(&lab).await?;
        Ok(lab)
    }

    /// Keeps what the server says of itself; all servers have to say the same.
    async fn note(&mut self, lab: &Lab) -> anyhow::Result<()> {
        let mut settings = lab.settings().await?;
        // Where it is and how large it is are not settings.
        for name in ["path", "page_count", "blobs"] {
            settings.remove(name);
        }
        let facts = Facts {
            version: lab.version.clone(),
            settings,
        };
        match &self.facts {
            None => self.facts = Some(facts),
            Some(known) => ensure!(
                *known == facts,
                "the server's version or settings changed between runs: {known:?}, now {facts:?}"
            ),
        }
        Ok(())
    }

    async fn measure(&mut self, scenario: &Command) -> anyhow::Result<Outcome> {
        let (name, parameters) = describe(scenario, self.args);
        let mut runs = Vec::new();
        for number in 1..=self.args.runs {
            progress(&format!("{name}: run {number} of {}", self.args.runs));
            let run = self
                .run(scenario)
                .await
                .with_context(|| format!("{name}, run {number}"))?;
            runs.push(run);
        }
        Ok(Outcome::new(self.args.store, &name, &parameters, runs))
    }

    async fn run(&mut self, scenario: &Command) -> anyhow::Result<Metrics> {
        if let Command::Idle(size) = scenario {
            return idle::run(self, size).await;
        }
        if let Command::ReadyScan(size) = scenario {
            return ready_scan::run(self, size).await;
        }
        if let Command::Planner(size) = scenario {
            return planner::run(self, size).await;
        }
        if let Command::History(size) = scenario {
            return history::run(self, size).await;
        }
        if let Command::TwoServers(load) = scenario {
            return two_servers::run(self, load).await;
        }
        let lab = self.lab().await?;
        let metrics = match scenario {
            Command::Dispatch(load) => {
                let mut metrics = dispatch::run(&lab, self.args, load).await?;
                if let (None, Some(database)) = (load.offered, lab.database()) {
                    control::run(database, self.args.seconds, &mut metrics).await?;
                }
                metrics
            }
            Command::ThreeStep(load) => three_step::run(&lab, self.args, load).await?,
            Command::Stream(size) => stream::run(&lab, self.args, size).await?,
            Command::Logs(size) => logs::run(&lab, size).await?,
            Command::Git(size) => {
                let folder = data_folder(self.args)?;
                let metrics = git::run(&lab, self.args, size, folder.path()).await;
                self.finished.push(folder);
                metrics?
            }
            Command::Idle(_)
            | Command::ReadyScan(_)
            | Command::Planner(_)
            | Command::History(_)
            | Command::TwoServers(_)
            | Command::All => Metrics::new(),
        };
        lab.stop().await?;
        Ok(metrics)
    }
}

/// Name and size of a scenario.
fn describe(scenario: &Command, args: &Args) -> (String, Vec<(&'static str, u32)>) {
    let mut name = scenario.name().to_owned();
    let parameters = match scenario {
        Command::Dispatch(load) | Command::ThreeStep(load) | Command::TwoServers(load) => {
            if load.offered.is_some() && !matches!(scenario, Command::TwoServers(_)) {
                name.push_str("-offered");
            }
            let mut sizes = vec![
                ("agents", load.agents),
                ("creators", load.creators),
                ("seconds", args.seconds),
                ("warmup_seconds", args.warmup),
            ];
            sizes.extend(load.offered.map(|rate| ("offered_per_s", rate)));
            sizes.extend(load.in_flight.map(|count| ("in_flight", count)));
            sizes
        }
        Command::ReadyScan(size) => vec![
            ("few", size.few),
            ("many", size.many),
            ("claims", size.claims),
        ],
        Command::History(size) => vec![
            ("few", size.few),
            ("many", size.many),
            ("requests", size.requests),
        ],
        Command::Logs(size) => vec![
            ("lines", size.lines),
            ("attempts", size.attempts),
            ("requests", size.requests),
        ],
        Command::Idle(size) => vec![("agents", size.agents), ("watch_seconds", size.watch_secs)],
        Command::Stream(size) => vec![
            ("subscribers", size.subscribers),
            ("offered_per_s", size.offered),
            ("seconds", args.seconds),
        ],
        Command::Git(size) => vec![
            ("files", size.files),
            ("sequential", size.sequential),
            ("parallel", size.parallel),
        ],
        Command::Planner(size) => vec![("few", size.few), ("many", size.many), ("most", size.most)],
        Command::All => Vec::new(),
    };
    (name, parameters)
}

/// What server and load take of the processors between two moments.
pub(crate) struct CpuMeter {
    start: Instant,
    server: Option<(u32, Duration)>,
    own: Duration,
}

impl CpuMeter {
    pub(crate) fn start(lab: &Lab) -> anyhow::Result<Self> {
        let server = match lab.pid() {
            Some(pid) => Some((pid, machine::cpu_time(pid)?)),
            None => None,
        };
        Ok(Self {
            start: Instant::now(),
            server,
            own: machine::cpu_time(std::process::id())?,
        })
    }

    /// Adds the mean number of cores that were busy.
    pub(crate) fn report(&self, metrics: &mut Metrics) -> anyhow::Result<()> {
        let elapsed = self.start.elapsed().as_secs_f64();
        if let Some((pid, before)) = self.server {
            let used = machine::cpu_time(pid)?.saturating_sub(before);
            metrics.insert("server_cores".to_owned(), used.as_secs_f64() / elapsed);
        }
        let used = machine::cpu_time(std::process::id())?.saturating_sub(self.own);
        metrics.insert("bench_cores".to_owned(), used.as_secs_f64() / elapsed);
        Ok(())
    }
}

/// Makes sure that the load left nothing behind: a fast server that loses work is not fast.
pub(crate) async fn check_all_done(client: &Client, org: &Org) -> anyhow::Result<()> {
    let find = async |state: &str| {
        let query = TaskQuery {
            org: Some(org.name.clone()),
            state: Some(state.to_owned()),
            page: Page {
                cursor: None,
                limit: Some(1),
            },
            ..TaskQuery::default()
        };
        let list = client.tasks(&query).await.context("GET /tasks")?;
        anyhow::Ok(list.items.into_iter().next())
    };
    for state in [
        "draft",
        "blocked",
        "ready",
        "running",
        "integrating",
        "waiting",
        "failed",
    ] {
        if let Some(task) = find(state).await? {
            anyhow::bail!("the load has ended, but {} is {state}", task.id);
        }
    }
    ensure!(
        find("done").await?.is_some(),
        "the load has ended, but no task is done"
    );
    Ok(())
}

/// The commit that is checked out here, if this is a checkout.
async fn commit() -> Option<String> {
    let output = tokio::process::Command::new("git")
        .args(["rev-parse", "HEAD"])
        .output()
        .await
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// The command line without what follows `--token`.
fn command_line() -> Vec<String> {
    without_token(std::env::args())
}

fn without_token(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut hide_next = false;
    for word in words {
        let hidden = std::mem::replace(&mut hide_next, word == "--token");
        if hidden {
            kept.push("…".to_owned());
        } else if word.starts_with("--token=") {
            kept.push("--token=…".to_owned());
        } else {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_in_the_report() {
        let words = ["devlab-bench", "--token", "s3cret", "--token=s3cret", "git"];
        let kept = without_token(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(kept, ["devlab-bench", "--token", "…", "--token=…", "git"]);
    }

    #[test]
    fn all_has_every_scenario_and_the_offered_loads() {
        let all = scenarios(&Command::All, StoreKind::Sqlite);
        let names: Vec<&str> = all.iter().map(Command::name).collect();
        assert_eq!(
            names,
            [
                "dispatch",
                "dispatch",
                "three-step",
                "three-step",
                "ready-scan",
                "history",
                "logs",
                "idle",
                "stream",
                "git",
                "planner"
            ]
        );
    }
}
