//! What the command line says.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Measures a devlab server.
///
/// Without --url each run starts a server of its own with a fresh data folder.
#[derive(Debug, Parser)]
#[command(name = "devlab-bench", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The devlab executable to measure; build it with `cargo build --release -p devlab`.
    #[arg(
        long,
        global = true,
        alias = "server",
        value_name = "FILE",
        default_value = "target/release/devlab"
    )]
    pub(crate) server_bin: PathBuf,
    /// Measure this running server instead (not for `idle`).
    #[arg(long, global = true, requires = "token")]
    pub(crate) url: Option<String>,
    /// Token of a global admin of that server.
    #[arg(long, global = true, env = "DEVLAB_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Where the servers that are started keep their state. For `postgres` each gets a PostgreSQL
    /// of its own, with fsync, which has to be installed.
    #[arg(long, global = true, value_enum, default_value_t = StoreKind::Sqlite, conflicts_with = "url")]
    pub(crate) store: StoreKind,
    /// Runs of each measurement; the median counts.
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: u32,
    /// Seconds that each load lasts after its warm-up.
    #[arg(long, global = true, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Seconds of load before the measured ones.
    #[arg(long, global = true, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=600))]
    pub(crate) warmup: u32,
    /// Folder on the disk to measure; data folders are made in it. Not a tmpfs: there fdatasync
    /// costs nothing.
    #[arg(long, global = true, default_value = "target/bench")]
    pub(crate) dir: PathBuf,
    /// Also write the JSON into this folder.
    #[arg(long, global = true)]
    pub(crate) out: Option<PathBuf>,
    /// What goes to standard output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Exit with 2 when a target is missed.
    #[arg(long, global = true)]
    pub(crate) check: bool,
}

/// Where a server keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// The embedded database.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Everything.
    Json,
    /// Medians and targets.
    Text,
}

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Tasks created, claimed and completed: lifecycles/s, or latency at an offered rate.
    Dispatch(Load),
    /// Chains of three tasks: chains/s, or latency at an offered rate.
    ThreeStep(Load),
    /// Claims beside 100 and 100,000 ready tasks.
    ReadyScan(ReadyScan),
    /// Start-up, memory, binary size, and a thousand idle agents.
    Idle(Idle),
    /// Subscribers of the event stream, checked for gaps and doubles.
    Stream(Stream),
    /// Whole tasks on a repository, with real agents.
    Git(Git),
    /// Spec-Kit features of three sizes, compiled to plans.
    Planner(Planner),
    /// Lists, the board and claims beside 1,000 and 1,000,000 finished tasks.
    History(History),
    /// Logs of a million lines: how fast they are written, and how long their last page takes.
    Logs(Logs),
    /// Dispatch by two servers on one PostgreSQL against one, and from one to the other.
    TwoServers(Load),
    /// All of the above with their defaults, the offered loads included; two servers with
    /// `--store postgres` only, which of the others has dispatch, history and logs.
    All,
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Dispatch(_) => "dispatch",
            Self::ThreeStep(_) => "three-step",
            Self::ReadyScan(_) => "ready-scan",
            Self::Idle(_) => "idle",
            Self::Stream(_) => "stream",
            Self::Git(_) => "git",
            Self::Planner(_) => "planner",
            Self::History(_) => "history",
            Self::Logs(_) => "logs",
            Self::TwoServers(_) => "two-servers",
            Self::All => "all",
        }
    }
}

/// Size of a load.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Load {
    /// Long-polling agents.
    #[arg(long, default_value_t = 64)]
    pub(crate) agents: u32,
    /// Connections that create tasks.
    #[arg(long, default_value_t = 32)]
    pub(crate) creators: u32,
    /// Closed loop: tasks (dispatch; default 128) or chains (three-step; default 64) in flight.
    #[arg(long)]
    pub(crate) in_flight: Option<u32>,
    /// Open loop at this many tasks or chains a second, instead of a closed loop.
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) offered: Option<u32>,
}

impl Load {
    pub(crate) fn closed() -> Self {
        Self {
            agents: 64,
            creators: 32,
            in_flight: None,
            offered: None,
        }
    }

    pub(crate) fn offered(rate: u32) -> Self {
        Self {
            offered: Some(rate),
            ..Self::closed()
        }
    }
}

/// Size of `ready-scan`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReadyScan {
    /// Ready tasks of the small case.
    #[arg(long, default_value_t = 100)]
    pub(crate) few: u32,
    /// Ready tasks of the large case.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) many: u32,
    /// Claims measured in each case.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) claims: u32,
}

/// Size of `idle`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Idle {
    /// Long-polling agents.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) agents: u32,
    /// Seconds over which their cost is measured.
    #[arg(long, default_value_t = 30)]
    pub(crate) watch_secs: u32,
}

/// Size of `planner`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Planner {
    /// Tasks of the small feature.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) few: u32,
    /// Tasks of the one that has a target.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) many: u32,
    /// Tasks of the largest one.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) most: u32,
}

/// Size of `stream`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Stream {
    /// Subscribers.
    #[arg(long, default_value_t = 100)]
    pub(crate) subscribers: u32,
    /// Tasks created a second meanwhile.
    #[arg(long, default_value_t = 100)]
    pub(crate) offered: u32,
}

/// Size of `git`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Git {
    /// Files of the repository.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) files: u32,
    /// Tasks done one after the other.
    #[arg(long, default_value_t = 20)]
    pub(crate) sequential: u32,
    /// Tasks done at once by eight agents, into one target and into eight.
    #[arg(long, default_value_t = 80)]
    pub(crate) parallel: u32,
}

impl Default for ReadyScan {
    fn default() -> Self {
        Self {
            few: 100,
            many: 100_000,
            claims: 1_000,
        }
    }
}

/// Size of `history`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct History {
    /// Finished tasks of the small case.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) few: u32,
    /// Finished tasks of the large case.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) many: u32,
    /// Requests of each kind.
    #[arg(long, default_value_t = 300)]
    pub(crate) requests: u32,
}

impl Default for History {
    fn default() -> Self {
        Self {
            few: 1_000,
            many: 1_000_000,
            requests: 300,
        }
    }
}

/// Size of `logs`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Logs {
    /// Lines of each log, of about a hundred bytes each.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) lines: u32,
    /// Attempts that write at the same time.
    #[arg(long, default_value_t = 4)]
    pub(crate) attempts: u32,
    /// Requests of the last page.
    #[arg(long, default_value_t = 200)]
    pub(crate) requests: u32,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            lines: 1_000_000,
            attempts: 4,
            requests: 200,
        }
    }
}

impl Default for Idle {
    fn default() -> Self {
        Self {
            agents: 1_000,
            watch_secs: 30,
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            subscribers: 100,
            offered: 100,
        }
    }
}

impl Default for Planner {
    fn default() -> Self {
        Self {
            few: 1_000,
            many: 10_000,
            most: 100_000,
        }
    }
}

impl Default for Git {
    fn default() -> Self {
        Self {
            files: 1_000,
            sequential: 20,
            parallel: 80,
        }
    }
}
