//! Policies of a random history.

use std::collections::BTreeMap;

use devlab_core::choice::Choose;
use devlab_core::label::Labels;
use devlab_core::policy::{
    Approvals, Concurrency, Conflicts, Level, Policy, Retries, RetryRule, Reviews, Running,
    Verifier,
};
use devlab_core::rules::policy;

use crate::world::World;

/// Limits under which everything comes to its end.
pub(crate) fn positive(limits: Concurrency) -> Concurrency {
    let one = |map: BTreeMap<String, u32>| {
        let all = map.into_iter();
        all.map(|(name, most)| (name, most.max(1))).collect()
    };
    Concurrency {
        total: limits.total.map(|most| most.max(1)),
        labels: one(limits.labels),
        runtimes: one(limits.runtimes),
    }
}

impl World {
    fn limits(&mut self, level: Level) -> Concurrency {
        let most = |world: &mut Self| u32::try_from(world.dice.below(4)).unwrap();
        let mut limits = Concurrency::default();
        if self.dice.one_in(2) {
            limits.total = Some(most(self));
        }
        for label in ["gpu", "linux", "driver=default"] {
            if self.dice.one_in(3) {
                limits.labels.insert(label.into(), most(self));
            }
        }
        if matches!(level, Level::Org(_)) && self.dice.one_in(3) {
            limits.runtimes.insert("local".into(), most(self));
        }
        limits
    }

    fn some_policy(&mut self, level: Level) -> Policy {
        let rule = |world: &mut Self| RetryRule {
            most: world.dice.one_in(2).then_some(1),
            first_ms: world.dice.one_in(2).then_some(600_000),
            longest_ms: world.dice.one_in(2).then_some(3_600_000),
        };
        let flag = |world: &mut Self| [None, Some(false), Some(true)][world.dice.below(3)];
        let selectors = [vec!["gpu"], vec!["linux", "gpu"]];
        let selectors = selectors.map(|set| Labels::new(set).unwrap()).to_vec();
        let both;
        Policy {
            approvals: Approvals {
                plan: flag(self),
                tasks: self.dice.one_in(2).then_some(selectors),
                // Rarely reached, as it comes last.
                publication: [Some(false), Some(true), Some(true), Some(true)][self.dice.below(4)],
            },
            reviews: [None, Some(Reviews::Asked), Some(Reviews::Goals)][self.dice.below(3)],
            retries: Retries {
                lost: rule(self),
                check: rule(self),
                driver: rule(self),
                conflict: rule(self),
            },
            running: self.dice.one_in(2).then_some(Running::Finish),
            choose: self.dice.one_in(4).then_some(Choose::First),
            conflicts: {
                both = self.dice.below(6);
                (both % 2 == 0).then_some(Conflicts::Hold)
            },
            verifier: [None, Some(Verifier::Any), Some(Verifier::Other)][both / 2],
            concurrency: self.limits(level),
            ..Policy::default()
        }
    }

    /// Few goals come so far: some worlds ask from the start.
    pub(crate) fn ask_before_publication(&mut self) {
        let policy = Policy {
            approvals: Approvals {
                publication: Some(true),
                ..Approvals::default()
            },
            ..Policy::default()
        };
        let level = Level::Org(self.lab.org);
        self.lab.set_policy(level, policy).unwrap();
    }

    /// What touches the same is done one after the other in some worlds.
    pub(crate) fn hold_back(&mut self) {
        let policy = Policy {
            conflicts: Some(Conflicts::Hold),
            ..Policy::default()
        };
        let level = Level::Org(self.lab.org);
        self.lab.set_policy(level, policy).unwrap();
    }

    pub(crate) fn set_policy(&mut self) {
        let goals: Vec<_> = self.lab.tx.tasks.values().filter(|t| t.is_goal()).collect();
        let goals: Vec<_> = goals.iter().map(|task| task.id).collect();
        let level = match self.dice.below(4) {
            0 => Level::Project(self.lab.project),
            1 => Level::Goal(self.dice.pick(&goals).unwrap()),
            _ => Level::Org(self.lab.org),
        };
        let policy = match self.dice.one_in(4) {
            true => Policy::default(),
            false => self.some_policy(level),
        };
        if self.dice.one_in(4) {
            // Its server dies before the end.
            let setting = self.lab.setting(level, policy);
            self.lab
                .unit(|tx| policy::prepare(tx, &setting, None))
                .unwrap();
            return self.count("policy cut short");
        }
        self.lab.set_policy(level, policy).unwrap();
        self.count("policy");
    }
}
