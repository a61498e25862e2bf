//! One of several alternatives is taken.
//!
//! A choice is a composite whose children, its alternatives, all do the same. One that has passed
//! its checks waits, as an approval is waited for, until it is known which one is taken. Policy may
//! say that it is the first. Otherwise, once none is at work any more, the only one that passed is
//! taken; among several a person chooses, at any time. The one that is taken goes into its train,
//! and the others are called off. If it is called off itself, the choice is open again.

use serde_json::json;

use crate::ask::{AskAnswer, AskKind};
use crate::choice::{Choice, Choose, title};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::git::Oid;
use crate::id::TaskId;
use crate::state::{Cause, ResumeTo, State, WaitReason};
use crate::task::{Task, TaskSpec};
use crate::tx::{Read, Tx};

use super::plan::BY_POLICY;
use super::step::{self, step};
use super::{ask, person, policy, train};

/// Who has chosen when only one alternative passed.
pub const BY_CHECKS: &str = "checks";
/// Why the others are called off.
const ANOTHER: &str = "another alternative was chosen";

/// The choice that a result waits for.
#[must_use]
pub fn choosable(task: &Task) -> Option<TaskId> {
    let waits = task.choice == Some(Choice::Alternative)
        && task.state == State::Waiting(WaitReason::Approval, ResumeTo::Integrating);
    task.parent.filter(|_| waits)
}

/// The open choice that a task is an alternative of.
fn open_choice(tx: &mut dyn Tx, task: &Task) -> Result<Option<Task>> {
    match (task.choice, task.parent) {
        (Some(Choice::Alternative), Some(parent)) => {
            let parent = step::load(tx, parent)?;
            Ok(Some(parent).filter(|parent| parent.choice == Some(Choice::Open)))
        }
        _ => Ok(None),
    }
}

/// The result of an integrating task has passed its checks: it goes into its train, or, as one of
/// several alternatives, waits for the choice.
pub(super) fn passed(tx: &mut dyn Tx, mut task: Task) -> Result<()> {
    let Some(parent) = open_choice(tx, &task)? else {
        return train::enter(tx, &task);
    };
    let park = Cause::Park(WaitReason::Approval, ResumeTo::Integrating);
    let why = "it waits for the choice among its alternatives";
    step(tx, &mut task, park, why, None)?;
    tx.put_task(&task)?;
    ask::whether_taken(tx, &task)?;
    match policy::terms_of(tx, &parent)?.choose {
        Choose::First => take(tx, parent, task.id, BY_POLICY),
        Choose::Person => settle(tx, parent),
    }
}

/// A task waits for attention: if it is an alternative, the others may have been waiting for it.
pub(super) fn parked(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    match open_choice(tx, task)? {
        Some(parent) => settle(tx, parent),
        None => Ok(()),
    }
}

/// A task has failed or was cancelled. If it was the one that was taken, the choice is open again. If
/// it had passed its checks, who ended it has begun to choose, and goes on with it.
pub(super) fn ended(tx: &mut dyn Tx, task: &Task, had_passed: bool) -> Result<()> {
    let (Some(Choice::Alternative), Some(parent)) = (task.choice, task.parent) else {
        return Ok(());
    };
    let mut parent = step::load(tx, parent)?;
    if parent.choice == Some(Choice::Taken(task.id)) {
        parent.choice = Some(Choice::Open);
        tx.put_task(&parent)?;
    }
    match parent.choice {
        Some(Choice::Open) if !had_passed => settle(tx, parent),
        Some(Choice::Open | Choice::Taken(_) | Choice::Alternative) | None => Ok(()),
    }
}

/// Takes the only alternative that passed, once none is at work any more.
fn settle(tx: &mut dyn Tx, parent: Task) -> Result<()> {
    if parent.state != State::Running {
        return Ok(());
    }
    let mut passed = Vec::new();
    for id in tx.children(parent.id)? {
        let child = step::load(tx, id)?;
        match child.state {
            State::Waiting(WaitReason::Approval, ResumeTo::Integrating) => passed.push(id),
            State::Waiting(WaitReason::Attention, _) | State::Failed | State::Cancelled => {}
            State::Draft
            | State::Blocked
            | State::Ready
            | State::Running
            | State::Integrating
            | State::Waiting(..)
            | State::Done => return Ok(()),
        }
    }
    match passed[..] {
        [only] => take(tx, parent, only, BY_CHECKS),
        _ => Ok(()),
    }
}

/// Takes the alternative that passed first of those that wait for the choice, if any does.
pub(super) fn take_first(tx: &mut dyn Tx, parent: Task) -> Result<()> {
    let mut first = None;
    for id in tx.children(parent.id)? {
        if choosable(&step::load(tx, id)?).is_some() {
            let asked = tx.asks(id)?.last().map(|ask| ask.asked_at);
            first = first.into_iter().chain([(asked, id)]).min();
        }
    }
    match first {
        Some((_, id)) => take(tx, parent, id, BY_POLICY),
        None => Ok(()),
    }
}

/// Lets one alternative go on into its train and calls the others off. Their work stays on the refs
/// of their attempts.
fn take(tx: &mut dyn Tx, mut parent: Task, chosen: TaskId, by: &str) -> Result<()> {
    parent.choice = Some(Choice::Taken(chosen));
    tx.put_task(&parent)?;
    tx.append_event(&NewEvent {
        org: parent.org,
        kind: EventKind::TaskChosen,
        project: parent.project,
        task: Some(parent.id),
        attempt: None,
        data: json!({ "chosen": chosen, "by": by }),
    })?;
    let mut task = step::load(tx, chosen)?;
    ask::answered(tx, &task, &[AskKind::Choice], by, "")?;
    step(tx, &mut task, Cause::Resume, "it was chosen", None)?;
    tx.put_task(&task)?;
    train::enter(tx, &task)?;
    for id in tx.children(parent.id)? {
        let mut other = step::load(tx, id)?;
        if id == chosen || other.state == State::Cancelled {
            continue;
        }
        ask::answered(tx, &other, &[AskKind::Choice], by, ANOTHER)?;
        if other.state == State::Failed {
            // What has failed is not called off as such: that would leave it open for its parent.
            let started = other.started;
            step(tx, &mut other, Cause::Retry { started }, ANOTHER, None)?;
            tx.put_task(&other)?;
        }
        person::end(tx, other, Cause::Cancel, ANOTHER)?;
    }
    Ok(())
}

/// A person takes one alternative, whether others are still at work or not. To take the same one
/// again changes nothing. `seen` is the commit that they looked at.
///
/// # Errors
/// [`Refusal::Outdated`] if it has another one by now; [`Refusal::NotFound`]; [`Refusal::Invalid`] if the task has no alternatives, or this is none of
/// them; [`Refusal::Conflict`] if another one was taken, or this one has not passed its checks.
pub fn choose(
    tx: &mut dyn Tx,
    id: TaskId,
    alternative: TaskId,
    seen: Option<&Oid>,
    by: &str,
) -> Result<Task> {
    let task = step::load(tx, id)?;
    match task.choice {
        Some(Choice::Open) => {}
        Some(Choice::Taken(taken)) if taken == alternative => return Ok(task),
        Some(Choice::Taken(taken)) => {
            let text = format!("{taken} was chosen already: while it is not done, cancel it first");
            return Err(Refusal::Conflict(text).into());
        }
        Some(Choice::Alternative) | None => {
            let problem = "has no alternatives to choose from";
            return Err(Refusal::invalid("task", problem).into());
        }
    }
    let child = tx.task(alternative)?.filter(|one| one.parent == Some(id));
    let Some(child) = child else {
        let problem = "is not one of the task's alternatives";
        return Err(Refusal::invalid("alternative", problem).into());
    };
    if task.state != State::Running || choosable(&child).is_none() {
        let text = format!(
            "it is {}: only an alternative that has passed its checks, and waits for the choice, can be chosen",
            child.state
        );
        return Err(Refusal::Conflict(text).into());
    }
    if seen.is_some() && seen != child.head.as_ref() {
        return Err(Refusal::Outdated("the alternative").into());
    }
    take(tx, task, alternative, by)?;
    step::load(tx, id)
}

/// An alternative is not tried again once another one was taken.
pub(super) fn refuse_another(parent: &Task, task: &Task) -> Result<()> {
    match (parent.choice, task.choice) {
        (Some(Choice::Taken(taken)), Some(Choice::Alternative)) if taken != task.id => {
            let text = format!("{ANOTHER}: {taken}; while it is not done, cancel it first");
            Err(Refusal::Conflict(text).into())
        }
        _ => Ok(()),
    }
}

/// Gives alternatives on which no work has begun the new words of their task, where they had those of
/// before.
pub(super) fn reword(tx: &mut dyn Tx, id: TaskId, before: &TaskSpec, now: &TaskSpec) -> Result<()> {
    let ways = tx.children(id)?;
    let count = ways.len();
    for (number, way) in (1..).zip(ways) {
        let Some(mut spec) = tx.task_spec(way)? else {
            continue;
        };
        if spec.goal == before.goal {
            now.goal.clone_into(&mut spec.goal);
        }
        if spec.title == title(number, count, &before.title) {
            spec.title = title(number, count, &now.title);
        }
        tx.put_task_spec(way, &spec)?;
    }
    Ok(())
}

/// A choice and what there is to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The task.
    pub task: Task,
    /// The one that was taken.
    pub taken: Option<TaskId>,
    /// Who took it, and when; absent if it was taken and called off since.
    pub answer: Option<AskAnswer>,
    /// Its alternatives, in their order.
    pub alternatives: Vec<Standpoint>,
}

/// One alternative, as whoever chooses looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standpoint {
    /// The alternative.
    pub task: Task,
    /// Whether it can be chosen now.
    pub is_choosable: bool,
    /// The last commit that one of its attempts came to.
    pub head: Option<Oid>,
    /// What that commit started from.
    pub base: Option<Oid>,
}

/// What there is to choose from.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] if the task has no alternatives.
pub fn standing<R: Read + ?Sized>(view: &mut R, id: TaskId) -> Result<Standing> {
    let task = view.task(id)?.ok_or(Refusal::NotFound("task"))?;
    let taken = match task.choice {
        Some(Choice::Open) => None,
        Some(Choice::Taken(taken)) => Some(taken),
        Some(Choice::Alternative) | None => {
            let problem = "has no alternatives to choose from";
            return Err(Refusal::invalid("task", problem).into());
        }
    };
    let mut alternatives = Vec::new();
    for child in view.children(id)? {
        let Some(child) = view.task(child)? else {
            continue;
        };
        // Generated tasks of the same parent are none.
        if child.choice != Some(Choice::Alternative) {
            continue;
        }
        let attempts = view.attempts(child.id)?;
        let last = attempts.into_iter().rev();
        let last = last
            .filter(|one| one.candidate.is_none())
            .find(|one| one.commit.is_some());
        alternatives.push(Standpoint {
            is_choosable: task.state == State::Running
                && taken.is_none()
                && choosable(&child).is_some(),
            head: last.as_ref().and_then(|one| one.commit.clone()),
            base: last.and_then(|one| one.base),
            task: child,
        });
    }
    let asks = match taken {
        Some(taken) => view.asks(taken)?,
        None => Vec::new(),
    };
    let chosen = asks
        .into_iter()
        .rev()
        .find(|ask| ask.kind == AskKind::Choice);
    Ok(Standing {
        task,
        taken,
        answer: chosen.and_then(|ask| ask.answer),
        alternatives,
    })
}
