//! Execution policy: who has to agree, how often what is tried again, how long and how much at one
//! time. An org, a project and a goal may each have one; for each field the most specific level that
//! says something counts, and what no level says has a default.
//!
//! What a task was promised when it was made or approved, its [`Terms`], stays as it was. Limits of
//! concurrency count at once, and those of all levels hold together.

mod check;
mod fields;
pub mod file;
mod terms;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::choice::Choose;
use crate::id::{OrgId, ProjectId, TaskId};
use crate::label::Labels;
use crate::limit::{LimitKey, Scope};
use crate::time::Timestamp;

pub use fields::{Field, Source, explain};
pub use terms::{Retry, Terms};

/// Whose policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// An org's.
    Org(OrgId),
    /// A project's.
    Project(ProjectId),
    /// A goal's.
    Goal(TaskId),
}

impl Level {
    /// The bits of its id.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Org(id) => id.uuid(),
            Self::Project(id) => id.uuid(),
            Self::Goal(id) => id.uuid(),
        }
    }

    /// What its limits count.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::Org(_) => Scope::Org,
            Self::Project(id) => Scope::Project(id),
            Self::Goal(id) => Scope::Goal(id),
        }
    }
}

/// A policy of one level, as somebody set it. The newest of a level is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRevision {
    /// Whose it is.
    pub level: Level,
    /// Org that it belongs to.
    pub org: OrgId,
    /// From 1, without gaps.
    pub number: u32,
    /// What it says.
    pub policy: Policy,
    /// Who set it, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// Why, in their words; may be empty.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What a level says. What is left out is left to the less specific levels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What a person has to approve.
    #[serde(skip_serializing_if = "is_default")]
    pub approvals: Approvals,
    /// Which results a person reviews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviews: Option<Reviews>,
    /// What is tried again by itself.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: Retries,
    /// How long things may take.
    #[serde(skip_serializing_if = "is_default")]
    pub time_limits: TimeLimits,
    /// What becomes of work under way on a task that another revision of a plan removes or changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Who chooses among the alternatives of a task that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choose: Option<Choose>,
    /// What becomes of a task that would touch what another one is at work on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Conflicts>,
    /// Who verifies a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Verifier>,
    /// What runs at one time.
    #[serde(skip_serializing_if = "is_default")]
    pub concurrency: Concurrency,
    /// An org's weight among those that share slots of a runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a person has to approve.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approvals {
    /// Goals, before anything of them starts: `true` those that are scheduled with their tasks as
    /// well, `false` not even those that are planned. By default planned ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<bool>,
    /// Tasks that need all labels of one of these sets, before they start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<Labels>>,
    /// Results of goals, before they are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication: Option<bool>,
}

/// Which results a person reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reviews {
    /// Those of which it is asked.
    Asked,
    /// Those of goals, and those of which it is asked.
    Goals,
    /// All.
    All,
}

/// What becomes of work under way that a plan does not want any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Running {
    /// It is called off.
    #[default]
    Cancel,
    /// It goes on to its end; a changed task is done again after it.
    Finish,
}

/// What becomes of a task that would touch the paths that another one is at work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflicts {
    /// It starts, and it is shown that they meet.
    #[default]
    Show,
    /// It is held back until the other one is at work no longer.
    Hold,
}

/// Who verifies a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verifier {
    /// Any agent, the one that made it included.
    #[default]
    Any,
    /// Another agent than the one that made it.
    Other,
}

/// What is tried again by itself, by what failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retries {
    /// The agent was lost.
    #[serde(skip_serializing_if = "is_default")]
    pub lost: RetryRule,
    /// A check of the task's own result failed.
    #[serde(skip_serializing_if = "is_default")]
    pub check: RetryRule,
    /// The driver failed.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: RetryRule,
    /// The target does not take the result: it conflicts, or a check fails there.
    #[serde(skip_serializing_if = "is_default")]
    pub conflict: RetryRule,
}

/// How often and after which pauses something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRule {
    /// At most this often; then a person has to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u8>,
    /// First pause in milliseconds; doubles each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u32>,
    /// Longest pause in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u32>,
}

/// How long things may take. A task's or check's own limit counts if it is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeLimits {
    /// A driver, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_secs: Option<u32>,
    /// A check, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_secs: Option<u32>,
}

/// What runs at one time at the level that says so. Those of less specific levels hold as well.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Concurrency {
    /// Attempts in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Attempts at tasks that need a label.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, u32>,
    /// Attempts in a runtime; only an org's policy has these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub runtimes: BTreeMap<String, u32>,
}

impl Concurrency {
    /// The limits that these are at a level.
    #[must_use]
    pub fn limits(&self, level: Level) -> BTreeMap<LimitKey, u32> {
        let of = |label| LimitKey {
            scope: level.scope(),
            label,
        };
        let total = self.total.map(|most| (of(None), most));
        let labels = self.labels.iter();
        let labels = labels.map(|(label, most)| (of(Some(label.clone())), *most));
        let runtimes = self.runtimes.iter();
        let runtime = |name: &String| LimitKey::of(Scope::Runtime(name.clone()));
        let runtimes = runtimes.map(|(name, most)| (runtime(name), *most));
        total.into_iter().chain(labels).chain(runtimes).collect()
    }
}

impl Policy {
    /// What this says, and what a less specific one says where this says nothing. Limits of
    /// concurrency and the share are each level's own, and left out.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            approvals: Approvals {
                plan: self.approvals.plan.or(below.approvals.plan),
                tasks: self.approvals.tasks.or(below.approvals.tasks),
                publication: self.approvals.publication.or(below.approvals.publication),
            },
            reviews: self.reviews.or(below.reviews),
            retries: Retries {
                lost: self.retries.lost.over(below.retries.lost),
                check: self.retries.check.over(below.retries.check),
                driver: self.retries.driver.over(below.retries.driver),
                conflict: self.retries.conflict.over(below.retries.conflict),
            },
            time_limits: TimeLimits {
                driver_secs: self
                    .time_limits
                    .driver_secs
                    .or(below.time_limits.driver_secs),
                check_secs: self.time_limits.check_secs.or(below.time_limits.check_secs),
            },
            running: self.running.or(below.running),
            choose: self.choose.or(below.choose),
            conflicts: self.conflicts.or(below.conflicts),
            verifier: self.verifier.or(below.verifier),
            concurrency: Concurrency::default(),
            share: None,
        }
    }

    /// What levels say together; the least specific one comes first.
    #[must_use]
    pub fn together<'p>(levels: impl IntoIterator<Item = &'p Self>) -> Self {
        let levels = levels.into_iter();
        levels.fold(Self::default(), |below, level| level.clone().over(below))
    }
}

impl RetryRule {
    fn over(self, below: Self) -> Self {
        Self {
            most: self.most.or(below.most),
            first_ms: self.first_ms.or(below.first_ms),
            longest_ms: self.longest_ms.or(below.longest_ms),
        }
    }
}

impl Reviews {
    /// Whether a person reviews a result, given what was asked of it.
    #[must_use]
    pub fn decide(policy: Option<Self>, is_goal: bool, asked: Option<bool>) -> bool {
        match policy {
            None => asked.unwrap_or(is_goal),
            Some(Self::Asked) => asked == Some(true),
            Some(Self::Goals) => is_goal || asked == Some(true),
            Some(Self::All) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn revision(level: Level, number: u32, policy: serde_json::Value) -> PolicyRevision {
        PolicyRevision {
            level,
            org: OrgId::from_uuid(Uuid::nil()),
            number,
            policy: serde_json::from_value(policy).unwrap(),
            by: String::new(),
            why: String::new(),
            at: Timestamp::from_millis(0),
        }
    }

    /// Everything that a policy can say.
    fn whole() -> serde_json::Value {
        let rule = json!({ "most": 1, "first_ms": 2, "longest_ms": 3 });
        json!({
            "approvals": { "plan": true, "tasks": [["a", "b"]], "publication": true },
            "reviews": "goals",
            "retries": { "lost": rule, "check": rule, "driver": rule, "conflict": rule },
            "time_limits": { "driver_secs": 4, "check_secs": 5 },
            "running": "finish",
            "choose": "first",
            "conflicts": "hold",
            "verifier": "other",
            "concurrency": { "total": 6, "labels": { "gpu": 7 }, "runtimes": { "local": 8 } },
            "share": 9,
        })
    }

    #[test]
    fn every_field_comes_back_and_none_is_left_unexplained() {
        let org = Level::Org(OrgId::from_uuid(Uuid::nil()));
        let one = revision(org, 4, whole());
        one.policy.validate(org).unwrap();
        assert_eq!(serde_json::to_value(&one.policy).unwrap(), whole());
        let fields = explain(&[one]);
        for field in &fields {
            assert_eq!(field.from, Source::Policy(org, 4), "{}", field.name);
            let mut path = field.name.split('.');
            let said = path.try_fold(whole(), |at, part| at.get(part).cloned());
            assert_eq!(Some(field.value.clone()), said, "{}", field.name);
        }
        let mut unexplained = whole();
        unexplained.as_object_mut().unwrap().remove("concurrency");
        assert_eq!(fields.len(), leaves(&unexplained));
        assert!(serde_json::from_value::<Policy>(json!({ "aprovals": {} })).is_err());
    }

    fn leaves(value: &serde_json::Value) -> usize {
        match value.as_object() {
            Some(map) => map.values().map(leaves).sum(),
            None => 1,
        }
    }

    #[test]
    fn the_most_specific_level_that_says_something_counts() {
        let levels = [
            Level::Org(OrgId::from_uuid(Uuid::nil())),
            Level::Project(ProjectId::from_uuid(Uuid::nil())),
            Level::Goal(TaskId::from_uuid(Uuid::nil())),
        ];
        let says = [
            json!({ "retries": { "check": { "most": 5, "first_ms": 1 } }, "running": "finish" }),
            json!({ "retries": { "check": { "most": 6 } }, "reviews": "all" }),
            json!({ "retries": { "check": { "most": 7 } }, "reviews": "asked" }),
        ];
        let revisions: Vec<_> = (1..)
            .zip(levels.iter().zip(says))
            .map(|(number, (level, says))| revision(*level, number, says))
            .collect();
        let fields = explain(&revisions);
        let field = |name: &str| {
            let found = fields.iter().find(|field| field.name == name).unwrap();
            (found.value.clone(), found.from)
        };
        let from = |at: usize| Source::Policy(levels[at], u32::try_from(at).unwrap() + 1);
        assert_eq!(field("retries.check.most"), (json!(7), from(2)));
        assert_eq!(field("retries.check.first_ms"), (json!(1), from(0)));
        assert_eq!(field("reviews"), (json!("asked"), from(2)));
        assert_eq!(field("running"), (json!("finish"), from(0)));
        assert_eq!(field("retries.lost.most"), (json!(8), Source::Default));
        let together = Policy::together(revisions.iter().map(|r| &r.policy));
        let terms = Terms::under(&together);
        assert_eq!((terms.check.most, terms.check.first_ms), (7, Some(1)));
        assert_eq!(together.reviews, Some(Reviews::Asked));
        assert_eq!(Terms::under(&Policy::default()), Terms::default());
    }

    #[test]
    fn time_limits_only_become_shorter() {
        let terms = Terms {
            check_secs: Some(10),
            ..Terms::default()
        };
        let check = |timeout_secs: u32| crate::check::Check {
            name: timeout_secs.to_string(),
            run: "true".to_owned(),
            timeout_secs,
        };
        let mut set = crate::check::CheckSet {
            checks: vec![check(5), check(60)],
            ..Default::default()
        };
        terms.bound_checks(&mut set);
        let secs: Vec<_> = set.checks.iter().map(|check| check.timeout_secs).collect();
        assert_eq!(secs, [5, 10]);
    }
}
