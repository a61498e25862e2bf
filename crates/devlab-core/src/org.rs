//! Organisations and projects.

use serde::{Deserialize, Serialize};

use crate::bytes::Retention;
use crate::check::CheckSet;
use crate::git::RefName;
use crate::id::{OrgId, ProjectId};
use crate::label::Labels;
use crate::name::Name;
use crate::server::Home;
use crate::time::Timestamp;

/// A tenant. Nothing crosses orgs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Id.
    pub id: OrgId,
    /// Unique name.
    pub name: Name,
    /// How long bytes of its goals are kept; `None`: as the lab says.
    pub retention: Option<Retention>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One git repository in an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Id.
    pub id: ProjectId,
    /// Its org.
    pub org: OrgId,
    /// Name, unique in the org.
    pub name: Name,
    /// Branch that goals go into.
    pub default_branch: RefName,
    /// Where people work on it, as they wrote it; shown, never opened by the server.
    pub upstream: Option<String>,
    /// Whether it can take new goals.
    pub archived: bool,
    /// Which server has its repository.
    pub home: Home,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What `.devlab/project.toml` on the default branch says; see [`crate::project_file`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProjectSettings {
    /// Setup, checks and protected paths.
    pub checks: CheckSet,
    /// Labels that an agent needs for any task of the project.
    pub labels: Labels,
}
