//! Tasks and graphs are made; edges are added late.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::check::CheckSet;
use crate::choice::{self, Alternative, Choice};
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::git::Oid;
use crate::id::{OrgId, ProjectId, TaskId};
use crate::label::Labels;
use crate::limits::{
    DEPENDENCIES_MAX, DEPTH_MAX, GOAL_BYTES_MAX, GRAPH_TASKS_MAX, TITLE_CHARS_MAX,
};
use crate::name;
use crate::org::ProjectSettings;
use crate::paths;
use crate::pattern;
use crate::state::{Cause, State, TaskKind};
use crate::task::{BY_DEVLAB, Feedback, Made, Proof, Task, TaskSpec, Through, Tries};
use crate::tx::Tx;

use super::make::Maker;
use super::path;
use super::policy::Governing;
use super::step::{self, step};

/// Label that a leaf without a driver needs: only an agent with a driver of its own has it.
pub const DEFAULT_DRIVER_LABEL: &str = "driver=default";

/// A task to make, with everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NewTask {
    /// Name among its siblings; empty if nothing refers to it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Words and commands.
    pub spec: TaskSpec,
    /// Labels that an agent needs.
    pub requires: Labels,
    /// Higher is earlier.
    pub priority: i16,
    /// Whether a person reviews the result; absent leaves it to policy and to the default, which is
    /// goals with a project.
    pub review: Option<bool>,
    /// Whether it does things outside that must not be repeated.
    pub side_effects: bool,
    /// Keys of siblings that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Children; a task with children is a composite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
    /// Ways to do it, of which one is taken: a task with alternatives is a composite of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

impl NewTask {
    /// What is made below it.
    #[must_use]
    pub fn below(&self) -> Cow<'_, [Self]> {
        match self.alternatives.is_empty() {
            true => Cow::Borrowed(&self.children),
            false => Cow::Owned(choice::leaves(self)),
        }
    }
}

/// Where new tasks go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Org.
    pub org: OrgId,
    /// Project, with the settings of its default branch.
    pub project: Option<(ProjectId, ProjectSettings)>,
    /// Composite that the task is added to; `None` makes a goal.
    pub parent: Option<TaskId>,
    /// Existing siblings that have to be done first.
    pub depends_on: Vec<TaskId>,
    /// Whether it waits in `draft` for an approval.
    pub draft: bool,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The task itself.
    pub id: TaskId,
    /// Everything below it: keys, joined by `/`, and ids.
    pub below: Vec<(String, TaskId)>,
}

/// Makes a task and everything below it, for whoever asked for it.
///
/// # Errors
/// [`Refusal::Invalid`] and [`Refusal::Cycle`] that name the place in the request;
/// [`Refusal::NotFound`] and [`Refusal::Conflict`] for the parent.
pub fn create(tx: &mut dyn Tx, place: &Place, new: &NewTask, made: &Made) -> Result<Created> {
    let parent = match place.parent {
        Some(id) => Some(accepting_parent(tx, id, place)?),
        None => None,
    };
    let depth = parent.as_ref().map_or(0, |parent| parent.depth + 1);
    validate(new, "", depth)?;
    let total = count(new);
    if total > GRAPH_TASKS_MAX {
        let limit = GRAPH_TASKS_MAX as u64;
        return Err(Refusal::Limit {
            what: "tasks in one request",
            limit,
        }
        .into());
    }
    let mut maker = Maker::new(place, made);
    let (governing, _) = maker.under(tx, parent.as_ref().map(|parent| parent.goal))?;
    let is_planned = parent.is_none() && governing.policy.approvals.plan == Some(true);
    let state = if place.draft || is_planned {
        State::Draft
    } else {
        State::Blocked
    };
    let path = parent.as_ref().map_or(1, |parent| parent.path + 1);
    let mut task = maker.insert(tx, new, parent.as_ref(), state, path, 0)?;
    if let Some(mut parent) = parent {
        parent.open_children += 1;
        tx.put_task(&parent)?;
    }
    maker.insert_children(tx, &task, &new.below(), "")?;
    for (i, dependency) in place.depends_on.iter().enumerate() {
        add_edge(tx, *dependency, task.id, &format!("depends_on[{i}]"))?;
    }
    task = step::load(tx, task.id)?;
    if task.state == State::Blocked {
        step::settle(tx, &mut task)?;
    }
    Ok(Created {
        id: task.id,
        below: maker.below,
    })
}

fn accepting_parent(tx: &mut dyn Tx, id: TaskId, place: &Place) -> Result<Task> {
    let parent = tx.task(id)?.filter(|parent| parent.org == place.org);
    let parent = parent.ok_or(Refusal::NotFound("task"))?;
    if parent.kind != TaskKind::Composite {
        return Err(Refusal::invalid("parent", "is a leaf: only a composite has children").into());
    }
    if parent.choice.is_some() {
        let problem = "is a choice among alternatives: it takes no other tasks";
        return Err(Refusal::invalid("parent", problem).into());
    }
    if !step::takes_children(&parent) {
        return Err(Refusal::Conflict(format!("the parent is {} already", parent.state)).into());
    }
    if parent.depth >= DEPTH_MAX {
        let limit = u64::from(DEPTH_MAX);
        return Err(Refusal::Limit {
            what: "depth of nesting",
            limit,
        }
        .into());
    }
    if parent.project != place.project.as_ref().map(|(id, _)| *id) {
        return Err(Refusal::invalid("project", "is not the parent's project").into());
    }
    Ok(parent)
}

pub(super) fn count(new: &NewTask) -> usize {
    1 + new.alternatives.len() + new.children.iter().map(count).sum::<usize>()
}

pub(super) fn validate(new: &NewTask, at: &str, depth: u8) -> Result<()> {
    let field = |part: &str| {
        if at.is_empty() {
            part.to_owned()
        } else {
            format!("{at}.{part}")
        }
    };
    name::check_title(&field("title"), &new.spec.title)?;
    name::check_text(&field("goal"), &new.spec.goal, GOAL_BYTES_MAX)?;
    CheckSet {
        checks: new.spec.checks.clone(),
        ..CheckSet::default()
    }
    .validate(&field("checks"))?;
    pattern::validate(&field("artifacts"), &new.spec.artifacts)?;
    paths::validate(&field("paths"), &new.spec.paths)?;
    if let Some(driver) = &new.spec.driver {
        driver.validate(&field("driver"))?;
    }
    if new.depends_on.len() > DEPENDENCIES_MAX {
        let problem = format!("at most {DEPENDENCIES_MAX} dependencies");
        return Err(Refusal::invalid(field("depends_on"), problem).into());
    }
    if let Err(refusal) = choice::validate(
        &new.alternatives,
        !new.children.is_empty(),
        new.side_effects,
    ) {
        return Err(refusal.at(field).into());
    }
    if depth + u8::from(!new.alternatives.is_empty()) > DEPTH_MAX {
        let limit = u64::from(DEPTH_MAX);
        return Err(Refusal::Limit {
            what: "depth of nesting",
            limit,
        }
        .into());
    }
    let child_at = |i: usize| format!("{}[{i}]", field("tasks"));
    for (i, child) in new.children.iter().enumerate() {
        validate(child, &child_at(i), depth + 1)?;
    }
    order(&new.children, &child_at).map(|_| ())
}

/// Indexes of siblings in an order in which dependencies come first.
pub(super) fn order(siblings: &[NewTask], at: &dyn Fn(usize) -> String) -> Result<Vec<usize>> {
    let mut by_key = HashMap::new();
    for (i, task) in siblings.iter().enumerate() {
        name::check_title(&format!("{}.key", at(i)), &task.key)?;
        if task.key.contains('/') || by_key.insert(task.key.as_str(), i).is_some() {
            let field = format!("{}.key", at(i));
            return Err(Refusal::invalid(field, "must be unique and without /").into());
        }
    }
    let mut dependents = vec![Vec::new(); siblings.len()];
    let mut unmet = vec![0_usize; siblings.len()];
    for (i, task) in siblings.iter().enumerate() {
        let mut seen = HashSet::new();
        for (d, key) in task.depends_on.iter().enumerate() {
            let field = || format!("{}.depends_on[{d}]", at(i));
            let Some(&dependency) = by_key.get(key.as_str()) else {
                return Err(Refusal::invalid(field(), "is not the key of a sibling").into());
            };
            if dependency == i {
                return Err(Refusal::Cycle { field: field() }.into());
            }
            if seen.insert(dependency) {
                dependents[dependency].push(i);
                unmet[i] += 1;
            }
        }
    }
    let mut free: VecDeque<usize> = (0..siblings.len()).filter(|i| unmet[*i] == 0).collect();
    let mut sorted = Vec::with_capacity(siblings.len());
    while let Some(i) = free.pop_front() {
        sorted.push(i);
        for &dependent in &dependents[i] {
            unmet[dependent] -= 1;
            if unmet[dependent] == 0 {
                free.push_back(dependent);
            }
        }
    }
    match unmet.iter().position(|left| *left > 0) {
        Some(i) => Err(Refusal::Cycle {
            field: format!("{}.depends_on", at(i)),
        }
        .into()),
        None => Ok(sorted),
    }
}

/// Stores what a task is judged by: its project's checks and its own.
pub(super) fn fix_checks(
    tx: &mut dyn Tx,
    settings: &ProjectSettings,
    spec: &TaskSpec,
) -> Result<crate::check::Sha256Hex> {
    let own = CheckSet {
        checks: spec.checks.clone(),
        artifacts: spec.artifacts.clone(),
        ..CheckSet::default()
    };
    let set = settings.checks.union(&own);
    set.validate("checks")?;
    tx.put_check_set(&set)?;
    Ok(set.hash())
}

/// Adds an edge between two tasks that exist.
///
/// # Errors
/// [`Refusal::Cycle`]; [`Refusal::BadState`] if work on the dependent has started or ended;
/// [`Refusal::Invalid`] if they are not siblings; [`Refusal::NotFound`].
pub fn add_edge(tx: &mut dyn Tx, dependency: TaskId, dependent: TaskId, field: &str) -> Result<()> {
    let mut to = step::load(tx, dependent)?;
    let from = tx.task(dependency)?.filter(|from| from.org == to.org);
    let from = from.ok_or(Refusal::NotFound("task"))?;
    if from.parent != to.parent {
        let problem =
            "has another parent: only siblings, or goals of one org, depend on each other";
        return Err(Refusal::invalid(field, problem).into());
    }
    if to.choice == Some(Choice::Alternative) {
        let problem = "is another alternative of the same task: they do not wait for each other";
        return Err(Refusal::invalid(field, problem).into());
    }
    if to.state.has_started() {
        let state = to.state.name().as_str().to_owned();
        return Err(Refusal::BadState {
            state,
            action: "given a dependency",
        }
        .into());
    }
    if from.id == to.id || reaches(tx, to.id, from.id)? {
        return Err(Refusal::Cycle {
            field: field.to_owned(),
        }
        .into());
    }
    if tx.dependencies(to.id)?.len() >= DEPENDENCIES_MAX {
        let limit = DEPENDENCIES_MAX as u64;
        return Err(Refusal::Limit {
            what: "dependencies of one task",
            limit,
        }
        .into());
    }
    if !tx.insert_edge(from.id, to.id)? {
        return Ok(());
    }
    if from.state != State::Done {
        step::unqueue(tx, &to)?;
        to.unmet += 1;
        if step::is_open(to.state) {
            step(tx, &mut to, Cause::Blocked, "a dependency was added", None)?;
        }
        tx.put_task(&to)?;
    }
    path::raise(tx, from.id, to.path + 1)
}

/// Whether `to` can be reached from `from` along dependents.
fn reaches(tx: &mut dyn Tx, from: TaskId, to: TaskId) -> Result<bool> {
    let mut seen = HashSet::from([from]);
    let mut queue = VecDeque::from([from]);
    while let Some(id) = queue.pop_front() {
        for next in tx.dependents(id)? {
            if next == to {
                return Ok(true);
            }
            if seen.insert(next) {
                queue.push_back(next);
            }
        }
    }
    Ok(false)
}

/// Adds the child that brings a composite's branch and its target together again, or that does what
/// a reviewer asks for. `theirs` becomes a second parent of its result, so that the next merge into
/// the target is clean.
pub(super) fn add_rework_child(
    tx: &mut dyn Tx,
    composite: &Task,
    feedback: &Feedback,
    theirs: Option<Oid>,
) -> Result<()> {
    let spec = tx
        .task_spec(composite.id)?
        .ok_or(Refusal::NotFound("task"))?;
    let title = rework_title(&spec.title, feedback);
    let now = tx.now();
    let id = TaskId::new(now, tx.random());
    let mut labels: Vec<&str> = composite.requires.iter().collect();
    if spec.driver.is_none() {
        labels.push(DEFAULT_DRIVER_LABEL);
    }
    let requires = Labels::new(labels)?;
    let governing = Governing::of(tx, composite.org, composite.project, Some(composite.goal))?;
    let mut child = Task {
        id,
        lane: governing.lane(composite.project, composite.goal, &requires),
        parent: Some(composite.id),
        depth: composite.depth + 1,
        kind: TaskKind::Leaf,
        state: State::Blocked,
        unmet: 0,
        path: composite.path + 1,
        requires,
        attempts: 0,
        live: None,
        lost: None,
        tries: Tries::default(),
        not_before: None,
        open_children: 0,
        started: false,
        head: None,
        prior: None,
        merges: theirs,
        published: None,
        review: false,
        asked: None,
        accepted: None,
        told: true,
        choice: None,
        held_by: None,
        holds: false,
        proof: Proof::Open,
        created_at: now,
        updated_at: now,
        ..composite.clone()
    };
    let spec = TaskSpec {
        title,
        checks: Vec::new(),
        artifacts: Vec::new(),
        paths: Vec::new(),
        ..spec
    };
    child.seq = tx.insert_task(&child, &spec, &made_by(feedback))?;
    tx.add_feedback(id, feedback)?;
    let mut parent = step::load(tx, composite.id)?;
    parent.open_children += 1;
    tx.put_task(&parent)?;
    tx.append_event(&NewEvent {
        org: child.org,
        kind: EventKind::TaskCreated,
        project: child.project,
        task: Some(id),
        attempt: None,
        data: json!({ "title": spec.title, "kind": child.kind, "state": "blocked", "parent": child.parent }),
    })?;
    step::settle(tx, &mut child)
}

/// Whoever a child is made for that makes up for something on a composite's result.
fn made_by(feedback: &Feedback) -> Made {
    let by = match feedback {
        Feedback::ChangesRequested { by, .. } | Feedback::Message { by, .. } => by.as_str(),
        Feedback::Conflict { .. }
        | Feedback::CheckFailed { .. }
        | Feedback::DriverFailed { .. } => BY_DEVLAB,
    };
    Made {
        by: by.to_owned(),
        through: Some(Through::Result),
    }
}

/// What a child is called that makes up for something on a composite's result.
fn rework_title(of: &str, feedback: &Feedback) -> String {
    let short: String = of.chars().take(TITLE_CHARS_MAX - 40).collect();
    match feedback {
        Feedback::ChangesRequested { .. } | Feedback::Message { .. } => {
            format!("Answer the review of: {short}")
        }
        Feedback::Conflict { .. }
        | Feedback::CheckFailed { .. }
        | Feedback::DriverFailed { .. } => format!("Merge the target into: {short}"),
    }
}

/// Makes a goal whose result exists already: a commit that somebody brought in, which its train
/// merges and verifies like any other. If the target does not take it, it becomes ordinary work for
/// an agent that has a driver of its own, which gets the commit to merge. The task gets the id `id`,
/// under which the commit is kept.
///
/// # Errors
/// Storage only.
pub fn adopt(
    tx: &mut dyn Tx,
    id: TaskId,
    place: &Place,
    spec: &TaskSpec,
    head: &Oid,
    made: &Made,
) -> Result<()> {
    let new = NewTask {
        spec: spec.clone(),
        review: Some(false),
        ..NewTask::default()
    };
    let mut maker = Maker::new(place, made);
    maker.reserved = Some(id);
    let mut task = maker.insert(tx, &new, None, State::Integrating, 1, 0)?;
    // Who brings it in has decided about it.
    task.review = false;
    task.terms = None;
    task.head = Some(head.clone());
    // Its history has to arrive too: the next sync would bring the same commits again otherwise.
    task.merges = Some(head.clone());
    tx.put_task(&task)?;
    super::train::enter(tx, &task)
}
