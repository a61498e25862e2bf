//! Which tasks will get in each other's way, before their results are merged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::attempt::AttemptKind;
use crate::choice::Choice;
use crate::error::Result;
use crate::event::{EventKind, NewEvent};
use crate::id::{AttemptId, TaskId};
use crate::limits::PAGE_MAX;
use crate::paths::{self, CONFLICTS_MAX, Conflict, ConflictKind, Touches, conflicts};
use crate::state::{State, StateName, TaskKind};
use crate::task::Task;
use crate::tx::{Beside, Read, Touching, Tx};

use super::step;

/// Most conflicts that one look at what a task has changed says in events.
const SAID_MAX: usize = 16;

/// One of two tasks that meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: StateName,
}

/// Two tasks that will touch the same paths, or have begun to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The older one.
    pub first: Side,
    /// The other.
    pub second: Side,
    /// The files and folders that both touch.
    pub paths: Vec<String>,
    /// How it is known.
    pub kind: ConflictKind,
}

impl Forecast {
    /// The one that is not this one.
    fn other(&self, own: TaskId) -> TaskId {
        match self.first.task == own {
            true => self.second.task,
            false => self.first.task,
        }
    }
}

/// Where a task meets others that go into the same target, and, of a composite, where its children
/// meet each other, of a goal at every depth. Looks at [`PAGE_MAX`] tasks, those at work first; finds
/// [`CONFLICTS_MAX`] pairs of each at most.
///
/// # Errors
/// Storage only.
pub fn of<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Vec<Forecast>> {
    let mut found = own(view, task)?;
    if task.kind == TaskKind::Composite && task.project.is_some() {
        let below = match task.is_goal() {
            true => Beside::BelowGoal(task.id),
            false => Beside::ChildrenOf(task.id),
        };
        let mut all = view.touching(below, PAGE_MAX)?;
        all.retain(|one| one.task.choice != Some(Choice::Alternative));
        let touches: Vec<Touches> = all.iter().map(touches).collect();
        found.extend(described(&all, conflicts(&touches)));
    }
    Ok(found)
}

/// Where a task itself meets others.
///
/// # Errors
/// Storage only.
pub fn own<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Vec<Forecast>> {
    let own = known(view, task)?;
    let others = others(view, &own)?;
    Ok(meetings(&own, &others))
}

/// What a task waits for under a policy that holds back, and where it meets it: of those that are
/// held back already and come before it in line, the last; otherwise the oldest that is at work.
pub(super) fn in_the_way(tx: &mut dyn Tx, task: &Task) -> Result<Option<(Task, Forecast)>> {
    let own = known(tx, task)?;
    let others = others(tx, &own)?;
    let rank = step::queued(task).rank();
    let (mut last, mut at_work) = (None, None);
    for found in meetings(&own, &others) {
        let id = found.other(task.id);
        let Some(other) = others.iter().find(|one| one.task.id == id) else {
            continue;
        };
        let other = &other.task;
        let its = step::queued(other).rank();
        if is_at_work(other.kind, other.state) {
            at_work.get_or_insert((other.clone(), found));
        } else if other.held_by.is_some()
            && its < rank
            && last.as_ref().is_none_or(|(known, _, _)| its > *known)
        {
            last = Some((its, other.clone(), found));
        }
    }
    Ok(last.map(|(_, other, found)| (other, found)).or(at_work))
}

/// Whether a task in this state will change its target without anybody's doing: others may be held
/// back behind it. A composite's own work is that of its children, which may wait for long.
pub(super) fn is_at_work(kind: TaskKind, state: State) -> bool {
    match state {
        State::Integrating => true,
        State::Running => kind == TaskKind::Leaf,
        State::Draft
        | State::Blocked
        | State::Ready
        | State::Waiting(..)
        | State::Done
        | State::Failed
        | State::Cancelled => false,
    }
}

/// Remembers what a task's work has changed so far, for what it is part of as well, and says whom
/// they meet by that and did not before. What an attempt does that verifies is not the task's, nor
/// what an earlier one did.
///
/// # Errors
/// Storage only.
pub fn saw(tx: &mut dyn Tx, attempt: AttemptId, changed: &[String]) -> Result<()> {
    let Some(attempt) = tx.attempt(attempt)? else {
        return Ok(());
    };
    let mut task = step::load(tx, attempt.task)?;
    let is_last = attempt.kind == AttemptKind::Work && attempt.number == task.attempts;
    if !is_last || task.project.is_none() {
        return Ok(());
    }
    let mut changed = paths::observed(changed.iter().map(String::as_str));
    loop {
        let before = known(tx, &task)?;
        if before.observed == changed {
            return Ok(());
        }
        tx.put_touched(task.id, &changed)?;
        say_new(tx, &before, &changed)?;
        let Some(parent) = task.parent else {
            return Ok(());
        };
        task = step::load(tx, parent)?;
        let known = tx.touched(parent)?;
        let all = known.iter().chain(&changed).map(String::as_str);
        changed = paths::observed(all);
    }
}

/// Says whom a task meets now and did not `before`.
fn say_new(tx: &mut dyn Tx, before: &Touching, now: &[String]) -> Result<()> {
    let task = &before.task;
    let now = Touching {
        observed: now.to_vec(),
        ..before.clone()
    };
    let others = others(tx, &now)?;
    let known: BTreeSet<TaskId> = meetings(before, &others)
        .iter()
        .map(|one| one.other(task.id))
        .collect();
    let new = meetings(&now, &others).into_iter();
    let new = new.filter(|one| !known.contains(&one.other(task.id)));
    for one in new.take(SAID_MAX) {
        say(tx, task, one.other(task.id), &one.paths, false)?;
    }
    Ok(())
}

/// Says that a task meets another one.
pub(super) fn say(
    tx: &mut dyn Tx,
    task: &Task,
    with: TaskId,
    paths: &[String],
    is_held: bool,
) -> Result<()> {
    tx.append_event(&NewEvent {
        org: task.org,
        kind: EventKind::TaskConflict,
        project: task.project,
        task: Some(task.id),
        attempt: None,
        data: json!({ "with": with, "paths": paths, "held": is_held }),
    })
}

/// A task with what is known of what it touches.
fn known<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Touching> {
    let spec = view.task_spec(task.id)?;
    let (title, declared) = spec
        .map(|spec| (spec.title, spec.paths))
        .unwrap_or_default();
    Ok(Touching {
        task: task.clone(),
        title,
        declared,
        observed: view.touched(task.id)?,
    })
}

/// The tasks beside one that it may meet. Most tasks touch nothing that is known: they cost no look
/// at the others.
fn others<R: Read + ?Sized>(view: &mut R, own: &Touching) -> Result<Vec<Touching>> {
    let task = &own.task;
    let is_known = !own.declared.is_empty() || !own.observed.is_empty();
    let open = [
        StateName::Ready,
        StateName::Running,
        StateName::Integrating,
        StateName::Waiting,
    ];
    // Of alternatives one is taken: they meet nobody.
    let is_alternative = task.choice == Some(Choice::Alternative);
    let beside = match (task.project, task.parent) {
        (None, _) => None,
        (Some(_), Some(parent)) => Some(Beside::ChildrenOf(parent)),
        (Some(project), None) => Some(Beside::GoalsOf(project)),
    };
    let beside =
        beside.filter(|_| is_known && !is_alternative && open.contains(&task.state.name()));
    let Some(beside) = beside else {
        return Ok(Vec::new());
    };
    let mut others = view.touching(beside, PAGE_MAX)?;
    others
        .retain(|other| other.task.id != task.id && other.task.choice != Some(Choice::Alternative));
    Ok(others)
}

fn both_of(one: &Touching) -> impl Iterator<Item = &str> + Clone {
    let both = one.declared.iter().chain(&one.observed);
    both.map(String::as_str)
}

fn touches(one: &Touching) -> Touches {
    Touches {
        task: one.task.id,
        into: one.task.parent,
        declared: one.declared.clone(),
        observed: one.observed.clone(),
    }
}

/// Where one task meets each of the others: what the others have with each other takes no place of
/// the bound.
fn meetings(own: &Touching, others: &[Touching]) -> Vec<Forecast> {
    let one = touches(own);
    let mut found = Vec::new();
    for other in others {
        if found.len() < CONFLICTS_MAX && paths::overlap(both_of(own), both_of(other)) {
            let pair = [one.clone(), touches(other)];
            let both = [own, other];
            found.extend(
                conflicts(&pair)
                    .into_iter()
                    .map(|met| described_one(both, met)),
            );
        }
    }
    found.sort_by_key(|one| (one.first.task, one.second.task));
    found
}

/// Conflicts with titles and states.
fn described(all: &[Touching], found: Vec<Conflict>) -> Vec<Forecast> {
    let by_id: BTreeMap<TaskId, &Touching> = all.iter().map(|one| (one.task.id, one)).collect();
    let both = |met: Conflict| {
        let both = [*by_id.get(&met.first)?, *by_id.get(&met.second)?];
        Some(described_one(both, met))
    };
    found.into_iter().filter_map(both).collect()
}

fn described_one(both: [&Touching; 2], met: Conflict) -> Forecast {
    let side = |one: &Touching| Side {
        task: one.task.id,
        title: one.title.clone(),
        state: one.task.state.name(),
    };
    let [a, b] = both;
    let (first, second) = match a.task.id == met.first {
        true => (a, b),
        false => (b, a),
    };
    Forecast {
        first: side(first),
        second: side(second),
        paths: met.paths,
        kind: met.kind,
    }
}
