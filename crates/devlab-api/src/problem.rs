//! The error envelope: RFC 9457 problem details.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::plan::PlanProblem;

/// Media type of an error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error, as RFC 9457 describes it, with a stable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI reference for the kind of problem: `/docs#problem-<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// HTTP status.
    pub status: u16,
    /// Stable, machine-readable code, such as `stale_attempt`.
    pub code: String,
    /// What the kind of problem is, in words.
    pub title: String,
    /// What is wrong this time.
    pub detail: String,
    /// What the caller can do about it.
    pub help: String,
    /// Id of the request, as in the server's log and in the `x-request-id` header.
    pub request_id: String,
    /// Where in the request the problem is, for `invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Offset at which the log goes on, for `log_gap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_offset: Option<u64>,
    /// Everything that is wrong with the input of a plan, with its place, for `plan_invalid`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PlanProblem>,
}
