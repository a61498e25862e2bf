//! Makes tasks, with everything below them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;

use crate::choice::Choice;
use crate::error::{Refusal, Result};
use crate::event::{EventKind, NewEvent};
use crate::id::TaskId;
use crate::label::Labels;
use crate::limits::LABELS_MAX;
use crate::state::{State, TaskKind};
use crate::task::{Made, Proof, Task, TaskSpec, Tries};
use crate::tx::Tx;

use super::policy::{self, Governing};
use super::schedule::{DEFAULT_DRIVER_LABEL, NewTask, Place, fix_checks, order, validate};

/// Makes tasks at one place, for one who asked.
pub(super) struct Maker<'a> {
    place: &'a Place,
    made: &'a Made,
    /// Hashes of check sets by the task's own checks, so that each is stored once.
    sets: HashMap<String, crate::check::Sha256Hex>,
    /// Keys, joined by `/`, and ids of the tasks that were made below others.
    pub(super) below: Vec<(String, TaskId)>,
    /// The id of the next task, if it is fixed already.
    pub(super) reserved: Option<TaskId>,
    /// The last one that was made. Those after it have later ids: who puts tasks in the order of
    /// their ids has those of a plan in its order.
    last: Option<TaskId>,
    /// What governs the tasks, once it was looked up.
    under: Option<(Governing, Option<crate::check::Sha256Hex>)>,
    /// The kind of the next task, if its children do not tell: a composite that is still to be
    /// planned has none.
    kind: Option<TaskKind>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(place: &'a Place, made: &'a Made) -> Self {
        Self {
            place,
            made,
            sets: HashMap::new(),
            below: Vec::new(),
            reserved: None,
            last: None,
            under: None,
            kind: None,
        }
    }

    /// Makes a goal that waits for its plan.
    pub(super) fn unplanned(&mut self, tx: &mut dyn Tx, new: &NewTask) -> Result<Task> {
        validate(new, "", 0)?;
        self.kind = Some(TaskKind::Composite);
        self.insert(tx, new, None, State::Draft, 1, 0)
    }

    /// Makes a child of a composite and everything below it. What it depends on is left to the
    /// caller, and so is its becoming ready. `prefix` is put before its key.
    pub(super) fn child(
        &mut self,
        tx: &mut dyn Tx,
        parent: &mut Task,
        new: &NewTask,
        prefix: &str,
    ) -> Result<Task> {
        let path = parent.path + 1;
        let task = self.insert(tx, new, Some(parent), State::Blocked, path, 0)?;
        let key = format!("{prefix}{}", new.key);
        self.below.push((key.clone(), task.id));
        self.insert_children(tx, &task, &new.below(), &format!("{key}/"))?;
        parent.open_children += 1;
        tx.put_task(parent)?;
        Ok(task)
    }

    pub(super) fn check_set(
        &mut self,
        tx: &mut dyn Tx,
        spec: &TaskSpec,
    ) -> Result<Option<crate::check::Sha256Hex>> {
        let Some((_, settings)) = &self.place.project else {
            return Ok(None);
        };
        let key = json!([spec.checks, spec.artifacts]).to_string();
        if let Some(hash) = self.sets.get(&key) {
            return Ok(Some(hash.clone()));
        }
        let hash = fix_checks(tx, settings, spec)?;
        self.sets.insert(key, hash.clone());
        Ok(Some(hash))
    }

    /// What governs the tasks here, and the hash of what they are promised. All are of one goal.
    pub(super) fn under(
        &mut self,
        tx: &mut dyn Tx,
        goal: Option<TaskId>,
    ) -> Result<&(Governing, Option<crate::check::Sha256Hex>)> {
        let under = match self.under.take() {
            Some(under) => under,
            None => {
                let project = self.place.project.as_ref().map(|(id, _)| *id);
                let governing = Governing::of(tx, self.place.org, project, goal)?;
                let terms = policy::put_terms(tx, &governing)?;
                (governing, terms)
            }
        };
        Ok(self.under.insert(under))
    }

    fn next_id(&mut self, tx: &mut dyn Tx) -> TaskId {
        let id = match (self.reserved.take(), self.last) {
            (Some(id), _) => id,
            (None, Some(last)) => last.next(tx.random()),
            (None, None) => TaskId::new(tx.now(), tx.random()),
        };
        self.last = Some(id);
        id
    }

    /// [`requires`] at the place of this one.
    pub(super) fn requires(&self, new: &NewTask, kind: TaskKind) -> Result<Labels> {
        requires(self.place, new, kind)
    }

    /// What a new task has to do with a choice. Without a repository there is nothing to choose from.
    fn choice(&self, new: &NewTask, parent: Option<&Task>) -> Result<Option<Choice>> {
        if new.alternatives.is_empty() {
            let of_choice = parent.is_some_and(|parent| parent.choice.is_some());
            return Ok(of_choice.then_some(Choice::Alternative));
        }
        if self.place.project.is_none() {
            let problem = format!(
                "\"{}\" needs a project to have alternatives",
                new.spec.title
            );
            return Err(Refusal::invalid("alternatives", problem).into());
        }
        Ok(Some(Choice::Open))
    }

    pub(super) fn insert(
        &mut self,
        tx: &mut dyn Tx,
        new: &NewTask,
        parent: Option<&Task>,
        state: State,
        path: u32,
        unmet: u32,
    ) -> Result<Task> {
        let (now, org) = (tx.now(), self.place.org);
        let id = self.next_id(tx);
        let below = new.alternatives.len() + new.children.len();
        let kind = self.kind.take().unwrap_or(match below {
            0 => TaskKind::Leaf,
            _ => TaskKind::Composite,
        });
        let choice = self.choice(new, parent)?;
        let requires = self.requires(new, kind)?;
        let project = self.place.project.as_ref().map(|(id, _)| *id);
        let goal = parent.map_or(id, |parent| parent.goal);
        let check_set = self.check_set(tx, &new.spec)?;
        let (governing, terms) = self.under(tx, parent.map(|parent| parent.goal))?;
        let mut task = Task {
            id,
            seq: 0,
            terms: terms.clone(),
            lane: governing.lane(project, goal, &requires),
            review: false,
            // What goes on from a choice is what a person reviews.
            asked: new.review.filter(|_| choice != Some(Choice::Alternative)),
            told: false,
            choice,
            held_by: None,
            holds: false,
            org,
            project,
            parent: parent.map(|parent| parent.id),
            goal,
            depth: parent.map_or(0, |parent| parent.depth + 1),
            kind,
            state,
            unmet,
            priority: new.priority,
            path,
            requires,
            attempts: 0,
            live: None,
            lost: None,
            tries: Tries::default(),
            not_before: None,
            open_children: u32::try_from(below).unwrap_or(u32::MAX),
            started: false,
            head: None,
            prior: None,
            merges: None,
            published: None,
            accepted: None,
            side_effects: new.side_effects,
            proof: Proof::Open,
            check_set,
            archived: false,
            created_at: now,
            updated_at: now,
        };
        task.review = governing.reviews_task(&task);
        task.seq = tx.insert_task(&task, &new.spec, self.made)?;
        announce(tx, &task, &new.spec.title)?;
        Ok(task)
    }

    pub(super) fn insert_children(
        &mut self,
        tx: &mut dyn Tx,
        parent: &Task,
        children: &[NewTask],
        prefix: &str,
    ) -> Result<()> {
        let sorted = order(children, &|i| format!("{prefix}tasks[{i}]"))?;
        let by_key: HashMap<&str, usize> = children
            .iter()
            .enumerate()
            .map(|(i, child)| (child.key.as_str(), i))
            .collect();
        let depends = |i: usize| -> HashSet<usize> {
            children[i]
                .depends_on
                .iter()
                .map(|key| by_key[key.as_str()])
                .collect()
        };
        // Longest remaining path: a child comes before its dependents, and all before the parent.
        let mut paths = vec![parent.path + 1; children.len()];
        for &i in sorted.iter().rev() {
            for dependency in depends(i) {
                paths[dependency] = paths[dependency].max(paths[i] + 1);
            }
        }
        let mut ids = vec![None; children.len()];
        for (i, child) in children.iter().enumerate() {
            let unmet = u32::try_from(depends(i).len()).unwrap_or(u32::MAX);
            let task = self.insert(tx, child, Some(parent), State::Blocked, paths[i], unmet)?;
            let key = format!("{prefix}{}", child.key);
            self.below.push((key.clone(), task.id));
            ids[i] = Some(task.id);
            self.insert_children(tx, &task, &child.below(), &format!("{key}/"))?;
        }
        for (i, dependent) in ids.iter().enumerate() {
            for dependency in depends(i) {
                if let (Some(dependency), Some(dependent)) = (ids[dependency], dependent) {
                    tx.insert_edge(dependency, *dependent)?;
                }
            }
        }
        Ok(())
    }
}

fn announce(tx: &mut dyn Tx, task: &Task, title: &str) -> Result<()> {
    tx.append_event(&NewEvent {
        org: task.org,
        kind: EventKind::TaskCreated,
        project: task.project,
        task: Some(task.id),
        attempt: None,
        data: json!({
            "title": title,
            "kind": task.kind,
            "state": task.state.name(),
            "parent": task.parent,
        }),
    })
}

/// Labels that an agent needs: the task's, its project's, and the one for a driver if it has
/// none.
pub(super) fn requires(place: &Place, new: &NewTask, kind: TaskKind) -> Result<Labels> {
    let mut labels: BTreeMap<&str, ()> = new.requires.iter().map(|label| (label, ())).collect();
    if let Some((_, settings)) = &place.project {
        labels.extend(settings.labels.iter().map(|label| (label, ())));
    }
    let needs_driver = new.spec.driver.is_none();
    if kind == TaskKind::Leaf && needs_driver {
        labels.insert(DEFAULT_DRIVER_LABEL, ());
    }
    // A child may be generated for it later, which needs room for this one.
    if labels.len() + usize::from(kind == TaskKind::Composite && needs_driver) > LABELS_MAX {
        let problem = format!("at most {LABELS_MAX} labels, the project's included");
        return Err(Refusal::invalid("requires", problem).into());
    }
    Ok(Labels::new(labels.into_keys())?)
}
