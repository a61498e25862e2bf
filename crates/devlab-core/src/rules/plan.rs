//! Plans are proposed, approved or rejected, and the current one is carried out.

use std::collections::BTreeMap;

use serde_json::json;

use crate::check::CheckSet;
use crate::choice::Choice;
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::TaskId;
use crate::limits::{COMMENT_BYTES_MAX, DEPTH_MAX, GRAPH_TASKS_MAX, PLAN_REVISIONS_MAX};
use crate::name;
use crate::plan::revision::Decision;
use crate::plan::{Origin, Plan, PlanState, PlanTask, Revision};
pub use crate::policy::Running;
use crate::state::{Cause, State, TaskKind};
use crate::task::{Made, Task, Through};
use crate::tx::{Read, Tx};

use super::make::{self, Maker};
use super::policy::{self, Governing};
use super::replan::Replan;
use super::schedule::{self, NewTask, Place};
use super::step::{self, step};
use super::{again, ask, given, hold};

/// Why a revision that can no longer become current is rejected.
const OVERTAKEN: &str = "another revision became current";

/// A plan that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The plan.
    pub plan: Plan,
    /// Where it comes from.
    pub origin: Origin,
    /// The revision that is current, as the proposer knows it.
    pub parent: Option<u32>,
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
}

/// What a person says of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// Why, in their words; may be empty.
    pub why: String,
    /// What becomes of work under way that the revision does not want; absent leaves it to policy.
    pub running: Option<Running>,
}

/// Who a plan is approved by when nobody has to.
pub const BY_POLICY: &str = "policy";

/// The approval of a plan that policy gives by itself, if it does.
///
/// # Errors
/// Storage only.
pub fn approved_by_policy(view: &mut dyn Read, task: &Task) -> Result<Option<Ruling>> {
    let governing = Governing::of(view, task.org, task.project, Some(task.goal))?;
    let is_approved = governing.policy.approvals.plan == Some(false);
    Ok(is_approved.then(|| Ruling {
        by: BY_POLICY.to_owned(),
        why: String::new(),
        running: None,
    }))
}

/// The revision that is carried out, if there is one.
///
/// # Errors
/// Storage only.
pub fn current(view: &mut dyn Read, task: TaskId) -> Result<Option<Revision>> {
    let all = view.plan_revisions(task)?;
    Ok(all.into_iter().find(|r| r.state == PlanState::Current))
}

/// Makes a goal that waits, in `draft`, for the approval of its plan.
///
/// # Errors
/// [`Refusal::Invalid`] for what is wrong with the goal's words; [`Refusal::Limit`].
pub fn create_goal(
    tx: &mut dyn Tx,
    place: &Place,
    proposal: &Proposal,
) -> Result<(TaskId, Revision)> {
    let plan = &proposal.plan;
    let new = NewTask {
        spec: plan.goal.clone(),
        requires: plan.labels.clone(),
        priority: plan.priority,
        review: plan.review,
        ..NewTask::default()
    };
    let made = Made::by(&proposal.by);
    let goal = Maker::new(place, &made).unplanned(tx, &new)?;
    for (i, dependency) in place.depends_on.iter().enumerate() {
        schedule::add_edge(tx, *dependency, goal.id, &format!("depends_on[{i}]"))?;
    }
    let revision = propose(tx, goal.id, proposal)?;
    Ok((goal.id, revision))
}

/// Stores a plan as the next revision of a composite's, or as the first of a leaf's that nobody has
/// tried.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] for a choice and its alternatives; [`Refusal::Outdated`]
/// if another revision is current than the proposer knows; [`Refusal::Conflict`] if the composite takes
/// no children any more, was scheduled without a plan, or has this very plan, and if somebody has begun
/// to work on the leaf; [`Refusal::Limit`].
pub fn propose(tx: &mut dyn Tx, id: TaskId, proposal: &Proposal) -> Result<Revision> {
    let task = plannable(tx, id)?;
    let revisions = tx.plan_revisions(id)?;
    if revisions.is_empty() && task.open_children > 0 {
        let text = "it was scheduled with its tasks: change those one by one".to_owned();
        return Err(Refusal::Conflict(text).into());
    }
    let current = revisions.iter().find(|r| r.state == PlanState::Current);
    if current.map(|r| r.number) != proposal.parent {
        return Err(Refusal::Outdated("the plan").into());
    }
    if current.is_some_and(|r| r.origin.input == proposal.origin.input) {
        let text = "nothing to plan: the input has not changed since the current revision";
        return Err(Refusal::Conflict(text.to_owned()).into());
    }
    if revisions.len() >= PLAN_REVISIONS_MAX {
        return Err(limit("revisions of a plan", PLAN_REVISIONS_MAX));
    }
    name::check_text("why", &proposal.origin.why, COMMENT_BYTES_MAX)?;
    check_size(&task, &proposal.plan)?;
    let plan = again::beside(tx, current, proposal)?;
    fits_given(tx, &task, &plan)?;
    let revision = Revision {
        task: id,
        org: task.org,
        number: revisions.last().map_or(0, |r| r.number) + 1,
        parent: proposal.parent,
        state: PlanState::Proposed,
        origin: proposal.origin.clone(),
        tasks: u32::try_from(plan.count()).unwrap_or(u32::MAX),
        proposed_by: proposal.by.clone(),
        proposed_at: tx.now(),
        decision: None,
    };
    tx.insert_plan(&revision, &plan)?;
    event(tx, &task, &revision)?;
    Ok(revision)
}

/// Refuses a plan that contradicts what its task was given, such as by another check of the same name.
fn fits_given(tx: &mut dyn Tx, task: &Task, plan: &Plan) -> Result<()> {
    let goal = given::joined(tx, task, plan.clone())?.goal;
    let set = CheckSet {
        checks: goal.checks,
        artifacts: goal.artifacts,
        ..CheckSet::default()
    };
    Ok(set.validate("plan.goal.checks")?)
}

/// A task that can have a plan: a composite, or a leaf that becomes one with its plan.
fn plannable(tx: &mut dyn Tx, id: TaskId) -> Result<Task> {
    let task = step::load(tx, id)?;
    if let Some(choice) = task.choice {
        let problem = match choice {
            Choice::Alternative => "is one of several alternatives: it has no plan of its own",
            _ => "is a choice among alternatives: it has no plan of its own",
        };
        return Err(Refusal::invalid("task", problem).into());
    }
    if task.kind == TaskKind::Leaf {
        let is_untried = !task.state.has_started() && task.attempts == 0;
        if is_untried && task.merges.is_none() {
            return Ok(task);
        }
        let text =
            "work on it has begun: a leaf can be planned before its first attempt".to_owned();
        return Err(Refusal::Conflict(text).into());
    }
    if !step::takes_children(&task) {
        let text = format!("the task is {} already", task.state);
        return Err(Refusal::Conflict(text).into());
    }
    Ok(task)
}

fn limit(what: &'static str, limit: usize) -> crate::Error {
    let limit = limit as u64;
    Refusal::Limit { what, limit }.into()
}

/// What a transaction can carry out, and how deep tasks may be nested.
fn check_size(task: &Task, plan: &Plan) -> Result<()> {
    if plan.count() > GRAPH_TASKS_MAX {
        return Err(limit(
            "tasks of a plan that is carried out",
            GRAPH_TASKS_MAX,
        ));
    }
    if task.kind == TaskKind::Leaf && plan.tasks.is_empty() {
        let problem = "are none: without any it stays the leaf that it is";
        return Err(Refusal::invalid("tasks", problem).into());
    }
    if task.project.is_none() && has_alternatives(&plan.tasks) {
        let problem = "needs a project: without one there is nothing to choose from";
        return Err(Refusal::invalid("alternatives", problem).into());
    }
    if usize::from(task.depth) + depth(&plan.tasks) > usize::from(DEPTH_MAX) {
        return Err(limit("depth of nesting", usize::from(DEPTH_MAX)));
    }
    Ok(())
}

fn depth(tasks: &[PlanTask]) -> usize {
    let one = |task: &PlanTask| match task.alternatives.is_empty() {
        true => 1 + depth(&task.tasks),
        false => 2,
    };
    tasks.iter().map(one).max().unwrap_or(0)
}

fn has_alternatives(tasks: &[PlanTask]) -> bool {
    let one = |task: &PlanTask| !task.alternatives.is_empty() || has_alternatives(&task.tasks);
    tasks.iter().any(one)
}

fn event(tx: &mut dyn Tx, task: &Task, revision: &Revision) -> Result<()> {
    tx.append_event(&NewEvent {
        org: task.org,
        kind: EventKind::PlanState,
        project: task.project,
        task: Some(task.id),
        attempt: None,
        data: json!({
            "revision": revision.number,
            "state": revision.state,
            "planner": revision.origin.planner,
            "tasks": revision.tasks,
        }),
    })
}

/// A revision that waits for a decision.
fn proposed(revisions: &[Revision], number: u32) -> Result<Revision> {
    let found = revisions.iter().find(|r| r.number == number);
    let revision = found.ok_or(Refusal::NotFound("revision"))?;
    if revision.state != PlanState::Proposed {
        let text = format!("revision {number} is {} already", revision.state);
        return Err(Refusal::Conflict(text).into());
    }
    Ok(revision.clone())
}

fn decide(
    tx: &mut dyn Tx,
    task: &Task,
    revision: &mut Revision,
    state: PlanState,
    decision: Option<Decision>,
) -> Result<()> {
    revision.state = state;
    if decision.is_some() {
        revision.decision = decision;
    }
    tx.put_plan_revision(revision)?;
    event(tx, task, revision)
}

/// Makes a proposed revision the current one and carries it out: what is new is made, what is the
/// same is left alone, what is gone or different is called off or finished. A goal in `draft` begins.
/// New tasks are judged by what the settings of `place` say now.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Outdated`] if its parent is not the current revision;
/// [`Refusal::Conflict`] if it was decided on before, or the composite takes no children any more.
pub fn approve(
    tx: &mut dyn Tx,
    place: &Place,
    id: TaskId,
    number: u32,
    ruling: &Ruling,
) -> Result<Revision> {
    let mut task = plannable(tx, id)?;
    let mut revisions = tx.plan_revisions(id)?;
    let mut revision = proposed(&revisions, number)?;
    name::check_text("why", &ruling.why, COMMENT_BYTES_MAX)?;
    let at = revisions.iter().position(|r| r.state == PlanState::Current);
    let before = at.map(|at| revisions.remove(at));
    if before.as_ref().map(|r| r.number) != revision.parent {
        return Err(Refusal::Outdated("the plan").into());
    }
    let plan = tx.plan(id, number)?.ok_or(Refusal::NotFound("plan"))?;
    let plan = given::joined(tx, &task, plan)?;
    let given = given::before_first(tx, &task, before.as_ref())?;
    let made = Made {
        by: revision.proposed_by.clone(),
        through: Some(Through::Plan {
            task: id,
            revision: number,
        }),
    };
    let governing = Governing::of(tx, task.org, task.project, Some(task.goal))?;
    let was_leaf = task.kind == TaskKind::Leaf;
    let has_other_words = before.is_some() || was_leaf;
    if was_leaf {
        become_composite(tx, &mut task)?;
    }
    itself(tx, place, &governing, &mut task, &plan)?;
    if has_other_words {
        in_other_words(tx, place, &governing, &mut task, &plan)?;
    }
    if was_leaf {
        ask::start_anew(tx, &task)?;
    }
    let tasks = match &before {
        None => first(tx, Maker::new(place, &made), &mut task, &plan)?,
        Some(before) => {
            let old = tx.plan(id, before.number)?;
            let old = old.ok_or(Refusal::NotFound("plan"))?;
            let known = tx.plan_tasks(id, before.number)?;
            let running = match ruling.running {
                Some(running) => running,
                None => governing.policy.running.unwrap_or_default(),
            };
            Replan::new(place, &made, running, &known).carry_out(tx, id, &old, &plan)?
        }
    };
    tx.put_plan_tasks(id, number, &tasks)?;
    let at = tx.now();
    let decision = |why: &str, given| {
        Some(Decision {
            by: ruling.by.clone(),
            at,
            why: why.to_owned(),
            given,
        })
    };
    let (mine, overtaken) = (decision(&ruling.why, given), decision(OVERTAKEN, None));
    if let Some(mut before) = before {
        decide(tx, &task, &mut before, PlanState::Superseded, None)?;
    }
    decide(tx, &task, &mut revision, PlanState::Current, mine)?;
    for mut other in revisions {
        if other.state == PlanState::Proposed && other.number != number {
            let overtaken = overtaken.clone();
            decide(tx, &task, &mut other, PlanState::Rejected, overtaken)?;
        }
    }
    begin(tx, id)?;
    Ok(revision)
}

/// Makes a composite of a leaf that nobody has tried. The caller stores it.
fn become_composite(tx: &mut dyn Tx, task: &mut Task) -> Result<()> {
    step::unqueue(tx, task)?;
    if step::is_open(task.state) {
        step(tx, task, Cause::Blocked, "its plan was approved", None)?;
    }
    task.kind = TaskKind::Composite;
    // Its children may have some, and meet others by themselves.
    task.side_effects = false;
    task.held_by = None;
    task.not_before = None;
    if task.holds {
        hold::release(tx, task)?;
    }
    Ok(())
}

/// What a composite is judged by.
fn itself(
    tx: &mut dyn Tx,
    place: &Place,
    governing: &Governing,
    task: &mut Task,
    plan: &Plan,
) -> Result<()> {
    if let Some((_, settings)) = &place.project {
        task.check_set = Some(schedule::fix_checks(tx, settings, &plan.goal)?);
    }
    task.terms = policy::put_terms(tx, governing)?;
    task.review = governing.reviews_task(task);
    tx.put_task(task)
}

/// What a plan says of a composite that was made with other words.
fn in_other_words(
    tx: &mut dyn Tx,
    place: &Place,
    governing: &Governing,
    task: &mut Task,
    plan: &Plan,
) -> Result<()> {
    let new = NewTask {
        spec: plan.goal.clone(),
        requires: plan.labels.clone(),
        priority: plan.priority,
        ..NewTask::default()
    };
    tx.put_task_spec(task.id, &plan.goal)?;
    task.requires = make::requires(place, &new, TaskKind::Composite)?;
    task.lane = governing.lane(task.project, task.goal, &task.requires);
    if plan.review.is_some() {
        task.asked = plan.review;
        task.review = governing.reviews_task(task);
    }
    step::reorder(tx, task, |task| task.priority = plan.priority)
}

/// Makes all tasks of a first plan.
fn first(
    tx: &mut dyn Tx,
    mut maker: Maker<'_>,
    task: &mut Task,
    plan: &Plan,
) -> Result<BTreeMap<String, TaskId>> {
    let children = plan.children();
    maker.insert_children(tx, task, &children, "")?;
    task.open_children += u32::try_from(children.len()).unwrap_or(u32::MAX);
    tx.put_task(task)?;
    Ok(maker.below.into_iter().collect())
}

/// Lets a composite that was waiting for its plan begin, and what is in nobody's way below it.
fn begin(tx: &mut dyn Tx, id: TaskId) -> Result<()> {
    let mut task = step::load(tx, id)?;
    if task.state == State::Draft {
        step(
            tx,
            &mut task,
            Cause::Activate,
            "its plan was approved",
            None,
        )?;
        return step::settle(tx, &mut task);
    }
    // One that was a leaf until now may be in nobody's way.
    if task.state == State::Blocked {
        step::settle(tx, &mut task)?;
    }
    for id in tx.children(id)? {
        let mut child = step::load(tx, id)?;
        if child.state == State::Blocked && child.unmet == 0 {
            step::settle(tx, &mut child)?;
        }
    }
    super::finish::complete_if_closed(tx, id)
}

/// Says no to a revision.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Conflict`] if it was decided on before.
pub fn reject(tx: &mut dyn Tx, id: TaskId, number: u32, by: &str, why: &str) -> Result<Revision> {
    let task = step::load(tx, id)?;
    let revisions = tx.plan_revisions(id)?;
    let mut revision = proposed(&revisions, number)?;
    name::check_text("why", why, COMMENT_BYTES_MAX)?;
    let decision = Decision {
        by: by.to_owned(),
        at: tx.now(),
        why: why.to_owned(),
        given: None,
    };
    decide(
        tx,
        &task,
        &mut revision,
        PlanState::Rejected,
        Some(decision),
    )?;
    Ok(revision)
}

/// Refuses to begin a task otherwise than by approving its plan.
pub(super) fn refuse_unplanned(tx: &mut dyn Tx, task: &Task) -> Result<()> {
    if task.kind != TaskKind::Composite || task.open_children > 0 {
        return Ok(());
    }
    let revisions = tx.plan_revisions(task.id)?;
    let is_planned = revisions.iter().any(|r| r.state == PlanState::Current);
    if revisions.is_empty() || is_planned {
        return Ok(());
    }
    let text = "none of its plan's revisions was approved".to_owned();
    Err(Refusal::Conflict(text).into())
}
