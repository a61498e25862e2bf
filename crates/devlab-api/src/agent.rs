//! What agents say and hear.

use devlab_core::attempt::{AttemptKind, Phase};
use devlab_core::state::StateName;
use devlab_core::task::Feedback;
use devlab_core::{AgentId, AttemptId, CandidateId, OrgId, ProjectId, TaskId, Timestamp, check};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::ask::Question;
use crate::task::{Ask, Check, Driver};

/// Registers an agent, or tells that it has restarted: the name decides which it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterAgent {
    /// Org, by id or name. May be left out by a caller that has just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Name, unique in the org.
    pub name: String,
    /// What it can do.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Attempts that it takes at one time.
    pub capacity: u32,
    /// Runtime that it runs in.
    #[serde(default = "runtime_default")]
    pub runtime: String,
}

fn runtime_default() -> String {
    "local".to_owned()
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Id.
    #[schema(value_type = String, example = "agent_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: AgentId,
    /// Org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Name.
    pub name: String,
    /// What it can do.
    pub labels: Vec<String>,
    /// Attempts that it takes at one time.
    pub capacity: u32,
    /// Attempts that it holds now.
    #[schema(value_type = Vec<String>)]
    pub attempts: Vec<AttemptId>,
    /// Runtime.
    pub runtime: String,
    /// Whether it takes no new work.
    pub draining: bool,
    /// Whether it has called lately.
    pub online: bool,
    /// When it registered first.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last called.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
}

/// Asks for work. Waits until there is some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The agent.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// An id of the agent's own for this claim, 1 to 64 characters. Repeating it returns the same
    /// attempt.
    pub claim_id: String,
    /// How long to wait, in seconds; at most 30. Default 0.
    #[serde(default)]
    pub wait_secs: u32,
}

/// Work that was claimed, with everything that the agent needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    /// The attempt: the fence of every later call.
    #[schema(value_type = String)]
    pub attempt: AttemptId,
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Counts the tries.
    pub number: u32,
    /// `work` or `verify`.
    #[schema(value_type = String)]
    pub kind: AttemptKind,
    /// Length of the lease in milliseconds; heartbeat at least three times as often.
    pub lease_ms: u64,
    /// Title of the task.
    pub title: String,
    /// Goal in words.
    pub goal: String,
    /// How to do it; absent for a verify attempt, and for a task that leaves it to the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// How long a driver may take at most, in seconds, if policy says so; `driver` keeps to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_secs_max: Option<u32>,
    /// The repository, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// Patterns of files to keep of what the driver leaves; empty for a verify attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// What is known from earlier attempts, oldest first.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub feedback: Vec<Feedback>,
    /// What earlier attempts asked and people answered, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Ask>,
}

/// A repository, as an attempt sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Repository {
    /// Project.
    #[schema(value_type = String)]
    pub project: ProjectId,
    /// Path below the server's address.
    pub git_path: String,
    /// Token for git over HTTP (user `attempt`), good while the attempt lives.
    pub git_token: String,
    /// Commit that the work starts from, or the commit to verify.
    pub base: String,
    /// Ref that has `base`; fetch it.
    pub base_ref: String,
    /// Earlier work to merge into the worktree, conflict markers left in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<String>,
    /// Ref that has `prior`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior_ref: Option<String>,
    /// A commit that becomes a second parent of the result, and is merged into the worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merges: Option<String>,
    /// Ref that has `merges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merges_ref: Option<String>,
    /// Where a work attempt pushes its result; the only ref it may push.
    pub push_ref: String,
    /// Prepares a checkout, before the driver and before the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// Checks to run, in order.
    pub checks: Vec<Check>,
    /// Hash of the check set.
    pub check_set: String,
    /// Candidate of a verify attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub candidate: Option<CandidateId>,
}

/// A heartbeat, or with `complete` the end of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The attempt: the fence.
    #[schema(value_type = String)]
    pub attempt: AttemptId,
    /// What the agent is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub phase: Option<Phase>,
    /// Paths that the work has changed so far, from the root of the project, if they are others than
    /// those that were told last; at most 1,000, of which the server keeps 64, or the folders that
    /// they are in. Of an attempt that ends they count if it delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 1000)]
    pub touched: Option<Vec<String>>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Completion>,
}

/// How an attempt ended. Exactly one member is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Completion {
    /// The driver did its work, and the checks ran (they may have failed: the receipts say).
    Delivered(Delivery),
    /// The driver failed.
    DriverFailed(DriverFailure),
    /// The driver asks a person something; the task goes on once there is an answer.
    Asked(Asked),
    /// The agent could not do its part (no space, no git); the task goes to another attempt.
    GivenUp(GivenUp),
    /// The agent stopped it, because it was told to.
    Cancelled(CancelledByRequest),
}

/// A result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The commit that was pushed (work) or verified; absent for a task without a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// One receipt for each check that ran, in order. Checks after a failed one do not run.
    #[serde(default)]
    pub receipts: Vec<NewReceipt>,
    /// How many of the messages that came while it ran the driver has heard. After others another
    /// attempt follows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heard: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A question, and the work so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The commit that was pushed: what the next attempt goes on from; absent for a task without a
    /// repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What is asked.
    pub question: Question,
}

/// A receipt, as the agent reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    /// Name of the check.
    pub check: String,
    /// Tree that was checked out.
    pub tree: String,
    /// Exit code; 128 + signal; 124 after the time limit.
    pub exit_code: i32,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Where its output begins in the attempt's log.
    pub log_offset: u64,
    /// Length of its output in bytes.
    pub log_len: u64,
    /// End of its output, if it failed; at most 16 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log_tail: String,
    /// Isolation in force.
    #[schema(value_type = String)]
    pub isolation: check::Isolation,
}

/// Why a driver failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverFailure {
    /// In words: `exit code 3`, `time limit of 60 s`.
    pub reason: String,
    /// End of its output; at most 16 KiB.
    #[serde(default)]
    pub log_tail: String,
    /// Whether its program does not exist or cannot be started: another try would end the same way,
    /// so there is none until a person asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_started: bool,
}

/// Why an agent gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    /// In words.
    pub reason: String,
}

/// An attempt that was stopped on request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelledByRequest {}

/// Answer to an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Updated {
    /// Length of the lease from now, in milliseconds; 0 after a completion.
    pub lease_ms: u64,
    /// State of the task now.
    #[schema(value_type = String)]
    pub state: StateName,
}

/// Answer to a log chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Logged {
    /// Length of the log now: where the next chunk belongs.
    pub len: u64,
}

/// What an agent is told on its control channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Control {
    /// Attempts of those it named that it has to stop: cancelled or superseded.
    #[schema(value_type = Vec<String>)]
    pub stop: Vec<AttemptId>,
    /// Whether to take no new work.
    pub drain: bool,
    /// What people said to those of them that it asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// Something that was said to an attempt while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// The attempt.
    #[schema(value_type = String)]
    pub attempt: AttemptId,
    /// From 1 for each attempt, without gaps.
    pub number: u32,
    /// Who.
    pub by: String,
    /// What they said.
    pub message: String,
}
