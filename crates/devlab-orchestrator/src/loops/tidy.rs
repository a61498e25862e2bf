//! Keeps the repositories of this server small and fast: drops the refs of attempts whose goals are
//! retired, and packs what is loose.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use devlab_core::limits::PAGE_MAX;
use devlab_core::org::Project;
use devlab_core::rules::retention;
use devlab_core::tx::Page;
use devlab_core::{ProjectId, RefName, Refusal, TaskId};
use devlab_forge::refs::RefUpdate;
use devlab_store::StoreExt;

use crate::error::{Error, Result};
use crate::homes::project_here;
use crate::lab::Lab;

/// Its name.
const NAME: &str = "tidy";
/// How often.
const PERIOD: Duration = Duration::from_secs(3600);
/// Refs of attempts.
const ATTEMPT_REFS: &str = "refs/devlab/attempts";
/// Tasks that are asked about in one transaction.
const TASKS_BATCH: usize = 200;
/// Refs dropped by one process.
const REFS_BATCH: usize = 1_000;

pub(super) async fn run(lab: Arc<Lab>) {
    // A start has swept already, and has better things to do.
    while lab.rest(&lab.wakes.tidy, PERIOD).await {
        let outcome = tidy_all(&lab).await;
        lab.note(NAME, outcome);
    }
}

/// Looks at each repository in turn. One that cannot be tidied does not hold up the others.
async fn tidy_all(lab: &Lab) -> Result<u64> {
    let (mut done, mut failed, mut after) = (0, None, None);
    loop {
        let page = Page {
            after,
            limit: PAGE_MAX,
        };
        let projects = lab.store().read(move |view| view.projects(None, page));
        let projects = projects.await?;
        let Some(last) = projects.last() else {
            return failed.map_or(Ok(done), Err);
        };
        after = Some(last.id.uuid());
        for project in projects {
            if lab.stop.is_cancelled() {
                return Ok(done);
            }
            match tidy(lab, project.id).await {
                Ok(refs) => done += refs,
                Err(error) => {
                    tracing::warn!(%error, project = %project.id, "its repository could not be tidied");
                    failed = Some(error);
                }
            }
        }
    }
}

/// Tidies one repository, if it is here. Returns how many refs went.
async fn tidy(lab: &Lab, id: ProjectId) -> Result<u64> {
    let own = lab.this_server().id;
    let here = lab.store().read(move |view| project_here(view, id, own));
    let Some(project) = here.await? else {
        return Ok(0);
    };
    let repo = match lab.held_repo(&project).await {
        // It has just begun to move.
        Err(Error::Refused(Refusal::NotHome) | Error::Elsewhere { .. }) => return Ok(0),
        held => held?.0,
    };
    let dropped = drop_refs(lab, &project, &repo).await?;
    if dropped == 0 && !repo.needs_packing().await? {
        return Ok(0);
    }
    // Asked after the refs went: an archive that begins later does not name what they held.
    let is_held = lab.store().read(|view| retention::is_held(view)).await?;
    match repo.maintain(!is_held, lab.stop.cancelled()).await {
        Err(_) if lab.stop.is_cancelled() => {}
        packed => packed?,
    }
    Ok(dropped)
}

async fn drop_refs(lab: &Lab, project: &Project, repo: &devlab_forge::BareRepo) -> Result<u64> {
    let mut of_tasks: BTreeMap<TaskId, Vec<RefUpdate>> = BTreeMap::new();
    for (name, at) in repo.list_refs(ATTEMPT_REFS).await? {
        if let Some(task) = task_of(&name) {
            of_tasks.entry(task).or_default().push(RefUpdate {
                name,
                old: Some(at),
                new: None,
            });
        }
    }
    let tasks: Vec<TaskId> = of_tasks.keys().copied().collect();
    let mut may_go = HashSet::new();
    for some in tasks.chunks(TASKS_BATCH) {
        let some = some.to_owned();
        let found = lab.store().read(move |view| {
            let mut found = Vec::new();
            for task in some {
                if retention::refs_may_go(view, task)? {
                    found.push(task);
                }
            }
            Ok(found)
        });
        may_go.extend(found.await?);
    }
    let gone = of_tasks
        .into_iter()
        .filter(|(task, _)| may_go.contains(task))
        .flat_map(|(_, refs)| refs);
    let gone: Vec<RefUpdate> = gone.collect();
    for some in gone.chunks(REFS_BATCH) {
        lab.fault("tidy.before_drop")?;
        repo.update_refs(some).await?;
    }
    if !gone.is_empty() {
        tracing::info!(project = %project.id, refs = gone.len(), "dropped refs of attempts");
    }
    Ok(gone.len() as u64)
}

fn task_of(name: &RefName) -> Option<TaskId> {
    let rest = name.as_str().strip_prefix(ATTEMPT_REFS)?;
    rest.strip_prefix('/')?.split_once('/')?.0.parse().ok()
}
