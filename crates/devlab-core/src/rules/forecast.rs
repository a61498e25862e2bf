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
use crate::train::Target;
use crate::tx::{Page, Read, TaskFilter, Tx};

use super::step;

/// States in which a task's result can still go into its target without another task being done
/// first: two of them in these states are in no order.
const OPEN: [StateName; 4] = [
    StateName::Ready,
    StateName::Running,
    StateName::Integrating,
    StateName::Waiting,
];

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

/// Where a task meets others that go into the same target, and, of a composite, where its children
/// meet each other, of a goal at every depth. Looks at the [`PAGE_MAX`] newest open tasks of a target; finds
/// [`CONFLICTS_MAX`] pairs of each target at most.
///
/// # Errors
/// Storage only.
pub fn of<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Vec<Forecast>> {
    let mut found = own(view, task)?;
    if task.kind == TaskKind::Composite {
        let mut filter = TaskFilter::default();
        match task.is_goal() {
            true => filter.goal = Some(task.id),
            false => filter.parent = Some(task.id),
        }
        let open = open(view, &filter, &OPEN)?;
        let found_below = conflicts(&touches(view, &open)?);
        found.extend(described(view, &open, found_below)?);
    }
    Ok(found)
}

/// Where a task itself meets others.
///
/// # Errors
/// Storage only.
pub fn own<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Vec<Forecast>> {
    if !OPEN.contains(&task.state.name()) {
        return Ok(Vec::new());
    }
    let Some((others, found)) = beside(view, task, &OPEN)? else {
        return Ok(Vec::new());
    };
    described(view, &others, found)
}

/// What keeps a task from starting under a policy that holds back: the oldest task that is at work
/// on the same paths for the same target, or whose result is going in; and where they meet.
pub(super) fn in_the_way<R: Read + ?Sized>(
    view: &mut R,
    task: &Task,
) -> Result<Option<(Task, Vec<String>)>> {
    let at_work = [StateName::Running, StateName::Integrating];
    let Some((others, found)) = beside(view, task, &at_work)? else {
        return Ok(None);
    };
    for conflict in found {
        let other = match conflict.first == task.id {
            true => conflict.second,
            false => conflict.first,
        };
        let other = others.iter().find(|one| one.id == other);
        if let Some(other) = other.filter(|other| is_at_work(other.kind, other.state)) {
            return Ok(Some((other.clone(), conflict.paths)));
        }
    }
    Ok(None)
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

/// Remembers what a task's work has changed so far, and says whom it meets by that and did not
/// before. What an attempt does that verifies is not the task's, nor what an earlier one did.
///
/// # Errors
/// Storage only.
pub fn saw(tx: &mut dyn Tx, attempt: AttemptId, changed: &[String]) -> Result<()> {
    let Some(attempt) = tx.attempt(attempt)? else {
        return Ok(());
    };
    let task = step::load(tx, attempt.task)?;
    let changed = paths::observed(changed.iter().map(String::as_str));
    let is_last = attempt.kind == AttemptKind::Work && attempt.number == task.attempts;
    let is_own = is_last && task.project.is_some();
    if !is_own || tx.touched(task.id)? == changed {
        return Ok(());
    }
    let pair = |one: &Forecast| (one.first.task, one.second.task);
    let before: BTreeSet<_> = own(tx, &task)?.iter().map(pair).collect();
    tx.put_touched(task.id, &changed)?;
    let now = own(tx, &task)?.into_iter();
    let new = now.filter(|one| !before.contains(&pair(one)));
    for one in new.take(SAID_MAX) {
        let with = match one.first.task == task.id {
            true => one.second.task,
            false => one.first.task,
        };
        say(tx, &task, with, &one.paths, false)?;
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

/// The tasks beside one, and where it meets them; `None` if it touches nothing that is known.
fn beside<R: Read + ?Sized>(
    view: &mut R,
    task: &Task,
    states: &[StateName],
) -> Result<Option<(Vec<Task>, Vec<Conflict>)>> {
    // Of alternatives one is taken: they meet nobody.
    if task.project.is_none() || task.choice == Some(Choice::Alternative) {
        return Ok(None);
    }
    let own = touches(view, std::slice::from_ref(task))?;
    // Most tasks touch nothing that is known: they cost no look at the others.
    let Some(own) = own.first() else {
        return Ok(None);
    };
    let filter = match task.parent {
        Some(_) => TaskFilter {
            parent: task.parent,
            ..TaskFilter::default()
        },
        None => TaskFilter {
            org: Some(task.org),
            project: task.project,
            goals_only: true,
            ..TaskFilter::default()
        },
    };
    let mut others = open(view, &filter, states)?;
    others.retain(|other| other.id != task.id);
    let found = with(own, &touches(view, &others)?);
    others.push(task.clone());
    Ok(Some((others, found)))
}

/// Tasks of one parent, or goals of one project, in these states.
fn open<R: Read + ?Sized>(
    view: &mut R,
    filter: &TaskFilter,
    states: &[StateName],
) -> Result<Vec<Task>> {
    let filter = TaskFilter {
        states: states.to_vec(),
        archived: true,
        ..filter.clone()
    };
    let page = Page {
        after: None,
        limit: PAGE_MAX,
    };
    view.tasks(&filter, page)
}

/// What tasks of one project touch, those of which nothing is known left out.
fn touches<R: Read + ?Sized>(view: &mut R, tasks: &[Task]) -> Result<Vec<Touches>> {
    let project = match tasks.first().and_then(|task| task.project) {
        Some(project) => view.project(project)?,
        None => None,
    };
    let Some(project) = project else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for task in tasks {
        if task.choice == Some(Choice::Alternative) {
            continue;
        }
        let declared = view.task_spec(task.id)?.map(|spec| spec.paths);
        let declared = declared.unwrap_or_default();
        let observed = view.touched(task.id)?;
        if !declared.is_empty() || !observed.is_empty() {
            found.push(Touches {
                task: task.id,
                target: Target {
                    project: project.id,
                    branch: task.target(&project.default_branch),
                },
                declared,
                observed,
            });
        }
    }
    Ok(found)
}

/// Conflicts with titles and states.
fn described<R: Read + ?Sized>(
    view: &mut R,
    tasks: &[Task],
    found: Vec<Conflict>,
) -> Result<Vec<Forecast>> {
    let named: BTreeSet<TaskId> = found.iter().flat_map(|c| [c.first, c.second]).collect();
    let mut sides = BTreeMap::new();
    for task in tasks.iter().filter(|task| named.contains(&task.id)) {
        let title = view.task_spec(task.id)?.map(|spec| spec.title);
        let side = Side {
            task: task.id,
            title: title.unwrap_or_default(),
            state: task.state.name(),
        };
        sides.insert(task.id, side);
    }
    let forecast = |one: Conflict| {
        Some(Forecast {
            first: sides.get(&one.first)?.clone(),
            second: sides.get(&one.second)?.clone(),
            paths: one.paths,
            kind: one.kind,
        })
    };
    Ok(found.into_iter().filter_map(forecast).collect())
}

/// Where one task meets each of the others: what the others have with each other takes no place of
/// the bound.
fn with(one: &Touches, others: &[Touches]) -> Vec<Conflict> {
    let mut found = Vec::new();
    for other in others {
        if found.len() < CONFLICTS_MAX {
            found.extend(conflicts(&[one.clone(), other.clone()]));
        }
    }
    found.sort_by_key(|one| (one.first, one.second));
    found
}
