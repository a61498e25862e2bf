//! What a task below a goal was given when it was made: a plan of its own can add to it, and takes
//! nothing away. Whoever approved the plan above has seen those checks and labels.

use crate::check::CheckSet;
use crate::error::Result;
use crate::label::Labels;
use crate::plan::Plan;
use crate::task::Task;
use crate::tx::Read;

use super::schedule::DEFAULT_DRIVER_LABEL;

/// A plan of such a task, with what the task has already: its checks, artifacts and labels, its review,
/// and its driver, priority and paths as long as the plan names none.
///
/// # Errors
/// [`crate::Refusal::Invalid`] if both come to more labels than a task can have.
pub fn joined<R: Read + ?Sized>(view: &mut R, task: &Task, mut plan: Plan) -> Result<Plan> {
    let Some(spec) = view.task_spec(task.id)? else {
        return Ok(plan);
    };
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
    plan.labels = Labels::new(labels(task).chain(plan.labels.iter()))?;
    if plan.priority == 0 {
        plan.priority = task.priority;
    }
    if task.review {
        plan.review = Some(true);
    }
    Ok(plan)
}

/// The task itself, as a plan without tasks: what a first plan of its own is compared with.
///
/// # Errors
/// Storage only.
pub fn alone<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Option<Plan>> {
    let Some(goal) = view.task_spec(task.id)? else {
        return Ok(None);
    };
    Ok(Some(Plan {
        goal,
        labels: Labels::new(labels(task))?,
        priority: task.priority,
        review: task.review.then_some(true),
        tasks: Vec::new(),
        warnings: Vec::new(),
    }))
}

/// Labels of a task. That agents with a driver of their own do it is said of leaves only.
fn labels(task: &Task) -> impl Iterator<Item = &str> {
    let all = task.requires.iter();
    all.filter(|label| *label != DEFAULT_DRIVER_LABEL)
}
