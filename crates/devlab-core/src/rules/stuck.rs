//! Why a task does not move.

use crate::choice::Choice;
use crate::error::Result;
use crate::id::AgentId;
use crate::label::Labels;
use crate::state::{State, TaskKind, WaitReason};
use crate::task::Task;
use crate::tx::Read;

use super::choice::choosable;
use super::schedule::DEFAULT_DRIVER_LABEL;
use super::{agents, slots, train, verifier};

/// Most names in a reason.
const NAMED_MAX: usize = 3;

/// The reason why a task does not move by itself, in words, or `None` if it does or has ended.
///
/// # Errors
/// Storage only.
pub fn reason(view: &mut dyn Read, task: &Task) -> Result<Option<String>> {
    match task.state {
        State::Draft => Ok(Some("it waits for an approval".to_owned())),
        State::Waiting(reason, _) => Ok(Some(match choosable(task) {
            Some(parent) => format!(
                "it waits for the choice among its alternatives; `devlab task choose {parent} {}` takes it",
                task.id
            ),
            None => format!("it waits for {}", waits_for(reason)),
        })),
        State::Blocked => blocked(view, task),
        State::Ready => match held_back(task).or_else(|| backs_off(view, task)) {
            Some(why) => Ok(Some(why)),
            None => ready(view, task, &mut None),
        },
        State::Running if task.kind == TaskKind::Composite => composite(view, task, &mut None),
        State::Integrating => integrating(view, task, &mut None),
        State::Running | State::Done | State::Failed | State::Cancelled => Ok(None),
    }
}

fn backs_off(view: &dyn Read, task: &Task) -> Option<String> {
    let at = task.not_before.filter(|at| *at > view.now())?;
    Some(format!("it waits until {at} for its next try"))
}

fn held_back(task: &Task) -> Option<String> {
    let other = task.held_by?;
    Some(format!(
        "it is held back behind {other}, so that tasks on the same paths take turns"
    ))
}

/// What the org's agents can do, looked up at most once for a reason.
type Able = Option<Vec<(AgentId, Labels)>>;

/// A leaf that no agent can take does not move; the start loop moves composites.
fn ready(view: &mut dyn Read, task: &Task, able: &mut Able) -> Result<Option<String>> {
    if task.kind == TaskKind::Composite {
        return Ok(None);
    }
    let full = slots::full(view, task.org, &task.lane)?;
    if let Some((key, _)) = full.iter().find(|(_, slots)| slots.most == Some(0)) {
        let text = format!("a policy lets nothing run there: the limit of {key} is 0");
        return Ok(Some(text));
    }
    let able = match able {
        Some(able) => able,
        None => able.insert(agents::able(view, task.org)?),
    };
    if able.iter().any(|(_, able)| able.satisfies(&task.requires)) {
        return Ok(None);
    }
    let labels: Vec<&str> = task.requires.iter().collect();
    Ok(Some(match (able.is_empty(), labels.is_empty()) {
        (true, true) => "no agent of its org is online".to_owned(),
        (_, false) => format!(
            "no agent of its org that is online has the labels {}{}",
            labels.join(", "),
            way_out(task)
        ),
        (false, true) => return Ok(None),
    }))
}

/// A result that another agent than its author has to verify does not move where there is none.
fn integrating(view: &mut dyn Read, task: &Task, able: &mut Able) -> Result<Option<String>> {
    let Some((candidate, author)) = verifier::waits_for_other(view, task)? else {
        return Ok(None);
    };
    let needed = train::queued(view, &candidate)?.requires;
    let able = match able {
        Some(able) => able,
        None => able.insert(agents::able(view, task.org)?),
    };
    let can = |(id, labels): &(AgentId, Labels)| *id != author && labels.satisfies(&needed);
    if able.iter().any(can) {
        return Ok(None);
    }
    let known = view.agent(author)?;
    let author = known.map_or_else(|| author.to_string(), |agent| agent.name);
    let labels: Vec<&str> = needed.iter().collect();
    let with = match labels.is_empty() {
        true => String::new(),
        false => format!(" and has the labels {}", labels.join(", ")),
    };
    Ok(Some(format!(
        "a policy wants its result verified by another agent than {author}, which made it, and no \
         other one of its org is online{with}"
    )))
}

/// Most often it is a driver that is missing, as generated tasks have none: a person can give one.
fn way_out(task: &Task) -> String {
    match task.requires.iter().any(|l| l == DEFAULT_DRIVER_LABEL) {
        true => format!(
            "; `devlab task update {} -- CMD` gives it a command that any agent can run",
            task.id
        ),
        false => String::new(),
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
    let (mut dead, mut held) = (Vec::new(), Vec::new());
    for id in view.dependencies(task.id)? {
        let Some(dependency) = view.task(id)? else {
            continue;
        };
        match dependency.state {
            State::Failed | State::Cancelled => dead.push(format!("{id} is {}", dependency.state)),
            State::Waiting(reason, _) => held.push(format!("{id} waits for {}", waits_for(reason))),
            State::Draft
            | State::Blocked
            | State::Ready
            | State::Running
            | State::Integrating
            | State::Done => {}
        }
    }
    Ok(match (dead.is_empty(), held.is_empty()) {
        (false, _) => Some(format!(
            "what it depends on will not be done: {}",
            list(&dead)
        )),
        (true, false) => Some(format!(
            "what it depends on waits for a person: {}",
            list(&held)
        )),
        (true, true) => None,
    })
}

/// A running composite in which nothing can move is stuck.
fn composite(view: &mut dyn Read, task: &Task, able: &mut Able) -> Result<Option<String>> {
    let (mut stopped, mut passed) = (Vec::new(), Vec::new());
    for id in view.children(task.id)? {
        let Some(child) = view.task(id)? else {
            continue;
        };
        match child.state {
            State::Integrating => match integrating(view, &child, able)? {
                None => return Ok(None),
                Some(why) => stopped.push(format!("{id} is integrating, but {why}")),
            },
            State::Ready if child.held_by.is_some() => return Ok(None),
            State::Ready if backs_off(view, &child).is_some() => return Ok(None),
            State::Ready => match ready(view, &child, able)? {
                None => return Ok(None),
                Some(why) => stopped.push(format!("{id} is ready, but {why}")),
            },
            State::Running if child.kind == TaskKind::Leaf => return Ok(None),
            State::Running => match composite(view, &child, able)? {
                None => return Ok(None),
                Some(_) => stopped.push(format!("{id} is stuck")),
            },
            State::Done | State::Cancelled | State::Blocked => {}
            State::Waiting(..) if choosable(&child).is_some() => passed.push(id.to_string()),
            State::Draft | State::Waiting(..) | State::Failed => {
                stopped.push(format!("{id} is {}", child.state));
            }
        }
    }
    if !passed.is_empty() {
        let text = format!(
            "somebody has to choose among its alternatives: {}",
            list(&passed)
        );
        return Ok(Some(text));
    }
    let why = if task.choice == Some(Choice::Open) && stopped.is_empty() {
        "none of its alternatives is left: retry one, or cancel it".to_owned()
    } else if stopped.is_empty() {
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
