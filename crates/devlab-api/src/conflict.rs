//! Tasks that will get in each other's way.

use devlab_core::TaskId;
use devlab_core::state::StateName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How it is known that a task touches a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both tasks declare it (`paths`).
    Declared,
    /// At least one of them has changed it already.
    Observed,
}

/// One of two tasks that meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictSide {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its state: `ready`, `running`, `integrating` or `waiting`.
    #[schema(value_type = String)]
    pub state: StateName,
}

/// Two tasks with the same target that will touch the same paths, if both go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conflict {
    /// The older one.
    pub first: ConflictSide,
    /// The other.
    pub second: ConflictSide,
    /// Files and folders that both touch, the narrower where one names what is below the other; at
    /// most 16.
    pub paths: Vec<String>,
    /// How it is known.
    pub kind: ConflictKind,
}
