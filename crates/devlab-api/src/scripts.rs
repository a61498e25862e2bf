//! What scripts ask for in one call each.

use std::collections::BTreeMap;

use devlab_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::Agent;
use crate::project::Org;
use crate::task::{Driver, Task};

/// The orgs that the caller sees, and what happens in them, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LabState {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Orgs, oldest first, 50 at a time.
    pub orgs: Vec<OrgState>,
    /// Where the next orgs begin: pass it as `cursor`. Absent if there are no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What happens in an org.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrgState {
    /// The org.
    pub org: Org,
    /// How many tasks are in each state, archived ones left out. Every state is there.
    pub tasks: BTreeMap<String, u64>,
    /// How many attempts could be claimed now, if there were agents for them.
    pub queued: u64,
    /// Agents, newest first, the first 100.
    pub agents: Vec<Agent>,
    /// Goals, newest first, the first 10.
    pub goals: Vec<Task>,
}

/// Schedules one task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandTask {
    /// Org, by id or name. May be left out by a caller that has just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Project, by id or name. A task without one changes no repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What is wanted, in words. The first line is the title.
    pub task: String,
    /// How it is done. A task without one needs an agent that has a driver of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// Labels that an agent needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Higher is earlier; default 0.
    #[serde(default)]
    pub priority: i16,
    /// Whether a person reviews the result. Default: yes if there is a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<bool>,
}
