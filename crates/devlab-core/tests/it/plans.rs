//! Plans are proposed, approved and rejected.

use std::collections::BTreeMap;

use devlab_core::check::{CheckSet, Sha256Hex};
use devlab_core::limits::{DEPTH_MAX, GRAPH_TASKS_MAX};
use devlab_core::plan::{Origin, Plan, PlanState, PlanTask, PlannerKind, Revision};
use devlab_core::rules::plan::{self, Proposal, Ruling, Running};
use devlab_core::rules::{boxes, person, schedule};
use devlab_core::state::{State, TaskKind};
use devlab_core::task::Proof;
use devlab_core::{RefName, Result, TaskId};

use crate::choices::best_of;
use crate::graph::id;
use crate::invariants;
use crate::lab::{Lab, check, code, composite, leaf};

/// A planned leaf.
pub(crate) fn task(key: &str, depends_on: &[&str]) -> PlanTask {
    let new = leaf(key, depends_on);
    PlanTask {
        key: new.key,
        spec: new.spec,
        labels: new.requires,
        priority: 0,
        review: false,
        side_effects: false,
        depends_on: new.depends_on,
        tasks: vec![],
        alternatives: vec![],
        done: false,
        group: None,
        line: None,
    }
}

pub(crate) fn plan(tasks: Vec<PlanTask>) -> Plan {
    let goal = leaf("goal", &[]);
    Plan {
        goal: goal.spec,
        labels: goal.requires,
        priority: 0,
        review: Some(false),
        tasks,
        warnings: vec![],
    }
}

pub(crate) fn proposal(plan: Plan, parent: Option<u32>) -> Proposal {
    let input = Sha256Hex::of(format!("{plan:?}").as_bytes());
    Proposal {
        plan,
        origin: Origin {
            planner: PlannerKind::File,
            source: "plan.yaml".into(),
            commit: None,
            input,
            stories_in_turn: false,
            why: String::new(),
        },
        parent,
        by: "ada".into(),
    }
}

pub(crate) fn ruling(running: Running) -> Ruling {
    Ruling {
        by: "ada".into(),
        why: "it is good".into(),
        running: Some(running),
    }
}

impl Lab {
    /// A goal in the project that waits for the approval of its plan.
    pub(crate) fn planned(&mut self, tasks: Vec<PlanTask>) -> Result<TaskId> {
        let place = self.place(true);
        let proposal = proposal(plan(tasks), None);
        let made = self.unit(|tx| plan::create_goal(tx, &place, &proposal));
        made.map(|(id, _)| id)
    }

    pub(crate) fn propose(&mut self, id: TaskId, tasks: Vec<PlanTask>) -> Result<Revision> {
        let stored = self.tx.plans.get(&id).into_iter().flatten();
        let mut revisions = stored.map(|stored| &stored.revision);
        let current = revisions.find(|r| r.state == PlanState::Current);
        let proposal = proposal(plan(tasks), current.map(|r| r.number));
        self.unit(|tx| plan::propose(tx, id, &proposal))
    }

    pub(crate) fn approve(
        &mut self,
        id: TaskId,
        number: u32,
        running: Running,
    ) -> Result<Revision> {
        let place = self.place(self.task(id).project.is_some());
        let done = self.unit(|tx| plan::approve(tx, &place, id, number, &ruling(running)));
        invariants::check(&self.tx, self.tx.events.len());
        done
    }

    /// The tasks of the current revision.
    pub(crate) fn current(&self, id: TaskId) -> BTreeMap<String, TaskId> {
        let current = self.tx.plans[&id]
            .iter()
            .find(|stored| stored.revision.state == PlanState::Current);
        current.expect("a current plan").tasks.clone()
    }
}

#[test]
fn a_plan_waits_for_its_approval_and_is_then_carried_out() {
    let mut lab = Lab::new(1);
    let able = lab.able();
    let mut nested = task("c", &["b"]);
    nested.tasks = vec![task("x", &[]), task("y", &["x"])];
    let mut done = task("b", &["a"]);
    done.done = true;
    let goal = lab.planned(vec![task("a", &[]), done, nested]).unwrap();
    assert_eq!(lab.state(goal), State::Draft);
    assert_eq!(lab.task(goal).kind, TaskKind::Composite);
    assert_eq!(lab.tx.tasks.len(), 1, "nothing is made before the approval");
    lab.start_all();
    assert_eq!(lab.claim(able).unwrap(), None);

    let revision = lab.approve(goal, 1, Running::Cancel).unwrap();
    assert_eq!(revision.state, PlanState::Current);
    assert_eq!(revision.decision.unwrap().by, "ada");
    let tasks = lab.current(goal);
    let keys: Vec<_> = tasks.keys().map(String::as_str).collect();
    assert_eq!(keys, ["a", "c", "c/x", "c/y"], "what is done is not made");
    assert_eq!(lab.task(tasks["c"]).unmet, 1, "c needs a, for b is done");

    lab.start_all();
    let attempt = lab.take(able);
    assert_eq!(attempt.task, tasks["a"]);
    lab.pass(&attempt);
    invariants::check(&lab.tx, 0);
}

#[test]
fn a_goal_begins_only_with_an_approved_plan() {
    let mut lab = Lab::new(2);
    let goal = lab.planned(vec![task("a", &[])]).unwrap();
    let activated = lab.unit(|tx| person::approve(tx, goal, "bo", None));
    assert_eq!(code(activated), "conflict");
    let rejected = lab.unit(|tx| plan::reject(tx, goal, 1, "bo", "too vague"));
    let decision = rejected.unwrap().decision.unwrap();
    assert_eq!(
        (decision.by.as_str(), decision.why.as_str()),
        ("bo", "too vague")
    );
    assert_eq!(code(lab.approve(goal, 1, Running::Cancel)), "conflict");
    assert_eq!(code(lab.approve(goal, 2, Running::Cancel)), "not_found");
    assert_eq!(lab.state(goal), State::Draft);

    let second = lab.propose(goal, vec![task("a", &[])]).unwrap();
    assert_eq!((second.number, second.parent), (2, None));
    lab.cancel(goal).unwrap();
    assert_eq!(
        code(lab.retry(goal)),
        "conflict",
        "it would begin unplanned"
    );
    assert_eq!(code(lab.approve(goal, 2, Running::Cancel)), "conflict");
}

#[test]
fn a_revision_becomes_current_only_after_the_one_it_was_made_from() {
    let mut lab = Lab::new(3);
    let goal = lab.planned(vec![task("a", &[])]).unwrap();
    let other = lab.propose(goal, vec![task("b", &[])]).unwrap();
    assert_eq!(other.number, 2);
    lab.approve(goal, 1, Running::Cancel).unwrap();
    let states = |lab: &Lab| -> Vec<PlanState> {
        let all = &lab.tx.plans[&goal];
        all.iter().map(|stored| stored.revision.state).collect()
    };
    assert_eq!(states(&lab), [PlanState::Current, PlanState::Rejected]);
    assert_eq!(code(lab.approve(goal, 2, Running::Cancel)), "conflict");

    let late = proposal(plan(vec![task("c", &[])]), None);
    let late = lab.unit(|tx| plan::propose(tx, goal, &late));
    assert_eq!(code(late), "outdated");
    let same = lab.propose(goal, vec![task("a", &[])]);
    assert_eq!(code(same), "conflict", "the same input is no new plan");

    lab.propose(goal, vec![task("c", &[])]).unwrap();
    lab.approve(goal, 3, Running::Cancel).unwrap();
    let expected = [
        PlanState::Superseded,
        PlanState::Rejected,
        PlanState::Current,
    ];
    assert_eq!(states(&lab), expected);
    assert_eq!(lab.tx.plans[&goal][2].revision.parent, Some(1));
}

#[test]
fn the_approval_fixes_the_checks() {
    let mut lab = Lab::new(4);
    let goal = lab.planned(vec![task("a", &[])]).unwrap();
    lab.settings.checks.checks = vec![check("lint")];
    lab.approve(goal, 1, Running::Cancel).unwrap();
    let judged = |lab: &Lab, id: TaskId| {
        let hash = lab.task(id).check_set.clone().unwrap();
        lab.tx.check_sets[&hash].clone()
    };
    let lint = CheckSet {
        checks: vec![check("lint")],
        ..CheckSet::default()
    };
    let tasks = lab.current(goal);
    assert_eq!(judged(&lab, goal), lint);
    assert_eq!(judged(&lab, tasks["a"]), lint);

    lab.settings.checks.checks = vec![check("test")];
    lab.propose(goal, vec![task("a", &[]), task("b", &[])])
        .unwrap();
    lab.approve(goal, 2, Running::Cancel).unwrap();
    let tasks = lab.current(goal);
    assert_eq!(
        judged(&lab, tasks["a"]),
        lint,
        "what is kept stays as it was"
    );
    assert_eq!(judged(&lab, tasks["b"]).checks, [check("test")]);
    assert_eq!(judged(&lab, goal).checks, [check("test")]);
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let mut lab = Lab::new(5);
    let graph = lab.goal(&composite("goal", &[], vec![leaf("a", &[])]));
    let scheduled = lab.propose(graph.id, vec![task("b", &[])]);
    assert_eq!(code(scheduled), "conflict");

    let many = (0..=GRAPH_TASKS_MAX).map(|i| task(&format!("k{i}"), &[]));
    assert_eq!(code(lab.planned(many.collect())), "limit_reached");
    let mut deep = task("leaf", &[]);
    for _ in 0..DEPTH_MAX {
        let mut outer = task("outer", &[]);
        outer.tasks = vec![deep];
        deep = outer;
    }
    assert_eq!(code(lab.planned(vec![deep])), "limit_reached");
}

#[test]
fn a_plan_of_which_everything_is_done_is_done() {
    let mut lab = Lab::new(6);
    let mut done = task("a", &[]);
    done.done = true;
    let place = lab.place(false);
    let proposal = proposal(plan(vec![done]), None);
    let made = lab.unit(|tx| plan::create_goal(tx, &place, &proposal));
    let (goal, _) = made.unwrap();
    lab.approve(goal, 1, Running::Cancel).unwrap();
    assert_eq!(lab.state(goal), State::Done);
    assert_eq!(lab.task(goal).proof, Proof::Unproven);
}

#[test]
fn a_goal_with_a_plan_may_wait_for_another_goal() {
    let mut lab = Lab::new(7);
    let first = lab.errand(&leaf("first", &[]));
    let mut place = lab.place(false);
    place.depends_on = vec![first.id];
    let proposal = proposal(plan(vec![task("a", &[])]), None);
    let (goal, _) = lab
        .unit(|tx| plan::create_goal(tx, &place, &proposal))
        .unwrap();
    lab.approve(goal, 1, Running::Cancel).unwrap();
    assert_eq!(lab.state(goal), State::Blocked);
    let able = lab.able();
    let attempt = lab.take(able);
    lab.pass(&attempt);
    assert_eq!(lab.state(goal), State::Running);
    let late = lab.unit(|tx| schedule::add_edge(tx, first.id, goal, "depends_on[0]"));
    assert_eq!(code(late), "bad_state");
}

#[test]
fn a_task_of_a_plan_may_be_planned_itself() {
    for in_project in [true, false] {
        let mut lab = Lab::new(3);
        let able = lab.able();
        let outer = composite(
            "",
            &[],
            vec![leaf("a", &[]), leaf("b", &["a"]), leaf("c", &["b"])],
        );
        let made = match in_project {
            true => lab.goal(&outer),
            false => lab.errand(&outer),
        };
        let (goal, a, b) = (made.id, id(&made, "a"), id(&made, "b"));
        lab.start_all();
        for (planned, key) in [(a, "x"), (b, "y")] {
            let revision = lab.propose(planned, vec![task(key, &[]), task("z", &[key])]);
            assert_eq!(
                lab.task(planned).kind,
                TaskKind::Leaf,
                "it is only proposed"
            );
            lab.approve(planned, revision.unwrap().number, Running::Cancel)
                .unwrap();
            let now = lab.task(planned);
            assert_eq!((now.kind, now.open_children), (TaskKind::Composite, 2));
        }
        assert_eq!(lab.state(b), State::Blocked, "it still waits for a");
        let grandchild = lab.current(a)["x"];
        assert_eq!(lab.task(grandchild).depth, 2);
        let again = lab.propose(a, vec![task("x", &[])]).unwrap();
        assert_eq!(again.parent, Some(1), "it has revisions like a goal");

        for _ in 0..12 {
            lab.start_all();
            while let Some(attempt) = lab.claim(able).unwrap() {
                lab.pass(&attempt);
            }
            for of in [a, b, goal] {
                let target = lab.target(RefName::of_composite(of));
                lab.run_train(&target, able);
            }
            lab.run_train(&lab.main(), able);
        }
        assert_eq!(lab.state(goal), State::Done, "in a project: {in_project}");
        invariants::check(&lab.tx, lab.tx.events.len());
    }
}

/// A plan that a feature came to, at a commit.
fn of_feature(folder: &str, key: &str) -> Proposal {
    let mut proposal = proposal(plan(vec![task(key, &[])]), None);
    proposal.origin.planner = PlannerKind::SpecKit;
    folder.clone_into(&mut proposal.origin.source);
    proposal
}

#[test]
fn the_boxes_of_every_feature_above_are_left_alone() {
    let mut lab = Lab::new(6);
    lab.able();
    let goal = lab.planned(vec![task("a", &[])]).unwrap();
    let first = lab.unit(|tx| plan::propose(tx, goal, &of_feature("specs/001-outer", "T001")));
    lab.approve(goal, first.unwrap().number, Running::Cancel)
        .unwrap();
    lab.start_all();
    let inner = lab.current(goal)["T001"];
    let second = lab.unit(|tx| plan::propose(tx, inner, &of_feature("specs/002-inner", "T009")));
    lab.approve(inner, second.unwrap().number, Running::Cancel)
        .unwrap();
    let below = lab.current(inner)["T009"];
    let mut boxes = |id: TaskId| {
        let task = lab.task(id).clone();
        boxes::boxes(&mut lab.tx, &task).unwrap()
    };
    let path = |folder: &str| format!("specs/{folder}/tasks.md");
    let (outer_path, inner_path) = (path("001-outer"), path("002-inner"));
    let of_goal = boxes(goal);
    assert_eq!(of_goal.tick.unwrap().path, outer_path);
    assert!(of_goal.keep.is_empty());
    let of_inner = boxes(inner);
    assert_eq!(of_inner.tick.unwrap().path, inner_path);
    assert_eq!(of_inner.keep, [outer_path.as_str()]);
    let of_below = boxes(below);
    assert_eq!(of_below.tick, None);
    assert_eq!(of_below.keep, [inner_path, outer_path]);
}

#[test]
fn only_what_nobody_has_tried_is_planned() {
    let mut lab = Lab::new(4);
    let able = lab.able();
    let made = lab.goal(&composite("", &[], vec![leaf("a", &[])]));
    let a = id(&made, "a");
    lab.start_all();
    let none = lab.propose(a, vec![]);
    assert_eq!(code(none), "invalid", "it has no tasks");
    let proposed = lab.propose(a, vec![task("x", &[])]).unwrap();
    let attempt = lab.take(able);
    assert_eq!(attempt.task, a);
    let late = lab.approve(a, proposed.number, Running::Cancel);
    assert_eq!(code(late), "conflict", "somebody was quicker");
    lab.fail_driver(&attempt);
    let tried = lab.propose(a, vec![task("y", &[])]);
    assert_eq!(code(tried), "conflict");

    let made = lab.goal(&best_of("", 2));
    let alternative = id(&made, "1");
    for refused in [made.id, alternative] {
        let refused = lab.propose(refused, vec![task("x", &[])]);
        assert_eq!(code(refused), "invalid");
    }
}

#[test]
fn a_task_that_was_planned_is_replaced_by_one_of_other_words() {
    let mut lab = Lab::new(5);
    lab.able();
    let goal = lab.planned(vec![task("a", &[]), task("b", &[])]).unwrap();
    lab.approve(goal, 1, Running::Cancel).unwrap();
    lab.start_all();
    let (a, b) = (lab.current(goal)["a"], lab.current(goal)["b"]);
    lab.propose(a, vec![task("x", &[])]).unwrap();
    lab.approve(a, 1, Running::Cancel).unwrap();
    let x = lab.current(a)["x"];
    let mut other = task("a", &[]);
    other.spec.goal = "do it otherwise".to_owned();
    let next = lab.propose(goal, vec![other, task("b", &[])]).unwrap();
    lab.approve(goal, next.number, Running::Cancel).unwrap();
    let now = lab.current(goal);
    assert_eq!(now["b"], b);
    assert_ne!(now["a"], a);
    assert_eq!(lab.task(now["a"]).kind, TaskKind::Leaf);
    assert_eq!(
        (lab.state(a), lab.state(x)),
        (State::Cancelled, State::Cancelled)
    );
}
