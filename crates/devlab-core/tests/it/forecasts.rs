//! What tasks will touch, and where they meet.

use std::time::Duration;

use devlab_core::attempt::Attempt;
use devlab_core::event::EventKind;
use devlab_core::label::Labels;
use devlab_core::paths::ConflictKind;
use devlab_core::policy::{Conflicts, Level, Policy};
use devlab_core::rules::person::Change;
use devlab_core::rules::plan::Running;
use devlab_core::rules::schedule::{Created, NewTask};
use devlab_core::rules::{forecast, person, stuck};
use devlab_core::state::State;
use devlab_core::{AgentId, RefName, TaskId};

use crate::graph::id;
use crate::invariants;
use crate::lab::{Lab, code, composite, leaf};
use crate::plans::task as plan_task;

fn touching(key: &str, depends_on: &[&str], paths: &[&str]) -> NewTask {
    let mut new = leaf(key, depends_on);
    new.spec.paths = paths.iter().map(|&path| path.to_owned()).collect();
    new
}

/// Pairs of a task, and where they meet.
fn met(lab: &mut Lab, task: TaskId) -> Vec<(TaskId, TaskId, String)> {
    let task = lab.task(task).clone();
    let found = forecast::of(&mut lab.tx, &task).unwrap();
    let found = found.into_iter();
    found
        .map(|one| (one.first.task, one.second.task, one.paths.join(" ")))
        .collect()
}

#[test]
fn tasks_in_no_order_meet_where_they_say_the_same() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let children = vec![
        touching("a", &[], &["src/a.rs", "docs/"]),
        touching("b", &[], &["src"]),
        touching("c", &["a"], &["docs/c.md"]),
        leaf("d", &[]),
    ];
    let goal = lab.goal(&composite("", &[], children));
    let (a, b, c) = (id(&goal, "a"), id(&goal, "b"), id(&goal, "c"));
    assert!(
        met(&mut lab, goal.id).is_empty(),
        "none of them is in reach"
    );
    lab.start(goal.id);
    let at = |paths: &str| (a.min(b), a.max(b), paths.to_owned());
    for task in [goal.id, a, b] {
        assert_eq!(met(&mut lab, task), [at("src/a.rs")]);
    }
    assert!(
        met(&mut lab, c).is_empty(),
        "it comes after what it would meet"
    );
    assert!(met(&mut lab, id(&goal, "d")).is_empty());
    // The same while they run, and while their results wait to be merged.
    let (first, second) = (lab.take(agent), lab.take(agent));
    assert_eq!([first.task, second.task], [a, b]);
    assert_eq!(met(&mut lab, goal.id), [at("src/a.rs")]);
    lab.pass(&second);
    assert_eq!(lab.state(b), State::Integrating);
    assert_eq!(met(&mut lab, a), [at("src/a.rs")]);
    lab.cancel(b).unwrap();
    assert!(met(&mut lab, goal.id).is_empty());
}

#[test]
fn goals_of_a_project_meet_and_those_of_others_do_not() {
    let mut lab = Lab::new(1);
    let one = lab.goal(&touching("", &[], &["a"])).id;
    let two = lab.goal(&touching("", &[], &["a/b"])).id;
    let outside = lab.errand(&touching("", &[], &["a"])).id;
    // A child goes into its goal's branch, not into the one that the goals go to.
    let inner = lab.goal(&composite("", &[], vec![touching("x", &[], &["a"])]));
    lab.start(inner.id);
    let expected = [(one.min(two), one.max(two), "a/b".to_owned())];
    assert_eq!(met(&mut lab, one), expected);
    assert_eq!(met(&mut lab, two), expected);
    assert!(met(&mut lab, outside).is_empty());
    assert!(met(&mut lab, id(&inner, "x")).is_empty());
}

#[test]
fn a_path_that_is_none_is_refused_with_its_place() {
    let mut lab = Lab::new(1);
    let place = lab.place(true);
    let new = composite("", &[], vec![touching("a", &[], &["ok", "../x"])]);
    let refused = lab.create(&place, &new);
    let text = format!("{refused:?}");
    assert_eq!(code(refused), "invalid");
    assert!(text.contains("tasks[0].paths[1]"), "{text}");
}

/// A goal under a policy that holds back, started, with an agent that can do several at once.
fn holding(children: Vec<NewTask>) -> (Lab, AgentId, Created) {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let policy = Policy {
        conflicts: Some(Conflicts::Hold),
        ..Policy::default()
    };
    lab.set_policy(Level::Org(lab.org), policy).unwrap();
    let goal = lab.goal(&composite("", &[], children));
    lab.start(goal.id);
    (lab, agent, goal)
}

/// What a claim gives: the task.
fn claimed(lab: &mut Lab, agent: AgentId) -> Option<Attempt> {
    lab.claim(agent).unwrap()
}

fn saw(lab: &mut Lab, attempt: &Attempt, changed: &[&str]) {
    let changed: Vec<String> = changed.iter().map(|&path| path.to_owned()).collect();
    let seen = lab.unit(|tx| forecast::saw(tx, attempt.id, &changed));
    seen.unwrap();
}

/// What was said of conflicts: who, with whom, and whether it is held back.
fn said(lab: &Lab) -> Vec<(TaskId, String, bool)> {
    let of_kind = |kind| kind == EventKind::TaskConflict;
    let events = lab.tx.events.iter().map(|event| &event.event);
    let events = events.filter(|event| of_kind(event.kind));
    let said = events.map(|event| {
        let with = event.data["with"].as_str().unwrap().to_owned();
        (event.task.unwrap(), with, event.data["held"] == true)
    });
    said.collect()
}

#[test]
fn policy_holds_back_what_touches_the_same_until_that_is_in() {
    let (mut lab, agent, goal) = holding(vec![
        touching("a", &[], &["src/a.rs"]),
        touching("b", &[], &["src"]),
        touching("c", &[], &["docs"]),
    ]);
    let (a, b, c) = (id(&goal, "a"), id(&goal, "b"), id(&goal, "c"));
    let first = claimed(&mut lab, agent).unwrap();
    let second = claimed(&mut lab, agent).unwrap();
    assert_eq!(
        [first.task, second.task],
        [a, c],
        "what meets nobody goes on"
    );
    assert!(claimed(&mut lab, agent).is_none());
    assert_eq!((lab.task(b).held_by, lab.state(b)), (Some(a), State::Ready));
    assert_eq!(said(&lab), [(b, a.to_string(), true)]);
    let task = lab.task(b).clone();
    let why = stuck::reason(&mut lab.tx, &task).unwrap().unwrap();
    assert!(why.contains(&a.to_string()), "{why}");
    // Its result is not in yet.
    lab.pass(&first);
    assert!(claimed(&mut lab, agent).is_none());
    let target = lab.target(RefName::of_composite(goal.id));
    lab.run_train(&target, agent);
    assert_eq!(lab.state(a), State::Done);
    assert_eq!((lab.task(b).held_by, lab.task(a).holds), (None, false));
    assert_eq!(claimed(&mut lab, agent).unwrap().task, b);
}

#[test]
fn nobody_is_held_back_behind_what_is_not_at_work() {
    for how in ["cancelled", "lost", "waits"] {
        let (mut lab, agent, goal) =
            holding(vec![touching("a", &[], &["x"]), touching("b", &[], &["x"])]);
        let (a, b) = (id(&goal, "a"), id(&goal, "b"));
        let first = claimed(&mut lab, agent).unwrap();
        assert!(claimed(&mut lab, agent).is_none());
        assert_eq!(lab.task(b).held_by, Some(a));
        match how {
            "cancelled" => {
                lab.cancel(a).unwrap();
            }
            "lost" => {
                lab.expire();
            }
            _ => {
                lab.ask(&first);
            }
        }
        assert_eq!(lab.task(b).held_by, None, "{how}");
        let next = claimed(&mut lab, agent).unwrap();
        // What was lost is first in line again, and then the other one is held back behind it.
        let expected = if how == "lost" { a } else { b };
        assert_eq!(next.task, expected, "{how}");
        if how == "lost" {
            assert!(claimed(&mut lab, agent).is_none());
        }
    }
}

#[test]
fn a_task_that_is_called_off_is_held_back_no_longer() {
    let (mut lab, agent, goal) =
        holding(vec![touching("a", &[], &["x"]), touching("b", &[], &["x"])]);
    let b = id(&goal, "b");
    claimed(&mut lab, agent).unwrap();
    assert!(claimed(&mut lab, agent).is_none());
    lab.cancel(b).unwrap();
    assert_eq!(lab.task(b).held_by, None);
}

#[test]
fn what_work_has_changed_is_said_once_and_holds_back() {
    let (mut lab, agent, goal) = holding(vec![
        leaf("a", &[]),
        touching("b", &[], &["lib/"]),
        touching("c", &[], &["lib/c.rs"]),
    ]);
    let (a, b) = (id(&goal, "a"), id(&goal, "b"));
    let first = claimed(&mut lab, agent).unwrap();
    let second = claimed(&mut lab, agent).unwrap();
    assert_eq!([first.task, second.task], [a, b]);
    saw(&mut lab, &first, &["src/x.rs", "lib/a.rs"]);
    saw(&mut lab, &first, &["lib/a.rs", "src/x.rs"]);
    saw(&mut lab, &first, &["lib/a.rs", "src/x.rs", "lib/b.rs"]);
    assert_eq!(said(&lab), [(a, b.to_string(), false)]);
    let task = lab.task(a).clone();
    let met = forecast::own(&mut lab.tx, &task).unwrap();
    assert_eq!(met[0].kind, ConflictKind::Observed);
    assert_eq!(met[0].paths, ["lib/a.rs", "lib/b.rs"]);
    // The third would meet the second by what it says, and the first by what was seen.
    lab.cancel(b).unwrap();
    saw(&mut lab, &first, &["lib/c.rs"]);
    assert!(claimed(&mut lab, agent).is_none());
    let c = id(&goal, "c");
    assert_eq!(lab.task(c).held_by, Some(a));
    // What a newer attempt did counts, not what an old one says late.
    lab.expire();
    assert_eq!(claimed(&mut lab, agent).unwrap().task, a);
    saw(&mut lab, &first, &["old"]);
    assert_eq!(lab.tx.touched[&a], ["lib/c.rs"]);
}

#[test]
fn without_the_policy_nothing_is_held_back() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let children = vec![touching("a", &[], &["x"]), touching("b", &[], &["x"])];
    let goal = lab.goal(&composite("", &[], children));
    lab.start(goal.id);
    assert!(claimed(&mut lab, agent).is_some());
    assert!(claimed(&mut lab, agent).is_some());
    assert!(said(&lab).is_empty());
}

#[test]
fn a_goal_whose_policy_lets_go_starts_what_was_held_back() {
    let (mut lab, agent, goal) =
        holding(vec![touching("a", &[], &["x"]), touching("b", &[], &["x"])]);
    claimed(&mut lab, agent).unwrap();
    assert!(claimed(&mut lab, agent).is_none());
    let policy = Policy {
        conflicts: Some(Conflicts::Show),
        ..Policy::default()
    };
    lab.set_policy(Level::Goal(goal.id), policy).unwrap();
    assert_eq!(claimed(&mut lab, agent).unwrap().task, id(&goal, "b"));
}

/// A composite's own paths say nothing of when it is done: it may wait for people for days.
#[test]
fn nobody_is_held_back_behind_a_composite_whose_tasks_are_at_work() {
    let mut outer = composite("k", &[], vec![leaf("inner", &[])]);
    outer.spec.paths = vec!["x".to_owned()];
    let (mut lab, agent, goal) = holding(vec![outer, touching("b", &[], &["x"])]);
    lab.start(id(&goal, "k"));
    let mut found = [claimed(&mut lab, agent), claimed(&mut lab, agent)].map(|a| a.unwrap().task);
    found.sort_unstable();
    let mut expected = [id(&goal, "k/inner"), id(&goal, "b")];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(met(&mut lab, goal.id).len(), 1, "it is shown");
}

#[test]
fn alternatives_are_in_nobodys_way() {
    let mut many = touching("a", &[], &["x"]);
    many.alternatives = vec![Default::default(); 2];
    let (mut lab, agent, goal) = holding(vec![many]);
    lab.start(id(&goal, "a"));
    assert!(claimed(&mut lab, agent).is_some());
    assert!(claimed(&mut lab, agent).is_some());
    assert!(met(&mut lab, id(&goal, "a")).is_empty());
}

/// More than one claim passes over are no wall in front of what is behind them.
#[test]
fn many_that_are_held_back_do_not_hide_what_can_be_done() {
    let mut children: Vec<_> = (0..40)
        .map(|n| touching(&format!("k{n:02}"), &[], &["x"]))
        .collect();
    children.push(touching("last", &[], &["y"]));
    let (mut lab, agent, goal) = holding(children);
    assert!(claimed(&mut lab, agent).is_some());
    let last = id(&goal, "last");
    let mut looks = 0;
    let found = loop {
        looks += 1;
        assert!(looks < 5, "each look is to bring it nearer");
        if let Some(attempt) = claimed(&mut lab, agent) {
            break attempt;
        }
        assert!(lab.woken() > 0, "the next look has to come by itself");
    };
    assert_eq!(found.task, last);
}

/// B meets all of the others, which do not meet each other: they must not overtake it for ever.
#[test]
fn what_is_held_back_has_its_turn_before_what_comes_after_it() {
    let mut children = vec![
        touching("a0", &[], &["src/a0"]),
        touching("b", &[], &["src"]),
    ];
    children.extend((1..10).map(|n| touching(&format!("a{n}"), &[], &[&format!("src/a{n}")[..]])));
    let (mut lab, agent, goal) = holding(children);
    let b = id(&goal, "b");
    let first = claimed(&mut lab, agent).unwrap();
    assert!(
        claimed(&mut lab, agent).is_none(),
        "the others come after b, and meet it"
    );
    lab.cancel(first.task).unwrap();
    assert_eq!(claimed(&mut lab, agent).unwrap().task, b);
    assert!(claimed(&mut lab, agent).is_none());
    lab.cancel(b).unwrap();
    let next: Vec<_> = (0..9).map_while(|_| claimed(&mut lab, agent)).collect();
    assert_eq!(next.len(), 9, "they do not meet each other");
}

/// A line, not a crowd: each end lets one go.
#[test]
fn tasks_on_one_path_stand_in_a_line() {
    let children = (0..30).map(|n| touching(&format!("k{n:02}"), &[], &["x"]));
    let (mut lab, agent, _) = holding(children.collect());
    for _ in 0..4 {
        let attempt = claimed(&mut lab, agent).unwrap();
        while claimed(&mut lab, agent).is_some() || lab.woken() > 0 {}
        let behind = |lab: &Lab, id: TaskId| {
            let all = lab.tx.tasks.values();
            all.filter(|task| task.held_by == Some(id)).count()
        };
        assert_eq!(behind(&lab, attempt.task), 1);
        let events = lab.tx.events.len();
        lab.cancel(attempt.task).unwrap();
        assert!(lab.tx.events.len() - events < 6, "the end of one moves one");
    }
}

/// What is first in a line may find no agent: the others do not wait for it for ever.
#[test]
fn a_line_whose_first_nobody_can_do_is_looked_at_again() {
    let mut rare = touching("b", &[], &["x"]);
    rare.requires = Labels::new(["rare"]).unwrap();
    let (mut lab, agent, goal) = holding(vec![
        touching("a", &[], &["x"]),
        rare,
        touching("c", &[], &["x"]),
    ]);
    let collector = lab.agent("collector", &["rare"], 1);
    let first = claimed(&mut lab, agent).unwrap();
    assert!(claimed(&mut lab, collector).is_none(), "held back");
    assert!(claimed(&mut lab, agent).is_none());
    let (b, c) = (id(&goal, "b"), id(&goal, "c"));
    assert_eq!(lab.task(c).held_by, Some(b));
    assert_eq!(lab.release_now(), 0, "no alarm is due yet");
    lab.cancel(first.task).unwrap();
    assert!(claimed(&mut lab, agent).is_none(), "b has its turn");
    lab.advance(Duration::from_secs(61));
    lab.release_now();
    assert_eq!(claimed(&mut lab, agent).unwrap().task, c);
    assert_eq!(lab.task(c).held_by, None);
}

/// An alarm changes nothing, and says nothing, while what is in the way still is.
#[test]
fn a_task_that_is_looked_at_again_stays_behind_what_is_at_work() {
    let (mut lab, agent, goal) = holding(vec![
        touching("a", &[], &["x"]),
        touching("b", &[], &["x"]),
        touching("c", &[], &["x"]),
    ]);
    let [a, b, c] = ["a", "b", "c"].map(|key| id(&goal, key));
    claimed(&mut lab, agent).unwrap();
    assert!(claimed(&mut lab, agent).is_none());
    let (behind, said_before) = ((lab.task(b).held_by, lab.task(c).held_by), said(&lab));
    assert_eq!(behind, (Some(a), Some(b)));
    for _ in 0..3 {
        lab.advance(Duration::from_secs(61));
        assert_eq!(lab.release_now(), 2);
        assert_eq!((lab.task(b).held_by, lab.task(c).held_by), behind);
    }
    assert_eq!(said(&lab), said_before);
    assert!(lab.tx.queue.is_empty());
}

/// Who gets another place in line is seen anew, and so is who was behind it: never in a circle.
#[test]
fn a_task_that_moves_in_line_is_behind_others_than_before() {
    let (mut lab, agent, goal) = holding(vec![
        touching("a", &[], &["x"]),
        touching("b", &[], &["x"]),
        touching("c", &[], &["x"]),
    ]);
    let [_, b, c] = ["a", "b", "c"].map(|key| id(&goal, key));
    let first = claimed(&mut lab, agent).unwrap();
    assert!(claimed(&mut lab, agent).is_none());
    let change = Change {
        priority: Some(5),
        ..Change::default()
    };
    lab.unit(|tx| person::update(tx, c, change)).unwrap();
    invariants::check(&lab.tx, lab.tx.events.len());
    assert!(claimed(&mut lab, agent).is_none());
    lab.cancel(first.task).unwrap();
    assert_eq!(claimed(&mut lab, agent).unwrap().task, c);
    assert!(claimed(&mut lab, agent).is_none());
    assert_eq!(lab.task(b).held_by, Some(c));
}

/// A task whose driver comes from a person is looked at anew, in the queue of its labels now.
#[test]
fn a_task_that_gets_a_driver_while_it_is_held_back_is_not_forgotten() {
    let mut without = touching("b", &[], &["x"]);
    without.spec.driver = None;
    let (mut lab, agent, goal) = holding(vec![touching("a", &[], &["x"]), without]);
    let b = id(&goal, "b");
    let first = claimed(&mut lab, agent).unwrap();
    assert!(claimed(&mut lab, agent).is_none());
    let change = Change {
        driver: leaf("", &[]).spec.driver,
        ..Change::default()
    };
    lab.unit(|tx| person::update(tx, b, change)).unwrap();
    invariants::check(&lab.tx, lab.tx.events.len());
    assert!(claimed(&mut lab, agent).is_none());
    assert_eq!(lab.task(b).held_by, Some(first.task));
}

/// Ready tasks are many and new, those at work few and old.
#[test]
fn those_at_work_are_seen_behind_any_number_of_others() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut children = vec![touching("a", &[], &[]), touching("b", &[], &[])];
    children.extend((0..600).map(|n| touching(&format!("k{n}"), &[], &["docs"])));
    let goal = lab.goal(&composite("", &[], children));
    lab.start(goal.id);
    let (a, b) = (lab.take(agent), lab.take(agent));
    saw(&mut lab, &a, &["src/x"]);
    saw(&mut lab, &b, &["src/x"]);
    assert_eq!(said(&lab), [(b.task, a.task.to_string(), false)]);
}

#[test]
fn what_is_done_below_a_composite_is_what_it_touches() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goals = [0, 1].map(|_| lab.goal(&composite("", &[], vec![leaf("x", &[])])).id);
    let attempts = goals.map(|goal| {
        lab.start(goal);
        lab.take(agent)
    });
    saw(&mut lab, &attempts[0], &["src/x"]);
    assert!(said(&lab).is_empty());
    saw(&mut lab, &attempts[1], &["src"]);
    assert_eq!(said(&lab), [(goals[1], goals[0].to_string(), false)]);
    assert_eq!(lab.tx.touched[&goals[0]], ["src/x"]);
}

/// A slot is free, and the first that could have it is held back: somebody else is told.
#[test]
fn a_wake_that_holding_back_uses_up_is_passed_on() {
    let mut special = touching("s", &[], &["y"]);
    special.requires = Labels::new(["linux"]).unwrap();
    let (mut lab, agent, goal) = holding(vec![
        touching("a", &[], &["x"]),
        touching("b", &[], &["x"]),
        special,
    ]);
    let plain = lab.agent("plain", &[], 4);
    let first = claimed(&mut lab, plain).unwrap();
    assert_eq!(first.task, id(&goal, "a"));
    lab.woken();
    assert!(claimed(&mut lab, plain).is_none());
    assert_eq!(lab.woken(), 1, "the other one can be done, by others");
    assert_eq!(claimed(&mut lab, agent).unwrap().task, id(&goal, "s"));
}

#[test]
fn other_paths_of_a_new_plan_are_those_that_count() {
    let mut lab = Lab::new(1);
    let mut tasks = vec![plan_task("a", &[]), plan_task("b", &[])];
    let goal = lab.planned(tasks.clone()).unwrap();
    lab.approve(goal, 1, Running::Cancel).unwrap();
    tasks[0].spec.paths = vec!["src".to_owned()];
    let number = lab.propose(goal, tasks).unwrap().number;
    lab.approve(goal, number, Running::Cancel).unwrap();
    let a = lab.current(goal)["a"];
    assert_eq!(lab.tx.specs[&a].paths, ["src"]);
}
