//! What people say to whoever does a task. A driver that can take it gets it while it works;
//! otherwise the next attempt does, and there is one: a task whose result is settled, so that nobody
//! works on it again unless somebody or its target sends it back, is told nothing.

use serde_json::json;

use crate::attempt::{Attempt, AttemptKind, AttemptState};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::{AttemptId, TaskId};
use crate::limits::{COMMENT_BYTES_MAX, FEEDBACK_MAX, MESSAGES_MAX};
use crate::name;
use crate::state::{Cause, ResumeTo, State, TaskKind, WaitReason};
use crate::task::{Feedback, Task};
use crate::tx::{Effect, Read, Tx};

use super::step::{self, step};

/// Something that was said to an attempt while it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The attempt.
    pub attempt: AttemptId,
    /// From 1 for each attempt, without gaps.
    pub number: u32,
    /// Who.
    pub by: String,
    /// What they said.
    pub message: String,
}

/// Tells whoever does a task something. The attempt that is under way may take it; if its driver
/// does not, another attempt follows.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] for a composite, which no attempt does, and for words
/// that are none; [`Refusal::BadState`] if the task has ended; [`Refusal::Conflict`] if its result is
/// settled; [`Refusal::Limit`] if the attempt under way was told too much already, or the next one
/// will be.
pub fn tell(tx: &mut dyn Tx, id: TaskId, by: &str, message: &str) -> Result<Task> {
    let task = step::load(tx, id)?;
    if task.kind == TaskKind::Composite {
        let problem = "is done by its children: tell one of them";
        return Err(Refusal::invalid("task", problem).into());
    }
    if task.state.is_end() {
        let state = task.state.name().as_str().to_owned();
        return Err(Refusal::BadState {
            state,
            action: "told anything",
        }
        .into());
    }
    refuse_settled(&task)?;
    name::check_text("message", message, COMMENT_BYTES_MAX)?;
    if message.trim().is_empty() {
        return Err(Refusal::invalid("message", "must not be empty").into());
    }
    say(tx, task, by, message)
}

/// Nobody may ever work again on what is on its way into its target: to say that it was told would be
/// untrue.
fn refuse_settled(task: &Task) -> Result<()> {
    let then = match task.state {
        State::Waiting(WaitReason::Review, ResumeTo::Integrating) => {
            "`devlab patch comment` sends its patch back to work with what you say"
        }
        State::Integrating | State::Waiting(_, ResumeTo::Integrating) => {
            "cancel and retry it, which goes on from what it has, and tell it then"
        }
        State::Draft
        | State::Blocked
        | State::Ready
        | State::Running
        | State::Waiting(..)
        | State::Done
        | State::Failed
        | State::Cancelled => return Ok(()),
    };
    let text = format!("its result is there, and nobody works on it: {then}");
    Err(Refusal::Conflict(text).into())
}

/// Keeps what was said, and lets the agent of an attempt under way hear of it.
pub(super) fn say(tx: &mut dyn Tx, mut task: Task, by: &str, message: &str) -> Result<Task> {
    // One whose lease has ended may come back.
    let attempt = task.live.or(task.lost);
    if let Some(attempt) = attempt
        && said_to(tx, task.id, attempt)?.len() >= MESSAGES_MAX
    {
        return Err(Refusal::Limit {
            what: "messages to an attempt that is under way",
            limit: MESSAGES_MAX as u64,
        }
        .into());
    }
    if attempt.is_none() && waiting(tx, &task)? >= FEEDBACK_MAX {
        return Err(Refusal::Limit {
            what: "messages that wait for the next attempt",
            limit: FEEDBACK_MAX as u64,
        }
        .into());
    }
    let feedback = Feedback::Message {
        by: by.to_owned(),
        message: message.to_owned(),
        attempt,
        after: task.attempts,
    };
    tx.add_feedback(task.id, &feedback)?;
    if !task.told {
        task.told = true;
        tx.put_task(&task)?;
    }
    if let Some(live) = task
        .live
        .map(|live| tx.attempt(live))
        .transpose()?
        .flatten()
    {
        tx.effect(Effect::Control(live.agent));
    }
    tx.append_event(&NewEvent {
        org: task.org,
        kind: EventKind::TaskUpdated,
        project: task.project,
        task: Some(task.id),
        attempt: task.live,
        data: json!({ "told_by": by }),
    })?;
    Ok(task)
}

/// How many messages wait for the next attempt, which is told no more than [`FEEDBACK_MAX`] things.
/// What an attempt was told does not wait any more.
fn waiting(view: &mut dyn Read, task: &Task) -> Result<usize> {
    let feedback = view.feedback(task.id)?;
    let waits = |one: &&Feedback| match one {
        Feedback::Message { attempt, after, .. } => attempt.is_none() && *after == task.attempts,
        _ => false,
    };
    Ok(feedback.iter().rev().take_while(waits).count())
}

/// What was said to an attempt while it ran, oldest first.
fn said_to(view: &mut dyn Read, task: TaskId, attempt: AttemptId) -> Result<Vec<Told>> {
    let to_it = view
        .feedback(task)?
        .into_iter()
        .filter_map(|one| match one {
            Feedback::Message {
                by,
                message,
                attempt: Some(to),
                after: _,
            } if to == attempt => Some((by, message)),
            Feedback::Message { .. }
            | Feedback::CheckFailed { .. }
            | Feedback::Conflict { .. }
            | Feedback::DriverFailed { .. }
            | Feedback::ChangesRequested { .. } => None,
        });
    let told = (1..).zip(to_it).map(|(number, (by, message))| Told {
        attempt,
        number,
        by,
        message,
    });
    Ok(told.collect())
}

/// What an attempt that lives has to be told after its first `seen` messages.
pub(super) fn after(view: &mut dyn Read, attempt: &Attempt, seen: u32) -> Result<Vec<Told>> {
    if attempt.kind != AttemptKind::Work {
        return Ok(Vec::new());
    }
    let task = view.task(attempt.task)?;
    if !task.is_some_and(|task| task.told) {
        return Ok(Vec::new());
    }
    let mut told = said_to(view, attempt.task, attempt.id)?;
    told.retain(|one| one.number > seen);
    Ok(told)
}

/// Whether something was said to an attempt that its driver did not hear, so that another one has to
/// follow. What a task with side effects did is not repeated for that.
pub(super) fn is_unheard(
    view: &mut dyn Read,
    task: &Task,
    attempt: AttemptId,
    heard: u32,
) -> Result<bool> {
    if !task.told || task.side_effects {
        return Ok(false);
    }
    let told = said_to(view, task.id, attempt)?.len();
    Ok(told > usize::try_from(heard).unwrap_or(usize::MAX))
}

/// An attempt that did its work ends, and another one goes on with it that hears what was said.
pub(super) fn hear(tx: &mut dyn Tx, mut task: Task, attempt: &mut Attempt) -> Result<()> {
    step::end_attempt(tx, attempt, AttemptState::Succeeded, None)?;
    task.live = None;
    task.prior = attempt.commit.clone().or(task.prior);
    let why = "somebody said something that its driver did not hear";
    step(tx, &mut task, Cause::TryAgain, why, Some(attempt.id))?;
    tx.put_task(&task)?;
    step::queue(tx, &task)
}
