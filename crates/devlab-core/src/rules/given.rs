//! What a task below a goal was given when it was made: a plan of its own can add to it, and takes
//! nothing away. Whoever approved the plan above has seen those checks and labels. What one plan of
//! its own has added, the next one need not have.

use crate::check::CheckSet;
use crate::error::Result;
use crate::label::Labels;
use crate::plan::{Plan, Revision};
use crate::task::Task;
use crate::tx::Read;

use super::schedule::DEFAULT_DRIVER_LABEL;

/// A plan of such a task, with what the task was given: its checks, artifacts and labels, its review,
/// and its driver, priority and paths as long as the plan names none. A plan of a goal is as it is.
///
/// # Errors
/// [`crate::Refusal::Invalid`] if both come to more labels than a task can have.
pub fn joined<R: Read + ?Sized>(view: &mut R, task: &Task, mut plan: Plan) -> Result<Plan> {
    let Some(given) = of(view, task)? else {
        return Ok(plan);
    };
    let spec = given.goal;
    let set = |checks, artifacts| CheckSet {
        checks,
        artifacts,
        ..CheckSet::default()
    };
    let goal = &mut plan.goal;
    let own = set(
        std::mem::take(&mut goal.checks),
        std::mem::take(&mut goal.artifacts),
    );
    let both = set(spec.checks, spec.artifacts).union(&own);
    (goal.checks, goal.artifacts) = (both.checks, both.artifacts);
    goal.driver = goal.driver.take().or(spec.driver);
    if goal.paths.is_empty() {
        goal.paths = spec.paths;
    }
    plan.labels = Labels::new(given.labels.iter().chain(plan.labels.iter()))?;
    if plan.priority == 0 {
        plan.priority = given.priority;
    }
    if given.review == Some(true) {
        plan.review = Some(true);
    }
    Ok(plan)
}

/// What a task below a goal was given, as a plan without tasks: what it is, until the first plan of its
/// own is carried out, and from then on what it was before. A goal was given nothing.
///
/// # Errors
/// Storage only.
pub fn of<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Option<Plan>> {
    if task.is_goal() {
        return Ok(None);
    }
    let mut decisions = view.plan_revisions(task.id)?.into_iter();
    match decisions.find_map(|revision| revision.decision?.given) {
        Some(given) => Ok(Some(*given)),
        None => alone(view, task),
    }
}

/// What is to be kept of a task when the first plan of its own is carried out.
pub(super) fn before_first<R: Read + ?Sized>(
    view: &mut R,
    task: &Task,
    current: Option<&Revision>,
) -> Result<Option<Box<Plan>>> {
    match current {
        None => Ok(of(view, task)?.map(Box::new)),
        Some(_) => Ok(None),
    }
}

/// The task itself.
fn alone<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Option<Plan>> {
    let Some(goal) = view.task_spec(task.id)? else {
        return Ok(None);
    };
    Ok(Some(Plan {
        goal,
        labels: Labels::new(labels(task))?,
        priority: task.priority,
        review: task.asked.filter(|asked| *asked),
        tasks: Vec::new(),
        warnings: Vec::new(),
    }))
}

/// Labels of a task. That agents with a driver of their own do it is said of leaves only.
fn labels(task: &Task) -> impl Iterator<Item = &str> {
    let all = task.requires.iter();
    all.filter(|label| *label != DEFAULT_DRIVER_LABEL)
}
