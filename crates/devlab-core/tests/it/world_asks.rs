//! Questions, messages and comments of a random history.

use devlab_core::ask::{AskKind, Reply};
use devlab_core::attempt::{Attempt, AttemptKind, AttemptState};
use devlab_core::patch::Patch;
use devlab_core::rules::complete::Outcome;
use devlab_core::rules::review::{self, Remark};
use devlab_core::rules::{ask, tell};
use devlab_core::state::{ResumeTo, State, TaskKind, WaitReason};
use devlab_core::task::{Feedback, Task};

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

    /// Somebody says something to whoever does a task; most often to one that is under way.
    pub(crate) fn tell(&mut self) {
        let any = self.dice.one_in(3);
        let open = |task: &Task| task.kind == TaskKind::Leaf && !task.state.is_end();
        let Some(id) = self.pick_task(|task| open(task) && (any || task.live.is_some())) else {
            return;
        };
        let result = self.lab.unit(|tx| tell::tell(tx, id, "bo", "mind the gap"));
        let settled = matches!(
            self.lab.state(id),
            State::Integrating | State::Waiting(_, ResumeTo::Integrating)
        );
        if result.is_err() {
            let wanted = if settled { "conflict" } else { "limit_reached" };
            assert_eq!(code(result), wanted);
            return;
        }
        assert!(!settled, "nobody hears it");
        self.count("told");
        if self.dice.one_in(3) {
            self.hear();
        }
    }

    /// How many messages an attempt was told of while it ran.
    fn messages_to(&self, attempt: &Attempt) -> usize {
        let none = Vec::new();
        let feedback = self.lab.tx.feedback.get(&attempt.task).unwrap_or(&none);
        let to_it = |one: &&Feedback| matches!(one, Feedback::Message { attempt: Some(to), .. } if *to == attempt.id);
        feedback.iter().filter(to_it).count()
    }

    /// An attempt does its work and has heard all, or a part, of what was said to it: what it has
    /// not heard another one does.
    pub(crate) fn hear(&mut self) {
        let works = |a: &Attempt| a.state == AttemptState::Live && a.kind == AttemptKind::Work;
        let working = self.lab.tx.attempts_where(works);
        let told = |a: &&Attempt| self.messages_to(a) > 0;
        let told: Vec<Attempt> = working.iter().filter(told).cloned().collect();
        let Some(attempt) = self.dice.pick(&told) else {
            return;
        };
        let most = self.messages_to(&attempt);
        let count = self.dice.below(most + 1);
        let mut outcome = self.lab.outcome(&attempt, true);
        let Outcome::Delivered { heard, .. } = &mut outcome else {
            panic!("a delivery");
        };
        *heard = u32::try_from(count).unwrap();
        let repeats = self.lab.task(attempt.task).side_effects;
        let state = self.lab.complete(&attempt, outcome.clone()).unwrap();
        self.completed.push((attempt.clone(), outcome));
        if count < most && !repeats {
            assert_eq!(state, State::Ready, "nobody hears it");
            let task = self.lab.task(attempt.task);
            let work = &self.lab.tx.attempts[&attempt.id].commit;
            assert!(task.project.is_none() || task.prior == *work);
            self.count("not heard");
        } else {
            assert_ne!(state, State::Ready, "it goes on though all was heard");
            self.count("heard");
        }
    }

    /// Somebody comments on a patch without a verdict.
    pub(crate) fn comment(&mut self) {
        let patches: Vec<Patch> = self.lab.tx.patches.values().cloned().collect();
        let Some(patch) = self.dice.pick(&patches) else {
            return;
        };
        let rework = !self.dice.one_in(4);
        let remark = Remark {
            author: "ada".into(),
            body: "why so?".into(),
            verdict: None,
            head: None,
            rework,
        };
        let waits = State::Waiting(WaitReason::Review, ResumeTo::Integrating);
        let before = self.lab.state(patch.task);
        if self
            .lab
            .unit(|tx| review::remark(tx, patch.id, remark))
            .is_err()
        {
            return;
        }
        let after = self.lab.state(patch.task);
        if rework && before == waits {
            assert!(matches!(after, State::Ready | State::Running), "{after}");
            self.count("comment heeded");
        } else {
            assert_eq!(after, before);
            self.count("comment");
        }
    }
}
