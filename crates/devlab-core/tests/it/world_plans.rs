//! What people do with plans in a random history.

use devlab_core::TaskId;
use devlab_core::plan::{PlanState, PlanTask};
use devlab_core::rules;
use devlab_core::rules::plan::Running;
use devlab_core::state::{State, TaskKind};

use crate::lab::code;
use crate::mem::MemTx;
use crate::plans::{plan, proposal, task};
use crate::world::World;

impl World {
    /// Tasks of a random plan: few keys and few words, so that the next one has much in common.
    fn planned(&mut self, depth: usize, in_project: bool) -> Vec<PlanTask> {
        let mut list: Vec<PlanTask> = Vec::new();
        for i in 0..6 {
            if self.dice.one_in(3) {
                continue;
            }
            let mut new = task(&format!("k{i}"), &[]);
            new.spec.title = format!("do {}", (i + self.dice.below(2)) % 6);
            new.spec.goal = format!("so {}", self.dice.below(2));
            new.done = self.dice.one_in(12);
            if self.dice.one_in(6) {
                new.spec.driver = None;
            }
            for sibling in &list {
                if self.dice.one_in(3) {
                    new.depends_on.push(sibling.key.clone());
                }
            }
            if depth < 1 && self.dice.one_in(5) {
                new.tasks = self.planned(depth + 1, in_project);
            }
            if in_project && new.tasks.is_empty() {
                new.alternatives = self.alternatives();
            }
            list.push(new);
        }
        if self.dice.one_in(3) {
            list.reverse();
        }
        list
    }

    fn plan_goal(&mut self) {
        let in_project = !self.dice.one_in(3);
        let place = self.lab.place(in_project);
        let wanted = proposal(plan(self.planned(0, in_project)), None);
        self.lab
            .unit(|tx| rules::plan::create_goal(tx, &place, &wanted))
            .unwrap();
        self.count("goal planned");
    }

    pub(crate) fn propose(&mut self) {
        let planned: Vec<TaskId> = self.lab.tx.plans.keys().copied().collect();
        let Some(id) = self.dice.pick(&planned) else {
            return self.plan_goal();
        };
        let tasks = self.planned(0, self.lab.task(id).project.is_some());
        let done = self.lab.propose(id, tasks).is_ok();
        self.count(if done { "proposed" } else { "proposal refused" });
    }

    pub(crate) fn decide(&mut self) {
        let stored = self.lab.tx.plans.values().flatten();
        let open = stored.filter(|stored| stored.revision.state == PlanState::Proposed);
        let open: Vec<_> = open.map(|s| (s.revision.task, s.revision.number)).collect();
        let Some((id, number)) = self.dice.pick(&open) else {
            return;
        };
        if self.dice.one_in(8) {
            self.lab
                .unit(|tx| rules::plan::reject(tx, id, number, "bo", ""))
                .unwrap();
            return self.count("plan rejected");
        }
        let running = match self.dice.one_in(2) {
            true => Running::Cancel,
            false => Running::Finish,
        };
        let before = self.lab.tx.clone();
        match self.lab.approve(id, number, running) {
            Ok(revision) if revision.parent.is_none() => self.count("plan approved"),
            Ok(_) => {
                undisturbed(&before, &self.lab.tx, running);
                self.count("planned again");
            }
            refused => {
                assert_eq!(code(refused), "conflict");
                self.count("plan refused");
            }
        }
    }
}

/// What a new plan does not disturb: what is done, and work on tasks that it still has; with
/// [`Running::Finish`] all work.
fn undisturbed(before: &MemTx, after: &MemTx, running: Running) {
    let kept: Vec<TaskId> = after
        .plans
        .values()
        .flatten()
        .filter(|stored| stored.revision.state == PlanState::Current)
        .flat_map(|stored| stored.tasks.values().copied())
        .collect();
    let below = |task: &devlab_core::task::Task| {
        task.parent
            .is_some_and(|id| before.tasks[&id].state.is_end())
    };
    for task in before.tasks.values() {
        let now = &after.tasks[&task.id];
        let works = task.kind == TaskKind::Leaf && task.state == State::Running;
        let finishes = running == Running::Finish && !below(now) && now.state != State::Cancelled;
        if task.state == State::Done || (works && (kept.contains(&task.id) || finishes)) {
            let same = devlab_core::task::Task {
                path: task.path,
                ..now.clone()
            };
            assert_eq!(same, *task, "was disturbed");
        }
    }
}
