//! What a policy may say.

use crate::error::Refusal;
use crate::limit::is_word;
use crate::limits::{
    APPROVAL_SELECTORS_MAX, BACKOFF_POLICY_MAX, CONCURRENCY_MAX, POLICY_LIMITS_MAX,
    RETRIES_POLICY_MAX, SHARE_MAX, TIMEOUT_SECS_MAX,
};

use super::{Level, Policy, RetryRule};

impl Policy {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] that names the field.
    pub fn validate(&self, level: Level) -> Result<(), Refusal> {
        let selectors = self.approvals.tasks.as_deref().unwrap_or_default();
        if selectors.len() > APPROVAL_SELECTORS_MAX {
            let problem = format!("at most {APPROVAL_SELECTORS_MAX} sets of labels");
            return Err(Refusal::invalid("approvals.tasks", problem));
        }
        for (name, rule) in [
            ("lost", &self.retries.lost),
            ("check", &self.retries.check),
            ("driver", &self.retries.driver),
            ("conflict", &self.retries.conflict),
        ] {
            retry(&format!("retries.{name}"), rule)?;
        }
        for (name, secs) in [
            ("driver_secs", self.time_limits.driver_secs),
            ("check_secs", self.time_limits.check_secs),
        ] {
            if secs.is_some_and(|secs| secs == 0 || secs > TIMEOUT_SECS_MAX) {
                let problem = format!("must be between 1 and {TIMEOUT_SECS_MAX}");
                return Err(Refusal::invalid(format!("time_limits.{name}"), problem));
            }
        }
        self.concurrency(level)?;
        self.share(level)
    }

    fn concurrency(&self, level: Level) -> Result<(), Refusal> {
        let limits = &self.concurrency;
        let is_org = matches!(level, Level::Org(_));
        if !limits.runtimes.is_empty() && !is_org {
            let problem = "is for an org's policy: agents are the org's";
            return Err(Refusal::invalid("concurrency.runtimes", problem));
        }
        for (field, of) in [("labels", &limits.labels), ("runtimes", &limits.runtimes)] {
            let field = format!("concurrency.{field}");
            if of.len() > POLICY_LIMITS_MAX {
                let problem = format!("at most {POLICY_LIMITS_MAX} of them");
                return Err(Refusal::invalid(field, problem));
            }
            if let Some(odd) = of.keys().find(|name| !is_word(name)) {
                let problem = format!("{odd:?} has other characters than a label");
                return Err(Refusal::invalid(field, problem));
            }
        }
        let all = limits.total.iter();
        let mut all = all
            .chain(limits.labels.values())
            .chain(limits.runtimes.values());
        if all.any(|most| *most > CONCURRENCY_MAX) {
            let problem = format!("a limit is at most {CONCURRENCY_MAX}");
            return Err(Refusal::invalid("concurrency", problem));
        }
        Ok(())
    }

    fn share(&self, level: Level) -> Result<(), Refusal> {
        let Some(share) = self.share else {
            return Ok(());
        };
        if !matches!(level, Level::Org(_)) {
            return Err(Refusal::invalid("share", "is for an org's policy"));
        }
        if share == 0 || share > SHARE_MAX {
            let problem = format!("must be between 1 and {SHARE_MAX}");
            return Err(Refusal::invalid("share", problem));
        }
        Ok(())
    }
}

fn retry(field: &str, rule: &RetryRule) -> Result<(), Refusal> {
    if rule.most.is_some_and(|most| most > RETRIES_POLICY_MAX) {
        let problem = format!("at most {RETRIES_POLICY_MAX}");
        return Err(Refusal::invalid(format!("{field}.most"), problem));
    }
    let longest = u32::try_from(BACKOFF_POLICY_MAX.as_millis()).unwrap_or(u32::MAX);
    for (name, ms) in [("first_ms", rule.first_ms), ("longest_ms", rule.longest_ms)] {
        if ms.is_some_and(|ms| ms > longest) {
            let problem = format!("at most {longest}");
            return Err(Refusal::invalid(format!("{field}.{name}"), problem));
        }
    }
    Ok(())
}
