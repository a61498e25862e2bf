//! Tasks.

use serde::{Deserialize, Serialize};

use crate::check::{Check, DriverSpec, Sha256Hex};
use crate::choice::Choice;
use crate::git::{Oid, RefName};
use crate::id::{AttemptId, OrgId, ProjectId, TaskId, TemplateId};
use crate::label::Labels;
use crate::limit::Lane;
use crate::name::Name;
use crate::state::{State, TaskKind};
use crate::time::Timestamp;

/// What a task's result stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Not done yet.
    Open,
    /// Every required check passed on the tree that was published.
    Proven,
    /// There was nothing that could prove it: no project, or no checks.
    Unproven,
}

/// How often each kind of failure has sent a task back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tries {
    /// Agents lost.
    pub lost: u8,
    /// The task's own checks failed.
    pub check: u8,
    /// The driver failed.
    pub driver: u8,
    /// The target did not take the result (conflict, or checks failed there).
    pub sent_back: u8,
}

/// The part of a task that changes. Small, because every claim and completion writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Id.
    pub id: TaskId,
    /// Place in the store's order of creation: the age that breaks ties. Set by `insert_task`.
    pub seq: u64,
    /// Org.
    pub org: OrgId,
    /// Project, if it changes a repository.
    pub project: Option<ProjectId>,
    /// Parent composite.
    pub parent: Option<TaskId>,
    /// The goal it serves; a goal serves itself.
    pub goal: TaskId,
    /// Nesting; a goal has 0.
    pub depth: u8,
    /// Leaf or composite.
    pub kind: TaskKind,
    /// State.
    pub state: State,
    /// Dependencies that are not done.
    pub unmet: u32,
    /// Higher is earlier.
    pub priority: i16,
    /// Longest remaining path in tasks, this one included, through dependents and parents.
    pub path: u32,
    /// Labels that an agent needs.
    pub requires: Labels,
    /// Work attempts made.
    pub attempts: u32,
    /// The work attempt that lives.
    pub live: Option<AttemptId>,
    /// The work attempt whose lease ended last and that may still come back.
    pub lost: Option<AttemptId>,
    /// Failures by kind.
    pub tries: Tries,
    /// Not before this time, if it is backing off.
    pub not_before: Option<Timestamp>,
    /// Children that are neither done nor cancelled.
    pub open_children: u32,
    /// Whether a composite has its branch.
    pub started: bool,
    /// The adopted result: a leaf's commit, or the head of a composite's branch.
    pub head: Option<Oid>,
    /// Earlier work that the next attempt starts from.
    pub prior: Option<Oid>,
    /// A commit that the result has to merge besides its base (a generated merge task, or one that
    /// brings a commit of the upstream in).
    pub merges: Option<Oid>,
    /// Merge commit in the target, once published.
    pub published: Option<Oid>,
    /// Whether a person has to accept the result.
    pub review: bool,
    /// What was asked about its review apart from what policy says, if anything: by whoever asked for
    /// the task, and by a change of protected paths.
    pub asked: Option<bool>,
    /// The head that a person accepted.
    pub accepted: Option<Oid>,
    /// Whether it may do things outside that must not be repeated.
    pub side_effects: bool,
    /// What its result stands on.
    pub proof: Proof,
    /// The check set it has to pass; absent without a project.
    pub check_set: Option<Sha256Hex>,
    /// Hash of what it was promised by policy; absent for the defaults.
    pub terms: Option<Sha256Hex>,
    /// Limits that its attempts count under.
    pub lane: Lane,
    /// Whether somebody has said something to it.
    pub told: bool,
    /// What it has to do with a choice among alternatives.
    pub choice: Option<Choice>,
    /// The task behind which it is held back, because both touch the same paths.
    pub held_by: Option<TaskId>,
    /// Whether others are held back behind it.
    pub holds: bool,
    /// Hidden from lists.
    pub archived: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// The part of a task that is written once, or rarely, by a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskSpec {
    /// One line.
    pub title: String,
    /// What is wanted, in words.
    pub goal: String,
    /// How a leaf is done, and how conflicts of a composite are resolved.
    pub driver: Option<DriverSpec>,
    /// Checks besides the project's.
    pub checks: Vec<Check>,
    /// Patterns of the files that are kept, besides the project's; see [`crate::pattern`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Files and folders that it says it will touch; see [`crate::paths`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// Who a task was made for, and through what. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Who asked for it, as [`crate::auth::Principal::display`] shows them; [`BY_DEVLAB`] if nobody
    /// did.
    pub by: String,
    /// What it came through, if it was not asked for by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
}

/// Who asked for a task that devlab itself needs.
pub const BY_DEVLAB: &str = "devlab";

/// What a task came through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Through {
    /// A revision of a plan, which whoever asked had proposed.
    Plan {
        /// The composite whose plan it is.
        task: TaskId,
        /// Number of the revision.
        revision: u32,
    },
    /// A start of a schedule or webhook, which whoever asked had made.
    Schedule {
        /// The schedule, which may be gone.
        schedule: TemplateId,
        /// Its name at that time.
        name: Name,
    },
    /// What became of its parent's result: a conflict, a failed check, a review.
    Result,
}

impl Made {
    /// For who asked for it by itself.
    #[must_use]
    pub fn by(who: impl Into<String>) -> Self {
        Self {
            by: who.into(),
            through: None,
        }
    }
}

impl Task {
    /// Branch that its result goes into: its parent's, or the project's default branch.
    #[must_use]
    pub fn target(&self, default_branch: &RefName) -> RefName {
        self.parent
            .map_or_else(|| default_branch.clone(), RefName::of_composite)
    }

    /// Whether it has no parent.
    #[must_use]
    pub fn is_goal(&self) -> bool {
        self.parent.is_none()
    }
}

/// Something that the next attempt should know, newest last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Feedback {
    /// A check failed on the task's own result, or on its candidate.
    CheckFailed {
        /// Attempt that ran it.
        attempt: AttemptId,
        /// Name of the check.
        check: String,
        /// Its command.
        command: String,
        /// Exit code.
        exit_code: i32,
        /// End of its log.
        log_tail: String,
        /// Whether it failed on the candidate (true), not on the task's own commit.
        on_target: bool,
    },
    /// The result conflicts with its target.
    Conflict {
        /// Paths with conflicts.
        paths: Vec<String>,
        /// Head of the target at that time: the other side.
        theirs: Oid,
        /// The result that conflicted.
        ours: Oid,
    },
    /// The driver failed.
    DriverFailed {
        /// Attempt.
        attempt: AttemptId,
        /// How it ended, in words.
        reason: String,
        /// End of its log.
        log_tail: String,
    },
    /// A person said something about the task.
    Message {
        /// Who.
        by: String,
        /// What they said.
        message: String,
        /// The attempt that was under way, if one was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<AttemptId>,
        /// How many attempts the task had had by then: a later one was told.
        #[serde(default)]
        after: u32,
    },
    /// A reviewer asked for changes.
    ChangesRequested {
        /// Who.
        by: String,
        /// What they said.
        message: String,
    },
}
