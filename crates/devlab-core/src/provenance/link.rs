//! Links: what is stated of a goal, step by step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ask::AskKind;
use crate::check::{Isolation, Sha256Hex};
use crate::git::{Oid, RefName};
use crate::id::{AgentId, AttemptId, CandidateId, OrgId, ProjectId, ReceiptId, TaskId};
use crate::patch::Verdict;
use crate::plan::PlanState;
use crate::plan::revision::{Decision, Origin};
use crate::state::{StateName, TaskKind};
use crate::task::Proof;
use crate::time::Timestamp;

/// What a statement is about: a name and digests (in-toto's `ResourceDescriptor`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its digests, by algorithm: `sha256`, `gitCommit`, `gitTree`.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// A subject with one digest.
    #[must_use]
    pub fn new(name: impl Into<String>, algorithm: &str, digest: impl ToString) -> Self {
        Self {
            name: name.into(),
            digest: BTreeMap::from([(algorithm.to_owned(), digest.to_string())]),
        }
    }

    fn and(mut self, algorithm: &str, digest: impl ToString) -> Self {
        self.digest.insert(algorithm.to_owned(), digest.to_string());
        self
    }
}

/// A statement of in-toto.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P> {
    /// [`super::STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// Says what the predicate means.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is stated.
    pub predicate: P,
}

/// A link with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// From 0, without gaps.
    pub number: u32,
    /// SHA-256 of the payload before; absent for the first.
    pub previous: Option<Sha256Hex>,
    /// What is stated.
    pub link: Link,
}

/// One step from a goal to its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Link {
    /// What was wanted. The first link, and the only one of its kind.
    Goal(TaskLink),
    /// A plan that a composite was done by, or had before.
    Plan(PlanLink),
    /// A task below the goal.
    Task(TaskLink),
    /// The attempt whose result was adopted.
    Attempt(AttemptLink),
    /// Checks that ran on a tree.
    Receipts(ReceiptsLink),
    /// What a person decided.
    Verdict(VerdictLink),
    /// The merge of a result into its target. The last link is that of the goal.
    Merge(MergeLink),
}

/// A task, the goal included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskLink {
    /// Org.
    pub org: OrgId,
    /// Project; absent if it changes no repository.
    pub project: Option<ProjectId>,
    /// Task.
    pub task: TaskId,
    /// What it is a child of; absent for a goal.
    pub parent: Option<TaskId>,
    /// Leaf or composite.
    pub made_of: TaskKind,
    /// One line.
    pub title: String,
    /// SHA-256 of its words, driver and checks.
    pub words: Sha256Hex,
    /// How it ended.
    pub state: StateName,
    /// Whether a person had to accept its result.
    pub review: bool,
    /// A commit that it brings in besides: of the upstream, or of its parent's target.
    pub brought: Option<Oid>,
    /// Tasks that had to be done before it.
    pub after: Vec<TaskId>,
    /// Hash of what policy promised it in the end.
    pub policy: Sha256Hex,
    /// Hashes of what policy promised it when it was worked on, as far as that was something else,
    /// oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Sha256Hex>,
    /// Hash of the checks that it had to pass; absent without a project.
    pub check_set: Option<Sha256Hex>,
    /// When it was made.
    pub at: Timestamp,
}

/// A revision of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanLink {
    /// The composite.
    pub task: TaskId,
    /// From 1.
    pub number: u32,
    /// The revision that it took the place of.
    pub parent: Option<u32>,
    /// Whether it is the one that was carried out to the end.
    pub state: PlanState,
    /// SHA-256 of the plan.
    pub plan: Sha256Hex,
    /// What it was made from.
    pub origin: Origin,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// Who decided that it is carried out.
    pub decision: Option<Decision>,
    /// Its tasks, by key.
    pub tasks: BTreeMap<String, TaskId>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptLink {
    /// Task.
    pub task: TaskId,
    /// Attempt.
    pub attempt: AttemptId,
    /// Which try it was.
    pub number: u32,
    /// Who did it.
    pub agent: AgentId,
    /// Its name; absent if it was removed since.
    pub agent_name: Option<String>,
    /// Where it ran.
    pub runtime: Option<String>,
    /// What did it: `command`, or absent for an agent with a driver of its own.
    pub driver: Option<String>,
    /// Isolation in force, as its receipts say; absent if it has none.
    pub isolation: Option<Isolation>,
    /// Commit that it started from.
    pub base: Option<Oid>,
    /// Its result; absent without a project.
    pub commit: Option<Oid>,
    /// Hash of what policy promised its task when it was claimed.
    pub policy: Sha256Hex,
    /// When it was claimed.
    pub at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Receipts about one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsLink {
    /// Task.
    pub task: TaskId,
    /// The tree.
    pub tree: Oid,
    /// What ran on it.
    pub receipts: Vec<ReceiptItem>,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptItem {
    /// Id.
    pub receipt: ReceiptId,
    /// Name of the check.
    pub check: String,
    /// Its command.
    pub command: String,
    /// Hash of the check: name, command, time limit, preparation.
    pub check_hash: Sha256Hex,
    /// Hash of the set that it was part of.
    pub check_set: Sha256Hex,
    /// Commit that was checked out.
    pub commit: Oid,
    /// Exit code.
    pub exit_code: i32,
    /// Whether it passed.
    pub passed: bool,
    /// The attempt that ran it.
    pub attempt: AttemptId,
    /// The verifier.
    pub verifier: AgentId,
    /// Isolation in force.
    pub isolation: Isolation,
    /// When it was stored.
    pub at: Timestamp,
}

/// What a person decided about a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictLink {
    /// Task.
    pub task: TaskId,
    /// About what.
    pub about: About,
    /// Who.
    pub by: String,
    /// The result that it is about.
    pub commit: Option<Oid>,
    /// When.
    pub at: Timestamp,
}

/// What a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A review, with what it came to.
    Review(Verdict),
    /// The answer to what was asked.
    Asked(AskKind),
}

/// A merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeLink {
    /// Task.
    pub task: TaskId,
    /// The candidate that it was part of.
    pub candidate: CandidateId,
    /// Branch that it went into.
    pub target: RefName,
    /// The task's result.
    pub head: Oid,
    /// The merge commit.
    pub commit: Oid,
    /// Head of the target before the candidate.
    pub base: Oid,
    /// All merges of the candidate, in order; the last is what was checked and published.
    pub batch: Vec<Oid>,
    /// Tree of the last one: what the receipts are about.
    pub tree: Oid,
    /// Hash of the checks that the tree had to pass.
    pub check_set: Sha256Hex,
    /// The checks, by name, with their hashes.
    pub checks: BTreeMap<String, Sha256Hex>,
    /// Whether there was something to prove.
    pub proof: Proof,
    /// Hash of the policy that the task was promised.
    pub policy: Sha256Hex,
    /// Time of the merge commits.
    pub at: Timestamp,
}

impl Link {
    /// The task that it is about.
    #[must_use]
    pub fn task(&self) -> TaskId {
        match self {
            Self::Goal(link) | Self::Task(link) => link.task,
            Self::Plan(link) => link.task,
            Self::Attempt(link) => link.task,
            Self::Receipts(link) => link.task,
            Self::Verdict(link) => link.task,
            Self::Merge(link) => link.task,
        }
    }

    /// What it is, in a word or two.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Goal(_) => "goal",
            Self::Plan(_) => "plan",
            Self::Task(_) => "task",
            Self::Attempt(_) => "attempt",
            Self::Receipts(_) => "receipts",
            Self::Verdict(_) => "verdict",
            Self::Merge(_) => "merge",
        }
    }

    /// What the statement is about: the objects that its link names.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let task = self.task();
        match self {
            Self::Goal(link) | Self::Task(link) => {
                Subject::new(task.to_string(), "sha256", &link.words)
            }
            Self::Plan(link) => {
                Subject::new(format!("{task} plan {}", link.number), "sha256", &link.plan)
            }
            Self::Attempt(link) => match &link.commit {
                Some(commit) => Subject::new(link.attempt.to_string(), "gitCommit", commit),
                None => Subject::new(link.attempt.to_string(), "sha256", &link.policy),
            },
            Self::Receipts(link) => Subject::new(task.to_string(), "gitTree", &link.tree),
            Self::Verdict(link) => match &link.commit {
                Some(commit) => Subject::new(task.to_string(), "gitCommit", commit),
                None => Subject::new(
                    task.to_string(),
                    "sha256",
                    Sha256Hex::of(link.by.as_bytes()),
                ),
            },
            Self::Merge(link) => Subject::new(link.target.to_string(), "gitCommit", &link.commit)
                .and("gitTree", &link.tree),
        }
    }
}
