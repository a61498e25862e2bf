//! Patches: reviewable changes.

use serde::{Deserialize, Serialize};

use crate::git::{Oid, RefName};
use crate::id::{OrgId, PatchId, ProjectId, TaskId};
use crate::time::Timestamp;

/// Where a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchState {
    /// Waits for a verdict, or for its merge.
    Open,
    /// Its change is in the target.
    Merged,
    /// Given up.
    Closed,
}

/// A reviewable change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Id.
    pub id: PatchId,
    /// Org.
    pub org: OrgId,
    /// Project.
    pub project: ProjectId,
    /// Task whose result it is.
    pub task: TaskId,
    /// One line.
    pub title: String,
    /// What it does and why.
    pub description: String,
    /// Branch that it goes into.
    pub target: RefName,
    /// Commit that its change is measured from.
    pub base: Oid,
    /// Its commit.
    pub head: Oid,
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// State.
    pub state: PatchState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether its forge knows all of this, and of the discussion.
    pub told: bool,
    /// Number of the last remark that its forge was told of; 0 if none.
    pub told_remarks: u32,
}

/// What a reviewer says of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let it in.
    Accept,
    /// Not like this: it goes back to work with the reviewer's words.
    Reject,
}

/// A remark on a patch; with a verdict, a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchComment {
    /// Patch.
    pub patch: PatchId,
    /// Place in the patch's discussion, from 1. Set by the store.
    pub number: u32,
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub author: String,
    /// The head it speaks of.
    pub head: Oid,
    /// The words.
    pub body: String,
    /// The verdict, if it is a review.
    pub verdict: Option<Verdict>,
    /// When.
    pub at: Timestamp,
}
