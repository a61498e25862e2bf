//! Tasks that are held back, because another one is at work on the same paths.
//!
//! Under a policy with `conflicts: hold` a claim passes over a task that would meet one that is at
//! work, and takes it out of its queue. The task stays ready, and remembers behind whom it is; that
//! one remembers that somebody is. When it is at work no longer, for whatever reason, what was held
//! back is queued again, and the next claim looks anew.
//!
//! A task that meets others that are held back already, and come before it in line, is held back
//! behind the last of them: they take turns, and few are let go at a time. Nobody is held back behind
//! what waits for a person. One that has come to the head of such a line may find no agent for days:
//! those behind it look anew after [`LOOK_AGAIN`].

use std::time::Duration;

use crate::error::Result;
use crate::limits::BACKOFF_WITH_JITTER_MAX;
use crate::policy::Conflicts;
use crate::state::State;
use crate::task::Task;
use crate::tx::{Effect, Tx};

use super::{forecast, policy, step};

/// How long a task is held back before it is looked at again by itself.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(60);
// An alarm that is farther away is taken for one of a clock that went back since.
const _: () = assert!(LOOK_AGAIN.as_secs() < BACKOFF_WITH_JITTER_MAX.as_secs());

/// Holds a task back if its policy wants it and another one is in its way. It is ready, and in no
/// queue. Stores it then.
pub(super) fn back(tx: &mut dyn Tx, task: &mut Task) -> Result<bool> {
    // A task without terms was promised the defaults, which show and do not hold.
    if task.terms.is_none() || policy::terms_of(tx, task)?.conflicts == Conflicts::Show {
        return Ok(false);
    }
    let Some((other, met)) = forecast::in_the_way(tx, task)? else {
        return Ok(false);
    };
    behind(tx, task, other, &met.paths)?;
    Ok(true)
}

/// Looks again at a task whose alarm has come: it stays where it is, goes behind another one, or is
/// let go.
pub(super) fn again(tx: &mut dyn Tx, mut task: Task) -> Result<()> {
    match forecast::in_the_way(tx, &task)? {
        Some((other, met)) => behind(tx, &mut task, other, &met.paths),
        None => let_go(tx, task),
    }
}

/// Marks both, and sets the alarm.
fn behind(tx: &mut dyn Tx, task: &mut Task, mut other: Task, paths: &[String]) -> Result<()> {
    let is_new = task.held_by != Some(other.id);
    task.held_by = Some(other.id);
    tx.put_task(task)?;
    let at = tx.now().plus(LOOK_AGAIN);
    tx.set_due(task.id, Some(at))?;
    tx.effect(Effect::Later(at));
    if !other.holds {
        other.holds = true;
        tx.put_task(&other)?;
    }
    match is_new {
        true => forecast::say(tx, task, other.id, paths, true),
        false => Ok(()),
    }
}

/// The place in line of a task that is ready has changed: who is behind whom is seen anew. Stores it.
pub(super) fn moved(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    if task.holds && task.state == State::Ready {
        release(tx, task)?;
        tx.put_task(task)?;
    }
    if task.held_by.is_some() {
        let_go(tx, task.clone())?;
        task.held_by = None;
    }
    Ok(())
}

/// Lets go what is held back behind a task. The caller stores the task.
pub(super) fn release(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    task.holds = false;
    for id in tx.held_behind(task.id)? {
        let held = step::load(tx, id)?;
        let_go(tx, held)?;
    }
    Ok(())
}

/// Takes a task's mark and its alarm away, so that the next claim looks anew.
pub(super) fn let_go(tx: &mut dyn Tx, mut held: Task) -> Result<()> {
    held.held_by = None;
    tx.put_task(&held)?;
    tx.set_due(held.id, None)?;
    match held.state {
        State::Ready => step::queue(tx, &held),
        State::Draft
        | State::Blocked
        | State::Running
        | State::Integrating
        | State::Waiting(..)
        | State::Done
        | State::Failed
        | State::Cancelled => Ok(()),
    }
}
