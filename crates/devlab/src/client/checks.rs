//! Checks that are given as commands.

use devlab_api::client::{Client, ClientError};
use devlab_api::task::Check;
use devlab_core::ProjectId;
use devlab_core::limits::TIMEOUT_SECS_DEFAULT;

use crate::checkout::project::dashed;

/// Longest name that is made of a command, before what makes it unique.
const NAME_BYTES: usize = 32;
/// The name of a command without a letter or digit.
const NAMELESS: &str = "check";

/// The names of a project's own checks.
///
/// # Errors
/// What the lab answers.
pub(crate) async fn taken(client: &Client, project: ProjectId) -> Result<Vec<String>, ClientError> {
    let settings = client.project_settings(project).await?;
    Ok(settings
        .checks
        .into_iter()
        .map(|check| check.name)
        .collect())
}

/// Commands as checks, each with a name that tells what it runs, and that neither another one nor
/// the project has: names are how people tell the receipts of a task apart.
pub(crate) fn named(commands: &[String], taken: &[String]) -> Vec<Check> {
    let mut taken = taken.to_vec();
    let mut checks = Vec::new();
    for run in commands {
        let name = free(run, &taken);
        taken.push(name.clone());
        checks.push(Check {
            name,
            run: run.clone(),
            timeout_secs: TIMEOUT_SECS_DEFAULT,
        });
    }
    checks
}

fn free(command: &str, taken: &[String]) -> String {
    let base = match dashed(command, NAME_BYTES) {
        name if name.is_empty() => NAMELESS.to_owned(),
        name => name,
    };
    let is_free = |name: &String| !taken.contains(name);
    let numbered = (2..).map(|number: usize| format!("{base}-{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(is_free).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_called_after_its_command_and_no_two_are_called_the_same() {
        let commands = [
            "make test",
            "Make Test!",
            "[ -f x ]",
            "!",
            "cargo test --workspace --all-features",
        ];
        let checks = named(&commands.map(str::to_owned), &["f-x".to_owned()]);
        let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "make-test",
                "make-test-2",
                "f-x-2",
                "check",
                "cargo-test-workspace-all-feature"
            ]
        );
        assert_eq!(checks[1].run, "Make Test!");
    }
}
