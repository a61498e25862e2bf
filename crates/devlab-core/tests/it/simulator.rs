//! Random histories of random graphs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use devlab_core::TaskId;
use devlab_core::ask::Reply;
use devlab_core::attempt::AttemptState;
use devlab_core::choice::Choice;
use devlab_core::patch::Verdict;
use devlab_core::plan::PlanState;
use devlab_core::policy::Level;
use devlab_core::rules::plan::Running;
use devlab_core::rules::policy::current;
use devlab_core::state::{ResumeTo, State, WaitReason};
use devlab_core::task::Task;
use devlab_core::train::TrainStep;
use devlab_core::tx::Read;
use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::invariants;
use crate::lab::{Lab, MANY, code, home};
use crate::mem::StoredPlan;
use crate::plans::task;
use crate::world::{ACTS, World};
use crate::world_asks::asks;
use crate::world_policies::positive;

/// Rounds in which a good world has to bring everything to its end.
const ROUNDS_MAX: usize = 200;

/// What has to happen at least once over a run, or the simulator has lost its reach.
const HAPPENS: &[&str] = &[
    "accept",
    "add child",
    "add child refused",
    "answer refused",
    "answer told",
    "answered",
    "approve",
    "approval to publish waited for",
    "approval to start waited for",
    "asked",
    "back-off ends",
    "build cut short",
    "built",
    "built batch",
    "cancel",
    "cancelled write",
    "check fails",
    "choice open again",
    "choice refused",
    "chosen",
    "chosen again",
    "chosen by checks",
    "chosen by a person",
    "first chosen",
    "approval chooses",
    "edge refused: alternatives",
    "claim nothing",
    "claim nothing: limits",
    "claim over capacity",
    "claim passes by what is full",
    "claim repeated",
    "claim verify",
    "claim work",
    "comment",
    "comment heeded",
    "come back",
    "come back too late",
    "completion repeated",
    "conflict",
    "conflict behind",
    "drain",
    "driver fails",
    "edge refused: cycle",
    "edge refused: started",
    "end again",
    "end while publishing refused",
    "fail",
    "give up",
    "goal planned",
    "heard",
    "held back",
    "heartbeat",
    "late edge",
    "lease ends",
    "moved",
    "not heard",
    "pass",
    "policy",
    "policy cut short",
    "plan approved",
    "plan refused",
    "plan rejected",
    "planned again",
    "priority",
    "proposal refused",
    "proposed",
    "driver given",
    "protected",
    "published",
    "push",
    "reject",
    "retry",
    "retry refused",
    "schedule",
    "start",
    "superseded write",
    "time passes",
    "told",
    "train idle",
    "unmergeable",
    "write after the end",
];

#[test]
fn every_history_keeps_the_rules_and_can_end_well() {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let counts = RefCell::new(BTreeMap::new());
    let history = vec((0..ACTS, proptest::num::u32::ANY), 1..240);
    let strategy = (proptest::num::u64::ANY, history);
    let result = runner.run(&strategy, |(seed, history)| {
        let mut world = World::new(seed);
        invariants::check(&world.lab.tx, 0);
        for (what, seed) in history {
            world.act(what, seed);
        }
        end_well(&mut world.lab);
        for (what, times) in &world.counts {
            *counts.borrow_mut().entry(*what).or_insert(0) += times;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let counts = counts.into_inner();
    println!("{counts:#?}");
    let never: Vec<_> = HAPPENS
        .iter()
        .filter(|w| !counts.contains_key(*w))
        .collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

/// Everything goes well from here on: goals without ended parts are done; after a person has tried
/// again what ended, all are.
fn end_well(lab: &mut Lab) {
    let levels: Vec<Level> = lab.tx.policies.keys().copied().collect();
    for level in levels {
        let mut policy = match current(&mut lab.tx, level).unwrap() {
            Some(revision) => revision.policy,
            None => continue,
        };
        policy.concurrency = positive(policy.concurrency);
        lab.set_policy(level, policy).unwrap();
    }
    good_world(lab);
    let dead = dead_goals(lab);
    for task in lab.tx.tasks.values().filter(|task| task.is_goal()) {
        let done = task.state == State::Done;
        assert!(done || dead.contains(&task.id), "does not end: {task:?}");
    }
    revive(lab);
    good_world(lab);
    for task in lab.tx.tasks.values().filter(|task| task.is_goal()) {
        let unplanned = is_unplanned(lab, task.id) || dead_goals(lab).contains(&task.id);
        let ends = task.state == State::Done || unplanned;
        assert!(ends, "does not end: {task:?}");
    }
}

/// Goals that have failed or cancelled parts, and goals that depend on them.
fn dead_goals(lab: &Lab) -> BTreeSet<TaskId> {
    let ended = |state| matches!(state, State::Failed | State::Cancelled);
    // What another alternative was taken for is not missed.
    let missed = |task: &&Task| {
        let parent = task.parent.map(|parent| lab.task(parent).choice);
        let spare = task.choice.is_some() && matches!(parent, Some(Some(Choice::Taken(_))));
        ended(task.state) && !spare
    };
    let parts = lab.tx.tasks.values().filter(missed);
    let mut dead: BTreeSet<TaskId> = parts.map(|task| task.goal).collect();
    loop {
        let next = lab.tx.edges.iter().find(|(from, to)| {
            let is_goal = lab.task(*to).is_goal();
            is_goal && dead.contains(from) && !dead.contains(to)
        });
        match next {
            Some((_, to)) => dead.insert(*to),
            None => return dead,
        };
    }
}

fn ids(lab: &Lab, keep: impl Fn(State) -> bool) -> Vec<TaskId> {
    let all = lab.tx.tasks.values();
    all.filter(|task| keep(task.state))
        .map(|task| task.id)
        .collect()
}

/// A person tries again whatever ended without being done, parents first.
fn revive(lab: &mut Lab) {
    let mut ended = ids(lab, |s| matches!(s, State::Failed | State::Cancelled));
    ended.sort_by_key(|id| lab.task(*id).depth);
    for id in ended {
        if matches!(lab.state(id), State::Failed | State::Cancelled) {
            if is_unplanned(lab, id) {
                assert_eq!(code(lab.retry(id)), "conflict");
                continue;
            }
            // One whose parent is done without it stays as it is.
            let parent = lab.task(id).parent;
            let done = lab.retry(id).is_ok();
            let taken =
                parent.is_some_and(|p| matches!(lab.task(p).choice, Some(Choice::Taken(_))));
            let stays = parent.is_some_and(|p| !matches!(lab.state(p), State::Running));
            assert!(done || stays || taken);
        }
    }
    invariants::check(&lab.tx, lab.tx.events.len());
}

/// A goal that ended before any of its plans was approved never begins.
fn is_unplanned(lab: &Lab, id: TaskId) -> bool {
    let plans = lab.tx.plans.get(&id);
    let current = |stored: &StoredPlan| stored.revision.state == PlanState::Current;
    plans.is_some_and(|all| !all.iter().any(current))
}

fn good_world(lab: &mut Lab) {
    let (able, other) = (lab.able(), lab.able_too("other"));
    for _ in 0..ROUNDS_MAX {
        let seen = lab.tx.events.len();
        good_persons(lab);
        lab.release();
        lab.start_all();
        for attempt in lab.tx.live() {
            // Another alternative may have been taken meanwhile.
            if lab.attempt_state(attempt.id) == AttemptState::Live {
                lab.pass(&attempt);
            }
        }
        // Of two, as one may not verify what it made.
        for agent in [able, other, able] {
            while let Some(attempt) = lab.claim(agent).unwrap() {
                lab.pass(&attempt);
            }
        }
        for target in lab.tx.trains(home(), MANY).unwrap() {
            match lab.next(&target) {
                TrainStep::Idle => {}
                TrainStep::Build(candidate) => lab.build(&candidate, true),
                TrainStep::Publish(candidate) => {
                    lab.publish(&candidate);
                }
            }
        }
        invariants::check(&lab.tx, seen);
        if lab.tx.events.len() == seen {
            return;
        }
    }
    panic!("no end after {ROUNDS_MAX} rounds");
}

fn good_persons(lab: &mut Lab) {
    let proposed = lab
        .tx
        .plans
        .iter()
        .map(|(id, all)| (*id, all.last().cloned()));
    let proposed: Vec<_> = proposed.collect();
    for (id, last) in proposed {
        if lab.state(id) != State::Draft {
            continue;
        }
        let number = match last {
            Some(last) if last.revision.state == PlanState::Proposed => last.revision.number,
            _ => lab.propose(id, vec![task("k0", &[])]).unwrap().number,
        };
        lab.approve(id, number, Running::Cancel).unwrap();
    }
    for id in ids(lab, |state| state == State::Draft) {
        lab.approve_task(id).unwrap();
    }
    for id in ids(lab, |s| {
        matches!(s, State::Waiting(WaitReason::Attention, _))
    }) {
        lab.retry(id).unwrap();
    }
    for id in ids(lab, |s| {
        matches!(s, State::Waiting(WaitReason::Approval, _))
    }) {
        if matches!(lab.state(id), State::Waiting(WaitReason::Approval, _)) {
            lab.approve_task(id).unwrap();
        }
    }
    for id in ids(lab, asks) {
        lab.answer(id, &Reply::Words("do".into())).unwrap();
    }
    let review = State::Waiting(WaitReason::Review, ResumeTo::Integrating);
    for id in ids(lab, |state| state == review) {
        lab.judge(id, Verdict::Accept).unwrap();
    }
}
