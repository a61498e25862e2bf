//! Execution policies: what an org, a project or a goal says, and what is in force.
//!
//! What a level leaves out is left to the less specific ones: a goal's policy comes before its
//! project's, and that before its org's.

use std::collections::BTreeMap;

use devlab_core::choice::Choose;
use devlab_core::label::Labels;
use devlab_core::policy as core;
use devlab_core::policy::Conflicts;
use devlab_core::policy::{Reviews, Running, Verifier};
use devlab_core::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a level says. What is left out is left to the less specific levels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What a person has to approve.
    #[serde(skip_serializing_if = "is_default")]
    pub approvals: Approvals,
    /// Which results a person reviews: those that are `asked` for, those of `goals` too, or `all`.
    /// A request can ask for more than this says, not for less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reviews: Option<Reviews>,
    /// What is tried again by itself, by what failed.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: Retries,
    /// How long things may take. A task's or check's own limit counts if it is shorter.
    #[serde(skip_serializing_if = "is_default")]
    pub time_limits: TimeLimits,
    /// What becomes of work under way on a task that another revision of a plan removes or changes:
    /// `cancel` or `finish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub running: Option<Running>,
    /// `person` or `first`: who chooses among the alternatives of a task that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub choose: Option<Choose>,
    /// `show` or `hold`: whether a task that touches what another one is at work on starts all the
    /// same, or is held back until that one is at work no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub conflicts: Option<Conflicts>,
    /// `any` or `other`: whether the checks of whoever made a result may let it in, or only those of
    /// another agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub verifier: Option<Verifier>,
    /// What runs at one time. Limits of all levels hold together.
    #[serde(skip_serializing_if = "is_default")]
    pub concurrency: Concurrency,
    /// An org's weight among those that share slots of a runtime. Only global admins set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a person has to approve.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PolicyApprovals)]
pub struct Approvals {
    /// Goals, before anything of them starts. `true`: those that are scheduled with their tasks as
    /// well; `false`: not even those that are planned. Default: those that are planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<bool>,
    /// Tasks that need all labels of one of these sets, before they start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<Vec<String>>>,
    /// Results of goals, before they are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publication: Option<bool>,
}

/// What is tried again by itself, by what failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PolicyRetries)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PolicyRetryRule)]
pub struct RetryRule {
    /// At most this often, up to 100; then a person has to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u8>,
    /// First pause in milliseconds; doubles each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u32>,
    /// Longest pause in milliseconds, up to an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u32>,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PolicyTimeLimits)]
pub struct TimeLimits {
    /// A driver, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_secs: Option<u32>,
    /// A check, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_secs: Option<u32>,
}

/// What runs at one time at the level that says so. 0 lets nothing run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PolicyConcurrency)]
pub struct Concurrency {
    /// Attempts in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Attempts at tasks that need a label.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, u32>,
    /// Attempts in a runtime, such as `local`; only an org's policy has these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub runtimes: BTreeMap<String, u32>,
}

/// Sets the policy of a level.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPolicy {
    /// What it says from now on. An empty one says nothing.
    pub policy: Policy,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Number of the policy that it takes the place of, as the caller knows it; 0 for none. Left
    /// out, it takes the place of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<u32>,
}

/// A policy as somebody set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRevision {
    /// From 1, without gaps, for each level.
    pub number: u32,
    /// What it says.
    pub policy: Policy,
    /// Who set it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A level: an org, a project or a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyLevel {
    /// `org`, `project` or `goal`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name, or the goal's title.
    pub name: String,
}

/// The policy of a level, and what is in force there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// The level.
    pub level: PolicyLevel,
    /// Its own policy, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<PolicyRevision>,
    /// Every field with the value that counts for what is made there, and which level says it.
    pub fields: Vec<PolicyField>,
    /// The limits of concurrency that count there, and how much runs under each now.
    pub limits: Vec<PolicyLimit>,
    /// Policies that it had before, newest first.
    pub before: Vec<PolicyRevision>,
}

/// A field of what is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyField {
    /// Its path, such as `retries.check.most`.
    pub name: String,
    /// Its value; null where nobody says anything and there is no one default.
    #[schema(value_type = Value)]
    pub value: serde_json::Value,
    /// `default`, `org`, `project` or `goal`.
    pub from: String,
    /// Number of the policy that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
}

/// A limit of concurrency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyLimit {
    /// `org`, `project`, `goal`, or `runtime`.
    pub from: String,
    /// Label that tasks need to count, or the name of the runtime; absent counts all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Attempts that count under it now.
    pub used: u32,
    /// How many there may be.
    pub most: u32,
}

impl From<core::RetryRule> for RetryRule {
    fn from(rule: core::RetryRule) -> Self {
        Self {
            most: rule.most,
            first_ms: rule.first_ms,
            longest_ms: rule.longest_ms,
        }
    }
}

impl From<RetryRule> for core::RetryRule {
    fn from(rule: RetryRule) -> Self {
        Self {
            most: rule.most,
            first_ms: rule.first_ms,
            longest_ms: rule.longest_ms,
        }
    }
}

impl From<core::Policy> for Policy {
    fn from(policy: core::Policy) -> Self {
        let words = |set: &Labels| set.iter().map(str::to_owned).collect();
        Self {
            approvals: Approvals {
                plan: policy.approvals.plan,
                tasks: policy
                    .approvals
                    .tasks
                    .map(|sets| sets.iter().map(words).collect()),
                publication: policy.approvals.publication,
            },
            reviews: policy.reviews,
            retries: Retries {
                lost: policy.retries.lost.into(),
                check: policy.retries.check.into(),
                driver: policy.retries.driver.into(),
                conflict: policy.retries.conflict.into(),
            },
            time_limits: TimeLimits {
                driver_secs: policy.time_limits.driver_secs,
                check_secs: policy.time_limits.check_secs,
            },
            running: policy.running,
            choose: policy.choose,
            conflicts: policy.conflicts,
            verifier: policy.verifier,
            concurrency: Concurrency {
                total: policy.concurrency.total,
                labels: policy.concurrency.labels,
                runtimes: policy.concurrency.runtimes,
            },
            share: policy.share,
        }
    }
}

impl TryFrom<Policy> for core::Policy {
    type Error = Refusal;

    fn try_from(policy: Policy) -> Result<Self, Refusal> {
        let sets = policy.approvals.tasks.map(|sets| {
            let sets = sets.into_iter().map(Labels::new);
            sets.collect::<Result<Vec<_>, _>>()
        });
        Ok(Self {
            approvals: core::Approvals {
                plan: policy.approvals.plan,
                tasks: sets.transpose()?,
                publication: policy.approvals.publication,
            },
            reviews: policy.reviews,
            retries: core::Retries {
                lost: policy.retries.lost.into(),
                check: policy.retries.check.into(),
                driver: policy.retries.driver.into(),
                conflict: policy.retries.conflict.into(),
            },
            time_limits: core::TimeLimits {
                driver_secs: policy.time_limits.driver_secs,
                check_secs: policy.time_limits.check_secs,
            },
            running: policy.running,
            choose: policy.choose,
            conflicts: policy.conflicts,
            verifier: policy.verifier,
            concurrency: core::Concurrency {
                total: policy.concurrency.total,
                labels: policy.concurrency.labels,
                runtimes: policy.concurrency.runtimes,
            },
            share: policy.share,
        })
    }
}
