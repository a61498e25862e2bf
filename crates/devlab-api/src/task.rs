//! Tasks: making, reading and changing them; attempts, receipts, candidates.

use devlab_core::attempt::{AttemptKind, AttemptState, Failure, Phase};
use devlab_core::state::{StateName, TaskKind, WaitReason};
use devlab_core::task::{Proof, Tries};
use devlab_core::train::CandidateState;
use devlab_core::{
    AgentId, ArtifactId, AttemptId, CandidateId, OrgId, PatchId, ProjectId, ReceiptId, TaskId,
    TemplateId, Timestamp, check,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::ask::{AnswerTask, Ask, AskAnswer};
pub use crate::choice::{Alternative, ChoiceRole, ChooseTask, TaskChoice};
pub use crate::conflict::{Conflict, ConflictKind, ConflictSide};
pub use crate::driver::{Check, Command, Driver};
pub use crate::graph::{GraphTask, Schedule, Scheduled};

/// Makes one task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTask {
    /// Org, by id or name. May be left out by a caller that has just one, and with a `parent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Project, by id or name. A task without one changes no repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Composite that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<TaskId>,
    /// One line.
    pub title: String,
    /// What is wanted, in words. Default: the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Tasks of the same parent (or goals of the same org) that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub depends_on: Vec<TaskId>,
    /// How it is done. A leaf without one needs an agent that has a driver of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Checks besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Patterns of files that are kept of what the driver leaves, besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Files and folders that it will touch: what overlaps with other tasks is shown before it is
    /// done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Higher is earlier; default 0.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews the result. Default: yes for a goal with a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<bool>,
    /// Whether it does things outside that must not be repeated by themselves.
    #[serde(default)]
    pub side_effects: bool,
    /// Whether it waits in `draft` for an approval.
    #[serde(default)]
    pub draft: bool,
    /// Try it so many times at once, 2 to 8, and take one of the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_of: Option<u8>,
    /// The same with ways that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<Vec<Alternative>>,
}

/// Changes a task. What is left out stays. Words and commands can change only before work on it
/// has started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTask {
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is wanted, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Higher is earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// How it is done from now on: for a task on which no work has started, or that waits for
    /// somebody before its next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Dependencies to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub add_depends_on: Vec<TaskId>,
}

/// Says something to whoever does a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TellTask {
    /// The words.
    pub message: String,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Id.
    #[schema(value_type = String, example = "task_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: TaskId,
    /// Org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectId>,
    /// Parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<TaskId>,
    /// The goal that it serves.
    #[schema(value_type = String)]
    pub goal_id: TaskId,
    /// `leaf` or `composite`.
    #[schema(value_type = String)]
    pub kind: TaskKind,
    /// One line.
    pub title: String,
    /// State: `draft`, `blocked`, `ready`, `running`, `integrating`, `waiting`, `done`, `failed`
    /// or `cancelled`.
    #[schema(value_type = String)]
    pub state: StateName,
    /// What it waits for, if it is `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub waiting_for: Option<WaitReason>,
    /// What its agent asks, if it waits for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Ask>,
    /// Dependencies that are not done.
    pub unmet: u32,
    /// Higher is earlier.
    pub priority: i16,
    /// Longest remaining path, in tasks.
    pub path: u32,
    /// Labels that an agent needs.
    pub labels: Vec<String>,
    /// Work attempts made.
    pub attempts: u32,
    /// How often each kind of failure sent it back.
    #[schema(value_type = Object)]
    pub tries: Tries,
    /// The attempt that works on it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub live_attempt: Option<AttemptId>,
    /// When it may be claimed again, if it backs off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_before: Option<Timestamp>,
    /// Children that are neither done nor cancelled.
    pub open_children: u32,
    /// Whether a person reviews the result.
    pub review: bool,
    /// `open`, `proven` or `unproven`.
    #[schema(value_type = String)]
    pub proof: Proof,
    /// The adopted result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The merge commit in the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Hash of the check set it has to pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_set: Option<String>,
    /// The task behind which it is held back: both touch the same paths, and policy says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub held_by: Option<TaskId>,
    /// What it has to do with a choice among alternatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<ChoiceRole>,
    /// The alternative that was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub chosen: Option<TaskId>,
    /// Hidden from lists.
    pub archived: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its state last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A task with everything that belongs to it alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// What is wanted, in words.
    pub goal: String,
    /// How it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// All checks that its result has to pass.
    pub checks: Vec<Check>,
    /// Patterns of the files that are kept of what its driver leaves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Files and folders that it says it will touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Other tasks with the same target that say that they will touch the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// What it depends on.
    #[schema(value_type = Vec<String>)]
    pub depends_on: Vec<TaskId>,
    /// What depends on it.
    #[schema(value_type = Vec<String>)]
    pub dependents: Vec<TaskId>,
    /// Why it does not move, if it does not: who or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<String>,
    /// What the next attempt will be told of earlier ones.
    #[schema(value_type = Vec<Object>)]
    pub feedback: Vec<devlab_core::task::Feedback>,
    /// What was asked of people about it, and what they said, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
    /// Its patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub patch: Option<PatchId>,
    /// Branch that its result goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Who it was made for; absent for one that was made before devlab kept this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// Who a task was made for, and through what. When is its `created_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Made {
    /// Who asked for it, as role and token; `devlab` if nobody did.
    #[schema(example = "operator:tok_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub by: String,
    /// What it came through, if it was not asked for by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
}

/// What a task came through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Through {
    /// A revision of a plan, which whoever asked had proposed.
    Plan {
        /// The composite whose plan it is.
        #[schema(value_type = String)]
        task: TaskId,
        /// Number of the revision.
        revision: u32,
    },
    /// A start of a schedule or webhook, which whoever asked had made.
    Schedule {
        /// The schedule, which may be gone.
        #[schema(value_type = String)]
        schedule: TemplateId,
        /// Its name at that time.
        name: String,
    },
    /// What became of its parent's result: a conflict, a failed check, a review.
    Result,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Id.
    #[schema(value_type = String, example = "att_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: AttemptId,
    /// Task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Counts the tries.
    pub number: u32,
    /// `work` or `verify`.
    #[schema(value_type = String)]
    pub kind: AttemptKind,
    /// Agent.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// `live`, `lost`, `superseded`, `succeeded`, `failed`, `cancelled` or `asked`.
    #[schema(value_type = String)]
    pub state: AttemptState,
    /// Last reported phase.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Kind of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub failure: Option<Failure>,
    /// Commit it started from, or verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Earlier work that it went on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<String>,
    /// Its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Candidate that it verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub candidate: Option<CandidateId>,
    /// Length of its log in bytes.
    pub log_bytes: u64,
    /// Whether the bytes of its log are gone, by the rules of retention.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_gone: bool,
    /// When it was claimed.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// Proof that a check ran on a tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Id.
    #[schema(value_type = String)]
    pub id: ReceiptId,
    /// Task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Attempt that ran it.
    #[schema(value_type = String)]
    pub attempt: AttemptId,
    /// Agent that ran it: the verifier.
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// Candidate that it was run for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub candidate: Option<CandidateId>,
    /// Name of the check.
    pub check: String,
    /// Its command.
    pub command: String,
    /// Identity of the check.
    pub check_hash: String,
    /// Identity of the set it was part of.
    pub check_set: String,
    /// Commit that was checked out.
    pub commit: String,
    /// Its tree: what the proof is about.
    pub tree: String,
    /// Exit code.
    pub exit_code: i32,
    /// Whether it passed.
    pub passed: bool,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Where its output begins in the attempt's log.
    pub log_offset: u64,
    /// Length of its output in bytes.
    pub log_len: u64,
    /// Whether the log that has its output is gone, by the rules of retention: the receipt outlives
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_gone: bool,
    /// Isolation in force.
    #[schema(value_type = String)]
    pub isolation: check::Isolation,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A merge of results with their target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Id.
    #[schema(value_type = String)]
    pub id: CandidateId,
    /// Branch that it goes into.
    pub target: String,
    /// `building`, `verifying`, `publishing`, `published` or `rejected`.
    #[schema(value_type = String)]
    pub state: CandidateState,
    /// Tasks, in the order of their merges.
    #[schema(value_type = Vec<String>)]
    pub tasks: Vec<TaskId>,
    /// Head of the target that it was built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Tip of its merges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<String>,
    /// Tree of the tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Verify attempts made.
    pub verify_attempts: u32,
}

/// A dependency between two tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Edge {
    /// What waits.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// What it waits for.
    #[schema(value_type = String)]
    pub depends_on: TaskId,
}

/// A commit, in a task's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Commit {
    /// Id.
    pub id: String,
    /// Parents.
    pub parents: Vec<String>,
    /// Author's name.
    pub author: String,
    /// When (RFC 3339).
    pub at: String,
    /// First line of the message.
    pub subject: String,
}

/// A file that an attempt left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// Id.
    #[schema(value_type = String)]
    pub id: ArtifactId,
    /// Task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Attempt that left it.
    #[schema(value_type = String)]
    pub attempt: AttemptId,
    /// Path in the attempt's tree.
    pub path: String,
    /// Length, in bytes.
    pub size: u64,
    /// SHA-256 of its bytes; absent once they are gone, by the rules of retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}
