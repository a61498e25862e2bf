//! Choices among alternatives, and other approvals, in a random history.

use devlab_core::TaskId;
use devlab_core::choice::{Alternative, Choice};
use devlab_core::rules::choice;
use devlab_core::rules::person;
use devlab_core::state::{ResumeTo, State, WaitReason};

use crate::lab::code;
use crate::world::World;

impl World {
    /// No alternatives most of the time.
    pub(crate) fn alternatives(&mut self) -> Vec<Alternative> {
        match self.dice.one_in(5) {
            true => vec![Alternative::default(); 2 + self.dice.below(2)],
            false => Vec::new(),
        }
    }

    /// Somebody chooses: most often something that can be chosen.
    pub(crate) fn choose(&mut self) {
        let any = self.dice.one_in(4);
        let Some(one) = self.pick_task(|task| match any {
            true => task.choice == Some(Choice::Alternative),
            false => choice::choosable(task).is_some(),
        }) else {
            return;
        };
        let parent = self.lab.task(one).parent.unwrap();
        let was = self.lab.task(parent).choice;
        let can = choice::choosable(self.lab.task(one)).is_some();
        let before = self.lab.tx.clone();
        let chosen = self
            .lab
            .unit(|tx| choice::choose(tx, parent, one, None, "bo"));
        if was == Some(Choice::Taken(one)) {
            chosen.unwrap();
            assert!(before == self.lab.tx, "chosen twice");
            return self.count("chosen again");
        }
        if !can {
            assert_eq!(code(chosen), "conflict");
            assert!(before == self.lab.tx);
            return self.count("choice refused");
        }
        chosen.unwrap();
        self.count("chosen");
    }

    /// Notes who took what, if an alternative is in its train now.
    pub(crate) fn note_choices(&mut self, before: &[(TaskId, Option<Choice>)]) {
        for (id, was) in before {
            let now = self.lab.task(*id).choice;
            match (was, now) {
                (Some(Choice::Open), Some(Choice::Taken(one))) => {
                    let last = self.lab.tx.asks[&one].last().unwrap();
                    let by = last.answer.as_ref().unwrap().by.clone();
                    match by.as_str() {
                        choice::BY_CHECKS => self.count("chosen by checks"),
                        "policy" => self.count("first chosen"),
                        _ => self.count("chosen by a person"),
                    }
                }
                (Some(Choice::Taken(_)), Some(Choice::Open)) => self.count("choice open again"),
                _ => {}
            }
        }
    }

    /// Every choice, as it stands.
    pub(crate) fn choices(&self) -> Vec<(TaskId, Option<Choice>)> {
        let all = self.lab.tx.tasks.values();
        let made = all.filter(|task| task.choice.is_some() && !matches!(task.state, State::Draft));
        made.map(|task| (task.id, task.choice)).collect()
    }

    pub(crate) fn approve(&mut self) {
        let plans: Vec<TaskId> = self.lab.tx.plans.keys().copied().collect();
        // Rare, and whoever waits for it has come far.
        let publication = self.dice.one_in(2);
        let last = |task: &devlab_core::task::Task| {
            let waits = State::Waiting(WaitReason::Approval, ResumeTo::Integrating);
            task.state == waits && task.choice != Some(Choice::Alternative)
        };
        let any_last = self.lab.tx.tasks.values().any(last);
        let waits = |task: &devlab_core::task::Task| {
            if publication && any_last {
                return last(task);
            }
            let draft = task.state == State::Draft && !plans.contains(&task.id);
            draft || matches!(task.state, State::Waiting(WaitReason::Approval, _))
        };
        if let Some(task) = self.pick_task(waits) {
            let waited = match self.lab.state(task) {
                State::Waiting(_, ResumeTo::Ready) => "approval to start waited for",
                _ if self
                    .lab
                    .task(task)
                    .choice
                    .is_some_and(|c| c == Choice::Alternative) =>
                {
                    "approval chooses"
                }
                State::Waiting(..) => "approval to publish waited for",
                _ => "approve draft",
            };
            self.count(waited);
            self.lab
                .unit(|tx| person::approve(tx, task, "bo", None))
                .unwrap();
            self.count("approve");
        }
    }
}
