//! Organisations and projects.

use serde::{Deserialize, Serialize};

use crate::check::CheckSet;
use crate::git::RefName;
use crate::id::{OrgId, ProjectId};
use crate::label::Labels;
use crate::name::Name;
use crate::time::Timestamp;

/// A tenant. Nothing crosses orgs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Id.
    pub id: OrgId,
    /// Unique name.
    pub name: Name,
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
    /// When it was made.
    pub created_at: Timestamp,
}

/// What `.devlab/project.toml` on the default branch says; see [`crate::project_file`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProjectSettings {
    /// Setup and checks.
    pub checks: CheckSet,
    /// Labels that an agent needs for any task of the project.
    pub labels: Labels,
    /// Path prefixes whose change needs review, besides `.devlab/`.
    pub protected_paths: Vec<String>,
}

impl ProjectSettings {
    /// Whether a change of this path needs a person's review.
    #[must_use]
    pub fn protects(&self, path: &str) -> bool {
        let under = |prefix: &str| {
            let prefix = prefix.trim_end_matches('/');
            path == prefix
                || path
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        under(".devlab") || self.protected_paths.iter().any(|prefix| under(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_paths_are_prefixes_of_whole_components() {
        let settings = ProjectSettings {
            protected_paths: vec!["tests/".into()],
            ..Default::default()
        };
        assert!(settings.protects(".devlab/project.toml"));
        assert!(settings.protects("tests/a.rs"));
        assert!(settings.protects("tests"));
        assert!(!settings.protects("tests2/a.rs"));
        assert!(!settings.protects("src/.devlab"));
    }
}
