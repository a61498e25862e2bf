//! What an agent is told when it starts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use devlab_api::task::Driver;
use devlab_core::{Clock, SystemClock};
use secrecy::SecretString;

use crate::faults::{Faults, NoFaults};
use crate::workspace;

/// How long running attempts may take after the first signal by default.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(30);
/// Time between two collections of old workspaces by default.
pub const COLLECT_EVERY_DEFAULT: Duration = Duration::from_secs(600);

/// What is kept from drivers, for tests that show that a driver needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Withhold {
    /// Output of failed checks.
    pub check_log: bool,
    /// Earlier work that conflicts: the driver then starts from the bare base.
    pub conflict: bool,
}

/// An agent's configuration.
#[derive(Clone)]
pub struct AgentConfig {
    /// Address of the orchestrator, such as `http://127.0.0.1:18080`.
    pub url: String,
    /// A token of the role `agent`. No driver gets it.
    pub token: SecretString,
    /// Name, unique in the org: a restarted agent is known by it.
    pub name: String,
    /// What it can do. `driver=default` is added if there is a `default_driver`.
    pub labels: Vec<String>,
    /// Attempts that it works on at one time, at least 1.
    pub capacity: u32,
    /// Its folder; see [`crate::workspace`].
    pub home: PathBuf,
    /// Copies of projects, which it may share with other agents of its machine and user; inside
    /// its home if absent. On another file system than the home, used trees are not passed on.
    pub cache: Option<PathBuf>,
    /// Runtime that it runs in, such as `local`.
    pub runtime: String,
    /// Does the tasks that name no driver.
    pub default_driver: Option<Driver>,
    /// `PATH` of drivers, checks and git.
    pub path_env: OsString,
    /// The executable with the hidden commands of [`crate::supervise`].
    pub supervisor: PathBuf,
    /// Named points at which a test breaks the agent.
    pub faults: Arc<dyn Faults>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// What is kept from drivers.
    pub withhold: Withhold,
    /// When workspaces and repositories are collected.
    pub limits: workspace::Limits,
    /// Time between two collections.
    pub collect_every: Duration,
    /// Whether a workspace stays after its attempt, until it is collected.
    pub keep_workspaces: bool,
    /// How long running attempts may take after the first signal.
    pub drain: Duration,
}

impl AgentConfig {
    /// An agent with one slot, no labels and the defaults for everything else.
    #[must_use]
    pub fn new(
        url: impl Into<String>,
        token: SecretString,
        name: impl Into<String>,
        home: impl Into<PathBuf>,
        supervisor: impl Into<PathBuf>,
        path_env: impl Into<OsString>,
    ) -> Self {
        Self {
            url: url.into(),
            token,
            name: name.into(),
            labels: Vec::new(),
            capacity: 1,
            home: home.into(),
            cache: None,
            runtime: "local".to_owned(),
            default_driver: None,
            path_env: path_env.into(),
            supervisor: supervisor.into(),
            faults: Arc::new(NoFaults),
            clock: Arc::new(SystemClock::new()),
            withhold: Withhold::default(),
            limits: workspace::Limits::default(),
            collect_every: COLLECT_EVERY_DEFAULT,
            keep_workspaces: false,
            drain: DRAIN_DEFAULT,
        }
    }

    /// The labels that it registers with.
    pub(super) fn all_labels(&self) -> Vec<String> {
        let mut labels = self.labels.clone();
        if self.default_driver.is_some() {
            labels.push(devlab_core::rules::schedule::DEFAULT_DRIVER_LABEL.to_owned());
        }
        labels.sort_unstable();
        labels.dedup();
        labels
    }
}
