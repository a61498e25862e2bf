//! Who calls, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::check::Sha256Hex;
use crate::error::Refusal;
use crate::id::{AttemptId, OrgId, TokenId};
use crate::time::Timestamp;

/// What a token may do.
///
/// `viewer` reads its org. `operator` also changes its projects and tasks. `admin` also changes
/// tokens and agents, and, without an org, makes orgs and sees them all. `agent` claims and works.
/// `metrics` reads `/metrics` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything in its org, or everywhere.
    Admin,
    /// Changes projects and tasks.
    Operator,
    /// Reads.
    Viewer,
    /// Does tasks.
    Agent,
    /// Reads `/metrics`.
    Metrics,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Admin,
        Self::Operator,
        Self::Viewer,
        Self::Agent,
        Self::Metrics,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Refusal::invalid("role", "is admin, operator, viewer, agent or metrics"))
    }
}

/// A stored token. The secret itself is never stored, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Id.
    pub id: TokenId,
    /// SHA-256 of the secret. It has 256 random bits, so a slow hash would add nothing.
    pub hash: Sha256Hex,
    /// What it may do.
    pub role: Role,
    /// Its org; `None` for a global admin or for metrics.
    pub org: Option<OrgId>,
    /// What it is for, in its maker's words.
    pub note: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Token {
    /// Whether it works at this time.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token that was shown.
    pub token: TokenId,
    /// Its role.
    pub role: Role,
    /// Its org; `None` is everywhere (a global admin).
    pub org: Option<OrgId>,
    /// The attempt, if this is an attempt's own token (for git only).
    pub attempt: Option<AttemptId>,
}

impl Principal {
    /// How audit entries and comments name the caller.
    #[must_use]
    pub fn display(&self) -> String {
        format!("{}:{}", self.role, self.token)
    }

    /// Whether things of this org are visible to the caller.
    #[must_use]
    pub fn sees(&self, org: OrgId) -> bool {
        self.org.is_none_or(|own| own == org)
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Org; `None` for what concerns the whole lab.
    pub org: Option<OrgId>,
    /// When. Set by the store.
    pub at: Timestamp,
    /// Who: [`Principal::display`].
    pub actor: String,
    /// What, as a route's operation id: `task.cancel`.
    pub action: &'static str,
    /// The thing it was done to, as an id.
    pub target: String,
    /// Request id, to find it in the log.
    pub request_id: String,
}
