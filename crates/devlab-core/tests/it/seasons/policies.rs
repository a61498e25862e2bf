//! What a season's goal says changes while it lives, and whoever has nothing to do hears of it.

use devlab_core::AgentId;
use devlab_core::label::Labels;
use devlab_core::policy::{Approvals, Level, Policy, Reviews, Verifier};

use super::{Duration, Happens, Season};

impl Season {
    /// Another policy of the goal, which counts for all of its tasks that are not over.
    pub(super) fn set_policy(&mut self) {
        let gpu = vec![Labels::new(["gpu"]).unwrap()];
        let reviews = [None, Some(Reviews::Asked), Some(Reviews::Goals)];
        let verifiers = [None, Some(Verifier::Any), Some(Verifier::Other)];
        let policy = Policy {
            approvals: Approvals {
                tasks: self.dice.one_in(2).then_some(gpu),
                publication: [None, Some(false), Some(true)][self.dice.below(3)],
                ..Approvals::default()
            },
            reviews: reviews[self.dice.below(3)],
            verifier: verifiers[self.dice.below(3)],
            ..Policy::default()
        };
        let level = Level::Goal(self.goal);
        self.lab.set_policy(level, policy).unwrap();
        self.count("policy");
    }

    /// An agent that has nothing to do looks.
    pub(super) fn wake(&mut self, requires: &Labels, not: Option<AgentId>) {
        let able = |agent: &&usize| {
            let (id, labels) = &self.agents[**agent];
            not != Some(*id) && labels.satisfies(requires)
        };
        if let Some(agent) = self.idle.iter().find(able).copied() {
            self.idle.remove(&agent);
            self.at(Duration::ZERO, Happens::Look(agent));
        }
    }
}
