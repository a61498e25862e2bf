//! What a look at a lab has found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabProblem {
    /// Where: a project, or `records`.
    pub place: String,
    /// What does not hold.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

/// What a look at a lab has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabReport {
    /// Whether everything holds.
    pub ok: bool,
    /// Projects, and so repositories, that were looked at.
    pub projects: u64,
    /// Projects that were not looked at, because other servers have their repositories and could not
    /// be asked: they are not there, or the lab does not run.
    pub elsewhere: u64,
    /// Tasks.
    pub tasks: u64,
    /// Objects that records name and that have to be there.
    pub objects: u64,
    /// Sealed logs and artifacts that were read whole.
    pub blobs: u64,
    /// Receipts whose commit is there.
    pub receipts: u64,
    /// Merges that were published.
    pub merges: u64,
    /// What does not hold; at most a thousand.
    pub problems: Vec<LabProblem>,
    /// How many more there are.
    pub more: u64,
}
