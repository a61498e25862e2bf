//! Templates of goals: what is started on a schedule or by a webhook, and how often that was.

mod cron;
mod fill;
pub mod hook;
mod tx;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::id::{OrgId, ProjectId, TaskId, TemplateId};
use crate::name::Name;
use crate::pattern;
use crate::rules::schedule::NewTask;
use crate::time::Timestamp;

pub use cron::Cron;
pub use fill::{VALUE_CHARS_MAX, fill, one_line};
pub use hook::{Hook, HookEvent, HookForge};
pub use tx::{ReadTemplates, WriteTemplates};

/// A template of goals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Id.
    pub id: TemplateId,
    /// Org.
    pub org: OrgId,
    /// Project of its goals.
    pub project: Option<ProjectId>,
    /// Name, unique in the org.
    pub name: Name,
    /// What is made, with places for values in its words.
    pub goal: NewTask,
    /// What starts it.
    pub trigger: Trigger,
    /// Whether anything does.
    pub enabled: bool,
    /// When the schedule starts it next; `None` while it is paused, and for webhooks.
    pub next_at: Option<Timestamp>,
    /// Number of its secret, from 1: another one is another secret.
    pub secret: u32,
    /// Who made it, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// When.
    pub created_at: Timestamp,
}

/// What starts a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A schedule.
    Cron(Cron),
    /// A webhook.
    Hook(Hook),
}

/// One start of a template. Its key is what it is for, so that nothing starts it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The template.
    pub template: TemplateId,
    /// What it is for: a time, a delivery, a person's wish.
    pub key: String,
    /// When it was noted.
    pub at: Timestamp,
    /// The delivery's id, as its forge gave it.
    pub delivery: Option<String>,
    /// What is filled into the goal's words.
    pub values: BTreeMap<String, String>,
    /// What came of it; `None` until something did.
    pub outcome: Option<Outcome>,
}

/// What came of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A goal.
    Goal(TaskId),
    /// None, and why.
    None(String),
}

impl Trigger {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn validate(&self) -> Result<(), Refusal> {
        match self {
            Self::Cron(cron) => cron.validate(),
            Self::Hook(hook) => pattern::validate("hook.branches", &hook.branches),
        }
    }

    /// When it starts something after a time by itself.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_after(at),
            Self::Hook(_) => None,
        }
    }
}
