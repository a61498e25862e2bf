//! Results on their way into their targets.

use devlab_core::state::StateName;
use devlab_core::train::CandidateState;
use devlab_core::{CandidateId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The place of a result in the train of its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrainPlace {
    /// The task whose result it is.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its state: `integrating`.
    #[schema(value_type = String)]
    pub state: StateName,
    /// Branch that the train leads into.
    pub target: String,
    /// The composite whose branch that is. Absent for a branch of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub composite: Option<TaskId>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composite_title: Option<String>,
    /// Its place, from 1, which is merged first.
    pub place: u32,
    /// How many results are in this train; at most 1,000 are counted.
    pub of: u32,
    /// The candidate that it is part of at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub candidate: Option<CandidateId>,
    /// State of that candidate: `building`, `verifying` or `publishing`. Absent while the result waits
    /// for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub candidate_state: Option<CandidateState>,
    /// When the state of the task last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}
