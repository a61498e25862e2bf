//! Patches.

use devlab_core::patch::{PatchState, Verdict};
use devlab_core::{OrgId, PatchId, ProjectId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A reviewable change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Patch {
    /// Id.
    #[schema(value_type = String, example = "patch_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: PatchId,
    /// Org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Project.
    #[schema(value_type = String)]
    pub project: ProjectId,
    /// Task whose result it is.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// One line.
    pub title: String,
    /// What it does and why.
    pub description: String,
    /// Branch that it goes into.
    pub target: String,
    /// Commit that its change is measured from.
    pub base: String,
    /// Its commit.
    pub head: String,
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// `open`, `merged` or `closed`.
    #[schema(value_type = String)]
    pub state: PatchState,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// How long the discussion is; in a single read only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment_count: Option<u32>,
    /// The newest 50 of the discussion, oldest of them first; in a single read only. All of it:
    /// `GET /patches/{id}/comments`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<PatchComment>,
}

/// A remark, or a review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PatchComment {
    /// Place in the discussion.
    pub number: u32,
    /// Who.
    pub author: String,
    /// The head it speaks of.
    pub head: String,
    /// The words.
    pub body: String,
    /// `accept` or `reject`, if it is a review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub verdict: Option<Verdict>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Speaks on a patch; with a verdict it is a review of the current head.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateComment {
    /// The words. May be empty for an acceptance.
    #[serde(default)]
    pub body: String,
    /// `accept` or `reject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub verdict: Option<Verdict>,
    /// The head that the reviewer saw; a review is refused when it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Whether words without a verdict go to whoever does the task: a result that waits for its
    /// review goes back to work with them. Default true; false is for people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rework: Option<bool>,
}
