//! Retention: what goes some time after a goal has ended, and what stays.
//!
//! Logs, artifacts and the refs of attempts go; tasks, attempts, receipts and what was merged stay.
//! A receipt outlives the log that it is about, and says so.
//!
//! 1. [`let_go`] for each task of the goal: from then on nothing names its bytes, and no later
//!    attempt starts from work that only a ref of an attempt holds.
//! 2. [`retire`], once all of them are through.
//! 3. The refs go at the home of the repository, whenever it looks, if [`refs_may_go`]; blobs that
//!    nothing names any more go by the rules of [`super::bytes`].
//!
//! Each step can be cut, and repeated. A goal that a person takes up again meanwhile is left alone.
//!
//! *Invariant:* nothing of a goal that has not ended, or ended too recently, is touched.

use std::time::Duration;

use crate::attempt::Attempt;
use crate::auth::AuditEntry;
use crate::bytes::{KeptLog, Retention};
use crate::error::Result;
use crate::id::{AttemptId, OrgId, TaskId};
use crate::server::LoopState;
use crate::state::State;
use crate::task::Task;
use crate::time::Timestamp;
use crate::tx::{Read, Tx};

/// Who is named in the audit log.
const ACTOR: &str = "retention";

/// Names the hold among the states of loops.
const HOLD: &str = "archive_hold";
/// How long a hold lasts that is not said again.
pub const HOLD_TERM: Duration = Duration::from_secs(600);

/// Says that an archive is being taken, before its records are read and again and again until its
/// last byte is there: meanwhile nothing is removed that they may name.
///
/// # Errors
/// Storage only.
pub fn hold(tx: &mut dyn Tx) -> Result<()> {
    let until = tx.now().plus(HOLD_TERM);
    let mut state = tx.loop_state(HOLD)?.unwrap_or_else(|| LoopState {
        name: HOLD.to_owned(),
        holder: None,
        run: 0,
        until,
        fired_at: None,
    });
    // Several archives may be taken at one time; none of them ends later than this but by a clock
    // that went back since.
    state.until = until;
    tx.put_loop_state(&state)
}

/// Whether an archive is being taken. Asked in the transaction that decides on a removal: what is
/// let go of before an archive begins is not named by it.
///
/// # Errors
/// Storage only.
pub fn is_held<R: Read + ?Sized>(view: &mut R) -> Result<bool> {
    let now = view.now();
    Ok(view.loop_state(HOLD)?.is_some_and(|hold| hold.until > now))
}

/// What an org's goals are kept for: its own word, or else the lab's.
///
/// # Errors
/// Storage only.
pub fn of_org<R: Read + ?Sized>(view: &mut R, org: OrgId, lab: Retention) -> Result<Retention> {
    Ok(view.org(org)?.and_then(|org| org.retention).unwrap_or(lab))
}

/// Whether a goal ended before a time and has not been retired since.
///
/// # Errors
/// Storage only.
pub fn is_due<R: Read + ?Sized>(view: &mut R, goal: TaskId, before: Timestamp) -> Result<bool> {
    let Some(task) = view.task(goal)? else {
        return Ok(false);
    };
    let ended = task.is_goal() && task.state.is_end() && task.updated_at < before;
    Ok(ended && !is_retired(view, &task)?)
}

fn is_retired<R: Read + ?Sized>(view: &mut R, goal: &Task) -> Result<bool> {
    let at = view.retired_at(goal.id)?;
    Ok(at.is_some_and(|at| at >= goal.updated_at))
}

/// Attempts of a task, if none of them can still write.
///
/// # Errors
/// Storage only.
pub fn settled_attempts<R: Read + ?Sized>(
    view: &mut R,
    task: TaskId,
) -> Result<Option<Vec<Attempt>>> {
    let attempts = view.attempts(task)?;
    let is_settled = attempts.iter().all(|attempt| !attempt.state.may_write());
    Ok(is_settled.then_some(attempts))
}

/// Lets go of the logs and artifacts of a task, of a goal that ended before a time. `logs` has the
/// attempts that the store has bytes of, with their lengths. `false` if the goal is not due, or
/// something of the task can still write: then nothing has happened.
///
/// # Errors
/// Storage only.
pub fn let_go(
    tx: &mut dyn Tx,
    id: TaskId,
    before: Timestamp,
    logs: &[(AttemptId, u64)],
) -> Result<bool> {
    let Some(mut task) = tx.task(id)? else {
        return Ok(false);
    };
    if !is_due(tx, task.goal, before)? {
        return Ok(false);
    }
    let Some(attempts) = settled_attempts(tx, id)? else {
        return Ok(false);
    };
    for attempt in attempts {
        let here = logs.iter().find(|(of, _)| *of == attempt.id);
        let_log_go(tx, attempt.id, here.map_or(0, |(_, len)| *len))?;
    }
    for mut artifact in tx.artifacts_of_task(id)? {
        if artifact.blob.take().is_some() {
            tx.put_artifact(&artifact)?;
        }
    }
    if task.state.is_end() && (task.prior.is_some() || holds_unmerged(&task)) {
        task.prior = None;
        // What is done is in its target.
        if task.state != State::Done {
            task.head = None;
            task.accepted = None;
        }
        tx.put_task(&task)?;
    }
    Ok(true)
}

fn holds_unmerged(task: &Task) -> bool {
    task.state != State::Done && task.head.is_some()
}

fn let_log_go(tx: &mut dyn Tx, attempt: AttemptId, len: u64) -> Result<()> {
    let known = tx.kept_log(attempt)?;
    let (len, lines) = match known {
        Some(known) if known.gone => return Ok(()),
        Some(known) => (known.len.max(len), known.lines),
        None if len == 0 => return Ok(()),
        None => (len, 0),
    };
    let at = tx.now();
    tx.put_kept_log(&KeptLog {
        attempt,
        blob: None,
        len,
        lines,
        at,
        gone: true,
    })
}

/// Says that everything of a goal that goes is let go of. `false` if the goal is not due.
///
/// # Errors
/// Storage only.
pub fn retire(tx: &mut dyn Tx, goal: TaskId, before: Timestamp) -> Result<bool> {
    if !is_due(tx, goal, before)? {
        return Ok(false);
    }
    let Some(task) = tx.task(goal)? else {
        return Ok(false);
    };
    let at = tx.now();
    tx.retire(goal, at)?;
    tx.append_audit(&AuditEntry {
        org: Some(task.org),
        at,
        actor: ACTOR.to_owned(),
        action: "goal.retire",
        target: goal.to_string(),
        request_id: String::new(),
    })?;
    Ok(true)
}

/// Whether the refs of a task's attempts may go: its goal is retired, and it has ended itself.
///
/// # Errors
/// Storage only.
pub fn refs_may_go<R: Read + ?Sized>(view: &mut R, id: TaskId) -> Result<bool> {
    let Some(task) = view.task(id)? else {
        return Ok(false);
    };
    let Some(goal) = view.task(task.goal)? else {
        return Ok(false);
    };
    let ended = task.state.is_end() && goal.state.is_end();
    Ok(ended && is_retired(view, &goal)? && settled_attempts(view, id)?.is_some())
}
