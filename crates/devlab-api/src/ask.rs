//! What is asked of people about a task.

use devlab_core::ask::AskKind;
use devlab_core::{AttemptId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that is asked of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ask {
    /// From 1 for each task.
    pub number: u32,
    /// `start` and `publication` want an approval, `question` and `permission` an answer.
    #[schema(value_type = String)]
    pub kind: AskKind,
    /// The attempt that asks; absent if policy does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub attempt: Option<AttemptId>,
    /// The result that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// In words; empty if policy asks.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// What somebody said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AskAnswer>,
}

/// What somebody said to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskAnswer {
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// In words; may be empty for an approval.
    pub text: String,
}
