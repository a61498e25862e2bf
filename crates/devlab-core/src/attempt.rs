//! Attempts: one try by one agent, under a lease.

use serde::{Deserialize, Serialize};

use crate::check::{DriverSpec, Sha256Hex};
use crate::git::Oid;
use crate::id::{AgentId, AttemptId, CandidateId, OrgId, TaskId};
use crate::label::Labels;
use crate::limit::Lane;
use crate::time::Timestamp;

/// What an attempt does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// Do the task.
    Work,
    /// Run the checks on a candidate.
    Verify,
}

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Its lease runs.
    Live,
    /// Its lease ended; it may come back until the task is claimed again.
    Lost,
    /// Another attempt took its place. Its writes change nothing.
    Superseded,
    /// It delivered a result that passed its checks.
    Succeeded,
    /// It delivered a result, or nothing, and failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It asked a person something. Another one goes on with its work.
    Asked,
}

impl AttemptState {
    /// Whether it can still write.
    #[must_use]
    pub fn may_write(self) -> bool {
        matches!(self, Self::Live | Self::Lost)
    }
}

/// What an agent is doing with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Fetching and checking out.
    Preparing,
    /// The driver runs.
    Driving,
    /// Committing and pushing.
    Delivering,
    /// Checks run.
    Checking,
}

/// One try by one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Id and fencing token.
    pub id: AttemptId,
    /// Org.
    pub org: OrgId,
    /// Task; for a verify attempt the first task of its candidate.
    pub task: TaskId,
    /// Counts the work attempts of a task from 1; a verify attempt counts within its candidate.
    pub number: u32,
    /// Work or verify.
    pub kind: AttemptKind,
    /// Candidate of a verify attempt.
    pub candidate: Option<CandidateId>,
    /// Agent that claimed it.
    pub agent: AgentId,
    /// The claim that made it: repeating the claim returns the same attempt.
    pub claim_id: String,
    /// State.
    pub state: AttemptState,
    /// Last reported phase.
    pub phase: Phase,
    /// End of the lease, by the store's clock.
    pub lease_until: Timestamp,
    /// Commit that the work starts from, or the commit to verify.
    pub base: Option<Oid>,
    /// Earlier work that is merged into the worktree.
    pub prior: Option<Oid>,
    /// A commit that becomes a second parent of the result.
    pub merges: Option<Oid>,
    /// Result, once adopted.
    pub commit: Option<Oid>,
    /// Why it failed, in a word: `driver`, `check`, `lost`, `agent`.
    pub failure: Option<Failure>,
    /// Hash of what policy promised its task when it was claimed; absent for one that verifies, and
    /// for one that was claimed before this was kept.
    pub terms: Option<Sha256Hex>,
    /// Limits that it counts under while it is live.
    pub lane: Lane,
    /// When it was claimed.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Kinds of failure; each has its own limit of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The agent was lost, or could not do its part.
    Lost,
    /// The driver ended with an error, ran too long or wrote too much.
    Driver,
    /// A check failed.
    Check,
}

/// An agent process, as the orchestrator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Id.
    pub id: AgentId,
    /// Org that it serves.
    pub org: OrgId,
    /// Name, unique among the org's agents; a restarted agent finds its id by it.
    pub name: String,
    /// What it can do.
    pub labels: Labels,
    /// Attempts that it takes at one time.
    pub capacity: u32,
    /// Runtime it runs in, such as `local`.
    pub runtime: String,
    /// Whether it takes no new work.
    pub draining: bool,
    /// Limits of its runtime.
    pub lane: Lane,
    /// When it registered first.
    pub created_at: Timestamp,
    /// When it last called.
    pub seen_at: Timestamp,
}

/// What an agent gets with a claim: everything it needs, so that it need not ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The attempt.
    pub attempt: Attempt,
    /// Title of the task.
    pub title: String,
    /// Goal in words.
    pub goal: String,
    /// Driver of a work attempt.
    pub driver: Option<DriverSpec>,
    /// Length of the lease in milliseconds.
    pub lease_ms: u64,
}
