//! What can be said against a `devlab run` before anything is started for it.

use devlab_core::Refusal;
use devlab_core::check::{CheckSet, DriverSpec};
use devlab_core::choice;
use devlab_core::label::Labels;
use devlab_core::limits::GOAL_BYTES_MAX;
use devlab_core::name::{self, Name};
use devlab_core::paths;
use devlab_core::pattern;

use crate::args::Run;
use crate::client::checks;
use crate::client::tasks::driver;
use crate::failure::Failure;

/// Checks what was typed by the rules that the lab has for it, so that nothing is started, made or
/// pushed for a goal that no lab takes.
///
/// # Errors
/// Names the part and what is wrong with it.
pub(crate) fn check(run: &Run) -> anyhow::Result<()> {
    rules(run).map_err(|refusal| Failure::usage(refusal.to_string()))
}

fn rules(run: &Run) -> Result<(), Refusal> {
    name::check_title("the goal's first line", &title(&run.goal))?;
    name::check_text("the goal", &run.goal, GOAL_BYTES_MAX)?;
    let given = CheckSet {
        checks: checks::named(&run.checks, &[])
            .into_iter()
            .map(Into::into)
            .collect(),
        ..CheckSet::default()
    };
    given.validate("--check")?;
    pattern::validate("--artifact", &run.artifacts)?;
    paths::validate("--paths", &run.paths)?;
    if let Some(driver) = driver(run.command.clone(), run.driver_timeout) {
        DriverSpec::from(driver).validate("what stands behind --")?;
    }
    Labels::new(&run.labels)?;
    choice::wanted(run.best_of, None).map_err(|refusal| refusal.at(|_| "--best-of".to_owned()))?;
    if let Some(name) = &run.name {
        name.parse::<Name>()?;
    }
    Ok(())
}

/// The title that the lab makes of a goal: its first line that is not empty, as one line.
fn title(goal: &str) -> String {
    let line = goal.trim_start().lines().next().unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;

    fn said(words: &[&str]) -> String {
        let words = ["devlab", "run"].iter().chain(words);
        let Command::Run(run) = Args::try_parse_from(words).unwrap().command else {
            panic!("another command");
        };
        check(&run).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn each_part_is_judged_as_the_lab_would() {
        let long = "x".repeat(201);
        for (words, expected) in [
            (&["do it"][..], "fine"),
            (&["\n  do\tit\nat once"], "fine"),
            (&[""], "the goal's first line: must not be empty"),
            (&[" \n "], "the goal's first line: must not be empty"),
            (&[&long], "the goal's first line: must have at most 200"),
            (&["do it", "--check", " "], "--check[0].run: must not be"),
            (&["do it", "--", ""], "argv[0]: is the program"),
            (
                &["do it", "--driver-timeout", "0", "--", "x"],
                "timeout_secs: must",
            ),
            (&["do it", "--labels", "a b"], "labels: a label has"),
            (&["do it", "--name", "My Tool"], "name: use 1 to 63"),
        ] {
            let said = said(words);
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    }
}
