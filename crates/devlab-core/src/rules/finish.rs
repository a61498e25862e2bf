//! A task is done, and what that unblocks; composites start and end.

use crate::choice::Choice;
use crate::error::Result;
use crate::git::{Oid, RefName};
use crate::id::TaskId;
use crate::state::{Cause, State, TaskKind};
use crate::task::{Proof, Task};
use crate::tx::Tx;

use super::step::{self, step};
use super::train;

/// Follows up on a task that is stored as done: dependents have one thing less to wait for, and the
/// parent may be complete.
pub(super) fn done(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    debug_assert_eq!(task.state, State::Done);
    for id in tx.dependents(task.id)? {
        let mut dependent = step::load(tx, id)?;
        dependent.unmet = dependent.unmet.saturating_sub(1);
        step::settle(tx, &mut dependent)?;
    }
    closed(tx, task)
}

/// Follows up on a child that is done or cancelled: its parent waits for one child less.
pub(super) fn closed(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    let Some(parent) = task.parent else {
        return Ok(());
    };
    let mut parent = step::load(tx, parent)?;
    parent.open_children = parent.open_children.saturating_sub(1);
    tx.put_task(&parent)?;
    complete_if_closed(tx, parent.id)
}

/// All children of a running composite are done or cancelled.
fn complete_composite(tx: &mut dyn Tx, mut task: Task) -> Result<()> {
    let Some(project) = task.project else {
        return finish_without_project(tx, task, "its children are done", None);
    };
    let branch = RefName::of_composite(task.id);
    task.head = tx.branch_head(project, &branch)?;
    step(tx, &mut task, Cause::Adopted, "its children are done", None)?;
    tx.put_task(&task)?;
    train::enter(tx, &task)
}

/// Ends a task that changes no repository, in the transaction of its completion.
pub(super) fn finish_without_project(
    tx: &mut dyn Tx,
    mut task: Task,
    why: &str,
    attempt: Option<crate::AttemptId>,
) -> Result<()> {
    step(tx, &mut task, Cause::Finished, why, attempt)?;
    task.proof = Proof::Unproven;
    tx.put_task(&task)?;
    done(tx, &task)
}

/// Starts a composite that is ready: its branch exists, with this head, and its children may begin.
/// Does nothing if it is not ready (any more), so that the start loop can be run twice.
///
/// # Errors
/// Storage only.
pub fn start(tx: &mut dyn Tx, id: TaskId, base: Option<&Oid>) -> Result<()> {
    let mut task = step::load(tx, id)?;
    if task.state != State::Ready || task.kind != TaskKind::Composite {
        return Ok(());
    }
    if let (Some(project), Some(base)) = (task.project, base) {
        tx.set_branch_head(project, &RefName::of_composite(id), Some(base))?;
    }
    task.started = true;
    step(
        tx,
        &mut task,
        Cause::Started,
        "its children can begin",
        None,
    )?;
    tx.put_task(&task)?;
    for child in tx.children(id)? {
        let mut child = step::load(tx, child)?;
        if child.state == State::Blocked && child.unmet == 0 {
            step::settle_open(tx, &mut child)?;
        }
    }
    complete_if_closed(tx, id)
}

/// Completes a running composite that has no open child left.
pub(super) fn complete_if_closed(tx: &mut dyn Tx, id: TaskId) -> Result<()> {
    let task = step::load(tx, id)?;
    let is_closed =
        task.kind == TaskKind::Composite && task.open_children == 0 && task.state == State::Running;
    // Without one that was taken there is no result, however many alternatives were called off.
    if is_closed && task.choice != Some(Choice::Open) {
        complete_composite(tx, task)
    } else {
        Ok(())
    }
}
