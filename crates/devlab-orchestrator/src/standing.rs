//! What agents that ask for work were like when they last asked, so that one that asks again gets in
//! line for work without a look at the store. It is a hint: the transaction of the claim sees the
//! agent as it is, and says where that differs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use devlab_core::attempt::Agent;
use devlab_core::label::Labels;
use devlab_core::{AgentId, OrgId};

/// Most agents that are remembered.
const KNOWN_MAX: usize = 10_000;

/// What an agent's place in the line depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) org: OrgId,
    pub(crate) labels: Labels,
    pub(crate) draining: bool,
}

impl Standing {
    pub(crate) fn of(agent: &Agent) -> Self {
        Self {
            org: agent.org,
            labels: agent.labels.clone(),
            draining: agent.draining,
        }
    }
}

/// The agents that have asked this process.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<HashMap<AgentId, Standing>>);

impl Standings {
    pub(crate) fn get(&self, agent: AgentId) -> Option<Standing> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&agent).cloned()
    }

    pub(crate) fn put(&self, agent: AgentId, standing: &Standing) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&agent) == Some(standing) {
            return;
        }
        // Those who still ask are soon known again.
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(agent, standing.clone());
    }

    pub(crate) fn forget(&self, agent: AgentId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&agent);
    }
}

#[cfg(test)]
mod tests {
    use devlab_core::Timestamp;

    use super::*;

    fn agent(n: u128) -> AgentId {
        AgentId::new(Timestamp::from_millis(1), n << 16)
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let standing = Standing {
            org: OrgId::new(Timestamp::from_millis(1), 1),
            labels: Labels::default(),
            draining: false,
        };
        let known = Standings::default();
        for n in 0..2 * KNOWN_MAX as u128 + 1 {
            known.put(agent(n), &standing);
        }
        assert!(known.0.lock().unwrap().len() <= KNOWN_MAX);
        let last = agent(2 * KNOWN_MAX as u128);
        assert_eq!(known.get(last), Some(standing));
        known.forget(last);
        assert_eq!(known.get(last), None);
    }
}
