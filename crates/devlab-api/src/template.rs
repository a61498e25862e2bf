//! Schedules and webhooks that start goals.

use std::collections::BTreeMap;

use devlab_core::{OrgId, ProjectId, TaskId, TemplateId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::Schedule;

/// A schedule to make: what is made, and either `cron` or `hook`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTemplate {
    /// Name, unique in its org: 1 to 63 of a-z 0-9 -.
    pub name: String,
    /// What is scheduled each time, with its org and project. `{names}` in titles and words are
    /// filled with what started it.
    pub goal: Schedule,
    /// Starts it at these times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<CronTrigger>,
    /// Starts it when a forge says that something happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookTrigger>,
}

/// Times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CronTrigger {
    /// Minute, hour, day of the month, month, day of the week.
    #[schema(example = "0 6 * * MON-FRI")]
    pub expression: String,
    /// Time zone by its name in the IANA database.
    #[serde(default = "utc")]
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// Whether it starts another goal while the last one is not over.
    #[serde(default)]
    pub overlap: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What has to happen in a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookTrigger {
    /// `github`, `gitlab` or `forgejo`, which is for Gitea too.
    pub forge: String,
    /// `push`, `pull_request`; any of both if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Patterns of branches that are pushed to, or that a request goes into; any if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// Id.
    #[schema(value_type = String)]
    pub id: TemplateId,
    /// Org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Project of its goals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectId>,
    /// Name.
    pub name: String,
    /// Title of its goals, with the places to be filled.
    pub title: String,
    /// The times, if it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<CronTrigger>,
    /// What has to happen, if it is a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookTrigger>,
    /// Path that the forge posts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_path: Option<String>,
    /// Whether anything starts it.
    pub enabled: bool,
    /// When its times start it next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next_at: Option<Timestamp>,
    /// Who made it.
    pub by: String,
    /// When.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// The newest starts, newest first; in a single read only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<Start>,
}

/// One start of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Start {
    /// What it is for: a time, a delivery, a wish.
    pub key: String,
    /// When it was noted.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What was filled in.
    pub values: BTreeMap<String, String>,
    /// The goal that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub goal: Option<TaskId>,
    /// Why there is no goal. Without both, it is not made yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A schedule, and the secret of its webhook.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewTemplate {
    /// The schedule.
    pub schedule: Template,
    /// The webhook's secret: shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewTemplate {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewTemplate")
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

/// What is to change of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateTemplate {
    /// Whether anything starts it.
    pub enabled: bool,
}

/// What became of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivered {
    /// Whether it starts a goal.
    pub started: bool,
}
