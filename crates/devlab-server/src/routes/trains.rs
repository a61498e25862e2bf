//! What is on its way into the branches of a project.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::train::TrainPlace;
use devlab_core::id::kind;
use devlab_core::limits::PAGE_MAX;
use devlab_core::state::StateName;
use devlab_core::train::{Target, TrainEntry};
use devlab_core::tx::{Page, Read, TaskFilter};
use devlab_core::{ProjectId, RefName, Refusal};
use devlab_orchestrator::{Lab, scope};
use utoipa_axum::routes;

use super::tasks::spec_of;
use crate::convert;
use crate::extract::{Caller, PathId};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Most results of one train that are counted.
const TRAIN_MAX: u32 = 1_000;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes.add(Policy::roles(Roles::READ), routes!(of))
}

/// Results that are on their way into a branch of the project, each train in the order in which it
/// merges them. All in one page, at most 500.
#[utoipa::path(get, path = "/projects/{id}/train", tag = "projects", operation_id = "project.train",
    params(("id" = String, Path, description = "The project")),
    responses((status = 200, description = "All of them", body = List<TrainPlace>)))]
async fn of(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
) -> Result<AxumJson<List<TrainPlace>>> {
    let who = caller.principal;
    let items = lab.read(move |view| {
        scope::project(view, &who, id)?;
        let mut places = Vec::new();
        for target in targets(view, id)? {
            let entries = view.train(&target, TRAIN_MAX)?;
            let of = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            for (entry, place) in entries.into_iter().zip(1_u32..) {
                if places.len() >= PAGE_MAX as usize {
                    return Ok(places);
                }
                places.push(at(view, entry, place, of)?);
            }
        }
        Ok(places)
    });
    let items = items.await?;
    Ok(AxumJson(List { items, next: None }))
}

/// Branches of a project that something is on its way into, in order: those of its last 5,000 results.
fn targets<R: Read + ?Sized>(view: &mut R, id: ProjectId) -> devlab_core::Result<Vec<Target>> {
    const PAGES_MAX: usize = 10;
    let filter = TaskFilter {
        project: Some(id),
        states: vec![StateName::Integrating],
        archived: true,
        ..TaskFilter::default()
    };
    let mut page = Page {
        after: None,
        limit: PAGE_MAX,
    };
    let mut targets = BTreeSet::new();
    for _ in 0..PAGES_MAX {
        let tasks = view.tasks(&filter, page)?;
        for task in &tasks {
            if let Some(entry) = view.train_entry(task.id)? {
                targets.insert(entry.target.branch);
            }
        }
        match tasks.last().filter(|_| tasks.len() == PAGE_MAX as usize) {
            Some(last) => page.after = Some(last.id.uuid()),
            None => break,
        }
    }
    let of = |branch| Target {
        project: id,
        branch,
    };
    Ok(targets.into_iter().map(of).collect())
}

fn at<R: Read + ?Sized>(
    view: &mut R,
    entry: TrainEntry,
    place: u32,
    of: u32,
) -> devlab_core::Result<TrainPlace> {
    let task = view.task(entry.task)?.ok_or(Refusal::NotFound("task"))?;
    let candidate = match entry.candidate {
        Some(id) => view.candidate(id)?,
        None => None,
    };
    let branch = &entry.target.branch;
    let composite = task
        .parent
        .filter(|parent| RefName::of_composite(*parent) == *branch);
    let composite_title = match composite {
        Some(parent) => Some(spec_of(view, parent)?.title),
        None => None,
    };
    Ok(TrainPlace {
        task: task.id,
        title: spec_of(view, task.id)?.title,
        state: task.state.name(),
        target: convert::branch(branch),
        composite,
        composite_title,
        place,
        of,
        candidate: entry.candidate,
        candidate_state: candidate.map(|candidate| candidate.state),
        updated_at: task.updated_at,
    })
}
