//! Questions of a random history.

use devlab_core::ask::{AskKind, Reply};
use devlab_core::attempt::{Attempt, AttemptKind, AttemptState};
use devlab_core::rules::ask;
use devlab_core::state::{State, WaitReason};

use crate::lab::code;
use crate::world::World;

/// Whether a task waits for an answer to what its agent asked.
pub(crate) fn asks(state: State) -> bool {
    matches!(
        state,
        State::Waiting(WaitReason::Question | WaitReason::Permission, _)
    )
}

impl World {
    /// An attempt asks a person something.
    pub(crate) fn ask(&mut self) {
        let works = |a: &Attempt| a.state == AttemptState::Live && a.kind == AttemptKind::Work;
        let working = self.lab.tx.attempts_where(works);
        let Some(attempt) = self.dice.pick(&working) else {
            return;
        };
        let kind = [AskKind::Question, AskKind::Permission][self.dice.below(2)];
        let outcome = self.lab.asking(&attempt, kind);
        let state = self.lab.complete(&attempt, outcome.clone()).unwrap();
        self.completed.push((attempt, outcome));
        self.count(if asks(state) {
            "asked"
        } else {
            "asked too often"
        });
    }

    /// Somebody answers a task that asks, or one that does not.
    pub(crate) fn answer(&mut self) {
        let any = self.dice.one_in(4);
        let Some(id) = self.pick_task(|task| any || asks(task.state)) else {
            return;
        };
        let reply = match self.dice.one_in(2) {
            true => Reply::Choice(2),
            false => Reply::Words(format!("words {}", self.dice.below(100))),
        };
        if !asks(self.lab.state(id)) {
            assert_eq!(code(self.lab.answer(id, &reply)), "bad_state");
            return self.count("answer refused");
        }
        self.lab.answer(id, &reply).unwrap();
        assert_eq!(code(self.lab.answer(id, &reply)), "bad_state");
        let last = ask::answers(&mut self.lab.tx, id).unwrap().pop().unwrap();
        self.answered.insert(id, last);
        self.count("answered");
    }

    /// The attempt after an answer is told of it, and goes on from where the one before was.
    pub(crate) fn check_answers(&mut self, attempt: &Attempt) {
        if attempt.kind != AttemptKind::Work {
            return;
        }
        let before = self.lab.tx.attempts_where(|other| {
            other.task == attempt.task
                && other.kind == AttemptKind::Work
                && other.number + 1 == attempt.number
        });
        let before = before.first().filter(|a| a.state == AttemptState::Asked);
        if let Some(before) = before.filter(|before| before.commit.is_some()) {
            assert_eq!(attempt.prior, before.commit, "it does not go on");
        }
        if let Some(told) = self.answered.remove(&attempt.task) {
            let known = ask::answers(&mut self.lab.tx, attempt.task).unwrap();
            assert!(known.contains(&told), "never told: {told:?}");
            self.count("answer told");
        }
    }
}
