//! The driver does the task.

use std::time::Duration;

use devlab_api::agent::{Completion, DriverFailure};
use devlab_api::task::{Command, Driver};
use devlab_core::attempt::Phase;
use devlab_core::limits::TIMEOUT_SECS_DEFAULT;

use super::points;
use super::talk::{HEARD, MESSAGES, QUESTION};
use super::work::{Stop, Work, end_in_words};
use super::{context, work};
use crate::driver::DriverCommand;
use crate::journal::Entry;
use crate::supervise::{DriverEnd, DriverOutcome, EXIT_NOT_STARTED};

impl Work {
    /// Runs the set-up and the driver in a prepared tree.
    pub(super) async fn drive(&mut self) -> Result<(), Stop> {
        let Some(Driver::Command(command)) = self
            .claim
            .driver
            .clone()
            .or_else(|| self.shared.config.default_driver.clone())
        else {
            let problem = "the task names no driver, and this agent has none of its own";
            return Err(Stop::Trouble(problem.to_owned()));
        };
        self.phase.send_replace(Phase::Driving);
        self.set_up_tree().await?;
        let spec = self.driver_spec(&command).await?;
        self.driver_from = self.log.refresh()?;
        let view = self.view().await?;
        let outcome = tokio::select! {
            outcome = self.supervise(&spec, Entry::Driving, points::DURING_DRIVE) => outcome?,
            never = self.look_on(view) => match never {},
        };
        self.record(Entry::DriverExited(outcome.clone())).await?;
        if outcome.leftovers > 0 {
            self.say(&format!(
                "ended {} processes that the driver had left",
                outcome.leftovers
            ));
        }
        self.reach(points::AFTER_DRIVE).await
    }

    async fn driver_spec(&self, command: &Command) -> Result<crate::driver::DriverSpec, Stop> {
        let what = match &command.script {
            Some(script) => DriverCommand::Script(script.clone()),
            None => DriverCommand::Argv(command.argv.clone()),
        };
        let mut spec = self
            .run_spec("driver", what, self.paths.tree(), "driver")
            .await?;
        spec.time_limit = Duration::from_secs(self.seconds(command).into());
        spec.vars.extend(command.env.clone());
        let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
        for (name, value) in [
            ("DEVLAB_TASK", self.claim.task.to_string()),
            ("DEVLAB_TASK_TITLE", self.claim.title.clone()),
            ("DEVLAB_TASK_GOAL", self.claim.goal.clone()),
            ("DEVLAB_CONTEXT", text(self.paths.context())),
            ("DEVLAB_QUESTION", text(self.paths.talk().join(QUESTION))),
            ("DEVLAB_MESSAGES", text(self.paths.talk().join(MESSAGES))),
            ("DEVLAB_HEARD", text(self.paths.talk().join(HEARD))),
        ] {
            spec.vars.insert(name.to_owned(), value);
        }
        Ok(spec)
    }

    /// A set-up that fails does not keep the driver from its work, which may be to mend it: a tree
    /// with conflict markers can rarely be set up. The checks decide.
    async fn set_up_tree(&self) -> Result<(), Stop> {
        let setup = self.claim.repository.as_ref().and_then(|r| r.setup.clone());
        let Some(setup) = setup else {
            return Ok(());
        };
        self.say(&format!("set-up: {setup}"));
        let from = self.log.refresh()?;
        let command = DriverCommand::Argv(work::shell(&setup));
        let spec = self
            .run_spec("setup", command, self.paths.tree(), "driver")
            .await?;
        let outcome = self
            .supervise(&spec, Entry::Driving, points::DURING_DRIVE)
            .await?;
        if !outcome.is_success() {
            let end = end_in_words(&outcome, TIMEOUT_SECS_DEFAULT);
            self.say(&format!(
                "the set-up failed ({end}); the driver runs all the same"
            ));
            let file = self.paths.context().join(context::FAILED_SETUP);
            let tail = self.tail_from(from);
            self.files(move || std::fs::write(file, tail)).await?;
        }
        Ok(())
    }

    /// What the server is told if the driver failed; `None` if it succeeded.
    pub(super) fn driver_failure(&self, outcome: &DriverOutcome) -> Option<Completion> {
        if outcome.is_success() {
            return None;
        }
        let command = self.claim.driver.as_ref();
        let command = command.or(self.shared.config.default_driver.as_ref());
        let secs = command.map_or(TIMEOUT_SECS_DEFAULT, |Driver::Command(c)| self.seconds(c));
        let no_program = outcome.end
            == DriverEnd::Exited {
                code: EXIT_NOT_STARTED.into(),
            };
        // Where this agent's own driver cannot be started, another agent's may.
        let not_started = no_program && self.claim.driver.is_some();
        let reason = match no_program {
            true => format!("its program cannot be started (exit code {EXIT_NOT_STARTED})"),
            false => end_in_words(outcome, secs),
        };
        let log_tail = self.tail_from(self.driver_from);
        self.say(&format!("the driver failed: {reason}"));
        Some(Completion::DriverFailed(DriverFailure {
            reason,
            log_tail,
            not_started,
        }))
    }

    /// How long a command may take.
    fn seconds(&self, command: &Command) -> u32 {
        let own = command.timeout_secs.unwrap_or(TIMEOUT_SECS_DEFAULT);
        self.claim.driver_secs_max.map_or(own, |most| own.min(most))
    }
}
