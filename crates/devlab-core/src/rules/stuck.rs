//! Why a task does not move.

use crate::error::Result;
use crate::id::TaskId;
use crate::state::{State, TaskKind, WaitReason};
use crate::task::Task;
use crate::tx::Read;

/// Most names in a reason.
const NAMED_MAX: usize = 3;

/// The reason why a task does not move by itself, in words, or `None` if it does or has ended.
///
/// # Errors
/// Storage only.
pub fn reason(view: &mut dyn Read, task: &Task) -> Result<Option<String>> {
    match task.state {
        State::Draft => Ok(Some("it waits for an approval".to_owned())),
        State::Waiting(reason, _) => Ok(Some(format!("it waits for {}", waits_for(reason)))),
        State::Blocked => blocked(view, task),
        State::Running if task.kind == TaskKind::Composite => composite(view, task.id),
        State::Ready
        | State::Running
        | State::Integrating
        | State::Done
        | State::Failed
        | State::Cancelled => Ok(None),
    }
}

fn waits_for(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Approval => "an approval",
        WaitReason::Question => "an answer",
        WaitReason::Permission => "a permission",
        WaitReason::Review => "a review of its patch",
        WaitReason::Budget => "a larger budget",
        WaitReason::Attention => "somebody to look at it, and to retry or cancel it",
    }
}

fn blocked(view: &mut dyn Read, task: &Task) -> Result<Option<String>> {
    let mut dead = Vec::new();
    for id in view.dependencies(task.id)? {
        if let Some(dependency) = view.task(id)?
            && matches!(dependency.state, State::Failed | State::Cancelled)
        {
            dead.push(format!("{id} is {}", dependency.state));
        }
    }
    Ok((!dead.is_empty()).then(|| format!("what it depends on will not be done: {}", list(&dead))))
}

/// A running composite in which nothing can move is stuck.
fn composite(view: &mut dyn Read, id: TaskId) -> Result<Option<String>> {
    let mut stopped = Vec::new();
    for id in view.children(id)? {
        let Some(child) = view.task(id)? else {
            continue;
        };
        match child.state {
            State::Ready | State::Integrating => return Ok(None),
            State::Running if child.kind == TaskKind::Leaf => return Ok(None),
            State::Running => match composite(view, id)? {
                None => return Ok(None),
                Some(_) => stopped.push(format!("{id} is stuck")),
            },
            State::Done | State::Cancelled | State::Blocked => {}
            State::Draft | State::Waiting(..) | State::Failed => {
                stopped.push(format!("{id} is {}", child.state));
            }
        }
    }
    let why = if stopped.is_empty() {
        "every child that is left depends on one that will not be done".to_owned()
    } else {
        list(&stopped)
    };
    Ok(Some(format!("nothing below it can move: {why}")))
}

fn list(reasons: &[String]) -> String {
    let named = reasons[..reasons.len().min(NAMED_MAX)].join(", ");
    match reasons.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
