//! Commands that run parts of the lab.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `devlab up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Run in the background, with its log in DEVLAB_HOME/logs
    #[arg(short, long, conflicts_with = "foreground")]
    pub(crate) detach: bool,
    /// Run in the foreground, which is the default
    #[arg(long)]
    pub(crate) foreground: bool,
    /// Local agents
    #[arg(long, value_name = "N")]
    pub(crate) agents: Option<usize>,
    /// Orgs that share them, by commas, or all; the default org has them if left out
    #[arg(long, value_name = "ORGS")]
    pub(crate) agent_orgs: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The background process itself
    #[arg(long, hide = true)]
    pub(crate) daemon: bool,
}

/// `devlab server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<SocketAddr>,
    /// What this server does, by commas: api, loops, git, dashboard; all of it if left out. With the
    /// embedded database only dashboard can be missing
    #[arg(long, value_name = "ROLES")]
    pub(crate) roles: Option<String>,
    /// Where the other servers of the lab reach this one, if that is not the address it listens on
    #[arg(long, value_name = "URL")]
    pub(crate) advertise: Option<String>,
    /// Length of a lease in seconds
    #[arg(long, value_name = "SECS")]
    pub(crate) lease_secs: Option<f64>,
}

/// `devlab down`.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// How long to wait for work that is under way, in seconds, before it is given up
    #[arg(long, default_value_t = 40, value_name = "SECS")]
    pub(crate) wait: u64,
    /// Do not wait: running work stops at once, and goes on with the next start
    #[arg(long)]
    pub(crate) now: bool,
}

/// `devlab logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on as lines come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Lines of each file to begin with
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    pub(crate) lines: usize,
    /// Only this one: `lab`, or the name of a local agent
    pub(crate) name: Option<String>,
}

/// `devlab agent`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// Name, unique in its org; the host's name if left out
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What it can do, by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// Attempts that it takes at one time
    #[arg(long, default_value_t = 1)]
    pub(crate) capacity: u32,
    /// Its folder; DEVLAB_HOME/agents/NAME if left out
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Copies of projects, which the agents of one machine and one user may share; on the file
    /// system of their homes, so that used trees are passed on. DEVLAB_HOME/cache if neither this
    /// nor --home is given, a folder in its own with --home
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Script for tasks that have no command of their own
    #[arg(long, value_name = "SCRIPT")]
    pub(crate) driver_command: Option<String>,
    /// Reads its token from the first line of standard input, and stops when that ends
    #[arg(long, hide = true)]
    pub(crate) managed: bool,
}

/// What a test keeps from drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Withhold {
    /// The log of the check that failed
    Log,
    /// The other side of a conflict
    Conflict,
}

impl Withhold {
    /// Its word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Conflict => "conflict",
        }
    }
}

/// `devlab demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End by itself; the exit code says whether everything holds
    #[arg(long)]
    pub(crate) once: bool,
    /// The same work as a Spec-Kit feature: compiled, carried out, and ticked off
    #[arg(long)]
    pub(crate) spec_kit: bool,
    /// Keep the folder afterwards, and what is in the database if DATABASE_URL names one
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write every task, attempt, receipt and merge to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// For tests: a part of the context that is kept from drivers
    #[arg(long, hide = true)]
    pub(crate) withhold_context: Option<Withhold>,
}

/// `devlab supervise`.
#[derive(Debug, Args)]
pub(crate) struct SuperviseArgs {
    #[arg(long)]
    pub(crate) spec: PathBuf,
}

/// `devlab supervise-exec`.
#[derive(Debug, Args)]
pub(crate) struct SuperviseExecArgs {
    #[arg(long)]
    pub(crate) spec: PathBuf,
    #[arg(long)]
    pub(crate) parent: i32,
}
