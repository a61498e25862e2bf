//! Carries out what a new revision of a plan changes, and disturbs nothing else.
//!
//! | a task is | and its work | what happens |
//! |---|---|---|
//! | kept | anywhere | nothing; what it needs changes only if it has not begun |
//! | added | | it is made |
//! | changed | not begun | it gets the new words in place |
//! | changed | under way | it is called off, or goes on ([`Running`]); a new one does the new words |
//! | changed | done, failed or cancelled | a new one does the new words |
//! | changed | has or had alternatives | it is called off, or goes on ([`Running`]); a new one does the new words |
//! | removed | done | nothing |
//! | removed | not begun, failed | it is called off |
//! | removed | under way | it is called off, or goes on ([`Running`]) |
//! | said to be done | done | nothing, in the same words |
//! | said to be done | otherwise | as if it were removed |
//! | not said to be done any more | | it is made, unless it was |
//!
//! Of a composite that is under way and only has other tasks below it, the same is done below it.
//! What is being published cannot be called off any more: it goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::{Error, Refusal, Result};
use crate::id::TaskId;
use crate::limits::DEPENDENCIES_MAX;
use crate::plan::diff::{self, Change, TaskDiff};
use crate::plan::{Plan, PlanTask, open_dependencies, order};
use crate::policy::Running;
use crate::state::{Cause, ResumeTo, State, TaskKind, WaitReason};
use crate::task::{Made, Task, Tries};
use crate::tx::Tx;

use super::make::Maker;
use super::schedule::Place;
use super::step::{self, step};
use super::{ask, hold, path, person};

/// A plan that takes the place of another.
pub(super) struct Replan<'a> {
    maker: Maker<'a>,
    running: Running,
    /// Tasks of the older revision by key.
    old_ids: &'a BTreeMap<String, TaskId>,
    /// Tasks of the newer one.
    new_ids: BTreeMap<String, TaskId>,
}

/// The tasks of one parent, before and after.
struct Level<'p> {
    parent: TaskId,
    /// What is put before keys: in the older and in the newer plan.
    prefix: (String, String),
    old: &'p [PlanTask],
    new: &'p [PlanTask],
}

impl Level<'_> {
    fn old_key(&self, i: usize) -> String {
        format!("{}{}", self.prefix.0, self.old[i].key)
    }

    fn new_key(&self, j: usize) -> String {
        format!("{}{}", self.prefix.1, self.new[j].key)
    }
}

impl<'a> Replan<'a> {
    pub(super) fn new(
        place: &'a Place,
        made: &'a Made,
        running: Running,
        old_ids: &'a BTreeMap<String, TaskId>,
    ) -> Self {
        Self {
            maker: Maker::new(place, made),
            running,
            old_ids,
            new_ids: BTreeMap::new(),
        }
    }

    /// Does it; returns the tasks of the newer plan by key.
    pub(super) fn carry_out(
        mut self,
        tx: &mut dyn Tx,
        parent: TaskId,
        old: &Plan,
        new: &Plan,
    ) -> Result<BTreeMap<String, TaskId>> {
        self.level(
            tx,
            &Level {
                parent,
                prefix: (String::new(), String::new()),
                old: &old.tasks,
                new: &new.tasks,
            },
        )?;
        Ok(self.new_ids)
    }

    fn level(&mut self, tx: &mut dyn Tx, level: &Level<'_>) -> Result<()> {
        let changes = diff::siblings(level.old, level.new);
        let mut drop = Vec::new();
        let mut deeper = Vec::new();
        // What is new comes first: a composite must not be done for want of children meanwhile.
        for change in &changes {
            match (change.change, change.from, change.to) {
                (Change::Kept, Some(i), Some(j)) => {
                    self.keep_at(tx, level, i, j)?;
                }
                (Change::Changed, Some(i), Some(j)) => {
                    match self.changed(tx, level, change, i, j)? {
                        After::Settled => {}
                        After::Drop(id) => drop.push((id, Some(j))),
                        After::Deeper(id) => deeper.push((id, i, j)),
                    }
                }
                (Change::Added, _, Some(j)) => self.make(tx, level, j)?,
                (Change::Removed, Some(i), _) => {
                    let id = self.old_ids.get(&level.old_key(i));
                    drop.extend(id.map(|id| (*id, None)));
                }
                // A difference names the places that its kind has.
                (Change::Kept | Change::Changed, _, _)
                | (Change::Added, _, None)
                | (Change::Removed, None, _) => {}
            }
        }
        let mut first = HashMap::new();
        for (id, instead) in drop {
            let goes_on = self.drop_task(tx, id)?;
            if let Some(j) = instead.filter(|_| goes_on) {
                first.insert(j, id);
            }
        }
        self.edges(tx, level, &first)?;
        for (parent, i, j) in deeper {
            let below = Level {
                parent,
                prefix: (
                    format!("{}/", level.old_key(i)),
                    format!("{}/", level.new_key(j)),
                ),
                old: &level.old[i].tasks,
                new: &level.new[j].tasks,
            };
            self.level(tx, &below)?;
        }
        Ok(())
    }

    /// Keeps a task, if there is one; one that is to be done is made.
    fn keep_at(&mut self, tx: &mut dyn Tx, level: &Level<'_>, i: usize, j: usize) -> Result<()> {
        let keys = (level.old_key(i), level.new_key(j));
        if !self.old_ids.contains_key(&keys.0) {
            return self.make(tx, level, j);
        }
        self.keep(tx, [&level.old[i], &level.new[j]], [&keys.0, &keys.1])
    }

    /// A task that says the same is the same task, and so is everything below it. Its paths are a
    /// hint, of which the newest is worth most.
    fn keep(&mut self, tx: &mut dyn Tx, both: [&PlanTask; 2], keys: [&str; 2]) -> Result<()> {
        let ([old, task], [old_key, new_key]) = (both, keys);
        if let Some(id) = self.old_ids.get(old_key) {
            self.new_ids.insert(new_key.to_owned(), *id);
            if old.spec.paths != task.spec.paths {
                Self::touch(tx, *id, &task.spec.paths)?;
            }
        }
        // They say the same: in the same order.
        for (before, child) in old.tasks.iter().zip(&task.tasks) {
            let keys = keys.map(|key| format!("{key}/{}", child.key));
            self.keep(tx, [before, child], [&keys[0], &keys[1]])?;
        }
        for number in 1..=task.alternatives.len() {
            if let Some(id) = self.old_ids.get(&format!("{old_key}/{number}")) {
                self.new_ids.insert(format!("{new_key}/{number}"), *id);
            }
        }
        Ok(())
    }

    /// Lets a task that has not ended declare other paths.
    fn touch(tx: &mut dyn Tx, id: TaskId, paths: &[String]) -> Result<()> {
        let task = step::load(tx, id)?;
        let Some(mut spec) = tx.task_spec(id)?.filter(|_| !task.state.is_end()) else {
            return Ok(());
        };
        spec.paths = paths.to_vec();
        tx.put_task_spec(id, &spec)?;
        if task.held_by.is_some() {
            hold::let_go(tx, task)?;
        }
        Ok(())
    }

    fn make(&mut self, tx: &mut dyn Tx, level: &Level<'_>, j: usize) -> Result<()> {
        let planned = &level.new[j];
        if planned.is_done() {
            return Ok(());
        }
        let mut parent = step::load(tx, level.parent)?;
        let new = planned.as_new(Vec::new());
        self.maker.child(tx, &mut parent, &new, &level.prefix.1)?;
        self.new_ids.extend(self.maker.below.drain(..));
        Ok(())
    }

    fn changed(
        &mut self,
        tx: &mut dyn Tx,
        level: &Level<'_>,
        change: &TaskDiff,
        i: usize,
        j: usize,
    ) -> Result<After> {
        let Some(&id) = self.old_ids.get(&level.old_key(i)) else {
            // It was done before there was a plan. With other words, or without that, it is work.
            self.make(tx, level, j)?;
            return Ok(After::Settled);
        };
        let task = step::load(tx, id)?;
        let (before, planned) = (&level.old[i], &level.new[j]);
        if diff::is_same_work(before, planned) {
            return self.marked(tx, level, &task, i, j);
        }
        if planned.done {
            return Ok(After::Drop(id));
        }
        let leaves = before.is_leaf() && planned.is_leaf();
        // It may have got a plan of its own since.
        let leaves = leaves && task.kind == TaskKind::Leaf;
        if leaves && !task.state.has_started() {
            self.reword(tx, task, planned)?;
            self.new_ids.insert(level.new_key(j), id);
            return Ok(After::Settled);
        }
        let is_composite = !before.tasks.is_empty() && !planned.tasks.is_empty();
        if change.fields == ["tasks"] && is_composite && step::takes_children(&task) {
            self.new_ids.insert(level.new_key(j), id);
            return Ok(After::Deeper(id));
        }
        self.make(tx, level, j)?;
        Ok(After::Drop(id))
    }

    /// A task of which nothing differs but what is said to be done, of it or of what is below it.
    fn marked(
        &mut self,
        tx: &mut dyn Tx,
        level: &Level<'_>,
        task: &Task,
        i: usize,
        j: usize,
    ) -> Result<After> {
        let (before, planned) = (&level.old[i], &level.new[j]);
        if planned.done && task.state != State::Done {
            return Ok(After::Drop(task.id));
        }
        let is_below = !planned.done && !planned.tasks.is_empty();
        if is_below && step::takes_children(task) {
            self.new_ids.insert(level.new_key(j), task.id);
            return Ok(After::Deeper(task.id));
        }
        let prefix = format!("{}/", level.old_key(i));
        if is_below && self.is_reopened(tx, &prefix, &before.tasks, &planned.tasks)? {
            self.make(tx, level, j)?;
            return Ok(After::Drop(task.id));
        }
        self.keep_at(tx, level, i, j)?;
        Ok(After::Settled)
    }

    /// Whether something below a task is to be done that was only said to be done before. Both say the
    /// same otherwise; `prefix` is put before the older keys.
    fn is_reopened(
        &self,
        tx: &mut dyn Tx,
        prefix: &str,
        before: &[PlanTask],
        planned: &[PlanTask],
    ) -> Result<bool> {
        for (old, new) in before.iter().zip(planned) {
            let key = format!("{prefix}{}", old.key);
            if old.is_done() && !new.is_done() {
                let was = self.old_ids.get(&key);
                let was = was.map(|id| step::load(tx, *id)).transpose()?;
                if was.is_none_or(|task| task.state != State::Done) {
                    return Ok(true);
                }
            }
            if self.is_reopened(tx, &format!("{key}/"), &old.tasks, &new.tasks)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a leaf on which no work has begun other words, in place.
    fn reword(&mut self, tx: &mut dyn Tx, mut task: Task, planned: &PlanTask) -> Result<()> {
        let new = planned.as_new(Vec::new());
        step::unqueue(tx, &task)?;
        step::supersede_lost(tx, &mut task)?;
        task.requires = self.maker.requires(&new, TaskKind::Leaf)?;
        task.priority = new.priority;
        let goal = task.goal;
        let (governing, terms) = self.maker.under(tx, Some(goal))?;
        task.asked = new.review;
        task.review = governing.reviews_task(&task);
        task.lane = governing.lane(task.project, goal, &task.requires);
        task.terms.clone_from(terms);
        task.side_effects = new.side_effects;
        task.check_set = self.maker.check_set(tx, &new.spec)?;
        task.tries = Tries::default();
        task.not_before = None;
        // Other words may touch other paths, and have another place in line.
        task.held_by = None;
        if task.holds {
            hold::release(tx, &mut task)?;
        }
        tx.put_touched(task.id, &[])?;
        tx.put_task_spec(task.id, &new.spec)?;
        tx.put_task(&task)?;
        let is_asked = ask::start_anew(tx, &task)?;
        match (task.state, is_asked) {
            (State::Ready, false) => step::queue(tx, &task),
            (State::Ready, true) => {
                step(tx, &mut task, Cause::Blocked, "its words are others", None)?;
                step::settle_open(tx, &mut task)
            }
            (State::Waiting(WaitReason::Approval, ResumeTo::Ready), false) => {
                step(
                    tx,
                    &mut task,
                    Cause::Resume,
                    "nobody has to approve it",
                    None,
                )?;
                tx.put_task(&task)?;
                step::after_ready(tx, &task)
            }
            _ => Ok(()),
        }
    }

    /// Lets go of a task that the plan does not have any more. Returns whether it goes on all the
    /// same.
    fn drop_task(&self, tx: &mut dyn Tx, id: TaskId) -> Result<bool> {
        let mut task = step::load(tx, id)?;
        match task.state {
            State::Done | State::Cancelled => return Ok(false),
            State::Failed => {
                // What has failed is not called off as such: that would leave it open for its parent.
                let started = task.started;
                let why = "the plan does not have it any more";
                step(tx, &mut task, Cause::Retry { started }, why, None)?;
                tx.put_task(&task)?;
            }
            State::Waiting(WaitReason::Approval, ResumeTo::Ready) => {}
            State::Running | State::Integrating | State::Waiting(..) => match self.running {
                Running::Finish => return Ok(true),
                Running::Cancel => {}
            },
            State::Draft | State::Blocked | State::Ready => {}
        }
        match person::cancel(tx, id) {
            Ok(_) => Ok(false),
            Err(Error::Refused(Refusal::Conflict(_))) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Brings in line what tasks need that have not begun. `first` has what must be done before a
    /// task because it does the same in other words.
    fn edges(
        &mut self,
        tx: &mut dyn Tx,
        level: &Level<'_>,
        first: &HashMap<usize, TaskId>,
    ) -> Result<()> {
        let ids: Vec<Option<TaskId>> = (0..level.new.len())
            .map(|j| self.new_ids.get(&level.new_key(j)).copied())
            .collect();
        let before = self.needed_before(level);
        let needs = open_dependencies(level.new, |j| ids[j].is_some());
        let none = BTreeSet::new();
        let mut rewired = Vec::new();
        // Dependents first: then each path is right before what comes before it is raised.
        for j in order(level.new).into_iter().rev() {
            let Some(id) = ids[j] else { continue };
            let task = step::load(tx, id)?;
            if task.state.has_started() {
                continue;
            }
            let wanted = needs[j]
                .iter()
                .filter_map(|&d| ids[d])
                .chain(first.get(&j).copied());
            let wanted: BTreeSet<TaskId> = wanted.collect();
            let before = before.get(&id).unwrap_or(&none);
            rewire(tx, task, &wanted, before)?;
            rewired.push((id, wanted));
        }
        refuse_cycle(tx, level.parent)?;
        for (id, wanted) in &rewired {
            let path = step::load(tx, *id)?.path + 1;
            for dependency in wanted {
                path::raise(tx, *dependency, path)?;
            }
        }
        for (id, _) in rewired {
            let mut task = step::load(tx, id)?;
            if task.state == State::Blocked && task.unmet == 0 {
                step::settle(tx, &mut task)?;
            }
        }
        Ok(())
    }
}

impl Replan<'_> {
    /// What the older plan said that each task needs.
    fn needed_before(&self, level: &Level<'_>) -> HashMap<TaskId, BTreeSet<TaskId>> {
        let ids: Vec<Option<TaskId>> = (0..level.old.len())
            .map(|i| self.old_ids.get(&level.old_key(i)).copied())
            .collect();
        let needs = open_dependencies(level.old, |i| ids[i].is_some());
        let of = |needs: BTreeSet<usize>| needs.into_iter().filter_map(|i| ids[i]).collect();
        let all = ids.iter().zip(needs);
        all.filter_map(|(id, needs)| Some(((*id)?, of(needs))))
            .collect()
    }
}

/// What is left to do about a changed task.
enum After {
    /// Nothing.
    Settled,
    /// Another one does it: this one is let go.
    Drop(TaskId),
    /// What is below it differs.
    Deeper(TaskId),
}

/// Makes a task that has not begun depend on `wanted`. What the older plan wanted (`before`) is taken
/// away; other edges were added by people, and stay.
fn rewire(
    tx: &mut dyn Tx,
    mut task: Task,
    wanted: &BTreeSet<TaskId>,
    before: &BTreeSet<TaskId>,
) -> Result<()> {
    for gone in before.difference(wanted) {
        tx.delete_edge(*gone, task.id)?;
    }
    let now: BTreeSet<TaskId> = tx.dependencies(task.id)?.into_iter().collect();
    let mut count = now.len();
    for new in wanted.difference(&now) {
        count += 1;
        if count > DEPENDENCIES_MAX {
            return Err(too_many(task.id));
        }
        tx.insert_edge(*new, task.id)?;
    }
    let mut unmet = 0;
    for id in tx.dependencies(task.id)? {
        unmet += u32::from(step::load(tx, id)?.state != State::Done);
    }
    if unmet != task.unmet {
        if unmet > 0 {
            step::unqueue(tx, &task)?;
        }
        task.unmet = unmet;
        if unmet > 0 && step::is_open(task.state) {
            let why = "the plan changed what it needs";
            step(tx, &mut task, Cause::Blocked, why, None)?;
        }
        tx.put_task(&task)?;
    }
    Ok(())
}

/// A plan keeps the bound itself, but not together with edges that people added and with what another
/// task has to end first.
fn too_many(task: TaskId) -> Error {
    let text = format!(
        "{task} would have more than {DEPENDENCIES_MAX} dependencies, of the plan and of what somebody \
         added by hand"
    );
    Refusal::Conflict(text).into()
}

/// Edges that people added may close a circle with those of a new plan, which has none itself.
fn refuse_cycle(tx: &mut dyn Tx, parent: TaskId) -> Result<()> {
    let children = tx.children(parent)?;
    let place: HashMap<TaskId, usize> = (0..).zip(&children).map(|(i, id)| (*id, i)).collect();
    let mut needs = Vec::with_capacity(children.len());
    for id in &children {
        let on = tx.dependencies(*id)?;
        let siblings = on.iter().filter_map(|id| place.get(id).copied());
        needs.push(siblings.collect());
    }
    if crate::plan::acyclic(&needs) {
        return Ok(());
    }
    let text = "the plan and a dependency that somebody added by hand make a cycle";
    Err(Refusal::Conflict(text.to_owned()).into())
}
