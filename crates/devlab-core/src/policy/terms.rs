//! What a task is promised when it is made or approved.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::{CheckSet, DriverSpec, Sha256Hex};
use crate::choice::Choose;
use crate::label::Labels;
use crate::limits::{
    BACKOFF_MAX, CHECK_RETRIES_MAX, DRIVER_RETRIES_MAX, LOST_RETRIES_MAX, SENT_BACK_MAX,
};

use super::{Conflicts, Policy, RetryRule, Verifier, is_default};

/// The part of a policy that is fixed for a task. Stored once under its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Tasks that need all labels of one of these sets wait for an approval before they start.
    pub approve_tasks: Vec<Labels>,
    /// Whether a goal's result waits for an approval before it is published.
    pub approve_publication: bool,
    /// Retries after a lost agent.
    pub lost: Retry,
    /// Retries after a failed check.
    pub check: Retry,
    /// Retries after a failed driver.
    pub driver: Retry,
    /// Retries after its target did not take the result.
    pub conflict: Retry,
    /// Longest time of a driver, in seconds.
    pub driver_secs: Option<u32>,
    /// Longest time of a check, in seconds.
    pub check_secs: Option<u32>,
    /// Who chooses among alternatives. Terms from before there were any have the same hash.
    #[serde(default, skip_serializing_if = "is_default")]
    pub choose: Choose,
    /// Whether its tasks are held back behind others at work on the same paths. As `choose`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conflicts: Conflicts,
    /// Who verifies its results. As `choose`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub verifier: Verifier,
}

/// How often and after which pauses something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// At most this often.
    pub most: u8,
    /// First pause in milliseconds; absent leaves it to the lab's configuration.
    pub first_ms: Option<u32>,
    /// Longest pause in milliseconds; absent is [`BACKOFF_MAX`].
    pub longest_ms: Option<u32>,
}

impl Retry {
    const fn of(most: u8) -> Self {
        Self {
            most,
            first_ms: None,
            longest_ms: None,
        }
    }

    fn under(rule: RetryRule, otherwise: Self) -> Self {
        Self {
            most: rule.most.unwrap_or(otherwise.most),
            first_ms: rule.first_ms,
            longest_ms: rule.longest_ms,
        }
    }

    /// The longest pause, without jitter.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let millis = |ms: u32| Duration::from_millis(ms.into());
        self.longest_ms.map_or(BACKOFF_MAX, millis)
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            approve_tasks: Vec::new(),
            approve_publication: false,
            lost: Retry::of(LOST_RETRIES_MAX),
            check: Retry::of(CHECK_RETRIES_MAX),
            driver: Retry::of(DRIVER_RETRIES_MAX),
            conflict: Retry::of(SENT_BACK_MAX),
            driver_secs: None,
            check_secs: None,
            choose: Choose::default(),
            conflicts: Conflicts::default(),
            verifier: Verifier::default(),
        }
    }
}

impl Terms {
    /// What levels that say this together promise.
    #[must_use]
    pub fn under(policy: &Policy) -> Self {
        let base = Self::default();
        Self {
            approve_tasks: policy.approvals.tasks.clone().unwrap_or_default(),
            approve_publication: policy.approvals.publication.unwrap_or_default(),
            lost: Retry::under(policy.retries.lost, base.lost),
            check: Retry::under(policy.retries.check, base.check),
            driver: Retry::under(policy.retries.driver, base.driver),
            conflict: Retry::under(policy.retries.conflict, base.conflict),
            driver_secs: policy.time_limits.driver_secs,
            check_secs: policy.time_limits.check_secs,
            choose: policy.choose.unwrap_or_default(),
            conflicts: policy.conflicts.unwrap_or_default(),
            verifier: policy.verifier.unwrap_or_default(),
        }
    }

    /// Identity of the terms.
    #[must_use]
    pub fn hash(&self) -> Sha256Hex {
        // It has maps of no kind, and nothing that cannot be written.
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256Hex::of(text.as_bytes())
    }

    /// Whether somebody has to approve a task with these labels before it starts.
    #[must_use]
    pub fn asks_before(&self, requires: &Labels) -> bool {
        let mut sets = self.approve_tasks.iter();
        sets.any(|set| requires.satisfies(set))
    }

    /// The longest pause before any retry, without jitter.
    #[must_use]
    pub fn longest_pause(&self) -> Duration {
        let all = [self.lost, self.check, self.driver, self.conflict];
        let longest = all.iter().map(Retry::longest).max();
        longest.unwrap_or(BACKOFF_MAX).max(BACKOFF_MAX)
    }

    /// Shortens the time limit of a driver to what is allowed.
    pub fn bound_driver(&self, driver: &mut DriverSpec) {
        let DriverSpec::Command(command) = driver;
        if let Some(secs) = self.driver_secs {
            command.timeout_secs = command.timeout_secs.min(secs);
        }
    }

    /// Shortens the time limits of checks to what is allowed, for whoever runs them. What they prove
    /// is named by the set as it was: that a check passed in less time is no weaker proof.
    pub fn bound_checks(&self, set: &mut CheckSet) {
        if let Some(secs) = self.check_secs {
            for check in &mut set.checks {
                check.timeout_secs = check.timeout_secs.min(secs);
            }
        }
    }
}
