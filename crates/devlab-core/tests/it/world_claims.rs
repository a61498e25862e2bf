//! Claims of a random history.

use devlab_core::attempt::{AttemptKind, AttemptState};
use devlab_core::tx::Queued;

use crate::invariants::is_full_under;
use crate::lab::code;
use crate::world::World;

impl World {
    pub(crate) fn claim(&mut self) {
        let agent = self.dice.pick(&self.agents.clone()).unwrap();
        let before = self.lab.tx.clone();
        let row = &before.agents[&agent];
        let fitting = before.queue.iter();
        let fitting = fitting.filter(|entry| row.labels.satisfies(&entry.requires));
        let first = fitting.min_by_key(|entry| Queued::rank(entry)).cloned();
        let runs = !is_full_under(&before, row.org, &row.lane);
        let live = before.attempts_where(|a| a.agent == agent && a.state == AttemptState::Live);
        let is_full = live.len() >= row.capacity as usize;
        self.claims += 1;
        let id = format!("world-{}", self.claims);
        let result = self.lab.claim_as(agent, &id);
        let Some(first) = first.filter(|_| !row.draining && runs) else {
            assert_eq!(result.unwrap(), None);
            return self.count("claim nothing");
        };
        let waits = is_full_under(&before, row.org, &first.lane);
        if waits && matches!(result, Ok(None)) {
            return self.count("claim nothing: limits");
        }
        if is_full {
            assert_eq!(code(result), "limit_reached");
            return self.count("claim over capacity");
        }
        let attempt = result.unwrap().expect("the head of the queue");
        let work = match attempt.candidate {
            Some(candidate) => devlab_core::tx::Work::Verify(candidate),
            None => devlab_core::tx::Work::Task(attempt.task),
        };
        if waits {
            assert_ne!(work, first.work, "over a limit");
            self.count("claim passes by what is full");
        } else {
            assert_eq!(work, first.work, "not the first in line");
        }
        for key in attempt.lane.keys() {
            let slots = self.lab.tx.limits[&(row.org, key)];
            assert!(
                slots.most.is_none_or(|most| slots.used <= most),
                "{slots:?}"
            );
        }
        self.count(match attempt.kind {
            AttemptKind::Work => "claim work",
            AttemptKind::Verify => "claim verify",
        });
        self.check_answers(&attempt);
        self.last_claim = Some((agent, id, attempt));
    }

    pub(crate) fn claim_again(&mut self) {
        let Some((agent, id, attempt)) = self.last_claim.clone() else {
            return;
        };
        let before = self.lab.tx.clone();
        let again = self.lab.claim_as(agent, &id).unwrap().unwrap();
        assert_eq!(again.id, attempt.id);
        assert!(before == self.lab.tx, "a repeated claim changes nothing");
        self.count("claim repeated");
    }
}
