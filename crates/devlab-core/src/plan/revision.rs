//! Revisions: the plans that a composite has had, has, and may get.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::check::Sha256Hex;
use crate::error::Refusal;
use crate::git::Oid;
use crate::id::{OrgId, TaskId};
use crate::time::Timestamp;

use super::{Plan, PlannerKind};

/// Where a revision is. `proposed` becomes `current` or `rejected`; `current` becomes `superseded`
/// when another one takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Waits for a person.
    Proposed,
    /// What is carried out.
    Current,
    /// Was current.
    Superseded,
    /// A person does not want it, or it was proposed for a revision that is no longer current.
    Rejected,
}

impl PlanState {
    /// All of them, in the order of a revision's life.
    pub const ALL: [Self; 4] = [
        Self::Proposed,
        Self::Current,
        Self::Superseded,
        Self::Rejected,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Current => "current",
            Self::Superseded => "superseded",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for PlanState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PlanState {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| Refusal::invalid("state", "is not a state of a plan"))
    }
}

/// Where a plan comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What made it.
    pub planner: PlannerKind,
    /// Of which input: a file's name, or a folder in the project's repository.
    pub source: String,
    /// Commit of the project's repository that the input was read at, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
    /// [`super::Planner::input_hash`].
    pub input: Sha256Hex,
    /// Whether stories of a feature run one after the other; the next plan is read in the same way.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub stories_in_turn: bool,
    /// Why it was proposed, in somebody's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What somebody decided about a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What the task was given by the plan above it, if this made its first plan of its own the
    /// current one: later ones add to that, and not to each other. A plan without tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Box<Plan>>,
}

/// One revision of a composite's plan, without the plan itself, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The composite.
    pub task: TaskId,
    /// Its org.
    pub org: OrgId,
    /// From 1, without gaps.
    pub number: u32,
    /// The revision that was current when it was proposed; absent for a first one. Only while that
    /// one is current can this one become it.
    pub parent: Option<u32>,
    /// Where it is.
    pub state: PlanState,
    /// Where it comes from.
    pub origin: Origin,
    /// How many tasks it has, at every depth.
    pub tasks: u32,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// What was decided about it.
    pub decision: Option<Decision>,
}
