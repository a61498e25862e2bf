//! Claims of a random history.

use devlab_core::ask::AskKind;
use devlab_core::attempt::{AttemptKind, AttemptState};
use devlab_core::task::Task;
use devlab_core::tx::{Queued, Work};

use crate::holds::is_in_the_way;
use crate::invariants::is_full_under;
use crate::lab::code;
use crate::mem::MemTx;
use crate::world::World;

/// Whether somebody has to approve the start of a task that is ready already.
fn is_unapproved(tx: &MemTx, task: &Task) -> bool {
    let terms = task.terms.as_ref().map(|hash| &tx.terms[hash]);
    if !terms.is_some_and(|terms| terms.asks_before(&task.requires)) {
        return false;
    }
    let asks = tx.asks.get(&task.id).into_iter().flatten();
    let last = asks.rev().find(|ask| ask.kind == AskKind::Start);
    last.is_none_or(|ask| ask.answer.is_none())
}

impl World {
    pub(crate) fn claim(&mut self) {
        let agent = self.dice.pick(&self.agents.clone()).unwrap();
        let before = self.lab.tx.clone();
        let row = &before.agents[&agent];
        let fitting = before.queue.iter();
        let fits = |entry: &&Queued| entry.not_by != Some(agent);
        let fitting = fitting.filter(|entry| row.labels.satisfies(&entry.requires));
        let fitting = fitting.filter(fits);
        let (held, free): (Vec<&Queued>, Vec<&Queued>) =
            fitting.partition(|entry| match entry.work {
                Work::Task(task) => {
                    let task = &before.tasks[&task];
                    is_in_the_way(&before, task) || is_unapproved(&before, task)
                }
                Work::Verify(_) => false,
            });
        let first = free.into_iter().min_by_key(|entry| entry.rank()).cloned();
        let runs = !is_full_under(&before, row.org, &row.lane);
        let live = before.attempts_where(|a| a.agent == agent && a.state == AttemptState::Live);
        let is_full = live.len() >= row.capacity as usize;
        self.claims += 1;
        let id = format!("world-{}", self.claims);
        let result = self.lab.claim_as(agent, &id);
        let mut now = self.lab.tx.tasks.values();
        if now.any(|task| task.held_by.is_some() && before.tasks[&task.id].held_by.is_none()) {
            self.count("held back");
        }
        if is_full && result.is_err() && !held.is_empty() {
            assert_eq!(code(result), "limit_reached");
            return self.count("claim over capacity");
        }
        let Some(first) = first.filter(|_| !row.draining && runs) else {
            assert_eq!(result.unwrap(), None);
            return self.count("claim nothing");
        };
        // One that is both held back and over a limit keeps its place in other limits.
        let mut in_front = held.iter().filter(|entry| entry.rank() < first.rank());
        let waits = is_full_under(&before, row.org, &first.lane)
            || in_front.any(|entry| is_full_under(&before, row.org, &entry.lane));
        if waits && matches!(result, Ok(None)) {
            return self.count("claim nothing: limits");
        }
        if is_full {
            assert_eq!(code(result), "limit_reached");
            return self.count("claim over capacity");
        }
        let attempt = result.unwrap().expect("the head of the queue");
        let work = match attempt.candidate {
            Some(candidate) => Work::Verify(candidate),
            None => Work::Task(attempt.task),
        };
        if is_full_under(&before, row.org, &first.lane) {
            assert_ne!(work, first.work, "over a limit");
            self.count("claim passes by what is full");
        } else if !waits {
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
