//! `.devlab/project.toml`: a project's own settings, read from its default branch only.

use serde::Deserialize;

use crate::check::{Check, CheckSet};
use crate::error::Refusal;
use crate::label::Labels;
use crate::limits::{COMMAND_BYTES_MAX, TIMEOUT_SECS_DEFAULT};
use crate::org::ProjectSettings;
use crate::{name, pattern};

/// Path of the file in a repository.
pub const PROJECT_FILE: &str = ".devlab/project.toml";
/// Largest file that is read, in bytes.
pub const PROJECT_FILE_BYTES_MAX: usize = 256 * 1024;
/// Most protected paths.
const PROTECTED_PATHS_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    setup: Option<String>,
    #[serde(default, rename = "check")]
    checks: Vec<FileCheck>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    protected_paths: Vec<String>,
    #[serde(default)]
    artifacts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCheck {
    name: String,
    run: String,
    timeout_secs: Option<u32>,
}

/// Parses the file.
///
/// # Errors
/// [`Refusal::Invalid`] that names `.devlab/project.toml` and the line.
pub fn parse(text: &str) -> Result<ProjectSettings, Refusal> {
    if text.len() > PROJECT_FILE_BYTES_MAX {
        return Err(Refusal::invalid(PROJECT_FILE, "is too large"));
    }
    let file: File =
        toml::from_str(text).map_err(|e| Refusal::invalid(PROJECT_FILE, e.to_string()))?;
    let checks = CheckSet {
        setup: file.setup,
        checks: file
            .checks
            .into_iter()
            .map(|check| Check {
                name: check.name,
                run: check.run,
                timeout_secs: check.timeout_secs.unwrap_or(TIMEOUT_SECS_DEFAULT),
            })
            .collect(),
        protected_paths: file.protected_paths,
        artifacts: file.artifacts,
    };
    if let Some(setup) = &checks.setup {
        name::check_text("setup", setup, COMMAND_BYTES_MAX)?;
    }
    checks.validate(&format!("{PROJECT_FILE}: check"))?;
    pattern::validate(&format!("{PROJECT_FILE}: artifacts"), &checks.artifacts)?;
    if checks.protected_paths.len() > PROTECTED_PATHS_MAX {
        return Err(Refusal::invalid(
            PROJECT_FILE,
            format!("at most {PROTECTED_PATHS_MAX} protected_paths"),
        ));
    }
    Ok(ProjectSettings {
        checks,
        labels: Labels::new(&file.labels)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_checks_in_order() {
        let settings = parse(
            "setup = 'npm ci'\nprotected_paths = ['tests']\n[[check]]\nname = 'lint'\nrun = 'make lint'\n\
             [[check]]\nname = 'test'\nrun = 'make test'\ntimeout_secs = 5\n",
        )
        .unwrap();
        let names: Vec<_> = settings
            .checks
            .checks
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(names, ["lint", "test"]);
        assert_eq!(settings.checks.checks[1].timeout_secs, 5);
    }

    #[test]
    fn a_mistake_is_named() {
        let error = parse("[[check]]\nname = 'x'\nrunn = 'y'\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("runn") && error.contains("line 3"),
            "{error}"
        );
    }
}
