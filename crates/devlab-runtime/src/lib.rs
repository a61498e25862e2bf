//! Where agents run: the [`Runtime`] trait, and [`local`], which runs them as processes of this
//! machine.
//!
//! *Invariant:* a runtime starts, keeps and stops agents. It knows no tasks and talks to no server.
//! *Invariant:* an agent's token is never in an argument or in its environment.

pub mod local;
pub mod rotate;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

/// An agent that is to run.
#[derive(Debug, Clone)]
pub struct AgentSpec {
    /// Name, unique in the runtime and in the org.
    pub name: String,
    /// What it can do.
    pub labels: Vec<String>,
    /// Attempts that it takes at one time.
    pub capacity: u32,
    /// Its folder.
    pub home: PathBuf,
    /// Copies of projects that it shares with other agents; none are shared if absent.
    pub cache: Option<PathBuf>,
    /// The server's address.
    pub url: String,
    /// Its token.
    pub token: SecretString,
    /// Variables besides those that the runtime passes on.
    pub env: BTreeMap<String, String>,
}

/// An agent that runs, or is about to again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// Its name.
    pub name: String,
    /// Its process now; absent between an end and the next start.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
}

/// Why a runtime could not do something.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is one of that name already.
    #[error("an agent named {0} runs already")]
    NameTaken(String),
    /// There is none of that name.
    #[error("no agent named {0} runs here")]
    Unknown(String),
    /// More than the runtime takes.
    #[error("this runtime runs at most {0} agents")]
    Full(usize),
    /// A file or a process could not be made.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// A place where agents run.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Its kind, such as `local`.
    fn kind(&self) -> &'static str;

    /// Starts an agent and keeps it running until it is stopped.
    ///
    /// # Errors
    /// [`RuntimeError::NameTaken`], [`RuntimeError::Full`], or its files cannot be made. That the
    /// agent then fails is no error: it is started again.
    async fn start(&self, spec: AgentSpec) -> Result<(), RuntimeError>;

    /// Stops an agent: it may finish what it does for `grace`, and is then ended. Returns when none
    /// of it is left.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`].
    async fn stop(&self, name: &str, grace: Duration) -> Result<(), RuntimeError>;

    /// What runs, by name.
    async fn list(&self) -> Vec<AgentStatus>;
}
