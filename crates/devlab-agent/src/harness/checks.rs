//! The project's checks, on a clean checkout of the commit.
//!
//! A set-up that fails counts as a failure of the first check that has not run: the server knows
//! no other names than those of the set, and a check cannot pass where the set-up does not.

use std::time::Duration;

use devlab_api::agent::NewReceipt;
use devlab_api::task::Check;
use devlab_core::Oid;
use devlab_core::attempt::Phase;
use devlab_core::check::Isolation;
use devlab_core::limits::{LOG_BYTES_MAX, LOG_TAIL_BYTES_MAX, TIMEOUT_SECS_DEFAULT};
use devlab_forge::worktree::Tree;

use super::points;
use super::trees::Kind;
use super::work::{Stop, Work, end_in_words, exit_code, shell};
use crate::driver::DriverCommand;
use crate::journal::{Entry, Step};
use crate::supervise::DriverOutcome;
use crate::workspace::remove_tree;

/// What ran, and where its output is.
struct Ran {
    outcome: DriverOutcome,
    from: u64,
    len: u64,
}

impl Work {
    /// The checks that have no receipt yet.
    pub(super) fn checks_left(&self) -> Vec<Check> {
        let receipts = self.receipts();
        if self.step() >= Step::Checked || receipts.iter().any(|r| r.exit_code != 0) {
            return Vec::new();
        }
        let checks = self.claim.repository.as_ref().map(|r| r.checks.as_slice());
        checks
            .unwrap_or_default()
            .iter()
            .skip(receipts.len())
            .cloned()
            .collect()
    }

    /// The receipts in the journal.
    pub(super) fn receipts(&self) -> Vec<NewReceipt> {
        let stored = self.facts(|facts| facts.receipts.clone());
        stored
            .into_iter()
            .filter_map(|receipt| serde_json::from_value(receipt).ok())
            .collect()
    }

    /// A clean checkout for the checks that are left, if any are.
    pub(super) async fn check_out_clean(&self, commit: &Oid) -> Result<(), Stop> {
        if self.checks_left().is_empty() {
            return Ok(());
        }
        let (tree, home) = (self.check_tree(), self.paths.private("check").0);
        let (dir, index) = (tree.dir.clone(), tree.index.clone());
        self.files(move || {
            remove_tree(&dir)?;
            remove_tree(&index)?;
            remove_tree(home.parent().unwrap_or(&home))
        })
        .await?;
        self.check_out(Kind::Check, commit, &tree).await
    }

    /// The clean checkout, with the harness's index of it.
    pub(super) fn check_tree(&self) -> Tree {
        Tree {
            dir: self.paths.check(),
            index: self.paths.index("check"),
        }
    }

    /// Runs the checks that are left, up to the first that fails.
    pub(super) async fn check(&mut self, commit: &Oid) -> Result<Vec<NewReceipt>, Stop> {
        let left = self.checks_left();
        if !left.is_empty() {
            self.phase.send_replace(Phase::Checking);
            let tree = match self.tree.clone() {
                Some(tree) => tree,
                None => {
                    let cache = self.cache()?;
                    self.unless_stopped(cache.repo().tree_of(commit)).await??
                }
            };
            self.check_left(&left, &tree).await?;
            self.record(Entry::Checked).await?;
        }
        self.reach(points::AFTER_RECEIPTS).await?;
        Ok(self.receipts())
    }

    async fn check_left(&self, left: &[Check], tree: &Oid) -> Result<(), Stop> {
        let setup = self.claim.repository.as_ref().and_then(|r| r.setup.clone());
        if let Some(setup) = setup {
            let ran = self
                .run_check("check-setup", "set-up", &setup, TIMEOUT_SECS_DEFAULT)
                .await?;
            if !ran.outcome.is_success()
                && let Some(first) = left.first()
            {
                let why = format!(
                    "the set-up before the check {} failed, so it cannot pass",
                    first.name
                );
                self.say(&why);
                return self.receipt(first, tree, &ran).await;
            }
        }
        for check in left {
            let title = format!("check {}", check.name);
            let ran = self
                .run_check("check", &title, &check.run, check.timeout_secs)
                .await?;
            self.receipt(check, tree, &ran).await?;
            if !ran.outcome.is_success() {
                break;
            }
        }
        Ok(())
    }

    async fn run_check(
        &self,
        name: &str,
        title: &str,
        command: &str,
        limit_secs: u32,
    ) -> Result<Ran, Stop> {
        self.say(&format!("{title}: {command}"));
        let from = self.log.refresh()?;
        let command = DriverCommand::Argv(shell(command));
        let mut spec = self
            .run_spec(name, command, self.paths.check(), "check")
            .await?;
        spec.time_limit = Duration::from_secs(limit_secs.into());
        let outcome = self
            .supervise(&spec, Entry::Checking, points::DURING_CHECKS)
            .await?;
        let len = self.log.refresh()?.saturating_sub(from);
        if outcome.is_success() {
            self.say(&format!("{title} passed, {} ms", outcome.duration_ms));
        } else {
            let end = end_in_words(&outcome, limit_secs);
            self.say(&format!("{title} failed: {end}"));
        }
        Ok(Ran { outcome, from, len })
    }

    async fn receipt(&self, check: &Check, tree: &Oid, ran: &Ran) -> Result<(), Stop> {
        let log_tail = if ran.outcome.is_success() {
            String::new()
        } else {
            let skip = ran.len.saturating_sub(LOG_TAIL_BYTES_MAX as u64);
            let len = usize::try_from(ran.len - skip).unwrap_or(LOG_TAIL_BYTES_MAX);
            self.text(ran.from + skip, len)
        };
        let receipt = NewReceipt {
            check: check.name.clone(),
            tree: tree.to_string(),
            exit_code: exit_code(&ran.outcome),
            duration_ms: ran.outcome.duration_ms,
            // The server takes no more of a log than this, so there is nothing further to point at.
            log_offset: ran.from.min(LOG_BYTES_MAX),
            log_len: ran.len.min(LOG_BYTES_MAX.saturating_sub(ran.from)),
            log_tail,
            isolation: Isolation::Process,
        };
        let value = serde_json::to_value(&receipt).map_err(|e| Stop::Trouble(e.to_string()))?;
        self.record(Entry::Receipt(value)).await
    }
}
