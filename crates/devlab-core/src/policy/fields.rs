//! Which level says what.

use serde_json::{Value, json};

use super::{Level, Policy, PolicyRevision, Retry, RetryRule, Terms};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// No level says anything.
    Default,
    /// This level's policy, with its number.
    Policy(Level, u32),
}

/// One field of what is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its path, such as `retries.check.most`.
    pub name: String,
    /// Its value; null where the default leaves it open.
    pub value: Value,
    /// Which level says so.
    pub from: Source,
}

impl Policy {
    /// Every field but the limits of concurrency, with what this says.
    fn fields(&self) -> Vec<(String, Option<Value>)> {
        fn value<T: serde::Serialize>(value: Option<&T>) -> Option<Value> {
            value.map(|value| json!(value))
        }
        let mut all = vec![
            (
                "approvals.plan".to_owned(),
                value(self.approvals.plan.as_ref()),
            ),
            (
                "approvals.tasks".to_owned(),
                value(self.approvals.tasks.as_ref()),
            ),
            (
                "approvals.publication".to_owned(),
                value(self.approvals.publication.as_ref()),
            ),
            ("reviews".to_owned(), value(self.reviews.as_ref())),
        ];
        let retries = &self.retries;
        for (name, rule) in [
            ("lost", &retries.lost),
            ("check", &retries.check),
            ("driver", &retries.driver),
            ("conflict", &retries.conflict),
        ] {
            all.push((format!("retries.{name}.most"), value(rule.most.as_ref())));
            all.push((
                format!("retries.{name}.first_ms"),
                value(rule.first_ms.as_ref()),
            ));
            all.push((
                format!("retries.{name}.longest_ms"),
                value(rule.longest_ms.as_ref()),
            ));
        }
        let times = self.time_limits;
        all.push((
            "time_limits.driver_secs".to_owned(),
            value(times.driver_secs.as_ref()),
        ));
        all.push((
            "time_limits.check_secs".to_owned(),
            value(times.check_secs.as_ref()),
        ));
        all.push(("running".to_owned(), value(self.running.as_ref())));
        all.push(("choose".to_owned(), value(self.choose.as_ref())));
        all.push(("conflicts".to_owned(), value(self.conflicts.as_ref())));
        all.push(("verifier".to_owned(), value(self.verifier.as_ref())));
        all.push(("share".to_owned(), value(self.share.as_ref())));
        all
    }

    /// What holds where no level says anything.
    fn defaults() -> Self {
        let terms = Terms::default();
        let rule = |retry: Retry| RetryRule {
            most: Some(retry.most),
            first_ms: retry.first_ms,
            longest_ms: u32::try_from(retry.longest().as_millis()).ok(),
        };
        let mut policy = Self {
            running: Some(super::Running::default()),
            choose: Some(terms.choose),
            conflicts: Some(terms.conflicts),
            verifier: Some(terms.verifier),
            share: Some(1),
            ..Self::default()
        };
        policy.approvals.tasks = Some(terms.approve_tasks);
        policy.approvals.publication = Some(terms.approve_publication);
        policy.retries = super::Retries {
            lost: rule(terms.lost),
            check: rule(terms.check),
            driver: rule(terms.driver),
            conflict: rule(terms.conflict),
        };
        policy
    }
}

/// Every field that levels say together, and which of them says it. The least specific level comes
/// first.
#[must_use]
pub fn explain(levels: &[PolicyRevision]) -> Vec<Field> {
    let said: Vec<_> = levels.iter().map(|level| level.policy.fields()).collect();
    let defaults = Policy::defaults().fields();
    let field = |(i, (name, default)): (usize, (String, Option<Value>))| {
        let mut found = levels.iter().zip(&said).rev();
        let found = found.find_map(|(level, fields)| Some((level, fields[i].1.clone()?)));
        let (value, from) = match found {
            Some((level, value)) => (value, Source::Policy(level.level, level.number)),
            None => (default.unwrap_or(Value::Null), Source::Default),
        };
        Field { name, value, from }
    };
    defaults.into_iter().enumerate().map(field).collect()
}
