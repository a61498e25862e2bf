//! What a plan says to be done is not done by it; what it takes over from the revision before it.

use devlab_core::plan::{PlanState, PlanTask, PlannerKind};
use devlab_core::rules::again::{Before, before};
use devlab_core::rules::plan::{self, Running};
use devlab_core::state::State;
use devlab_core::tx::Read as _;

use crate::lab::Lab;
use crate::plans::{plan as planned, proposal, task};
use crate::replans::{Under, another_driver, chain, reworded};

fn done(mut task: PlanTask) -> PlanTask {
    task.done = true;
    task
}

impl Under {
    /// Plans a feature anew.
    fn feature(&mut self, tasks: Vec<PlanTask>) {
        let all = &self.lab.tx.plans[&self.goal];
        let current = all.iter().find(|s| s.revision.state == PlanState::Current);
        let mut wanted = proposal(planned(tasks), current.map(|s| s.revision.number));
        wanted.origin.planner = PlannerKind::SpecKit;
        let goal = self.goal;
        let revision = self
            .lab
            .unit(|tx| plan::propose(tx, goal, &wanted))
            .unwrap();
        self.lab
            .approve(goal, revision.number, Running::Cancel)
            .unwrap();
    }

    fn has(&self, key: &str) -> bool {
        self.lab.current(self.goal).contains_key(key)
    }
}

#[test]
fn boxes_are_no_change() {
    let mut under = Under::way(chain());
    let ids = under.lab.current(under.goal);
    let mut tasks = chain();
    tasks[0].done = true;
    tasks.push(task("d", &["c"]));
    under.feature(tasks);
    assert_eq!(under.id("a"), ids["a"]);
    assert_eq!(under.lab.task(ids["b"]).unmet, 1, "a is not done for a box");
    let stored = &under.lab.tx.plans[&under.goal][1].plan;
    assert!(!stored.tasks[0].done, "the plan says what is to be done");
    under.finish();
}

#[test]
fn other_words_that_are_done_are_not_executed() {
    let mut under = Under::way(chain());
    let b = under.id("b");
    let other = done(reworded(task("b", &["a"])));
    under.feature(vec![task("a", &[]), other, task("c", &["b"])]);
    assert_eq!(under.lab.state(b), State::Cancelled);
    assert!(!under.has("b"));
    let (a, c) = (under.id("a"), under.id("c"));
    assert_eq!(under.lab.tx.dependencies(c).unwrap(), [a], "what b needed");
    under.finish();
}

#[test]
fn what_a_file_says_to_be_done_is_let_go() {
    let mut under = Under::way(chain());
    under.land("a");
    let (a, b, c) = (under.id("a"), under.id("b"), under.id("c"));
    let all = |first: PlanTask, second: PlanTask, third: PlanTask| vec![first, second, third];
    let tasks = all(
        done(task("a", &[])),
        task("b", &["a"]),
        done(task("c", &["b"])),
    );
    under.replan(tasks, Running::Cancel);
    assert_eq!((under.id("a"), under.lab.state(a)), (a, State::Done));
    assert_eq!(under.lab.state(c), State::Cancelled, "it had not begun");
    assert!(!under.has("c"));

    // Under way it is called off, or goes on.
    let attempt = under.lab.take(under.able);
    assert_eq!(attempt.task, b);
    let tasks = all(
        done(task("a", &[])),
        done(task("b", &["a"])),
        task("c", &["b"]),
    );
    under.replan(tasks, Running::Finish);
    assert_eq!(under.lab.state(b), State::Running);
    assert!(
        under.has("c"),
        "what is not said to be done any more is work"
    );
    assert_ne!(under.id("c"), c);
    assert_eq!(under.lab.state(under.id("c")), State::Ready);
    under.lab.pass(&attempt);
    under.finish();
}

#[test]
fn what_was_said_to_be_done_and_is_not_is_made() {
    let mut under = Under::way(vec![done(task("a", &[])), task("b", &["a"])]);
    assert!(!under.has("a"));
    let b = under.id("b");
    under.feature(vec![task("a", &[]), task("b", &["a"])]);
    assert_eq!(under.lab.state(under.id("a")), State::Ready);
    assert_eq!(under.lab.tx.dependencies(b).unwrap(), [under.id("a")]);
    under.finish();
}

#[test]
fn below_a_composite_what_is_done_is_let_go_and_the_rest_stays() {
    let nested = |tasks: Vec<PlanTask>| {
        let mut outer = task("outer", &[]);
        outer.tasks = tasks;
        vec![outer, task("z", &["outer"])]
    };
    let mut under = Under::way(nested(vec![task("x", &[]), task("y", &["x"])]));
    under.lab.start_all();
    under.land("outer/x");
    let ids = under.lab.current(under.goal);
    let tasks = nested(vec![task("x", &[]), done(task("y", &["x"]))]);
    under.replan(tasks, Running::Cancel);
    assert_eq!(under.id("outer"), ids["outer"]);
    assert_eq!(under.id("outer/x"), ids["outer/x"]);
    assert_eq!(under.lab.state(ids["outer/y"]), State::Cancelled);
    let outer = under.lab.state(ids["outer"]);
    assert_eq!(outer, State::Integrating, "what it has goes on");
    // Too late for its tasks: what is to be done there after all is done by another.
    let tasks = nested(vec![task("x", &[]), task("y", &["x"])]);
    under.replan(tasks, Running::Finish);
    assert_ne!(under.id("outer"), ids["outer"]);
    under.finish();
}

#[test]
fn a_composite_that_was_done_is_not_done_again_when_nobody_says_so_any_more() {
    let nested = |is_done: bool| {
        let mut outer = task("outer", &[]);
        outer.tasks = vec![task("x", &[])];
        outer.done = is_done;
        vec![outer, task("z", &["outer"])]
    };
    let mut under = Under::way(nested(false));
    under.lab.start_all();
    under.land("outer/x");
    let target = under
        .lab
        .target(devlab_core::RefName::of_composite(under.goal));
    under.lab.run_train(&target, under.able);
    let ids = under.lab.current(under.goal);
    assert_eq!(under.lab.state(ids["outer"]), State::Done);
    for is_done in [true, false] {
        under.replan(nested(is_done), Running::Cancel);
        assert_eq!(under.id("outer"), ids["outer"]);
        assert_eq!(under.lab.task(ids["z"]).unmet, 0);
    }
    let attempt = under.lab.take(under.able);
    assert_eq!(attempt.task, ids["z"], "nothing else is left");
    under.lab.pass(&attempt);
    under.finish();
}

#[test]
fn a_review_that_nobody_names_is_as_it_was() {
    let mut under = Under::way(chain());
    let mut tasks = chain();
    tasks.push(task("d", &[]));
    let mut wanted = proposal(planned(tasks), Some(1));
    wanted.plan.review = None;
    let goal = under.goal;
    under
        .lab
        .unit(|tx| plan::propose(tx, goal, &wanted))
        .unwrap();
    let stored = under.lab.tx.plans[&goal].last().unwrap();
    assert_eq!(stored.plan.review, Some(false));
    let diff = devlab_core::plan::diff::diff(&under.lab.tx.plans[&goal][0].plan, &stored.plan);
    assert!(diff.fields.is_empty(), "{diff}");
}

#[test]
fn how_a_feature_was_planned_is_known() {
    let mut lab = Lab::new(3);
    let place = lab.place(true);
    let mut first = proposal(planned(chain()), None);
    first.origin.planner = PlannerKind::SpecKit;
    first.origin.stories_in_turn = true;
    first.plan.goal.driver = Some(another_driver());
    let (goal, _) = lab
        .unit(|tx| plan::create_goal(tx, &place, &first))
        .unwrap();
    let known = Before {
        driver: Some(another_driver()),
        stories_in_turn: true,
    };
    assert_eq!(before(&mut lab.tx, goal, None).unwrap(), known, "proposed");
    lab.approve(goal, 1, Running::Cancel).unwrap();
    assert_eq!(before(&mut lab.tx, goal, Some(1)).unwrap(), known);

    // A file has a driver of its own, and no stories.
    let mut second = proposal(planned(vec![task("a", &[])]), Some(1));
    second.plan.goal.driver = None;
    lab.unit(|tx| plan::propose(tx, goal, &second)).unwrap();
    lab.approve(goal, 2, Running::Cancel).unwrap();
    let known = Before {
        driver: None,
        stories_in_turn: true,
    };
    assert_eq!(before(&mut lab.tx, goal, Some(2)).unwrap(), known);
    let other = lab.planned(vec![task("a", &[])]).unwrap();
    let none = before(&mut lab.tx, other, Some(7)).unwrap();
    assert_eq!(none, Before::default());
}
