//! Policies are set, and tasks come under them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::json;
use uuid::Uuid;

use crate::attempt::AttemptState;
use crate::check::Sha256Hex;
use crate::choice::Choice;
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::{OrgId, ProjectId, TaskId};
use crate::label::Labels;
use crate::limit::{Lane, LimitKey, Scope, Slots};
use crate::limits::{COMMENT_BYTES_MAX, LANES_BATCH, LIMITS_MAX, PAGE_MAX};
use crate::name;
use crate::policy::{Level, Policy, PolicyRevision, Reviews, Terms};
use crate::state::{State, StateName, TaskKind};
use crate::task::Task;
use crate::train::Candidate;
use crate::tx::{Effect, Page, Read, TaskFilter, Tx};

use super::{promise, slots, step, train};

/// What governs the tasks of one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Governing {
    /// What its levels say together.
    pub policy: Policy,
    /// The limits of its org, if any of its levels has a policy.
    limits: Vec<LimitKey>,
}

impl Governing {
    /// What governs tasks of an org, a project and a goal now.
    ///
    /// # Errors
    /// Storage only.
    pub fn of(
        view: &mut dyn Read,
        org: OrgId,
        project: Option<ProjectId>,
        goal: Option<TaskId>,
    ) -> Result<Self> {
        let levels = view.policies(&levels(org, project, goal))?;
        if levels.is_empty() {
            return Ok(Self::default());
        }
        let limits = view.limits(org)?.into_iter().map(|(key, _)| key);
        Ok(Self {
            policy: Policy::together(levels.iter().map(|level| &level.policy)),
            limits: limits.collect(),
        })
    }

    /// What a task is promised here; `None` for the defaults.
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        let terms = Terms::under(&self.policy);
        (terms != Terms::default()).then_some(terms)
    }

    /// The limits that attempts at a task count under.
    #[must_use]
    pub fn lane(&self, project: Option<ProjectId>, goal: TaskId, requires: &Labels) -> Lane {
        lane(&self.limits, project, goal, requires)
    }

    /// Whether a person reviews a result, given what was asked of it. What changes no repository
    /// has none.
    #[must_use]
    pub fn reviews(&self, project: Option<ProjectId>, is_goal: bool, asked: Option<bool>) -> bool {
        match project {
            Some(_) => Reviews::decide(self.policy.reviews, is_goal, asked),
            None => asked.unwrap_or(false),
        }
    }

    /// Whether a person reviews the result of a task. That of an alternative is reviewed as the result
    /// of the choice, unless its change asks for it.
    #[must_use]
    pub fn reviews_task(&self, task: &Task) -> bool {
        match task.choice {
            Some(Choice::Alternative) => task.asked == Some(true),
            Some(Choice::Open | Choice::Taken(_)) | None => {
                self.reviews(task.project, task.is_goal(), task.asked)
            }
        }
    }
}

fn lane(limits: &[LimitKey], project: Option<ProjectId>, goal: TaskId, requires: &Labels) -> Lane {
    let counts = |key: &&LimitKey| key.counts(project, goal, requires);
    Lane::new(limits.iter().filter(counts).cloned())
}

/// The levels of a place, the least specific one first.
#[must_use]
pub fn levels(org: OrgId, project: Option<ProjectId>, goal: Option<TaskId>) -> Vec<Level> {
    let project = project.map(Level::Project);
    let goal = goal.map(Level::Goal);
    let all = std::iter::once(Level::Org(org)).chain(project).chain(goal);
    all.collect()
}

/// Hash of what a task was promised.
pub(super) fn promised(task: &Task) -> Sha256Hex {
    static DEFAULTS: LazyLock<Sha256Hex> = LazyLock::new(|| Terms::default().hash());
    task.terms.clone().unwrap_or_else(|| DEFAULTS.clone())
}

/// What a task was promised.
pub(super) fn terms_of<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Terms> {
    match &task.terms {
        Some(hash) => Ok(view.terms(hash)?.unwrap_or_default()),
        None => Ok(Terms::default()),
    }
}

/// Stores what tasks of a place are promised, and returns its hash.
pub(super) fn put_terms(tx: &mut dyn Tx, governing: &Governing) -> Result<Option<Sha256Hex>> {
    let Some(terms) = governing.terms() else {
        return Ok(None);
    };
    tx.put_terms(&terms)?;
    Ok(Some(terms.hash()))
}

/// The limits of an agent's runtime.
pub(super) fn lane_of_runtime(view: &mut dyn Read, org: OrgId, runtime: &str) -> Result<Lane> {
    let key = LimitKey::of(Scope::Runtime(runtime.to_owned()));
    Ok(match view.limit(org, &key)? {
        Some(_) => Lane::new([key]),
        None => Lane::default(),
    })
}

/// A policy that somebody sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Whose.
    pub level: Level,
    /// Org that the level belongs to.
    pub org: OrgId,
    /// What it is to say.
    pub policy: Policy,
    /// Who, as [`crate::auth::Principal::display`] shows them.
    pub by: String,
    /// Why, in their words; may be empty.
    pub why: String,
    /// Number of the policy that it takes the place of, as they know it; 0 for none. Absent takes
    /// the place of any.
    pub instead_of: Option<u32>,
}

/// The policy of a level, if it has one.
///
/// # Errors
/// Storage only.
pub fn current(view: &mut dyn Read, level: Level) -> Result<Option<PolicyRevision>> {
    let found = view.policies(&[level])?.pop();
    Ok(found.filter(|revision| revision.number > 0))
}

/// Leaves the share of a level's slots as it is, whatever a policy that is to be set leaves out.
///
/// # Errors
/// [`Refusal::Forbidden`] if it says another one; storage.
pub fn keep_share(view: &mut dyn Read, setting: &mut Setting) -> Result<()> {
    let known = current(view, setting.level)?;
    let share = known.and_then(|revision| revision.policy.share);
    if setting.policy.share.is_some_and(|said| Some(said) != share) {
        return Err(Refusal::Forbidden.into());
    }
    setting.policy.share = share;
    Ok(())
}

fn check(view: &mut dyn Read, setting: &Setting) -> Result<u32> {
    setting.policy.validate(setting.level)?;
    name::check_text("why", &setting.why, COMMENT_BYTES_MAX)?;
    let number = current(view, setting.level)?.map_or(0, |revision| revision.number);
    if setting.instead_of.is_some_and(|known| known != number) {
        return Err(Refusal::Outdated("the policy").into());
    }
    if let Level::Goal(goal) = setting.level {
        let task = view.task(goal)?.ok_or(Refusal::NotFound("task"))?;
        if !task.is_goal() {
            return Err(Refusal::invalid("task", "is no goal: policies are of goals").into());
        }
    }
    Ok(number)
}

/// Prepares a policy with limits that are new: from the first step on new tasks count under them,
/// and each step lets some of the tasks that there are do so as well. To be called until it returns
/// `None`, with what it returned before; then comes [`set`]. What was prepared and is not set limits
/// nothing.
///
/// # Errors
/// As [`set`].
pub fn prepare(tx: &mut dyn Tx, setting: &Setting, after: Option<Uuid>) -> Result<Option<Uuid>> {
    let wanted = setting.policy.concurrency.limits(setting.level);
    if after.is_none() {
        let number = check(tx, setting)?;
        let known: BTreeMap<LimitKey, Slots> = tx.limits(setting.org)?.into_iter().collect();
        let in_force = |key: &LimitKey| known.get(key).is_some_and(|slots| slots.most.is_some());
        let new: Vec<&LimitKey> = wanted.keys().filter(|key| !in_force(key)).collect();
        if new.is_empty() {
            return Ok(None);
        }
        let known = match known.len() + new.len() > LIMITS_MAX {
            true => drop_limits_of_the_past(tx, setting.org)?,
            false => known.len(),
        };
        if known + new.len() > LIMITS_MAX {
            let limit = LIMITS_MAX as u64;
            return Err(Refusal::Limit {
                what: "limits of concurrency in an org",
                limit,
            }
            .into());
        }
        announce(tx, setting, number, &new)?;
    }
    let page = Page {
        after,
        limit: LANES_BATCH,
    };
    let tasks = tx.tasks(&open_tasks(setting.org, setting.level), page)?;
    let limits: Vec<LimitKey> = tx
        .limits(setting.org)?
        .into_iter()
        .map(|(k, _)| k)
        .collect();
    let is_last = tasks.len() < LANES_BATCH as usize;
    let last = tasks.last().map(|task| task.id.uuid());
    for task in tasks {
        let lane = lane(&limits, task.project, task.goal, &task.requires);
        move_to_lane(tx, task, lane)?;
    }
    Ok(last.filter(|_| !is_last))
}

/// Removes the counters of goals that are over; returns how many there still are.
fn drop_limits_of_the_past(tx: &mut dyn Tx, org: OrgId) -> Result<usize> {
    let mut left = 0;
    for (key, slots) in tx.limits(org)? {
        let is_over = match key.scope {
            Scope::Goal(goal) => tx.task(goal)?.is_none_or(|goal| goal.state.is_end()),
            Scope::Org | Scope::Project(_) | Scope::Runtime(_) => false,
        };
        match is_over && slots.used == 0 {
            true => tx.put_limit(org, &key, None)?,
            false => left += 1,
        }
    }
    Ok(left)
}

/// What is not over at a level.
pub(super) fn open_tasks(org: OrgId, level: Level) -> TaskFilter {
    let over = [StateName::Done, StateName::Failed, StateName::Cancelled];
    let open = StateName::ALL.into_iter().filter(|s| !over.contains(s));
    let mut filter = TaskFilter {
        org: Some(org),
        states: open.collect(),
        archived: true,
        ..TaskFilter::default()
    };
    match level {
        Level::Org(_) => {}
        Level::Project(id) => filter.project = Some(id),
        Level::Goal(id) => filter.goal = Some(id),
    }
    filter
}

/// Makes counters, so that what is made from now on counts there.
fn announce(tx: &mut dyn Tx, setting: &Setting, number: u32, new: &[&LimitKey]) -> Result<()> {
    if number == 0 && tx.policies(&[setting.level])?.is_empty() {
        // New tasks look for limits only where a level has a policy.
        tx.insert_policy(&PolicyRevision {
            level: setting.level,
            org: setting.org,
            number: 0,
            policy: Policy::default(),
            by: String::new(),
            why: String::new(),
            at: tx.now(),
        })?;
    }
    for key in new {
        if tx.limit(setting.org, key)?.is_none() {
            let none = Slots {
                used: 0,
                most: None,
            };
            tx.put_limit(setting.org, key, Some(none))?;
        }
    }
    let runtimes = new.iter().filter_map(|key| match &key.scope {
        Scope::Runtime(name) => Some(name.clone()),
        Scope::Org | Scope::Project(_) | Scope::Goal(_) => None,
    });
    let runtimes: BTreeSet<String> = runtimes.collect();
    if runtimes.is_empty() {
        return Ok(());
    }
    limit_agents(tx, setting.org, &runtimes)
}

/// Lets what agents of some runtimes do count under the limits of these.
fn limit_agents(tx: &mut dyn Tx, org: OrgId, runtimes: &BTreeSet<String>) -> Result<()> {
    let mut after = None;
    loop {
        let page = Page {
            after,
            limit: PAGE_MAX,
        };
        let agents = tx.agents(Some(org), page)?;
        let Some(last) = agents.last() else {
            return Ok(());
        };
        after = Some(last.id.uuid());
        for mut agent in agents {
            if !runtimes.contains(&agent.runtime) {
                continue;
            }
            agent.lane = lane_of_runtime(tx, org, &agent.runtime)?;
            tx.put_agent(&agent)?;
            let held = tx.attempts_of_agent(agent.id)?;
            let live = held.into_iter().filter(|a| a.state == AttemptState::Live);
            for attempt in live {
                slots::widen(tx, attempt, &agent.lane)?;
            }
        }
    }
}

/// Lets a task count under other limits, wherever it is.
fn move_to_lane(tx: &mut dyn Tx, mut task: Task, lane: Lane) -> Result<()> {
    let candidate = train::verifying(tx, &task)?;
    if task.lane == lane {
        return count_live(tx, &task, candidate.as_ref());
    }
    let mut queued = None;
    if task.state == State::Ready && task.kind == TaskKind::Leaf {
        queued = Some(step::queued(&task));
    } else if let Some(candidate) = candidate.as_ref().filter(|c| c.live.is_none()) {
        queued = Some(train::queued(tx, candidate)?);
    }
    let was_queued = match &queued {
        Some(entry) => tx.dequeue(entry)?,
        None => false,
    };
    task.lane = lane;
    tx.put_task(&task)?;
    match &candidate {
        Some(candidate) if was_queued => {
            let entry = train::queued(tx, candidate)?;
            tx.enqueue(&entry)?;
        }
        None if was_queued => step::queue(tx, &task)?,
        Some(_) | None => {}
    }
    count_live(tx, &task, candidate.as_ref())
}

/// Counts the live attempts at a task under its limits.
fn count_live(tx: &mut dyn Tx, task: &Task, candidate: Option<&Candidate>) -> Result<()> {
    let verifies = candidate.and_then(|candidate| candidate.live);
    for id in task.live.into_iter().chain(verifies) {
        let attempt = tx.attempt(id)?;
        let live = attempt.filter(|attempt| attempt.state == AttemptState::Live);
        if let Some(attempt) = live {
            slots::widen(tx, attempt, &task.lane)?;
        }
    }
    Ok(())
}

/// Sets a policy. Its limits count at once; a goal's counts for all of its tasks that are not over,
/// others for tasks that are made or approved from now on. [`prepare`] comes before.
///
/// # Errors
/// [`Refusal::Invalid`]; [`Refusal::Outdated`] if another policy is in force than the caller knows;
/// [`Refusal::Limit`]; [`Refusal::NotFound`].
pub fn set(tx: &mut dyn Tx, setting: &Setting) -> Result<PolicyRevision> {
    let number = check(tx, setting)?;
    let before = current(tx, setting.level)?.map(|revision| revision.policy);
    let before = before.map_or_else(BTreeMap::new, |p| p.concurrency.limits(setting.level));
    let revision = PolicyRevision {
        level: setting.level,
        org: setting.org,
        number: number + 1,
        policy: setting.policy.clone(),
        by: setting.by.clone(),
        why: setting.why.clone(),
        at: tx.now(),
    };
    tx.insert_policy(&revision)?;
    let after = setting.policy.concurrency.limits(setting.level);
    for (key, slots) in tx.limits(setting.org)? {
        if is_of(&key.scope, setting.level) && !after.contains_key(&key) {
            let left = (slots.used > 0).then_some(Slots {
                most: None,
                ..slots
            });
            tx.put_limit(setting.org, &key, left)?;
        }
    }
    for (key, most) in &after {
        let slots = tx.limit(setting.org, key)?.ok_or_else(|| {
            Refusal::Conflict("its limits changed meanwhile: set it again".to_owned())
        })?;
        let most = Some(*most);
        tx.put_limit(setting.org, key, Some(Slots { most, ..slots }))?;
    }
    if let Level::Goal(goal) = setting.level {
        promise::anew(tx, goal)?;
    }
    if before != after {
        // Some queues may have room now, of which nobody was told.
        tx.effect(Effect::Missed);
    }
    tx.append_event(&NewEvent {
        org: setting.org,
        kind: EventKind::PolicySet,
        project: match setting.level {
            Level::Project(id) => Some(id),
            Level::Org(_) | Level::Goal(_) => None,
        },
        task: match setting.level {
            Level::Goal(id) => Some(id),
            Level::Org(_) | Level::Project(_) => None,
        },
        attempt: None,
        data: json!({ "number": revision.number, "by": revision.by }),
    })?;
    Ok(revision)
}

/// Whether limits of a scope are in policies of a level.
fn is_of(scope: &Scope, level: Level) -> bool {
    match scope {
        Scope::Org | Scope::Runtime(_) => matches!(level, Level::Org(_)),
        Scope::Project(_) | Scope::Goal(_) => *scope == level.scope(),
    }
}
