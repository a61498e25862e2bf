//! Drives trains: builds candidates, publishes them by the intent protocol, and goes on where a
//! process that died has stopped (DESIGN §5, *Refs and the database*).
//!
//! 1. The merges are written under a keep-ref.
//! 2. The transaction that finds them proven stores the intent: the candidate is `publishing`.
//! 3. The ref is moved, on condition that it is where the candidate was built.
//! 4. The tasks become done.
//!
//! After a crash, the ref says which step is next: at the tip or past it, step 4; where it was,
//! step 3; elsewhere, the candidate is built again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use devlab_core::rules::boxes::{Boxes, boxes};
use devlab_core::rules::servers::Held;
use devlab_core::rules::train::{self, Built};
use devlab_core::task::Task;
use devlab_core::train::{Candidate, DiffStat, Target, TrainStep};
use devlab_core::tx::Tx;
use devlab_core::{Oid, RefName, Refusal};
use devlab_forge::BareRepo;
use devlab_forge::candidate::{self, Outcome, Part};
use devlab_forge::publish::{self, Probe};
use devlab_forge::refs::RefUpdate;
use devlab_store::StoreExt;
use tokio::task::JoinSet;

use super::boxes;
use crate::error::Result;
use crate::homes::project_here;
use crate::lab::Lab;
use crate::results::change_size;

/// Trains driven at the same time: each step is a few git processes.
const AT_ONCE: usize = 4;
/// How often all trains are looked at, in case a wake was lost.
const LOOK_AT_ALL: Duration = Duration::from_secs(5);
/// Trains found in one look.
const TRAINS_MAX: u32 = 1_000;

pub(super) async fn run(lab: Arc<Lab>) {
    let mut waiting: HashSet<Target> = HashSet::new();
    let mut busy: HashSet<Target> = HashSet::new();
    let mut driving: JoinSet<Target> = JoinSet::new();
    let mut look = tokio::time::interval(LOOK_AT_ALL);
    let own = lab.this_server().id;
    loop {
        waiting.extend(lab.wakes.take_trains());
        let free: Vec<Target> = waiting
            .iter()
            .filter(|target| !busy.contains(*target))
            .cloned()
            .collect();
        for target in free.into_iter().take(AT_ONCE.saturating_sub(busy.len())) {
            waiting.remove(&target);
            busy.insert(target.clone());
            let lab = Arc::clone(&lab);
            driving.spawn(async move {
                let outcome = drive(&lab, &target).await;
                lab.note("train", outcome);
                target
            });
        }
        tokio::select! {
            () = lab.stop.cancelled() => break,
            () = lab.wakes.train.notified() => {}
            Some(done) = driving.join_next() => match done {
                Ok(target) => { busy.remove(&target); }
                Err(error) => {
                    // A panic: which train it was is not known, so all of them are free again.
                    tracing::error!(%error, "driving a train failed");
                    busy.clear();
                }
            },
            _ = look.tick() => match lab.store().read(move |view| view.trains(own, TRAINS_MAX)).await {
                Ok(trains) => waiting.extend(trains),
                Err(error) => tracing::error!(%error, "trains cannot be read"),
            },
        }
    }
    // What is under way is short, and may be half-way through a publication.
    while driving.join_next().await.is_some() {}
}

/// Drives a train until it has to wait. Returns how many steps that took.
async fn drive(lab: &Lab, target: &Target) -> Result<u64> {
    let mut steps = 0;
    while !lab.stop.is_cancelled() {
        let (wanted, own) = (target.clone(), lab.this_server().id);
        // Most wakes find nothing to do: a look does not cost the writer anything.
        let to_do = lab.store().read(move |view| {
            let is_idle =
                view.live_candidate(&wanted)?.is_none() && view.train(&wanted, 1)?.is_empty();
            match is_idle {
                true => Ok(None),
                false => project_here(view, wanted.project, own),
            }
        });
        let Some(project) = to_do.await? else { break };
        let place = lab.held_repo(&project).await?;
        let wanted = target.clone();
        let next = lab.write_held(place.1, move |tx| train::next(tx, &wanted));
        match next.await? {
            TrainStep::Idle => break,
            TrainStep::Build(candidate) => build(lab, &place, candidate).await?,
            TrainStep::Publish(candidate) => publish_it(lab, &place, candidate).await?,
        }
        steps += 1;
    }
    Ok(steps)
}

async fn build(lab: &Lab, (repo, held): &(BareRepo, Held), candidate: Candidate) -> Result<()> {
    let head = repo
        .resolve(&candidate.target.branch)
        .await?
        .ok_or_else(|| {
            Refusal::Conflict(format!(
                "the branch {} has no commit",
                candidate.target.branch
            ))
        })?;
    let (mut parts, tasks) = parts(lab, &candidate).await?;
    let keep = RefName::of_candidate(candidate.id);
    lab.fault("train.before_build")?;
    let time = candidate.stamp.as_secs();
    for (part, boxes) in parts.iter_mut().zip(boxes_of(lab, &tasks).await?) {
        if !boxes.is_empty() {
            part.head = boxes::settled(repo, &head, &part.head, &boxes, &part.task, time).await?;
        }
    }
    let outcome = match candidate::build(repo, &head, &parts, time, &keep).await {
        // Built before on another head, by a process that died or a target that moved.
        Err(devlab_forge::Error::RefMoved { actual, .. }) => {
            drop_ref(repo, &keep, actual).await?;
            candidate::build(repo, &head, &parts, time, &keep).await?
        }
        other => other?,
    };
    lab.fault("train.after_build")?;
    let id = candidate.id;
    match outcome {
        Outcome::Built(made) => {
            let stats = stats(repo, &head, &candidate, &tasks).await?;
            let built = Built {
                base: head,
                tip: made.tip,
                tree: made.tree,
                merges: made.merges,
                stats,
            };
            lab.write_held(*held, move |tx| train::built(tx, id, built.clone()))
                .await?;
        }
        Outcome::Conflict { index, paths, .. } => {
            let conflicted =
                move |tx: &mut dyn Tx| train::conflicted(tx, id, index, paths.clone(), &head);
            lab.write_held(*held, conflicted).await?;
        }
        Outcome::Unmergeable { index, why } => {
            lab.write_held(*held, move |tx| train::unmergeable(tx, id, index, &why))
                .await?;
        }
    }
    lab.fault("train.after_built")
}

async fn parts(lab: &Lab, candidate: &Candidate) -> Result<(Vec<Part>, Vec<Task>)> {
    let entries = candidate.entries.clone();
    let read = lab.store().read(move |view| {
        let mut parts = Vec::with_capacity(entries.len());
        let mut tasks = Vec::with_capacity(entries.len());
        for entry in entries {
            let task = view.task(entry.task)?.ok_or(Refusal::NotFound("task"))?;
            let spec = view
                .task_spec(entry.task)?
                .ok_or(Refusal::NotFound("task"))?;
            let by = view.attempts(entry.task)?.into_iter().rev();
            let by = by
                .into_iter()
                .find(|attempt| attempt.commit.as_ref() == Some(&entry.head));
            parts.push(Part {
                head: entry.head,
                task: entry.task.to_string(),
                title: spec.title,
                attempt: by.map(|attempt| attempt.number),
            });
            tasks.push(task);
        }
        Ok((parts, tasks))
    });
    Ok(read.await?)
}

async fn boxes_of(lab: &Lab, tasks: &[Task]) -> Result<Vec<Boxes>> {
    let tasks = tasks.to_vec();
    let read = lab.store().read(move |view| {
        let boxes = tasks.iter().map(|task| boxes(view, task));
        boxes.collect::<devlab_core::Result<Vec<_>>>()
    });
    Ok(read.await?)
}

/// Sizes of the changes that a person is going to review.
async fn stats(
    repo: &BareRepo,
    head: &Oid,
    candidate: &Candidate,
    tasks: &[Task],
) -> Result<Vec<Option<DiffStat>>> {
    let mut stats = Vec::with_capacity(tasks.len());
    for (entry, task) in candidate.entries.iter().zip(tasks) {
        if !task.review {
            stats.push(None);
            continue;
        }
        let base = repo
            .merge_base(head, &entry.head)
            .await?
            .unwrap_or_else(|| head.clone());
        stats.push(Some(change_size(repo, &base, &entry.head).await?));
    }
    Ok(stats)
}

async fn publish_it(
    lab: &Lab,
    (repo, held): &(BareRepo, Held),
    candidate: Candidate,
) -> Result<()> {
    let id = candidate.id;
    let branch = &candidate.target.branch;
    let (Some(base), Some(tip)) = (&candidate.base, &candidate.tip) else {
        return Err(Refusal::NotFound("commit").into());
    };
    let keep = RefName::of_candidate(id);
    lab.fault("publish.before_ref")?;
    let in_place = match publish::probe(repo, branch, Some(base), tip).await? {
        Probe::Past => Ok(repo.resolve(branch).await?.unwrap_or_else(|| tip.clone())),
        // The repository has moved here, and what was built there did not come along.
        Probe::AtOld
            if !repo
                .missing_objects(std::slice::from_ref(tip))
                .await?
                .is_empty() =>
        {
            Err(Some(base.clone()))
        }
        Probe::AtOld => match publish::publish_kept(repo, branch, Some(base), tip, &keep).await {
            Ok(()) => Ok(tip.clone()),
            Err(devlab_forge::Error::RefMoved { actual, .. }) => Err(actual),
            Err(error) => return Err(error.into()),
        },
        Probe::Elsewhere { actual } => Err(actual),
    };
    lab.fault("publish.after_ref")?;
    match in_place {
        Ok(head) => {
            lab.write_held(*held, move |tx| train::published(tx, id, &head))
                .await?
        }
        Err(actual) => {
            lab.write_held(*held, move |tx| train::moved(tx, id, actual.as_ref()))
                .await?;
        }
    }
    lab.fault("publish.after_done")?;
    // It went with the publication, unless that had happened before, or did not happen.
    let at = repo.resolve(&keep).await?;
    drop_ref(repo, &keep, at).await
}

async fn drop_ref(repo: &BareRepo, name: &RefName, at: Option<Oid>) -> Result<()> {
    let Some(at) = at else { return Ok(()) };
    let update = RefUpdate {
        name: name.clone(),
        old: Some(at),
        new: None,
    };
    Ok(repo.update_refs(&[update]).await?)
}
