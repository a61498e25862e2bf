//! Graphs of tasks, as they are scheduled.

use std::collections::BTreeMap;

use devlab_core::TaskId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::choice::Alternative;
use crate::task::{Check, Driver};

/// A task in a graph.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphTask {
    /// Name within the request, for `depends_on` and the answer.
    pub key: String,
    /// One line.
    pub title: String,
    /// What is wanted, in words. Default: the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Keys of tasks of the same parent that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// How it is done.
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
    /// Higher is earlier.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews the result; default no.
    #[serde(default)]
    pub review: bool,
    /// Whether it does things outside that must not be repeated by themselves.
    #[serde(default)]
    pub side_effects: bool,
    /// Children; a task with children is a composite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub tasks: Vec<Self>,
    /// Try it so many times at once, 2 to 8, and take one of the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_of: Option<u8>,
    /// The same with ways that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<Vec<Alternative>>,
}

/// Schedules one task (`task`) or a graph (`title` and `tasks`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Org, by id or name. May be left out by a caller that has just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Project, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// One task, in words: its first line becomes the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Title of a graph's goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the goal is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// The graph: children of the goal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<GraphTask>,
    /// How a single task is done; in a graph: how tasks without a driver of their own are done,
    /// and how conflicts with the goal's target are resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Checks of the goal, besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Patterns of files that are kept of what the driver leaves, besides the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Files and folders that it will touch: what overlaps with other tasks is shown before it is
    /// done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Labels that an agent needs for a single task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Higher is earlier.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews the goal's result. Default: yes with a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<bool>,
    /// Goals of the same org that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub depends_on: Vec<TaskId>,
    /// Try a single task so many times at once, 2 to 8, and take one of the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_of: Option<u8>,
    /// The same with ways that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<Vec<Alternative>>,
}

/// What was scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scheduled {
    /// The goal.
    #[schema(value_type = String)]
    pub goal: TaskId,
    /// Ids by key; keys of nested tasks are joined with `/`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub tasks: BTreeMap<String, TaskId>,
}
