//! What a person does to a task: approve, cancel, fail, retry, change, archive.

use serde_json::json;

use crate::ask::AskKind;
use crate::attempt::AttemptState;
use crate::check::{DriverSpec, Sha256Hex};
use crate::choice::Choice;
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::TaskId;
use crate::label::Labels;
use crate::limit::{Lane, LimitKey};
use crate::limits::GOAL_BYTES_MAX;
use crate::name;
use crate::org::ProjectSettings;
use crate::state::{Cause, ResumeTo, State, TaskKind, WaitReason};
use crate::task::{Task, TaskSpec, Tries};
use crate::tx::Tx;

use super::policy::Governing;
use super::schedule::DEFAULT_DRIVER_LABEL;
use super::step::{self, step};
use super::{ask, choice, finish, plan, policy, review, schedule, train};

/// Approves what waits for it: a draft, which from now on is judged by what `settings`, those of its
/// project, and policy say now; the start of a task; or the publication of its result. Who says so
/// is kept.
///
/// # Errors
/// [`Refusal::NotFound`], [`Refusal::BadState`].
pub fn approve(
    tx: &mut dyn Tx,
    id: TaskId,
    by: &str,
    settings: Option<&ProjectSettings>,
) -> Result<Task> {
    let mut task = step::load(tx, id)?;
    if let Some(parent) = choice::choosable(&task) {
        choice::choose(tx, parent, id, None, by)?;
        return step::load(tx, id);
    }
    match task.state {
        State::Waiting(WaitReason::Approval, to) => {
            let kinds = [AskKind::Start, AskKind::Publication];
            ask::answered(tx, &task, &kinds, by, "")?;
            step(tx, &mut task, Cause::Resume, "it was approved", None)?;
            tx.put_task(&task)?;
            match to {
                ResumeTo::Ready => step::after_ready(tx, &task)?,
                ResumeTo::Integrating => train::enter(tx, &task)?,
                ResumeTo::Running => {}
            }
        }
        State::Draft
        | State::Blocked
        | State::Ready
        | State::Running
        | State::Integrating
        | State::Waiting(..)
        | State::Done
        | State::Failed
        | State::Cancelled => {
            plan::refuse_unplanned(tx, &task)?;
            step(tx, &mut task, Cause::Activate, "it was approved", None)?;
            judge_by(tx, &mut task, settings)?;
            step::settle(tx, &mut task)?;
        }
    }
    step::load(tx, id)
}

/// Fixes what a draft that is being approved, and everything below it, is judged by and promised.
fn judge_by(tx: &mut dyn Tx, draft: &mut Task, settings: Option<&ProjectSettings>) -> Result<()> {
    let governing = Governing::of(tx, draft.org, draft.project, Some(draft.goal))?;
    let terms = policy::put_terms(tx, &governing)?;
    fix(tx, draft, settings, &governing, terms.as_ref())?;
    let mut below = tx.children(draft.id)?;
    while let Some(id) = below.pop() {
        let mut task = step::load(tx, id)?;
        if !task.state.has_started() {
            fix(tx, &mut task, settings, &governing, terms.as_ref())?;
            tx.put_task(&task)?;
            below.extend(tx.children(id)?);
        }
    }
    Ok(())
}

/// Fixes what a task that has not begun is judged by and promised. The caller stores it.
fn fix(
    tx: &mut dyn Tx,
    task: &mut Task,
    settings: Option<&ProjectSettings>,
    governing: &Governing,
    terms: Option<&Sha256Hex>,
) -> Result<()> {
    if let Some(settings) = settings.filter(|_| task.project.is_some()) {
        let spec = tx.task_spec(task.id)?.ok_or(Refusal::NotFound("task"))?;
        task.check_set = Some(schedule::fix_checks(tx, settings, &spec)?);
    }
    task.terms = terms.cloned();
    task.review = governing.reviews_task(task);
    Ok(())
}

/// Calls a task off, and everything below it. A task that is cancelled already stays so.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::BadState`] if it has ended; [`Refusal::Conflict`] if it is
/// being published.
pub fn cancel(tx: &mut dyn Tx, id: TaskId) -> Result<Task> {
    let task = step::load(tx, id)?;
    if task.state != State::Cancelled {
        end(tx, task, Cause::Cancel, "it was called off")?;
    }
    step::load(tx, id)
}

/// Gives a task up. Its parent is not done without it, and what depends on it stays blocked.
///
/// # Errors
/// As [`cancel`].
pub fn fail(tx: &mut dyn Tx, id: TaskId) -> Result<Task> {
    let task = step::load(tx, id)?;
    end(tx, task, Cause::Fail, "it was given up")?;
    step::load(tx, id)
}

pub(super) fn end(tx: &mut dyn Tx, mut task: Task, cause: Cause, why: &str) -> Result<()> {
    let had_passed = choice::choosable(&task).is_some();
    train::leave(tx, &task)?;
    step::unqueue(tx, &task)?;
    for attempt in task.live.take().into_iter().chain(task.lost.take()) {
        if let Some(mut attempt) = tx.attempt(attempt)? {
            step::end_attempt(tx, &mut attempt, AttemptState::Cancelled, None)?;
        }
    }
    task.not_before = None;
    step(tx, &mut task, cause, why, None)?;
    tx.put_task(&task)?;
    review::closed(tx, task.id)?;
    if task.kind == TaskKind::Composite {
        end_children(tx, task.id)?;
    }
    choice::ended(tx, &task, had_passed)?;
    if task.state == State::Cancelled {
        finish::closed(tx, &task)?;
    }
    Ok(())
}

/// Cancels what is open below a task that has just ended. A child that is being published is let
/// go: its branch ends here anyway.
fn end_children(tx: &mut dyn Tx, parent: TaskId) -> Result<()> {
    for child in tx.children(parent)? {
        let child = step::load(tx, child)?;
        if child.state.is_end() {
            continue;
        }
        match end(tx, child, Cause::Cancel, "its parent has ended") {
            Ok(()) | Err(crate::Error::Refused(Refusal::Conflict(_))) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Tries a task again that waits for attention, failed or was cancelled; a composite with those of
/// its children that failed or were cancelled. Failures are counted afresh.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::BadState`]; [`Refusal::Conflict`] if its parent has ended.
pub fn retry(tx: &mut dyn Tx, id: TaskId) -> Result<Task> {
    let task = step::load(tx, id)?;
    plan::refuse_unplanned(tx, &task)?;
    if let Some(parent) = task.parent {
        let parent = step::load(tx, parent)?;
        if !step::takes_children(&parent) {
            return Err(Refusal::Conflict(format!(
                "its parent is {}: retry the parent",
                parent.state
            ))
            .into());
        }
        choice::refuse_another(&parent, &task)?;
    }
    revive(tx, task)?;
    step::load(tx, id)
}

fn revive(tx: &mut dyn Tx, mut task: Task) -> Result<()> {
    let was_cancelled = task.state == State::Cancelled;
    task.tries = Tries::default();
    task.not_before = None;
    if task.state.is_end() {
        // Limits that are newer than its end have passed it by.
        let governing = Governing::of(tx, task.org, task.project, Some(task.goal))?;
        task.lane = governing.lane(task.project, task.goal, &task.requires);
    }
    if task.state == State::Waiting(WaitReason::Attention, ResumeTo::Integrating) {
        step(
            tx,
            &mut task,
            Cause::Resume,
            "a person wants it tried again",
            None,
        )?;
        tx.put_task(&task)?;
        return train::enter(tx, &task);
    }
    let cause = Cause::Retry {
        started: task.started,
    };
    step(tx, &mut task, cause, "a person wants it tried again", None)?;
    if task.kind == TaskKind::Leaf && task.head.is_some() {
        // It was called off when it had a result already, which is where to go on.
        task.prior = task.head.take();
    }
    if was_cancelled && let Some(parent) = task.parent {
        let mut parent = step::load(tx, parent)?;
        parent.open_children += 1;
        tx.put_task(&parent)?;
    }
    if task.kind == TaskKind::Leaf {
        return step::settle(tx, &mut task);
    }
    tx.put_task(&task)?;
    for child in tx.children(task.id)? {
        let child = step::load(tx, child)?;
        let ended = matches!(child.state, State::Failed | State::Cancelled);
        if ended && choice::refuse_another(&task, &child).is_ok() {
            revive(tx, child)?;
        }
    }
    let mut task = step::load(tx, task.id)?;
    if task.state == State::Blocked {
        step::settle(tx, &mut task)?;
    }
    finish::complete_if_closed(tx, task.id)
}

/// What a person changes; `None` leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// New title.
    pub title: Option<String>,
    /// New goal.
    pub goal: Option<String>,
    /// New priority.
    pub priority: Option<i16>,
    /// How it is done from now on.
    pub driver: Option<DriverSpec>,
    /// Dependencies to add.
    pub add_depends_on: Vec<TaskId>,
}

/// Changes a task.
///
/// # Errors
/// [`Refusal::BadState`] for words once work has started, and for a driver while it is under way or
/// over; [`Refusal::Invalid`], [`Refusal::Cycle`].
pub fn update(tx: &mut dyn Tx, id: TaskId, change: Change) -> Result<Task> {
    let mut task = step::load(tx, id)?;
    let before = to_do(tx, &task)?;
    if change.title.is_some() || change.goal.is_some() {
        if task.state.has_started() {
            let state = task.state.name().as_str().to_owned();
            return Err(Refusal::BadState {
                state,
                action: "reworded",
            }
            .into());
        }
        let mut spec = tx.task_spec(id)?.ok_or(Refusal::NotFound("task"))?;
        let before = spec.clone();
        if let Some(title) = change.title {
            name::check_title("title", &title)?;
            spec.title = title;
        }
        if let Some(goal) = change.goal {
            name::check_text("goal", &goal, GOAL_BYTES_MAX)?;
            spec.goal = goal;
        }
        tx.put_task_spec(id, &spec)?;
        if task.choice == Some(Choice::Open) {
            choice::reword(tx, id, &before, &spec)?;
        }
    }
    if let Some(driver) = change.driver {
        drive_with(tx, &mut task, driver)?;
    }
    for (id, before) in before {
        if tx.task_spec(id)? != before {
            do_otherwise(tx, id)?;
        }
    }
    task = step::load(tx, id)?;
    if let Some(priority) = change
        .priority
        .filter(|priority| *priority != task.priority)
    {
        step::reorder(tx, &mut task, |task| task.priority = priority)?;
    }
    for (i, dependency) in change.add_depends_on.into_iter().enumerate() {
        schedule::add_edge(tx, dependency, id, &format!("add_depends_on[{i}]"))?;
    }
    updated(tx, &task, json!({}))?;
    step::load(tx, id)
}

/// Tells everybody that a person has changed a task.
fn updated(tx: &mut dyn Tx, task: &Task, data: serde_json::Value) -> Result<()> {
    tx.append_event(&NewEvent {
        org: task.org,
        kind: EventKind::TaskUpdated,
        project: task.project,
        task: Some(task.id),
        attempt: None,
        data,
    })?;
    Ok(())
}

/// What a task is to do, and each of its alternatives.
fn to_do(tx: &mut dyn Tx, task: &Task) -> Result<Vec<(TaskId, Option<TaskSpec>)>> {
    let mut all = vec![task.id];
    if task.choice == Some(Choice::Open) {
        all.extend(tx.children(task.id)?);
    }
    let mut found = Vec::with_capacity(all.len());
    for id in all {
        found.push((id, tx.task_spec(id)?));
    }
    Ok(found)
}

/// A task is to do something else by now: nobody comes back to it who was doing what it was, and whether
/// it may start is asked again.
fn do_otherwise(tx: &mut dyn Tx, id: TaskId) -> Result<()> {
    let mut task = step::load(tx, id)?;
    if task.lost.is_some() {
        step::supersede_lost(tx, &mut task)?;
        tx.put_task(&task)?;
    }
    let waits = matches!(
        task.state,
        State::Draft | State::Blocked | State::Ready | START_APPROVAL | ATTENTION
    );
    if !waits || !ask::start_anew(tx, &task)? || task.state != State::Ready {
        return Ok(());
    }
    step::unqueue(tx, &task)?;
    step(
        tx,
        &mut task,
        Cause::Blocked,
        "it is to do something else",
        None,
    )?;
    step::settle_open(tx, &mut task)
}

/// Gives a task a driver, so that it is not left to agents that have one of their own. A leaf that
/// waits in a queue moves to that of the labels that are left.
fn drive_with(tx: &mut dyn Tx, task: &mut Task, driver: DriverSpec) -> Result<()> {
    // Not while somebody waits for an answer: whoever asked goes on with it.
    let waits_before_a_try = matches!(task.state, START_APPROVAL | ATTENTION);
    if task.state.has_started() && !waits_before_a_try {
        let state = task.state.name().as_str().to_owned();
        return Err(Refusal::BadState {
            state,
            action: "given a driver",
        }
        .into());
    }
    driver.validate("driver")?;
    let mut spec = tx.task_spec(task.id)?.ok_or(Refusal::NotFound("task"))?;
    if task.choice == Some(Choice::Open) {
        // Alternatives without one of their own have their task's.
        for way in tx.children(task.id)? {
            let own = tx.task_spec(way)?.and_then(|spec| spec.driver);
            if own == spec.driver {
                let mut way = step::load(tx, way)?;
                drive_with(tx, &mut way, driver.clone())?;
            }
        }
    }
    let had_none = spec.driver.replace(driver).is_none();
    tx.put_task_spec(task.id, &spec)?;
    if task.kind == TaskKind::Composite || !had_none {
        return Ok(());
    }
    step::unqueue(tx, task)?;
    // The next claim looks anew.
    task.held_by = None;
    let labels = task.requires.iter();
    task.requires = Labels::new(labels.filter(|label| *label != DEFAULT_DRIVER_LABEL))?;
    let counts = |key: &LimitKey| key.counts(task.project, task.goal, &task.requires);
    task.lane = Lane::new(task.lane.keys().filter(counts));
    tx.put_task(task)?;
    if task.state == State::Ready {
        step::queue(tx, task)?;
    }
    Ok(())
}

/// Where a task waits for the approval of its start.
const START_APPROVAL: State = State::Waiting(WaitReason::Approval, ResumeTo::Ready);
/// Where a task waits for a person because its tries are over.
const ATTENTION: State = State::Waiting(WaitReason::Attention, ResumeTo::Ready);

/// Hides a task that has ended, and everything below it, from lists.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::BadState`] if it has not ended.
pub fn archive(tx: &mut dyn Tx, id: TaskId) -> Result<Task> {
    let mut task = step::load(tx, id)?;
    if !task.state.is_end() {
        let state = task.state.name().as_str().to_owned();
        return Err(Refusal::BadState {
            state,
            action: "archived",
        }
        .into());
    }
    if !task.archived {
        task.archived = true;
        tx.put_task(&task)?;
        updated(tx, &task, json!({ "archived": true }))?;
    }
    if task.kind == TaskKind::Composite {
        for child in tx.children(id)? {
            let child = step::load(tx, child)?;
            if child.state.is_end() {
                archive(tx, child.id)?;
            }
        }
    }
    Ok(task)
}
