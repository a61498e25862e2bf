//! Plans: what is planned, what was decided, what differs.
//!
//! A composite has numbered revisions of its plan. Each says where it comes from and what it is
//! made of, and never changes; one of them at most is `current` and carried out.

use devlab_core::plan::diff::Change;
use devlab_core::plan::{PlanState, PlannerKind, Problem, diff};
use devlab_core::rules::plan::Running;
use devlab_core::{TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::{Check, Driver, Task};

/// What a plan is made of. Exactly one member is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanInput {
    /// One task.
    Single(SingleInput),
    /// A plan file.
    File(FileInput),
    /// A Spec-Kit feature in the project's repository.
    SpecKit(SpecKitInput),
}

/// One task as a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SingleInput {
    /// One line.
    pub title: String,
    /// What is wanted, in words. Default: the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// How it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Checks besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// A plan file, as YAML or JSON; its schema is `docs/plan.schema.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileInput {
    /// Its name, for problems and for the plan's origin.
    #[schema(example = "plan.yaml")]
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A Spec-Kit feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpecKitInput {
    /// Its folder in the project's repository.
    #[schema(example = "specs/001-login-page")]
    pub folder: String,
    /// Branch or commit to read it at. Default: the head of the project's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether stories that stand next to each other may run at the same time. Default: as the feature
    /// was read for the revision before, or else yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stories_in_parallel: Option<bool>,
    /// How its tasks are done. Default: as the revision before says, or else by agents that have a
    /// driver of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Agents that have a driver of their own do its tasks, whatever the revision before says. Not
    /// beside `driver`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_driver: bool,
}

/// Makes a goal that is done by a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGoal {
    /// Org, by id or name. May be left out by a caller that has just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Project, by id or name. A goal without one changes no repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What it is planned from.
    pub input: PlanInput,
    /// Goals of the same org that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub depends_on: Vec<TaskId>,
    /// Whether a person reviews its result. Default: what the plan says, or else yes with a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<bool>,
    /// Why it is wanted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Whether it begins at once. Otherwise it is a draft until its plan is approved.
    #[serde(default)]
    pub approve: bool,
}

/// A goal with its first plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedGoal {
    /// The goal.
    pub goal: Task,
    /// The plan.
    pub plan: PlanDetail,
}

/// Proposes another plan for a composite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposePlan {
    /// What it is planned from.
    pub input: PlanInput,
    /// The revision that is current, as the caller knows it; absent if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Why it is wanted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Whether it becomes current at once.
    #[serde(default)]
    pub approve: bool,
    /// What becomes of work under way that it does not want, if it becomes current at once. Default:
    /// what policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<OnRunning>,
}

/// What becomes of work under way on a task that a revision removes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRunning {
    /// It is called off.
    Cancel,
    /// It goes on to its end; a changed task is done again after it.
    Finish,
}

impl From<OnRunning> for Running {
    fn from(running: OnRunning) -> Self {
        match running {
            OnRunning::Cancel => Self::Cancel,
            OnRunning::Finish => Self::Finish,
        }
    }
}

/// Makes a revision the current one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovePlan {
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What becomes of work under way that it does not want. Default: what policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<OnRunning>,
}

/// Says no to a revision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectPlan {
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Where a plan comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanOrigin {
    /// What made it: `single`, `file` or `spec_kit`.
    #[schema(value_type = String)]
    pub planner: PlannerKind,
    /// Of which input: a file's name, or a folder in the project's repository.
    pub source: String,
    /// Commit that the input was read at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Hash of the input. Ticked boxes of a Spec-Kit feature do not change it.
    pub input: String,
    /// Whether stories of a Spec-Kit feature run one after the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stories_in_turn: bool,
    /// Why it was proposed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What was decided about a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanDecision {
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A revision of a composite's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanRevision {
    /// The composite.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// From 1, without gaps.
    pub number: u32,
    /// The revision that was current when it was proposed. Only while that one still is can this
    /// one become current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// `proposed`, `current`, `superseded` or `rejected`.
    #[schema(value_type = String)]
    pub state: PlanState,
    /// Where it comes from.
    pub origin: PlanOrigin,
    /// How many tasks it has, at every depth.
    pub task_count: u32,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub proposed_at: Timestamp,
    /// What was decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<PlanDecision>,
}

/// A revision with its plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanDetail {
    /// The revision.
    #[serde(flatten)]
    pub revision: PlanRevision,
    /// Title of the composite.
    pub title: String,
    /// What is wanted of it, in words.
    pub goal: String,
    /// How tasks without a driver are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Checks of the composite, besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Files and folders that the composite says it will touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Labels that an agent needs for what is generated for the composite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Higher is earlier.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews its result; absent leaves it to the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<bool>,
    /// Its tasks. What each needs is in `depends_on`.
    pub tasks: Vec<PlannedTask>,
    /// What a person should know before approving it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<PlanProblem>,
}

/// A task of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedTask {
    /// Name among its siblings.
    pub key: String,
    /// The task that it was made into, once the revision was current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// One line.
    pub title: String,
    /// What is wanted, in words.
    pub goal: String,
    /// Keys of siblings that have to be done first: the edges of the graph.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// How it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Checks besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Files and folders that it will touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Higher is earlier.
    pub priority: i16,
    /// Whether a person reviews the result.
    pub review: bool,
    /// Whether it does things outside that must not be repeated.
    pub side_effects: bool,
    /// Whether the input says that it was done before: it is not executed, and nothing below it is.
    pub done: bool,
    /// The part of the plan that it stands in, such as a phase's heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Line of the input that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Children; a task with children is a composite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub tasks: Vec<Self>,
    /// Ways to do it, of which one is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<PlannedAlternative>,
}

/// One of several ways to do a planned task. What it leaves out is the task's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedAlternative {
    /// The task that it was made into, once the revision was current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
}

/// What is wrong with an input, or worth knowing about it, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanProblem {
    /// The file; empty for a request.
    pub file: String,
    /// Line in it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Path of the value, such as `tasks[3].depends_on[0]`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// What it is.
    pub message: String,
}

impl From<Problem> for PlanProblem {
    fn from(problem: Problem) -> Self {
        Self {
            file: problem.file,
            line: problem.line,
            at: problem.at,
            message: problem.message,
        }
    }
}

impl From<PlanProblem> for Problem {
    fn from(problem: PlanProblem) -> Self {
        Self {
            file: problem.file,
            line: problem.line,
            at: problem.at,
            message: problem.message,
        }
    }
}

/// What two revisions differ in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanDiff {
    /// The composite.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The older revision; absent compares with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// The newer one.
    pub to: u32,
    /// Fields of the composite itself that differ.
    pub fields: Vec<String>,
    /// Every task of both: those of the newer one in its order, then the removed ones.
    pub tasks: Vec<PlanTaskDiff>,
}

/// A task in a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanTaskDiff {
    /// Its key: in the newer revision, or, for a removed one, in the older.
    pub key: String,
    /// Its key in the older revision, if that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Its title.
    pub title: String,
    /// `kept`, `added`, `removed` or `changed`.
    #[schema(value_type = String)]
    pub change: Change,
    /// Fields that differ, if it is changed; `tasks` means what is below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Keys of what it needs now and did not before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_more: Vec<String>,
    /// Keys of what it needed before and does not now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_less: Vec<String>,
    /// Differences below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub tasks: Vec<Self>,
}

impl From<diff::TaskDiff> for PlanTaskDiff {
    fn from(one: diff::TaskDiff) -> Self {
        Self {
            key: one.key,
            was: one.was,
            title: one.title,
            change: one.change,
            fields: one.fields.into_iter().map(str::to_owned).collect(),
            needs_more: one.needs_more,
            needs_less: one.needs_less,
            tasks: one.tasks.into_iter().map(Into::into).collect(),
        }
    }
}
