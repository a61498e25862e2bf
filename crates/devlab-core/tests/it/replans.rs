//! A new revision is carried out: what is the same is left alone.

use std::collections::BTreeMap;

use devlab_core::attempt::AttemptState;
use devlab_core::check::{Check, CommandSpec, DriverSpec};
use devlab_core::label::Labels;
use devlab_core::limits::DEPENDENCIES_MAX;
use devlab_core::plan::PlanTask;
use devlab_core::policy::{Approvals, Level, Policy};
use devlab_core::rules::person::{self, Change};
use devlab_core::rules::plan::{Running, propose};
use devlab_core::rules::schedule::Place;
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::tx::Read as _;
use devlab_core::{AgentId, TaskId};

use crate::invariants;
use crate::lab::{Lab, check, code, leaf};
use crate::plans::{self, task};

const START: State = State::Waiting(WaitReason::Approval, ResumeTo::Ready);
const ATTENTION: State = State::Waiting(WaitReason::Attention, ResumeTo::Ready);

/// A lab with a goal that is under way.
pub(crate) struct Under {
    pub(crate) lab: Lab,
    pub(crate) able: AgentId,
    pub(crate) goal: TaskId,
}

impl Under {
    pub(crate) fn way(tasks: Vec<PlanTask>) -> Self {
        let mut lab = Lab::new(11);
        let able = lab.able();
        let goal = lab.planned(tasks).unwrap();
        lab.approve(goal, 1, Running::Cancel).unwrap();
        lab.start_all();
        Self { lab, able, goal }
    }

    pub(crate) fn id(&self, key: &str) -> TaskId {
        self.lab.current(self.goal)[key]
    }

    /// Does the next task in line and lands it.
    pub(crate) fn land(&mut self, key: &str) {
        let attempt = self.lab.take(self.able);
        assert_eq!(attempt.task, self.id(key));
        self.lab.pass(&attempt);
        let parent = self.lab.task(attempt.task).parent.unwrap();
        let target = self.lab.target(devlab_core::RefName::of_composite(parent));
        self.lab.run_train(&target, self.able);
        assert_eq!(self.lab.state(attempt.task), State::Done);
    }

    pub(crate) fn replan(&mut self, tasks: Vec<PlanTask>, running: Running) {
        let revision = self.lab.propose(self.goal, tasks).unwrap();
        self.lab
            .approve(self.goal, revision.number, running)
            .unwrap();
    }

    pub(crate) fn finish(&mut self) {
        for _ in 0..40 {
            self.lab.start_all();
            while let Some(attempt) = self.lab.claim(self.able).unwrap() {
                self.lab.pass(&attempt);
            }
            let targets: Vec<_> = self
                .lab
                .tx
                .entries
                .values()
                .map(|e| e.target.clone())
                .collect();
            for target in targets {
                self.lab.run_train(&target, self.able);
            }
            invariants::check(&self.lab.tx, self.lab.tx.events.len());
        }
        assert_eq!(self.lab.state(self.goal), State::Done);
    }
}

pub(crate) fn reworded(mut task: PlanTask) -> PlanTask {
    task.spec.goal = "do it otherwise".to_owned();
    task
}

pub(crate) fn another_driver() -> DriverSpec {
    DriverSpec::Command(CommandSpec {
        argv: vec!["make".into()],
        script: None,
        env: BTreeMap::new(),
        timeout_secs: 60,
    })
}

pub(crate) fn chain() -> Vec<PlanTask> {
    vec![task("a", &[]), task("b", &["a"]), task("c", &["b"])]
}

#[test]
fn what_is_done_and_untouched_stays_done() {
    let mut under = Under::way(chain());
    under.land("a");
    let (a, b, c) = (under.id("a"), under.id("b"), under.id("c"));
    let before = under.lab.task(a).clone();
    let tasks = vec![
        task("a", &[]),
        task("b", &["a"]),
        task("new", &["a"]),
        task("c", &["b", "new"]),
    ];
    under.replan(tasks, Running::Cancel);
    assert_eq!(*under.lab.task(a), before);
    assert_eq!((under.id("a"), under.id("b"), under.id("c")), (a, b, c));
    assert_eq!(under.lab.state(b), State::Ready);
    assert_eq!(under.lab.state(under.id("new")), State::Ready);
    assert_eq!(under.lab.task(c).unmet, 2);
    under.finish();
}

#[test]
fn what_has_not_begun_gets_its_new_words_in_place() {
    let mut under = Under::way(chain());
    let (a, b) = (under.id("a"), under.id("b"));
    let tasks = vec![
        reworded(task("a", &[])),
        reworded(task("b", &[])),
        task("c", &["b"]),
    ];
    under.replan(tasks, Running::Cancel);
    assert_eq!((under.id("a"), under.id("b")), (a, b));
    assert_eq!(under.lab.tx.specs[&a].goal, "do it otherwise");
    assert_eq!(under.lab.state(b), State::Ready, "it needs a no longer");
    let tasks = vec![task("a", &["b"]), task("b", &[])];
    under.replan(tasks, Running::Cancel);
    assert_eq!(under.lab.state(a), State::Blocked, "it needs b now");
    under.finish();
}

/// Lets what has the label `prod` wait for an approval.
fn approve_prod(lab: &mut Lab) {
    let wanted = Policy {
        approvals: Approvals {
            tasks: Some(vec![Labels::new(["prod"]).unwrap()]),
            ..Approvals::default()
        },
        ..Policy::default()
    };
    lab.set_policy(Level::Org(lab.org), wanted).unwrap();
}

fn for_prod(task: PlanTask) -> PlanTask {
    PlanTask {
        labels: Labels::new(["prod"]).unwrap(),
        ..task
    }
}

#[test]
fn a_start_is_approved_for_the_words_that_were_to_be_done() {
    let mut under = Under::way(vec![task("a", &[]), task("b", &[])]);
    approve_prod(&mut under.lab);
    let (a, b) = (under.id("a"), under.id("b"));
    let both = |of: fn(PlanTask) -> PlanTask, after: &[&str]| {
        vec![of(for_prod(task("a", &[]))), of(for_prod(task("b", after)))]
    };

    under.replan(both(|task| task, &[]), Running::Cancel);
    let states = |under: &Under| [a, b].map(|id| under.lab.state(id));
    assert_eq!(
        states(&under),
        [START; 2],
        "they were ready, and got a label"
    );
    for id in [a, b] {
        under.lab.approve_task(id).unwrap();
    }
    assert_eq!(states(&under), [State::Ready; 2]);

    // Approved, and then other words: also where something else comes first by now.
    under.replan(both(reworded, &["a"]), Running::Cancel);
    assert_eq!(states(&under), [START, State::Blocked]);
    under.replan(both(reworded, &[]), Running::Cancel);
    assert_eq!(states(&under), [START; 2]);
    under.lab.approve_task(b).unwrap();
    assert_eq!(states(&under), [START, State::Ready], "once is enough");
    let asked = under.lab.tx.asks(b).unwrap();
    assert_eq!(asked.len(), 2, "once for each of its words");

    let free = vec![task("a", &[]), task("b", &[])];
    under.replan(free, Running::Cancel);
    assert_eq!(states(&under), [State::Ready; 2], "nobody has to be asked");
    under.finish();
}

#[test]
fn a_start_is_approved_again_when_a_person_changes_what_is_done() {
    let mut under = Under::way(vec![for_prod(task("a", &[])), for_prod(task("b", &["a"]))]);
    approve_prod(&mut under.lab);
    let tasks = vec![
        for_prod(reworded(task("a", &[]))),
        for_prod(task("b", &["a"])),
    ];
    under.replan(tasks, Running::Cancel);
    let a = under.id("a");
    let words = Change {
        goal: Some("something else".to_owned()),
        ..Change::default()
    };
    let driver = Change {
        driver: Some(another_driver()),
        ..Change::default()
    };
    for change in [words, driver] {
        under.lab.approve_task(a).unwrap();
        assert_eq!(under.lab.state(a), State::Ready);
        under
            .lab
            .unit(|tx| person::update(tx, a, change.clone()))
            .unwrap();
        assert_eq!(under.lab.state(a), START);
    }
    let more = Change {
        priority: Some(7),
        ..Change::default()
    };
    under.lab.approve_task(a).unwrap();
    under
        .lab
        .unit(|tx| person::update(tx, a, more.clone()))
        .unwrap();
    assert_eq!(under.lab.state(a), State::Ready, "it does the same, sooner");
    let same = Change {
        goal: Some("something else".to_owned()),
        driver: Some(another_driver()),
        ..Change::default()
    };
    under.lab.unit(|tx| person::update(tx, a, same)).unwrap();
    assert_eq!(under.lab.state(a), State::Ready, "it does the same");
    invariants::check(&under.lab.tx, under.lab.tx.events.len());
}

#[test]
fn a_plan_of_its_own_takes_nothing_away_from_what_a_task_was_given() {
    let mut given = PlanTask {
        priority: 5,
        review: true,
        ..for_prod(task("a", &[]))
    };
    given.spec.checks = vec![check("security")];
    let mut under = Under::way(vec![given]);
    approve_prod(&mut under.lab);
    let a = under.id("a");
    let checks = |under: &mut Under| {
        let hash = under.lab.task(a).check_set.clone().unwrap();
        let set = under.lab.tx.check_set(&hash).unwrap().unwrap();
        let names = set.checks.iter().map(|check| check.name.clone());
        names.filter(|name| name != "test").collect::<Vec<_>>()
    };
    let strict = Check {
        timeout_secs: 7,
        ..check("docs")
    };
    let mut known = Vec::new();
    for (parent, own) in [
        (None, check("lint")),
        (Some(1), check("docs")),
        (Some(2), strict),
    ] {
        let mut plan = plans::proposal(
            plans::plan(vec![task(&format!("x{parent:?}"), &[])]),
            parent,
        );
        plan.plan.review = Some(false);
        plan.plan.goal.checks = vec![own.clone()];
        let own = own.name;
        let revision = under.lab.unit(|tx| propose(tx, a, &plan)).unwrap();
        under
            .lab
            .approve(a, revision.number, Running::Cancel)
            .unwrap();
        let names = checks(&mut under);
        assert!(names.contains(&"security".to_owned()), "{names:?}");
        assert!(names.contains(&own), "{names:?}");
        assert_eq!(
            names.len(),
            2,
            "what the last plan added is gone: {names:?}"
        );
        known.push(under.lab.task(a).check_set.clone());
        let task = under.lab.task(a);
        assert!(task.review);
        assert_eq!(task.priority, 5);
        assert!(task.requires.iter().any(|label| label == "prod"));
    }
    assert_ne!(
        known[1], known[2],
        "a check of a plan of its own may change"
    );
    // One that it was given may not.
    let mut plan = plans::proposal(plans::plan(vec![task("more", &[])]), Some(3));
    plan.plan.goal.checks = vec![Check {
        timeout_secs: 7,
        ..check("security")
    }];
    let refused = under.lab.unit(|tx| propose(tx, a, &plan));
    assert_eq!(code(refused), "invalid");
}

#[test]
fn what_waits_for_a_person_after_its_tries_is_approved_again_with_another_driver() {
    let mut under = Under::way(vec![for_prod(task("a", &[]))]);
    approve_prod(&mut under.lab);
    under.replan(vec![for_prod(reworded(task("a", &[])))], Running::Cancel);
    let a = under.id("a");
    under.lab.approve_task(a).unwrap();
    let agent = under
        .lab
        .agent("of prod", &["driver=default", "gpu", "prod"], 1);
    while under.lab.state(a) != ATTENTION {
        under.lab.release();
        let attempt = under.lab.take(agent);
        under.lab.fail_driver(&attempt);
    }
    let driver = Change {
        driver: Some(another_driver()),
        ..Change::default()
    };
    under.lab.unit(|tx| person::update(tx, a, driver)).unwrap();
    assert_eq!(under.lab.state(a), ATTENTION);
    under.lab.retry(a).unwrap();
    assert_eq!(under.lab.state(a), START, "nobody has approved that");
    under.lab.approve_task(a).unwrap();
    assert_eq!(under.lab.take(agent).task, a);
    invariants::check(&under.lab.tx, under.lab.tx.events.len());
}

#[test]
fn what_gets_a_plan_of_its_own_was_approved_with_other_words() {
    let mut under = Under::way(vec![task("a", &[])]);
    approve_prod(&mut under.lab);
    let tasks = vec![for_prod(task("a", &[]))];
    under.replan(tasks, Running::Cancel);
    let a = under.id("a");
    under.lab.approve_task(a).unwrap();
    assert_eq!(under.lab.state(a), State::Ready);
    let mut own = plans::proposal(plans::plan(vec![task("x", &[])]), None);
    own.plan.labels = Labels::new(["prod"]).unwrap();
    let revision = under.lab.unit(|tx| propose(tx, a, &own)).unwrap();
    under
        .lab
        .approve(a, revision.number, Running::Cancel)
        .unwrap();
    assert_eq!(under.lab.state(a), START, "it is to do something else");
    under.lab.approve_task(a).unwrap();
    under.finish();
}

#[test]
fn an_attempt_that_was_lost_does_not_come_back_to_other_words() {
    let mut under = Under::way(chain());
    let attempt = under.lab.take(under.able);
    under.lab.expire();
    under.lab.release();
    assert_eq!(under.lab.attempt_state(attempt.id), AttemptState::Lost);
    let tasks = vec![reworded(task("a", &[]))];
    under.replan(tasks, Running::Cancel);
    assert_eq!(code(under.lab.heartbeat(&attempt)), "stale_attempt");
    under.finish();

    let mut under = Under::way(chain());
    let attempt = under.lab.take(under.able);
    under.lab.expire();
    under.lab.release();
    let words = Change {
        goal: Some("something else".to_owned()),
        ..Change::default()
    };
    let a = attempt.task;
    under.lab.unit(|tx| person::update(tx, a, words)).unwrap();
    assert_eq!(code(under.lab.heartbeat(&attempt)), "stale_attempt");
    assert_eq!(
        under.lab.attempt_state(attempt.id),
        AttemptState::Superseded
    );
    under.finish();
}

#[test]
fn work_under_way_is_called_off_or_finished_as_policy_says() {
    for running in [Running::Cancel, Running::Finish] {
        for change in [
            vec![reworded(task("a", &[])), task("b", &["a"])],
            vec![task("b", &[])],
        ] {
            let removed = change.len() == 1;
            let mut under = Under::way(chain());
            let attempt = under.lab.take(under.able);
            let a = attempt.task;
            under.replan(change, running);
            let goes_on = running == Running::Finish;
            let expected = if goes_on {
                State::Running
            } else {
                State::Cancelled
            };
            assert_eq!(under.lab.state(a), expected);
            if !removed {
                let again = under.id("a");
                assert_ne!(again, a, "another task does the new words");
                let expected = if goes_on {
                    State::Blocked
                } else {
                    State::Ready
                };
                assert_eq!(under.lab.state(again), expected);
                assert_eq!(under.lab.state(under.id("b")), State::Blocked);
            } else {
                assert_eq!(under.lab.state(under.id("b")), State::Ready);
            }
            if goes_on {
                under.lab.pass(&attempt);
            } else {
                assert_eq!(code(under.lab.heartbeat(&attempt)), "task_cancelled");
            }
            under.finish();
        }
    }
}

#[test]
fn a_done_task_with_other_words_is_done_again_by_another() {
    let mut under = Under::way(chain());
    under.land("a");
    let a = under.id("a");
    let b = under.id("b");
    under.replan(
        vec![reworded(task("a", &[])), task("b", &["a"])],
        Running::Cancel,
    );
    assert_ne!(under.id("a"), a);
    assert_eq!(under.lab.state(a), State::Done);
    assert_eq!(
        under.lab.state(b),
        State::Blocked,
        "it waits for the new one"
    );
    under.finish();
}

#[test]
fn a_failed_task_that_is_removed_holds_nothing_up() {
    let mut under = Under::way(chain());
    under.lab.fail(under.id("a")).unwrap();
    under.replan(vec![task("b", &[])], Running::Finish);
    under.finish();
}

#[test]
fn what_is_below_a_composite_is_changed_there() {
    let nested = |tasks: Vec<PlanTask>| {
        let mut outer = task("outer", &["a"]);
        outer.tasks = tasks;
        vec![task("a", &[]), outer, task("z", &["outer"])]
    };
    let inner = vec![task("x", &[]), task("y", &["x"])];
    let mut under = Under::way(nested(inner));
    under.land("a");
    under.lab.start_all();
    under.land("outer/x");
    let ids = under.lab.current(under.goal);
    let inner = vec![
        task("x", &[]),
        task("w", &["x"]),
        reworded(task("y", &["w"])),
    ];
    under.replan(nested(inner), Running::Cancel);
    for key in ["a", "outer", "outer/x", "outer/y", "z"] {
        assert_eq!(under.id(key), ids[key], "{key}");
    }
    assert_eq!(under.lab.state(under.id("outer/w")), State::Ready);
    assert_eq!(under.lab.state(under.id("outer/y")), State::Blocked);
    under.finish();
}

#[test]
fn a_task_that_got_another_key_goes_on() {
    let mut under = Under::way(chain());
    let attempt = under.lab.take(under.able);
    let mut tasks = vec![task("first", &[])];
    for (key, was, on) in [("b", "a", "first"), ("c", "b", "b"), ("d", "c", "c")] {
        let mut renamed = task(was, &[on]);
        renamed.key = key.to_owned();
        tasks.push(renamed);
    }
    under.replan(tasks, Running::Cancel);
    assert_eq!(under.id("b"), attempt.task);
    assert_eq!(under.lab.state(attempt.task), State::Running);
    under.lab.pass(&attempt);
    under.finish();
}

#[test]
fn an_edge_that_somebody_added_stays() {
    let three = || vec![task("a", &[]), task("b", &[]), task("c", &[])];
    let mut under = Under::way(three());
    let (a, b) = (under.id("a"), under.id("b"));
    under.lab.add_edge(a, b).unwrap();
    let tasks = vec![task("a", &[]), task("b", &["c"]), task("c", &[])];
    under.replan(tasks, Running::Cancel);
    assert_eq!(under.lab.task(b).unmet, 2);
    under.replan(three(), Running::Cancel);
    assert_eq!(under.lab.task(b).unmet, 1);
    under.finish();
}

#[test]
fn a_plan_closes_no_circle_with_what_somebody_added() {
    let mut under = Under::way(vec![task("a", &[]), task("b", &[])]);
    let (a, b) = (under.id("a"), under.id("b"));
    let place = Place {
        parent: Some(under.goal),
        ..under.lab.place(true)
    };
    let other = under.lab.create(&place, &leaf("other", &[])).unwrap().id;
    under.lab.add_edge(other, a).unwrap();
    under.lab.add_edge(b, other).unwrap();
    let circle = vec![task("a", &[]), task("b", &["a"])];
    let revision = under.lab.propose(under.goal, circle).unwrap();
    let refused = under
        .lab
        .approve(under.goal, revision.number, Running::Cancel);
    assert_eq!(code(refused), "conflict");
    let tasks = vec![task("a", &[]), task("b", &[]), task("c", &["b"])];
    under.replan(tasks, Running::Cancel);
    assert_eq!(under.lab.task(a).unmet, 1);
    under.finish();
}

#[test]
fn a_plan_and_what_somebody_added_keep_the_bound_of_dependencies() {
    let keys: Vec<String> = (0..DEPENDENCIES_MAX).map(|i| format!("k{i}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let needs = |on: &[&str]| {
        let mut tasks: Vec<_> = keys.iter().map(|key| task(key, &[])).collect();
        tasks.push(task("last", on));
        tasks
    };
    let mut under = Under::way(needs(&[]));
    let place = Place {
        parent: Some(under.goal),
        ..under.lab.place(true)
    };
    let other = under.lab.create(&place, &leaf("other", &[])).unwrap().id;
    let last = under.id("last");
    under.lab.add_edge(other, last).unwrap();
    let revision = under.lab.propose(under.goal, needs(&keys)).unwrap();
    let refused = under
        .lab
        .approve(under.goal, revision.number, Running::Cancel);
    assert_eq!(code(refused), "conflict");
    assert_eq!(under.lab.task(last).unmet, 1, "nothing has changed");
    under.replan(needs(&keys[1..]), Running::Cancel);
    let count = u32::try_from(DEPENDENCIES_MAX).unwrap();
    assert_eq!(under.lab.task(last).unmet, count);
}

#[test]
fn a_goal_whose_result_is_settled_is_not_planned_again() {
    let mut under = Under::way(vec![task("a", &[])]);
    let attempt = under.lab.take(under.able);
    let revision = under.lab.propose(under.goal, vec![task("b", &[])]).unwrap();
    under.lab.pass(&attempt);
    let target = under
        .lab
        .target(devlab_core::RefName::of_composite(under.goal));
    under.lab.run_train(&target, under.able);
    assert_eq!(under.lab.state(under.goal), State::Integrating);
    let late = under
        .lab
        .approve(under.goal, revision.number, Running::Cancel);
    assert_eq!(code(late), "conflict");
}
