//! The one place that applies a transition, and the ready queue's upkeep that goes with it.

use std::time::Duration;

use serde_json::json;

use crate::attempt::{Attempt, AttemptState, Failure};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::git::RefName;
use crate::id::{AttemptId, TaskId};
use crate::limits::{BACKOFF_WITH_JITTER_MAX, QUEUE_FULL_RETRY};
use crate::policy::Retry;
use crate::state::{Cause, ResumeTo, State, TaskKind, WaitReason, transition};
use crate::task::Task;
use crate::train::Target;
use crate::tx::{Effect, Queued, Read, RuleConfig, Tx, Work};

use super::{ask, forecast, hold, slots};

/// A task that has to exist, because something stored names it or the caller has just seen it.
pub(super) fn load(view: &mut dyn Read, id: TaskId) -> Result<Task> {
    view.task(id)?
        .ok_or_else(|| Refusal::NotFound("task").into())
}

/// Changes the state of a task as [`transition`] decides, and says so in the event stream. The
/// caller stores the task.
pub(super) fn step(
    tx: &mut dyn Tx,
    task: &mut Task,
    cause: Cause,
    why: &str,
    attempt: Option<AttemptId>,
) -> Result<()> {
    let from = task.state;
    let to = transition(task.kind, from, cause)?;
    task.state = to;
    task.updated_at = tx.now();
    if to != State::Ready {
        task.held_by = None;
    }
    if task.holds && !forecast::is_at_work(task.kind, to) {
        hold::release(tx, task)?;
    }
    let mut data = json!({ "from": from.name(), "to": to.name(), "why": why });
    if let State::Waiting(reason, _) = to {
        data["waiting_for"] = json!(reason);
    }
    tx.append_event(&NewEvent {
        org: task.org,
        kind: EventKind::TaskState,
        project: task.project,
        task: Some(task.id),
        attempt,
        data,
    })
}

/// The queue entry of a leaf.
pub(super) fn queued(task: &Task) -> Queued {
    Queued {
        org: task.org,
        requires: task.requires.clone(),
        lane: task.lane.clone(),
        priority: task.priority,
        path: task.path,
        seq: task.seq,
        not_by: None,
        work: Work::Task(task.id),
    }
}

/// Queues a leaf that is ready, or sets its alarm if it backs off. The task is stored already.
pub(super) fn queue(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    debug_assert!(task.state == State::Ready && task.kind == TaskKind::Leaf);
    // It is queued when that one is at work no longer.
    if task.held_by.is_some() {
        return Ok(());
    }
    if let Some(at) = task.not_before.filter(|at| *at > tx.now()) {
        let at = at.min(tx.now().plus(BACKOFF_WITH_JITTER_MAX));
        tx.set_due(task.id, Some(at))?;
        tx.effect(Effect::Later(at));
        return Ok(());
    }
    if !tx.enqueue(&queued(task))? {
        return wait_outside(tx, task);
    }
    tx.effect(Effect::Ready(task.org, task.requires.clone()));
    Ok(())
}

/// The org has as many ready queues as it may have: the task tries to get into one a little later.
/// To refuse it would undo what made it ready: a completion, a publication, the end of a lease.
fn wait_outside(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    let at = tx.now().plus(QUEUE_FULL_RETRY);
    tx.put_task(&Task {
        not_before: Some(at),
        ..task.clone()
    })?;
    tx.set_due(task.id, Some(at))?;
    tx.effect(Effect::Later(at));
    Ok(())
}

/// Whether nothing but an approval, at most, is in a task's way: it can be blocked again.
pub(super) fn is_open(state: State) -> bool {
    matches!(
        state,
        State::Ready | State::Waiting(WaitReason::Approval, ResumeTo::Ready)
    )
}

/// Takes a ready task out of the queue, or its alarm back.
pub(super) fn unqueue(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    if task.state != State::Ready || task.kind != TaskKind::Leaf {
        return Ok(());
    }
    if !tx.dequeue(&queued(task))? {
        tx.set_due(task.id, None)?;
    }
    Ok(())
}

/// Changes what decides a task's place in line, and moves what waits in the queue on its account:
/// itself, or the candidate that it leads. Stores the task.
pub(super) fn reorder(
    tx: &mut dyn Tx,
    task: &mut Task,
    change: impl FnOnce(&mut Task),
) -> Result<()> {
    let waiting = match task.state {
        State::Ready if task.kind == TaskKind::Leaf => Some(queued(task)),
        State::Integrating => super::train::waiting_verify(tx, task)?,
        State::Draft
        | State::Blocked
        | State::Ready
        | State::Running
        | State::Waiting(..)
        | State::Done
        | State::Failed
        | State::Cancelled => None,
    };
    let moved = match waiting {
        Some(entry) if tx.dequeue(&entry)? => Some(entry),
        Some(_) | None => None,
    };
    change(task);
    tx.put_task(task)?;
    if let Some(mut entry) = moved {
        entry.priority = task.priority;
        entry.path = task.path;
        if !tx.enqueue(&entry)? {
            wait_outside(tx, task)?;
        }
    }
    hold::moved(tx, task)
}

/// Whether children may still be added to a composite, or tried again: not once it has ended or its
/// result is settled.
pub(super) fn takes_children(parent: &Task) -> bool {
    !parent.state.is_end()
        && !matches!(
            parent.state,
            State::Integrating | State::Waiting(_, ResumeTo::Integrating)
        )
}

/// Makes a blocked task ready if nothing is in its way: no dependency unmet, and its parent (if
/// any) has started. Stores the task.
pub(super) fn settle(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    let open = task.state == State::Blocked && task.unmet == 0 && parent_has_started(tx, task)?;
    if !open {
        return tx.put_task(task);
    }
    settle_open(tx, task)
}

/// The same for a task whose parent is known to have started.
pub(super) fn settle_open(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    step(tx, task, Cause::Unblocked, "nothing is in its way", None)?;
    if ask::before_start(tx, task)? {
        return tx.put_task(task);
    }
    tx.put_task(task)?;
    after_ready(tx, task)
}

/// What follows when a stored task has just become ready.
pub(super) fn after_ready(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    match task.kind {
        TaskKind::Leaf => queue(tx, task),
        // Its branch has to be made first, which a loop does: the database cannot.
        TaskKind::Composite if task.project.is_some() => {
            tx.effect(Effect::Start(task.id));
            Ok(())
        }
        TaskKind::Composite => super::finish::start(tx, task.id, None),
    }
}

fn parent_has_started(tx: &mut dyn Tx, task: &Task) -> Result<bool> {
    let Some(parent) = task.parent else {
        return Ok(true);
    };
    let parent = load(tx, parent)?;
    Ok(parent.started && !parent.state.is_end())
}

/// Delay before try number `failures` (1 is the first retry): doubling, with jitter of ±25 % so
/// that tasks which failed together do not come back together.
pub(super) fn backoff(tx: &mut dyn Tx, cfg: &RuleConfig, retry: &Retry, failures: u8) -> Duration {
    let first = retry
        .first_ms
        .map_or(cfg.backoff_first, |ms| Duration::from_millis(ms.into()));
    let doubled = first.saturating_mul(1 << u32::from(failures.clamp(1, 16) - 1));
    let millis = u64::try_from(doubled.min(retry.longest()).as_millis()).unwrap_or(u64::MAX);
    let spread = millis / 2;
    let jitter = if spread == 0 {
        0
    } else {
        u64::try_from(tx.random() % u128::from(spread)).unwrap_or(0)
    };
    Duration::from_millis(millis - millis / 4 + jitter)
}

/// The target of a task that has a project.
pub(super) fn target_of(tx: &mut dyn Tx, task: &Task) -> Result<Option<Target>> {
    let Some(id) = task.project else {
        return Ok(None);
    };
    let branch = match task.parent {
        Some(parent) => RefName::of_composite(parent),
        None => {
            let project = tx.project(id)?.ok_or(Refusal::NotFound("project"))?;
            project.default_branch
        }
    };
    Ok(Some(Target {
        project: id,
        branch,
    }))
}

/// Ends an attempt whose lease has ended: it may come back, but not to other words. The caller stores
/// the task.
pub(super) fn supersede_lost(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    let Some(id) = task.lost.take() else {
        return Ok(());
    };
    match tx.attempt(id)? {
        Some(mut lost) => end_attempt(tx, &mut lost, AttemptState::Superseded, None),
        None => Ok(()),
    }
}

/// Ends an attempt and says so. An agent that does not know yet hears it on its control channel.
pub(super) fn end_attempt(
    tx: &mut dyn Tx,
    attempt: &mut Attempt,
    state: AttemptState,
    failure: Option<Failure>,
) -> Result<()> {
    if attempt.state == AttemptState::Live {
        slots::give_back(tx, attempt)?;
    }
    attempt.state = state;
    attempt.failure = failure;
    attempt.ended_at = Some(tx.now());
    tx.put_attempt(attempt)?;
    if matches!(state, AttemptState::Cancelled | AttemptState::Superseded) {
        tx.effect(Effect::Control(attempt.agent));
    }
    attempt_event(tx, attempt)
}

/// Says what state an attempt is in.
pub(super) fn attempt_event(tx: &mut dyn Tx, attempt: &Attempt) -> Result<()> {
    tx.append_event(&NewEvent {
        org: attempt.org,
        kind: EventKind::AttemptState,
        project: None,
        task: Some(attempt.task),
        attempt: Some(attempt.id),
        data: json!({
            "state": attempt.state,
            "kind": attempt.kind,
            "number": attempt.number,
            "failure": attempt.failure,
        }),
    })
}
