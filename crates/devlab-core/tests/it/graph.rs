//! Graphs: what may be made, in which order it runs, and edges that come late.

use devlab_core::attempt::AttemptKind;
use devlab_core::label::Labels;
use devlab_core::limits::{
    AGENT_GONE_AFTER, DEPENDENCIES_MAX, DEPTH_MAX, GRAPH_TASKS_MAX, QUEUE_FULL_RETRY,
};
use devlab_core::rules::person::{self, Change};
use devlab_core::rules::schedule::{Created, DEFAULT_DRIVER_LABEL, NewTask, Place};
use devlab_core::rules::{agents, stuck};
use devlab_core::state::State;
use devlab_core::{Refusal, TaskId};

use crate::lab::{Lab, code, composite, leaf, refusal};

/// The id of a task by its keys, joined by `/`.
pub(crate) fn id(created: &Created, key: &str) -> TaskId {
    let known = created.below.iter().find(|(k, _)| k == key);
    known.expect("a key of the graph").1
}

fn tower(depth: usize) -> NewTask {
    (0..depth).fold(leaf("k", &[]), |inner, _| composite("k", &[], vec![inner]))
}

/// The code of the refusal of a graph, and the place that it names.
fn refused(new: &NewTask) -> (&'static str, String) {
    let mut lab = Lab::new(1);
    let place = lab.place(true);
    let before = lab.tx.clone();
    let refusal = refusal(lab.create(&place, new));
    assert!(before == lab.tx, "nothing of it is kept");
    let field = match &refusal {
        Refusal::Invalid { field, .. } | Refusal::Cycle { field } => field.clone(),
        _ => String::new(),
    };
    (refusal.code(), field)
}

#[test]
fn a_mistake_in_a_graph_is_named_by_its_place() {
    let graph = |children| composite("", &[], children);
    let a = || leaf("a", &[]);
    for (new, expected, field) in [
        (graph(vec![a(), a()]), "invalid", "tasks[1].key"),
        (graph(vec![leaf("a/b", &[])]), "invalid", "tasks[0].key"),
        (graph(vec![leaf("", &[])]), "invalid", "tasks[0].key"),
        (
            graph(vec![a(), leaf("b", &["a", "x"])]),
            "invalid",
            "tasks[1].depends_on[1]",
        ),
        (
            graph(vec![leaf("a", &["a"])]),
            "cycle",
            "tasks[0].depends_on[0]",
        ),
        (
            graph(vec![leaf("a", &["b"]), leaf("b", &["a"])]),
            "cycle",
            "tasks[0].depends_on",
        ),
        (
            graph(vec![a(), composite("b", &[], vec![leaf("c", &["a"])])]),
            "invalid",
            "tasks[1].tasks[0].depends_on[0]",
        ),
        (
            graph(vec![a(), titled("two\nlines")]),
            "invalid",
            "tasks[1].title",
        ),
        (titled(&"x".repeat(201)), "invalid", "title"),
    ] {
        assert_eq!(refused(&new), (expected, field.to_owned()));
    }
}

fn titled(title: &str) -> NewTask {
    let mut new = leaf("t", &[]);
    new.spec.title = title.into();
    new
}

#[test]
fn a_graph_has_bounds() {
    let many = |n: usize| (0..n).map(|i| leaf(&format!("k{i}"), &[])).collect();
    assert_eq!(
        refused(&composite("", &[], many(GRAPH_TASKS_MAX))).0,
        "limit_reached"
    );
    let keys: Vec<String> = (0..=DEPENDENCIES_MAX).map(|i| format!("k{i}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut children: Vec<NewTask> = many(keys.len());
    children.push(leaf("all", &keys));
    assert_eq!(refused(&composite("", &[], children)).0, "invalid");
    assert_eq!(
        refused(&tower(usize::from(DEPTH_MAX) + 1)).0,
        "limit_reached"
    );
    let mut lab = Lab::new(1);
    lab.goal(&tower(usize::from(DEPTH_MAX)));
    assert_eq!(
        lab.tx.tasks.values().map(|t| t.depth).max(),
        Some(DEPTH_MAX)
    );
}

#[test]
fn a_late_child_counts_towards_the_depth() {
    let mut lab = Lab::new(1);
    let goal = lab.errand(&tower(2));
    let place = Place {
        parent: Some(id(&goal, "k")),
        ..lab.place(false)
    };
    let fits = usize::from(DEPTH_MAX) - 2;
    lab.create(&place, &tower(fits)).unwrap();
    assert_eq!(code(lab.create(&place, &tower(fits + 1))), "limit_reached");
}

/// What is made in one moment would stand in any order wherever tasks are in the order of their ids.
#[test]
fn tasks_that_are_made_together_have_ids_in_their_order() {
    let mut lab = Lab::new(1);
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let children = keys.iter().map(|key| leaf(key, &[])).collect();
    let made = lab.errand(&composite("", &[], children));
    let ids: Vec<TaskId> = keys.iter().map(|key| id(&made, key)).collect();
    assert!(made.id < ids[0]);
    assert!(ids.is_sorted(), "{ids:?}");
}

/// The titles of what is handed out, in order.
fn order(lab: &mut Lab) -> Vec<String> {
    let agent = lab.able();
    let mut titles = vec![];
    while let Some(attempt) = lab.claim(agent).unwrap() {
        titles.push(lab.tx.specs[&attempt.task].title.clone());
        lab.pass(&attempt);
    }
    titles
}

#[test]
fn the_longest_remaining_path_goes_first_then_age() {
    let mut lab = Lab::new(1);
    let children = vec![
        leaf("short", &[]),
        leaf("short2", &[]),
        leaf("a", &[]),
        leaf("b", &["a"]),
        leaf("c", &["b"]),
    ];
    lab.errand(&composite("", &[], children));
    assert_eq!(
        order(&mut lab),
        ["do a", "do b", "do short", "do short2", "do c"]
    );
}

#[test]
fn priority_goes_before_path_and_a_change_of_it_moves_the_task() {
    let mut lab = Lab::new(1);
    let mut urgent = leaf("urgent", &[]);
    urgent.priority = 1;
    let late = lab.errand(&leaf("late", &[])).id;
    lab.errand(&composite("", &[], vec![leaf("a", &[]), leaf("b", &["a"])]));
    lab.errand(&urgent);
    let priority = Some(-1);
    let change = Change {
        priority,
        ..Change::default()
    };
    lab.unit(|tx| person::update(tx, late, change)).unwrap();
    assert_eq!(order(&mut lab), ["do urgent", "do a", "do b", "do late"]);
}

#[test]
fn verification_goes_before_work_of_the_same_priority() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    lab.goal(&leaf("a", &[]));
    let attempt = lab.take(agent);
    lab.pass(&attempt);
    lab.goal(&composite("", &[], vec![leaf("b", &[]), leaf("c", &["b"])]));
    lab.start_all();
    let main = lab.main();
    let devlab_core::train::TrainStep::Build(candidate) = lab.next(&main) else {
        panic!("a candidate to build");
    };
    lab.build(&candidate, false);
    assert_eq!(lab.take(agent).kind, AttemptKind::Verify);
    assert_eq!(lab.take(agent).kind, AttemptKind::Work);
}

#[test]
fn an_agent_gets_only_what_its_labels_allow() {
    let mut lab = Lab::new(1);
    let plain = lab.agent("plain", &["linux"], 8);
    let gpu = lab.agent("gpu", &["gpu", "linux"], 8);
    let mut new = leaf("train", &[]);
    new.requires = Labels::new(["gpu"]).unwrap();
    let task = lab.errand(&new).id;
    assert_eq!(lab.claim(plain).unwrap(), None);
    assert_eq!(lab.take(gpu).task, task);
}

#[test]
fn a_leaf_without_a_driver_needs_an_agent_with_one() {
    let mut lab = Lab::new(1);
    let plain = lab.agent("plain", &[], 8);
    let with_driver = lab.agent("driver", &[DEFAULT_DRIVER_LABEL], 8);
    let mut new = leaf("think", &[]);
    new.spec.driver = None;
    let task = lab.errand(&new).id;
    assert_eq!(lab.claim(plain).unwrap(), None);
    assert_eq!(lab.take(with_driver).task, task);
}

#[test]
fn a_projects_labels_are_needed_for_all_its_tasks() {
    let mut lab = Lab::new(1);
    lab.settings.labels = Labels::new(["linux"]).unwrap();
    let plain = lab.agent("plain", &[], 8);
    lab.goal(&leaf("a", &[]));
    assert_eq!(lab.claim(plain).unwrap(), None);
}

#[test]
fn a_dependent_waits_until_all_it_depends_on_is_done() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let goal = lab.errand(&composite(
        "",
        &[],
        vec![leaf("a", &[]), leaf("b", &[]), leaf("c", &["a", "b"])],
    ));
    let c = id(&goal, "c");
    let (first, second) = (lab.take(agent), lab.take(agent));
    assert_eq!(lab.claim(agent).unwrap(), None);
    lab.pass(&first);
    assert_eq!((lab.state(c), lab.task(c).unmet), (State::Blocked, 1));
    lab.woken();
    lab.pass(&second);
    assert_eq!(lab.state(c), State::Ready);
    assert_eq!(
        lab.woken(),
        1,
        "one waiting agent is woken for one ready task"
    );
    let last = lab.take(agent);
    lab.pass(&last);
    assert_eq!(lab.state(goal.id), State::Done);
}

#[test]
fn an_ended_dependency_never_unblocks_and_the_dependent_says_why() {
    for is_cancel in [true, false] {
        let mut lab = Lab::new(1);
        let goal = lab.errand(&composite("", &[], vec![leaf("a", &[]), leaf("b", &["a"])]));
        let (a, b) = (id(&goal, "a"), id(&goal, "b"));
        let ended = if is_cancel {
            lab.cancel(a)
        } else {
            lab.fail(a)
        };
        let ended = ended.unwrap().state;
        assert_eq!((lab.state(b), lab.task(b).unmet), (State::Blocked, 1));
        let why = |lab: &mut Lab, id| {
            let task = lab.task(id).clone();
            stuck::reason(&mut lab.tx, &task).unwrap().unwrap()
        };
        let expected = format!("what it depends on will not be done: {a} is {ended}");
        assert_eq!(why(&mut lab, b), expected);
        assert!(why(&mut lab, goal.id).starts_with("nothing below it can move"));
    }
}

#[test]
fn a_dependency_that_waits_for_a_person_holds_its_dependent_and_that_says_so() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let mut new = leaf("a", &[]);
    new.side_effects = true;
    let goal = lab.errand(&composite("", &[], vec![new, leaf("b", &["a"])]));
    let (a, b) = (id(&goal, "a"), id(&goal, "b"));
    let attempt = lab.take(agent);
    lab.fail_driver(&attempt);
    let task = lab.task(b).clone();
    let why = stuck::reason(&mut lab.tx, &task).unwrap().unwrap();
    let expected = format!("what it depends on waits for a person: {a} waits for somebody");
    assert!(why.starts_with(&expected), "{why}");
}

#[test]
fn what_moves_is_not_stuck() {
    let mut lab = Lab::new(1);
    lab.able();
    let goal = lab.errand(&composite("", &[], vec![leaf("a", &[]), leaf("b", &["a"])]));
    for key in ["a", "b"] {
        let task = lab.task(id(&goal, key)).clone();
        assert_eq!(stuck::reason(&mut lab.tx, &task).unwrap(), None);
    }
    let task = lab.task(goal.id).clone();
    assert_eq!(stuck::reason(&mut lab.tx, &task).unwrap(), None);
}

#[test]
fn ready_work_that_no_agent_can_take_says_so_up_to_its_goal() {
    let mut lab = Lab::new(1);
    let picky = NewTask {
        requires: Labels::new(["gpu"]).unwrap(),
        ..leaf("a", &[])
    };
    let goal = lab.errand(&composite("", &[], vec![picky, leaf("b", &["a"])]));
    let child = id(&goal, "a");
    let why = |lab: &mut Lab, id| {
        let task = lab.task(id).clone();
        stuck::reason(&mut lab.tx, &task).unwrap()
    };
    let nobody = "no agent of its org that is online has the labels gpu";
    assert_eq!(why(&mut lab, child).as_deref(), Some(nobody));
    let expected = format!("nothing below it can move: {child} is ready, but {nobody}");
    assert_eq!(why(&mut lab, goal.id), Some(expected));
    let agent = lab.able();
    assert_eq!((why(&mut lab, child), why(&mut lab, goal.id)), (None, None));
    agents::drain(&mut lab.tx, agent, true).unwrap();
    assert_eq!(why(&mut lab, child).as_deref(), Some(nobody));
    agents::drain(&mut lab.tx, agent, false).unwrap();
    lab.tx.now = lab.tx.now.plus(AGENT_GONE_AFTER);
    assert_eq!(why(&mut lab, child).as_deref(), Some(nobody));
}

#[test]
fn a_label_set_without_room_waits_outside_and_refuses_nothing() {
    let mut lab = Lab::new(1);
    lab.tx.queues_max = 1;
    let agent = lab.able();
    let labelled = |key: &str, label: &str, after: &[&str]| NewTask {
        requires: Labels::new([label]).unwrap(),
        ..leaf(key, after)
    };
    let children = vec![
        labelled("a", "linux", &[]),
        labelled("b", "linux", &[]),
        labelled("c", "gpu", &["a"]),
    ];
    let goal = lab.errand(&composite("", &[], children));
    let (a, c) = (id(&goal, "a"), id(&goal, "c"));
    let attempt = lab.take(agent);
    assert_eq!(attempt.task, a);
    lab.pass(&attempt);
    assert_eq!(lab.state(a), State::Done, "what c lacks is not a's fault");
    assert_eq!(lab.state(c), State::Ready);
    let task = lab.task(c).clone();
    let why = stuck::reason(&mut lab.tx, &task).unwrap().unwrap();
    assert!(why.starts_with("it waits until"), "{why}");
    let b = lab.take(agent);
    assert!(lab.claim(agent).unwrap().is_none(), "c is in no queue yet");
    lab.advance(QUEUE_FULL_RETRY);
    assert_eq!(lab.release_now(), 1);
    assert_eq!(lab.take(agent).task, c);
    lab.pass(&b);
}

#[test]
fn a_late_edge_makes_no_cycle() {
    let mut lab = Lab::new(1);
    let children = vec![leaf("a", &[]), leaf("b", &["a"]), leaf("c", &["b"])];
    let goal = lab.errand(&composite("", &[], children));
    let (a, c) = (id(&goal, "a"), id(&goal, "c"));
    assert_eq!(code(lab.add_edge(c, a)), "cycle");
    assert_eq!(code(lab.add_edge(a, a)), "cycle");
    lab.add_edge(a, c).unwrap();
    assert_eq!(lab.task(c).unmet, 2);
    lab.add_edge(a, c).unwrap();
    assert_eq!(lab.task(c).unmet, 2, "the same edge counts once");
}

#[test]
fn a_late_edge_does_not_touch_work_that_has_started() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let (a, b) = (
        lab.errand(&leaf("a", &[])).id,
        lab.errand(&leaf("b", &[])).id,
    );
    let attempt = lab.take(agent);
    assert_eq!(attempt.task, a);
    assert_eq!(code(lab.add_edge(b, a)), "bad_state");
    lab.pass(&attempt);
    assert_eq!(code(lab.add_edge(b, a)), "bad_state");
    lab.add_edge(a, b).unwrap();
    assert_eq!(lab.state(b), State::Ready, "what is done does not block");
}

#[test]
fn a_late_edge_blocks_what_was_ready_and_its_lost_agent() {
    let mut lab = Lab::new(1);
    let agent = lab.able();
    let a = lab.errand(&leaf("a", &[])).id;
    let attempt = lab.take(agent);
    lab.expire();
    let b = lab.errand(&leaf("b", &[])).id;
    lab.add_edge(b, a).unwrap();
    assert_eq!(lab.state(a), State::Blocked);
    assert_eq!(code(lab.heartbeat(&attempt)), "stale_attempt");
    assert_eq!(lab.take(agent).task, b);
    assert_eq!(lab.claim(agent).unwrap(), None);
}

#[test]
fn only_siblings_depend_on_each_other() {
    let mut lab = Lab::new(1);
    let one = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    let two = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    let (a, other) = (id(&one, "a"), id(&two, "a"));
    assert_eq!(code(lab.add_edge(a, other)), "invalid");
    assert_eq!(code(lab.add_edge(one.id, other)), "invalid");
    lab.add_edge(one.id, two.id).unwrap();
}

#[test]
fn a_late_edge_raises_the_path_of_what_comes_before() {
    let mut lab = Lab::new(1);
    let long = lab.goal(&composite("", &[], vec![leaf("x", &[]), leaf("y", &["x"])]));
    let children = vec![leaf("a", &[]), leaf("b", &["a"])];
    let first = lab.goal(&composite("", &[], children));
    assert_eq!(lab.task(id(&first, "a")).path, 3);
    lab.add_edge(first.id, long.id).unwrap();
    assert_eq!(lab.task(first.id).path, 2);
    assert_eq!(lab.task(id(&first, "a")).path, 4);
}
