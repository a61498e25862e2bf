//! Events.

use devlab_core::event::EventKind;
use devlab_core::{AttemptId, OrgId, ProjectId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that happened. On a stream its SSE id is `seq` and its SSE event is `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Place in the stream: strictly increasing, with gaps.
    pub seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What, such as `task.state`.
    #[schema(value_type = String)]
    pub kind: EventKind,
    /// Org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Project it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectId>,
    /// Task it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// Attempt it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub attempt: Option<AttemptId>,
    /// Particulars. For `task.state`: `from`, `to`, `cause`.
    pub data: serde_json::Value,
}
