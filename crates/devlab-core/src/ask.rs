//! What is asked of people: approvals, questions, permissions. Kept with who answered, and when.

use serde::{Deserialize, Serialize};

use crate::git::Oid;
use crate::id::{AttemptId, TaskId};
use crate::time::Timestamp;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// Whether a task may start.
    Start,
    /// Whether a result may be published.
    Publication,
    /// Something that an agent wants to know.
    Question,
    /// Whether an agent may do something.
    Permission,
}

impl AskKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Start,
        Self::Publication,
        Self::Question,
        Self::Permission,
    ];
}

/// Something that is asked of people about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Task.
    pub task: TaskId,
    /// From 1, without gaps, for each task.
    pub number: u32,
    /// What is asked.
    pub kind: AskKind,
    /// The attempt that asks; absent if policy does.
    pub attempt: Option<AttemptId>,
    /// The result that it is about.
    pub head: Option<Oid>,
    /// In words; may be empty if policy asks.
    pub text: String,
    /// When.
    pub asked_at: Timestamp,
    /// What somebody said to it.
    pub answer: Option<AskAnswer>,
}

/// What somebody said to what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskAnswer {
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// In words; may be empty for an approval.
    pub text: String,
}
