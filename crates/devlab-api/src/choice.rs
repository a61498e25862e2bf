//! Several attempts at once: a task is tried in several ways, of which one is taken.

use devlab_core::state::{StateName, WaitReason};
use devlab_core::{TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::Driver;

/// One of several ways to do a task. What it leaves out is the task's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
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

/// What a task has to do with a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceRole {
    /// Its alternatives are at work, or wait for somebody to choose.
    Open,
    /// One of its alternatives was taken.
    Taken,
    /// It is one of its parent's alternatives.
    Alternative,
}

/// Takes one of a task's alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseTask {
    /// The alternative.
    #[schema(value_type = String)]
    pub alternative: TaskId,
    /// Its `head`, as it was looked at: refused with `outdated` if it has another one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

/// A task with alternatives, and what there is to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskChoice {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its state.
    #[schema(value_type = String)]
    pub state: StateName,
    /// The alternative that was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub chosen: Option<TaskId>,
    /// Who took it; `checks` if it was the only one that passed, `policy` if it was the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Its alternatives, in their order.
    pub alternatives: Vec<ChoiceAlternative>,
}

/// An alternative, as whoever chooses looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChoiceAlternative {
    /// The alternative: a task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Its title, which begins with its number.
    pub title: String,
    /// Its state.
    #[schema(value_type = String)]
    pub state: StateName,
    /// What it waits for, if it is `waiting`: `approval` is the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub waiting_for: Option<WaitReason>,
    /// Whether it can be chosen now: it has passed its checks, and none was taken yet.
    pub choosable: bool,
    /// Work attempts made.
    pub attempts: u32,
    /// The last commit that one of its attempts came to. It stays on the ref of that attempt, as
    /// long as retention says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Size of what that commit changes; absent if there is none, or it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<DiffSize>,
    /// What the checks said of that commit, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<ChoiceCheck>,
}

/// Size of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiffSize {
    /// Files that differ.
    pub files: u32,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
}

/// What a check said of an alternative's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChoiceCheck {
    /// Name of the check.
    pub check: String,
    /// Whether it passed.
    pub passed: bool,
    /// Duration in milliseconds.
    pub duration_ms: u64,
}
