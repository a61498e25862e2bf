//! Keeps the repositories of this server small and fast: drops the refs of attempts whose goals are
//! retired and of candidates that are over, and packs what is loose.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use devlab_core::limits::PAGE_MAX;
use devlab_core::org::Project;
use devlab_core::rules::retention;
use devlab_core::tx::Page;
use devlab_core::{CandidateId, ProjectId, RefName, Refusal, TaskId};
use devlab_forge::BareRepo;
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
/// Folder of the refs of [`RefName::of_candidate`].
const KEEP_REFS: &str = "refs/devlab/keep";
/// Tasks, or candidates, that are asked about in one transaction.
const ASKED_BATCH: usize = 200;
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
    let kept = lab.drop_old_keeps(&repo).await?;
    let dropped = drop_refs(lab, &project, &repo).await?;
    // What a candidate held is seldom much, and is packed with what comes.
    if dropped == 0 && !repo.needs_packing().await? {
        return Ok(kept);
    }
    // Asked after the refs went: an archive that begins later does not name what they held.
    let is_held = lab.store().read(|view| retention::is_held(view)).await?;
    match repo.maintain(!is_held, lab.stop.cancelled()).await {
        Err(_) if lab.stop.is_cancelled() => {}
        packed => packed?,
    }
    Ok(dropped + kept)
}

async fn drop_refs(lab: &Lab, project: &Project, repo: &BareRepo) -> Result<u64> {
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
    for some in tasks.chunks(ASKED_BATCH) {
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
    lab.drop_all(repo, &gone).await?;
    if !gone.is_empty() {
        tracing::info!(project = %project.id, refs = gone.len(), "dropped refs of attempts");
    }
    Ok(gone.len() as u64)
}

impl Lab {
    /// Drops the refs of candidates that no train looks at again: keep-refs end with their
    /// publication, but a process that died right after one has left its ref, and one that was given
    /// up ends here. Returns how many.
    pub(crate) async fn drop_old_keeps(&self, repo: &BareRepo) -> Result<u64> {
        let mut kept = Vec::new();
        for (name, at) in repo.list_refs(KEEP_REFS).await? {
            let id = name.as_str().rsplit('/').next();
            if let Some(id) = id.and_then(|id| id.parse::<CandidateId>().ok()) {
                let gone = RefUpdate {
                    name,
                    old: Some(at),
                    new: None,
                };
                kept.push((id, gone));
            }
        }
        let mut over = Vec::new();
        for some in kept.chunks(ASKED_BATCH) {
            let ids: Vec<CandidateId> = some.iter().map(|(id, _)| *id).collect();
            let found = self.store().read(move |view| {
                let live = |id: &CandidateId| {
                    let candidate = view.candidate(*id)?;
                    Ok(candidate.is_some_and(|candidate| candidate.state.is_live()))
                };
                ids.iter()
                    .map(live)
                    .collect::<devlab_core::Result<Vec<bool>>>()
            });
            let with_life = some.iter().zip(found.await?);
            over.extend(
                with_life
                    .filter(|(_, live)| !live)
                    .map(|((_, gone), _)| gone.clone()),
            );
        }
        self.drop_all(repo, &over).await?;
        Ok(over.len() as u64)
    }

    async fn drop_all(&self, repo: &BareRepo, gone: &[RefUpdate]) -> Result<()> {
        for some in gone.chunks(REFS_BATCH) {
            self.fault("tidy.before_drop")?;
            repo.update_refs(some).await?;
        }
        Ok(())
    }
}

fn task_of(name: &RefName) -> Option<TaskId> {
    let rest = name.as_str().strip_prefix(ATTEMPT_REFS)?;
    rest.strip_prefix('/')?.split_once('/')?.0.parse().ok()
}
