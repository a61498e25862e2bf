//! The wire: what devlab's HTTP interface says and hears.
//!
//! *Invariant:* these types are the interface and nothing else. The server converts them to and
//! from the entities of `devlab-core` at its edge; no rule is written in terms of them.
//! *Invariant:* ids, states and times have the text forms of `devlab-core`.

pub mod agent;
pub mod archive;
pub mod ask;
pub mod choice;
#[cfg(feature = "client")]
pub mod client;
pub mod conflict;
pub mod driver;
pub mod event;
pub mod graph;
pub mod patch;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod project;
pub mod provenance;
pub mod scripts;
pub mod task;
pub mod template;
pub mod token;
pub mod train;

use devlab_core::{ServerId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins: pass it as `cursor`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Answer of `/health` and `/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: String,
}

/// A server of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Id: of its data folder.
    #[schema(value_type = String)]
    pub id: ServerId,
    /// Name of its machine.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does: `api`, `loops`, `git`, `dashboard`.
    pub roles: Vec<String>,
    /// Where the other servers reach it; for global tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many repositories it has; for global tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<u64>,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Whether it was heard of lately.
    pub there: bool,
    /// Whether it is the one that answers.
    pub this: bool,
}

/// A registered place of one runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// Runtime, such as `local`.
    pub runtime: String,
    /// Agents that run there now.
    pub agents: u32,
    /// Agents that it is meant to run.
    pub capacity: u32,
    /// Isolation that its agents get: `process` is policy, not protection.
    pub isolation: String,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// Id of the token.
    pub token: String,
    /// Its role.
    pub role: String,
    /// Its org; absent for a global token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Name of that org.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_name: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Place in the log.
    pub seq: u64,
    /// When (RFC 3339).
    pub at: String,
    /// Who: role and token id.
    pub actor: String,
    /// What, such as `task.cancel`.
    pub action: String,
    /// Id of what it was done to.
    pub target: String,
    /// Request id, as in the server's log.
    pub request_id: String,
    /// Org; absent for what concerns the whole lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

/// What the store says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreInfo {
    /// Names and values, read back from the database: `journal_mode`, `synchronous`, …
    pub settings: std::collections::BTreeMap<String, String>,
}

/// The words of the wire that are those of the rules: ids, kinds of events, times, limits. A
/// program that only speaks the wire needs no other crate for them.
pub mod words {
    pub use devlab_core::event::EventKind;
    pub use devlab_core::limits;
    pub use devlab_core::task::Tries;
    pub use devlab_core::{
        AgentId, AttemptId, CandidateId, OrgId, PatchId, ProjectId, ReceiptId, TaskId, Timestamp,
        TokenId,
    };
}
