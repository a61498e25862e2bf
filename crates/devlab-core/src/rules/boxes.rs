//! What the result of a task does to the boxes of the Spec-Kit features that it is part of.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::git::Oid;
use crate::id::TaskId;
use crate::plan::spec_kit::TASKS_FILE;
use crate::plan::{PlanState, PlannerKind, Revision};
use crate::state::{State, TaskKind};
use crate::task::Task;
use crate::tx::Read;

/// What is done to boxes when a result goes into its target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boxes {
    /// What is ticked, if the result is that of a feature.
    pub tick: Option<Tick>,
    /// Paths of the `tasks.md` of the features that the result is a part of: their boxes stay as the
    /// target has them.
    pub keep: Vec<String>,
    /// What the result merges besides, whose boxes come along.
    pub merges: Option<Oid>,
}

/// The tasks of a feature that are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Path of `tasks.md` in the repository.
    pub path: String,
    /// Their ids, as the file has them in the commit that was planned.
    pub done: BTreeSet<String>,
    /// The commit that was planned.
    pub planned: Option<Oid>,
}

impl Boxes {
    /// Whether nothing is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tick.is_none() && self.keep.is_empty()
    }
}

/// What the result of a task does to boxes.
///
/// # Errors
/// Storage only.
pub fn boxes<R: Read + ?Sized>(view: &mut R, task: &Task) -> Result<Boxes> {
    let mut boxes = Boxes {
        merges: task.merges.clone(),
        ..Boxes::default()
    };
    if task.kind == TaskKind::Composite
        && let Some(revision) = feature(view, task.id)?
    {
        let mut done = BTreeSet::new();
        for (key, id) in view.plan_tasks(task.id, revision.number)? {
            if view.task(id)?.is_some_and(|task| task.state == State::Done) {
                done.insert(key);
            }
        }
        boxes.tick = Some(Tick {
            path: path(&revision),
            done,
            planned: revision.origin.commit,
        });
    }
    let mut parent = task.parent;
    while let Some(id) = parent {
        if let Some(revision) = feature(view, id)? {
            let path = path(&revision);
            let is_ticked = boxes.tick.as_ref().is_some_and(|tick| tick.path == path);
            if !is_ticked && !boxes.keep.contains(&path) {
                boxes.keep.push(path);
            }
        }
        parent = view.task(id)?.and_then(|task| task.parent);
    }
    Ok(boxes)
}

fn path(feature: &Revision) -> String {
    format!("{}/{TASKS_FILE}", feature.origin.source)
}

/// The current revision of a composite that is planned from a feature.
fn feature<R: Read + ?Sized>(view: &mut R, task: TaskId) -> Result<Option<Revision>> {
    let all = view.plan_revisions(task)?;
    let current = all.into_iter().find(|r| r.state == PlanState::Current);
    Ok(current.filter(|r| r.origin.planner == PlannerKind::SpecKit))
}
