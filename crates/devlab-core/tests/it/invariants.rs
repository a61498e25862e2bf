//! What holds at all times, recomputed from scratch.

use std::collections::{BTreeMap, BTreeSet};

use devlab_core::ask::AskKind;
use devlab_core::attempt::{AttemptKind, AttemptState};
use devlab_core::check::Receipt;
use devlab_core::choice::Choice;
use devlab_core::event::EventKind;
use devlab_core::label::Labels;
use devlab_core::limit::{Lane, Scope, Slots};
use devlab_core::limits::QUESTIONS_MAX;
use devlab_core::patch::PatchState;
use devlab_core::plan::{PlanState, PlanTask};
use devlab_core::policy::Verifier;
use devlab_core::rules::schedule::DEFAULT_DRIVER_LABEL;
use devlab_core::state::{ResumeTo, State, TaskKind, WaitReason};
use devlab_core::task::{Proof, Task};
use devlab_core::train::{Candidate, CandidateState};
use devlab_core::tx::{Queued, Work};
use devlab_core::{AgentId, AttemptId, OrgId, TaskId};

use crate::holds::held;
use crate::mem::MemTx;
use crate::mem_index::beginning;

/// The edges of the table in `state.rs`, written down a second time: kinds, from, to.
const LEAF: &[(&str, &str)] = &[
    ("draft", "blocked"),
    ("blocked", "ready"),
    ("ready", "blocked"),
    ("ready", "waiting"),
    ("ready", "running"),
    ("running", "ready"),
    ("running", "integrating"),
    ("running", "done"),
    ("integrating", "ready"),
    ("integrating", "done"),
    ("running", "waiting"),
    ("integrating", "waiting"),
    ("waiting", "ready"),
    ("waiting", "integrating"),
    ("waiting", "blocked"),
    ("failed", "blocked"),
    ("cancelled", "blocked"),
];
const COMPOSITE: &[(&str, &str)] = &[
    ("draft", "blocked"),
    ("blocked", "ready"),
    ("ready", "blocked"),
    ("ready", "waiting"),
    ("waiting", "ready"),
    ("waiting", "blocked"),
    ("ready", "running"),
    ("running", "integrating"),
    ("running", "done"),
    ("integrating", "running"),
    ("integrating", "done"),
    ("integrating", "waiting"),
    ("waiting", "running"),
    ("waiting", "integrating"),
    ("failed", "blocked"),
    ("cancelled", "blocked"),
    ("failed", "running"),
    ("cancelled", "running"),
];

/// Checks everything. `events_seen` is how many events were there at the last look.
pub(crate) fn check(tx: &MemTx, events_seen: usize) {
    assert!(
        tx.index == tx.indexed(),
        "what is found is all that there is"
    );
    for task in tx.tasks.values() {
        counts(tx, task);
        order(tx, task);
        attempts(tx, task);
        train(tx, task);
        composite(task);
        result(tx, task);
        asks(tx, task);
        choices(tx, task);
    }
    plans(tx);
    numbers(tx);
    limits(tx);
    queue(tx);
    candidates(tx);
    events(tx, events_seen);
}

fn children<'a>(tx: &'a MemTx, task: &Task) -> impl Iterator<Item = &'a Task> {
    let own = tx.index.children.get(&task.id).into_iter().flatten();
    own.map(|id| &tx.tasks[id])
}

fn dependencies<'a>(tx: &'a MemTx, task: &Task) -> impl Iterator<Item = &'a Task> {
    beginning(&tx.index.needs, task.id).map(|id| &tx.tasks[&id])
}

fn parent<'a>(tx: &'a MemTx, task: &Task) -> Option<&'a Task> {
    task.parent.map(|parent| &tx.tasks[&parent])
}

fn counts(tx: &MemTx, task: &Task) {
    let unmet = dependencies(tx, task).filter(|d| d.state != State::Done);
    assert_eq!(task.unmet as usize, unmet.count(), "unmet of {task:?}");
    let open = children(tx, task).filter(|c| !c.state.is_closed_for_parent());
    assert_eq!(
        task.open_children as usize,
        open.count(),
        "children of {task:?}"
    );
    let after = beginning(&tx.edges, task.id).map(|to| tx.tasks[&to].path);
    let longest = after.chain(parent(tx, task).map(|p| p.path)).max();
    // What is done comes before nothing any more.
    let is_ordered = task.path > longest.unwrap_or(0);
    assert!(is_ordered || task.state == State::Done, "path of {task:?}");
}

/// No task runs before its dependencies are done and its parent has started; none is forgotten.
fn order(tx: &MemTx, task: &Task) {
    let parent = parent(tx, task);
    let parent_started = parent.is_none_or(|parent| parent.started);
    let parent_ended = parent.is_some_and(|parent| parent.state.is_end());
    let met = task.unmet == 0;
    match task.state {
        State::Ready | State::Running | State::Integrating => {
            assert!(met, "goes on with unmet dependencies: {task:?}");
            assert!(parent_started, "goes on before its parent: {task:?}");
        }
        State::Done => assert!(met && parent_started, "{task:?}"),
        State::Blocked => {
            assert!(!(met && parent_started), "forgotten: {task:?}");
        }
        State::Waiting(WaitReason::Approval, ResumeTo::Ready) => {
            assert!(met && parent_started, "asks too early: {task:?}");
        }
        State::Draft | State::Waiting(..) | State::Failed | State::Cancelled => {}
    }
    if parent_ended {
        let publishing = task.state == State::Integrating && is_publishing(tx, task);
        assert!(
            task.state.is_end() || publishing,
            "goes on under an ended parent: {task:?}"
        );
    }
}

fn is_publishing(tx: &MemTx, task: &Task) -> bool {
    let entry = tx.entries.get(&task.id);
    let candidate = entry.and_then(|entry| entry.candidate);
    candidate.is_some_and(|id| tx.candidates[&id].state == CandidateState::Publishing)
}

fn attempts(tx: &MemTx, task: &Task) {
    let runs = task.kind == TaskKind::Leaf && task.state == State::Running;
    assert_eq!(task.live.is_some(), runs, "live attempt of {task:?}");
    let work = |state: AttemptState| -> Vec<AttemptId> {
        let of_task = tx.index.attempts.get(&task.id).into_iter().flatten();
        let of_task = of_task.map(|id| &tx.attempts[id]);
        let of_state = of_task.filter(|a| a.kind == AttemptKind::Work && a.state == state);
        of_state.map(|attempt| attempt.id).collect()
    };
    let listed = |id: Option<AttemptId>| -> Vec<AttemptId> { id.into_iter().collect() };
    assert_eq!(work(AttemptState::Live), listed(task.live), "{task:?}");
    assert_eq!(work(AttemptState::Lost), listed(task.lost), "{task:?}");
    if task.state.is_end() {
        assert_eq!(task.lost, None, "ended, but may come back: {task:?}");
    }
}

fn numbers(tx: &MemTx) {
    let mut seen = BTreeSet::new();
    for attempt in tx.attempts.values() {
        let of = match attempt.kind {
            AttemptKind::Work => (Some(attempt.task), None),
            AttemptKind::Verify => (None, attempt.candidate),
        };
        assert!(seen.insert((of, attempt.number)), "number of {attempt:?}");
        if attempt.kind == AttemptKind::Verify && attempt.state.may_write() {
            let candidate = &tx.candidates[&attempt.candidate.unwrap()];
            let known = match attempt.state {
                AttemptState::Live => candidate.live,
                _ => candidate.lost,
            };
            assert_eq!(known, Some(attempt.id), "nobody knows {attempt:?}");
            assert_eq!(candidate.state, CandidateState::Verifying, "{attempt:?}");
        }
    }
}

/// Whether a result has to be verified by somebody else than its author.
fn wants_other(tx: &MemTx, task: TaskId) -> bool {
    let terms = tx.tasks[&task].terms.as_ref();
    terms.is_some_and(|hash| tx.terms[hash].verifier == Verifier::Other)
}

/// Who made what has to be verified by somebody else.
fn barred(tx: &MemTx, candidate: &Candidate) -> Option<AgentId> {
    if !candidate.entries.iter().any(|e| wants_other(tx, e.task)) {
        return None;
    }
    let authors = candidate.entries.iter().filter_map(|entry| {
        let of_task = tx.index.attempts.get(&entry.task)?;
        let made = |id: &&AttemptId| {
            let one = &tx.attempts[*id];
            one.kind == AttemptKind::Work && one.commit.as_ref() == Some(&entry.head)
        };
        let is_leaf = tx.tasks[&entry.task].kind == TaskKind::Leaf;
        let one = of_task.iter().rev().find(made).filter(|_| is_leaf)?;
        Some(tx.attempts[one].agent)
    });
    let authors: BTreeSet<AgentId> = authors.collect();
    assert!(authors.len() <= 1, "nobody could verify it: {candidate:?}");
    authors.first().copied()
}

fn queue(tx: &MemTx) {
    let mut expected = Vec::new();
    for task in tx.tasks.values() {
        let is_ready = task.state == State::Ready && task.kind == TaskKind::Leaf;
        let backs_off = tx.due.contains_key(&task.id);
        assert!(is_ready || !backs_off, "an alarm for {task:?}");
        let is_held = held(tx, task);
        assert!(is_ready || !is_held, "held back: {task:?}");
        assert!(
            backs_off || !is_held,
            "held back without an alarm: {task:?}"
        );
        if is_ready && !backs_off {
            expected.push(entry(task, Work::Task(task.id)));
        }
    }
    for candidate in tx.candidates.values() {
        if candidate.state == CandidateState::Verifying && candidate.live.is_none() {
            let first = &tx.tasks[&candidate.entries[0].task];
            let mut verify = entry(first, Work::Verify(candidate.id));
            let members = candidate.entries.iter();
            let labels = members.flat_map(|member| tx.tasks[&member.task].requires.iter());
            let labels = labels.filter(|label| *label != DEFAULT_DRIVER_LABEL);
            verify.requires = Labels::new(labels).unwrap();
            let lanes = candidate.entries.iter();
            let lanes = lanes.flat_map(|member| tx.tasks[&member.task].lane.keys());
            verify.lane = Lane::new(lanes);
            verify.not_by = barred(tx, candidate);
            expected.push(verify);
        }
    }
    let mut actual = tx.queue.clone();
    expected.sort_by_key(|entry| entry.work);
    actual.sort_by_key(|entry| entry.work);
    assert_eq!(actual, expected, "the ready queue");
}

/// Whether a limit of a lane has no room.
pub(crate) fn is_full_under(tx: &MemTx, org: OrgId, lane: &Lane) -> bool {
    let full = |slots: &Slots| slots.most.is_some_and(|most| slots.used >= most);
    let mut found = lane.keys().map(|key| tx.limits.get(&(org, key)));
    found.any(|slots| slots.is_some_and(full))
}

/// A counter is the number of live attempts under it, and none of them is forgotten.
fn limits(tx: &MemTx) {
    for ((org, key), slots) in &tx.limits {
        let live = tx.live();
        let mine = live
            .iter()
            .filter(|a| a.org == *org && a.lane.keys().any(|k| k == *key));
        assert_eq!(slots.used as usize, mine.count(), "used of {key}");
        if slots.most.is_none() {
            continue;
        }
        for task in tx.tasks.values().filter(|task| !task.state.is_end()) {
            let counts = key.counts(task.project, task.goal, &task.requires);
            let known = task.lane.keys().any(|k| k == *key);
            assert!(!counts || known, "{key} does not count {task:?}");
        }
        for attempt in live {
            let task = &tx.tasks[&attempt.task];
            let counts = key.counts(task.project, task.goal, &task.requires);
            let known = attempt.lane.keys().any(|k| k == *key);
            assert!(!counts || known, "{key} does not count {attempt:?}");
            if let Scope::Runtime(name) = &key.scope {
                let here = tx.agents[&attempt.agent].runtime == *name;
                assert_eq!(here, known, "{key} and {attempt:?}");
            }
        }
    }
}

pub(crate) fn entry(task: &Task, work: Work) -> Queued {
    Queued {
        org: task.org,
        requires: task.requires.clone(),
        lane: task.lane.clone(),
        priority: task.priority,
        path: task.path,
        seq: task.seq,
        not_by: None,
        work,
    }
}

fn train(tx: &MemTx, task: &Task) {
    let entry = tx.entries.get(&task.id);
    let integrates = task.state == State::Integrating;
    assert_eq!(entry.is_some(), integrates, "train entry of {task:?}");
    let Some(entry) = entry else { return };
    assert_eq!(Some(&entry.head), task.head.as_ref(), "{task:?}");
    assert!(entry.batch_max > 0, "can be in no candidate: {entry:?}");
    if let Some(id) = entry.candidate {
        let candidate = &tx.candidates[&id];
        let has = candidate.entries.iter().filter(|e| e.task == task.id);
        assert!(candidate.state.is_live() && candidate.target == entry.target);
        assert_eq!(has.count(), 1, "{task:?} in {candidate:?}");
    }
}

fn candidates(tx: &MemTx) {
    let mut busy = BTreeSet::new();
    for candidate in tx.candidates.values().filter(|c| c.state.is_live()) {
        let free = busy.insert(&candidate.target);
        assert!(free, "two live candidates for {:?}", candidate.target);
        for member in &candidate.entries {
            let entry = tx.entries.get(&member.task).expect("a train entry");
            assert_eq!(entry.candidate, Some(candidate.id), "{entry:?}");
            assert_eq!(entry.head, member.head, "{entry:?}");
        }
    }
}

fn composite(task: &Task) {
    if task.kind == TaskKind::Leaf {
        return;
    }
    let closed = task.open_children == 0;
    match task.state {
        State::Done | State::Integrating | State::Waiting(_, ResumeTo::Integrating) => {
            assert!(closed, "ends before its children: {task:?}");
        }
        State::Running => {
            let has_none = task.choice == Some(Choice::Open);
            assert!(
                !closed || has_none,
                "does not end with its children: {task:?}"
            );
            assert!(task.started, "{task:?}");
        }
        _ => {}
    }
}

/// What is done is proven by receipts on the tree that was published, and reviewed if it has to be.
fn result(tx: &MemTx, task: &Task) {
    let patch = tx.patches.values().find(|patch| patch.task == task.id);
    if task.state == State::Waiting(WaitReason::Review, ResumeTo::Integrating) {
        let patch = patch.expect("a patch to review");
        assert_eq!(patch.state, PatchState::Open);
        assert_eq!(Some(&patch.head), task.head.as_ref());
    }
    if task.state != State::Done {
        assert_eq!(task.proof, Proof::Open, "{task:?}");
        assert_eq!(task.published, None, "{task:?}");
        return;
    }
    let Some(project) = task.project else {
        assert_eq!(task.proof, Proof::Unproven, "{task:?}");
        return;
    };
    if task.review {
        assert!(
            task.head.is_some() && task.accepted == task.head,
            "{task:?}"
        );
        assert_eq!(patch.unwrap().state, PatchState::Merged);
    }
    let own = tx.index.candidates.get(&task.id).into_iter().flatten();
    let own = own.map(|id| &tx.candidates[id]);
    let in_target: Vec<_> = own
        .filter(|candidate| candidate.state == CandidateState::Published)
        .collect();
    assert_eq!(in_target.len(), 1, "published once: {task:?}");
    let tree = in_target[0].tree.as_ref().unwrap();
    let set = &tx.check_sets[task.check_set.as_ref().unwrap()];
    for hash in set.hashes() {
        let of_tree = tx.index.receipts.get(&(project, tree.clone()));
        let mut of_tree = of_tree.into_iter().flatten().map(|at| &tx.receipts[*at]);
        let not = barred(tx, in_target[0]);
        let counts = |receipt: &Receipt| receipt.passed && Some(receipt.agent) != not;
        let proven = of_tree.any(|receipt| counts(receipt) && receipt.check_hash == hash);
        assert!(proven, "done without proof: {task:?}");
    }
    let expected = if set.checks.is_empty() {
        Proof::Unproven
    } else {
        Proof::Proven
    };
    assert_eq!(task.proof, expected);
}

/// Who waits for an answer waits for the last thing that was asked, and holds nothing; nothing is
/// asked twice.
fn asks(tx: &MemTx, task: &Task) {
    let none = Vec::new();
    let all = tx.asks.get(&task.id).unwrap_or(&none);
    for (number, ask) in (1..).zip(all) {
        assert_eq!(ask.number, number, "{ask:?}");
    }
    let agents: Vec<_> = all.iter().filter_map(|ask| ask.attempt).collect();
    let distinct: BTreeSet<_> = agents.iter().collect();
    assert_eq!(agents.len(), distinct.len(), "asked twice: {all:?}");
    assert!(agents.len() <= QUESTIONS_MAX, "{all:?}");
    for asked in &agents {
        assert_eq!(tx.attempts[asked].state, AttemptState::Asked, "{all:?}");
    }
    let State::Waiting(reason @ (WaitReason::Question | WaitReason::Permission), to) = task.state
    else {
        return;
    };
    let last = all.last().expect("a question");
    assert_eq!(last.kind.wait_reason(), Some(reason), "{last:?}");
    assert_eq!((to, &last.answer), (ResumeTo::Ready, &None), "{last:?}");
    let attempt = &tx.attempts[&last.attempt.expect("an attempt that asks")];
    assert!(
        task.project.is_none() || task.prior == attempt.commit,
        "{task:?}"
    );
    assert_eq!((task.live, task.lost), (None, None), "holds: {task:?}");
}

/// One alternative at most gets into its target, what passed waits until it is known which one, and
/// nobody waits for a choice that needs nobody.
fn choices(tx: &MemTx, task: &Task) {
    match task.choice {
        None => return,
        Some(Choice::Alternative) => return alternative(tx, task),
        Some(Choice::Open | Choice::Taken(_)) => {}
    }
    let all = || children(tx, task).filter(|child| child.choice == Some(Choice::Alternative));
    assert!(
        task.kind == TaskKind::Composite && all().count() > 1,
        "{task:?}"
    );
    let published = tx.candidates.values().filter(|candidate| {
        let one = |id: TaskId| all().any(|child| child.id == id);
        let mut entries = candidate.entries.iter();
        candidate.state == CandidateState::Published && entries.any(|e| one(e.task))
    });
    assert!(
        published.count() <= 1,
        "more than one was integrated: {task:?}"
    );
    let done = all().filter(|child| child.state == State::Done).count();
    let ends = matches!(task.state, State::Done | State::Integrating);
    assert_eq!(
        done,
        usize::from(ends).max(done),
        "ends without one: {task:?}"
    );
    assert!(done <= 1, "{task:?}");
    if task.choice == Some(Choice::Open) && task.state == State::Running {
        let passed = all().filter(|c| matches!(c.state, State::Waiting(_, ResumeTo::Integrating)));
        let at_work = all().any(|child| {
            !matches!(
                child.state,
                State::Failed
                    | State::Cancelled
                    | State::Waiting(WaitReason::Attention, _)
                    | State::Waiting(_, ResumeTo::Integrating)
            )
        });
        // Who called one off that had passed has begun to choose.
        let asked = |id: TaskId| {
            tx.asks
                .get(&id)
                .is_some_and(|all| all.iter().any(|ask| ask.kind == AskKind::Choice))
        };
        let begun = all().any(|child| child.state.is_end() && asked(child.id));
        assert!(
            at_work || begun || passed.count() != 1,
            "chooses nothing: {task:?}"
        );
    }
}

fn alternative(tx: &MemTx, task: &Task) {
    let parent = parent(tx, task).and_then(|parent| parent.choice);
    assert!(
        task.kind == TaskKind::Leaf && !task.side_effects,
        "{task:?}"
    );
    let edges = beginning(&tx.edges, task.id).chain(beginning(&tx.index.needs, task.id));
    assert_eq!(edges.count(), 0, "{task:?}");
    match parent {
        Some(Choice::Open) => {
            let waits = State::Waiting(WaitReason::Approval, ResumeTo::Integrating);
            let far = matches!(task.state, State::Integrating | State::Done)
                || matches!(task.state, State::Waiting(_, ResumeTo::Integrating));
            assert!(
                !far || task.state == waits,
                "goes on without a choice: {task:?}"
            );
            let open = tx.asks.get(&task.id).and_then(|asks| asks.last());
            let asked = open.is_some_and(|ask| {
                ask.kind == AskKind::Choice && ask.answer.is_none() && ask.head == task.head
            });
            assert!(asked || task.state != waits, "asks nobody: {task:?}");
        }
        Some(Choice::Taken(one)) if one == task.id => {
            assert!(
                !matches!(task.state, State::Failed | State::Cancelled),
                "{task:?}"
            );
        }
        Some(Choice::Taken(_)) => assert_eq!(task.state, State::Cancelled, "{task:?}"),
        Some(Choice::Alternative) | None => panic!("an alternative of nothing: {task:?}"),
    }
}

/// One revision at most is current, each came from the one before it, and its tasks are there.
fn plans(tx: &MemTx) {
    for (id, all) in &tx.plans {
        let goal = &tx.tasks[id];
        let mut current = None;
        for (number, stored) in (1..).zip(all) {
            let revision = &stored.revision;
            assert_eq!(revision.number, number, "{revision:?}");
            match revision.state {
                PlanState::Proposed => assert_eq!(revision.decision, None, "{revision:?}"),
                PlanState::Rejected => assert!(revision.decision.is_some(), "{revision:?}"),
                PlanState::Superseded | PlanState::Current => {
                    assert_eq!(revision.parent, current, "{revision:?}");
                    current = Some(number);
                    for task in stored.tasks.values() {
                        assert_eq!(tx.tasks[task].goal, goal.goal, "{revision:?}");
                    }
                }
            }
        }
        let now = all
            .iter()
            .filter(|s| s.revision.state == PlanState::Current);
        for stored in now.clone() {
            made(&stored.plan.tasks, "", &stored.tasks);
        }
        assert_eq!(now.count(), usize::from(current.is_some()), "{all:?}");
        if current.is_none() && goal.is_goal() {
            let waits = matches!(goal.state, State::Draft | State::Cancelled | State::Failed);
            assert!(waits, "begins without a plan: {goal:?}");
        }
    }
}

/// What a plan that is carried out has to do is somebody's to do.
fn made(tasks: &[PlanTask], prefix: &str, ids: &BTreeMap<String, TaskId>) {
    for task in tasks.iter().filter(|task| !task.is_done()) {
        let key = format!("{prefix}{}", task.key);
        assert!(ids.contains_key(&key), "{key} was not made: {ids:?}");
        made(&task.tasks, &format!("{key}/"), ids);
    }
}

fn events(tx: &MemTx, seen: usize) {
    for stored in &tx.events[seen..] {
        let event = &stored.event;
        if event.kind != EventKind::TaskState {
            continue;
        }
        let id: TaskId = event.task.unwrap();
        let from = event.data["from"].as_str().unwrap();
        let to = event.data["to"].as_str().unwrap();
        let table = match tx.tasks[&id].kind {
            TaskKind::Leaf => LEAF,
            TaskKind::Composite => COMPOSITE,
        };
        let from_end = matches!(from, "done" | "failed" | "cancelled");
        let is_end = matches!(to, "failed" | "cancelled") && !from_end;
        assert!(
            is_end || table.contains(&(from, to)),
            "{id} went from {from} to {to}"
        );
    }
    let done = tx.events[seen..].iter().filter(|stored| {
        stored.event.kind == EventKind::TaskState && stored.event.data["to"] == "done"
    });
    for stored in done {
        let id = stored.event.task.unwrap();
        assert_eq!(tx.tasks[&id].state, State::Done, "done is an end: {id}");
    }
}
