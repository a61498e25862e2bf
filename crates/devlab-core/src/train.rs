//! Trains: the queue of candidates of one target.

use serde::{Deserialize, Serialize};

use crate::check::Sha256Hex;
use crate::git::{Oid, RefName};
use crate::id::{AttemptId, CandidateId, OrgId, ProjectId, TaskId};
use crate::time::Timestamp;

/// The target of a train.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Project.
    pub project: ProjectId,
    /// Branch.
    pub branch: RefName,
}

/// A result that waits in a train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainEntry {
    /// The task whose result it is; a task is in at most one train, once.
    pub task: TaskId,
    /// Where it goes.
    pub target: Target,
    /// Place in the queue.
    pub seq: u64,
    /// The result.
    pub head: Oid,
    /// Largest batch it may be part of: less in a batch that failed, and everything again when it is
    /// under suspicion no longer.
    pub batch_max: u32,
    /// The candidate that it is part of.
    pub candidate: Option<CandidateId>,
}

/// Where a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateState {
    /// Its merges are being made.
    Building,
    /// Its checks wait for an agent, or run.
    Verifying,
    /// An intent to publish it is stored: the point of no return.
    Publishing,
    /// It is in the target.
    Published,
    /// It was given up: conflict, failed check, cancelled task, moved target.
    Rejected,
}

impl CandidateState {
    /// Whether the train is busy with it.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Building | Self::Verifying | Self::Publishing)
    }
}

/// One task in a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateEntry {
    /// Task.
    pub task: TaskId,
    /// Its result.
    pub head: Oid,
    /// The merge commit that brings it in, once built.
    pub merge: Option<Oid>,
    /// Size of its change, once built, if a person is going to review it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stat: Option<DiffStat>,
}

/// Size of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DiffStat {
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
}

/// A merge of results with their target, not yet published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Id.
    pub id: CandidateId,
    /// Org.
    pub org: OrgId,
    /// Where it goes.
    pub target: Target,
    /// State.
    pub state: CandidateState,
    /// The tasks, in the order of their merges.
    pub entries: Vec<CandidateEntry>,
    /// Head of the target that it was built on, once built.
    pub base: Option<Oid>,
    /// Tip of its merges, once built.
    pub tip: Option<Oid>,
    /// Tree of the tip, once built.
    pub tree: Option<Oid>,
    /// Checks that the tree has to pass.
    pub check_set: Sha256Hex,
    /// The verify attempt that lives.
    pub live: Option<AttemptId>,
    /// The verify attempt whose lease ended last and that may still come back.
    pub lost: Option<AttemptId>,
    /// Verify attempts made.
    pub attempts: u32,
    /// Time that its merge commits carry; part of their identity.
    pub stamp: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a train has to do next; see [`crate::rules::train`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrainStep {
    /// Nothing to do until something happens.
    Idle,
    /// Build the merges of this candidate, then report with `built` or `conflicted`.
    Build(Candidate),
    /// Publish this candidate by its intent, then report with `published` or `moved`.
    Publish(Candidate),
}
